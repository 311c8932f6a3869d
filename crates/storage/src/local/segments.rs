//! Small derived objects, one after the other in a few files: creating a file for each would cost
//! more than writing it.
//!
//! A segment is records of a head (eight bytes `PALSEG1\n`, the name's 32 bytes, the size as eight
//! bytes, little-endian) and the object's bytes. What a process that died left behind is read again
//! up to the first record that is not whole; only new segments are written to.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use palisade_model::{Sha256, UnixMillis};

use crate::{SystemClock, lock};

const MARK: &[u8; 8] = b"PALSEG1\n";
const HEAD_BYTES: usize = 48;

/// A segment takes no more records above this size, or so long after its first one: only whole
/// segments can be removed.
const SEGMENT_BYTES: u64 = 64 << 20;
const SEGMENT_MS: u64 = 5_000;

/// An object's bytes within a segment.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) size: u64,
}

#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The segment, and offset and size in it.
    index: HashMap<Sha256, (u64, u64, u64)>,
    segments: BTreeMap<u64, Segment>,
    /// Written to.
    current: Option<u64>,
    next: u64,
}

#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    end: u64,
    made: UnixMillis,
    used: UnixMillis,
}

impl Segments {
    /// Opens those in a directory, made when it is not there.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).create(&dir)?;
        let mut state = State::default();
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&dir)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        for number in numbers {
            state.read(number, &path(&dir, number))?;
            state.next = number.saturating_add(1);
        }
        Ok(Self { dir, state: Mutex::new(state) })
    }

    /// Adds an object; one that is there already counts as used now.
    pub(super) fn put(&self, name: Sha256, pieces: &[Bytes]) -> io::Result<()> {
        let size: usize = pieces.iter().map(Bytes::len).sum();
        let mut record = Vec::with_capacity(HEAD_BYTES + size);
        record.extend_from_slice(MARK);
        record.extend_from_slice(&name.0);
        record.extend_from_slice(&(size as u64).to_le_bytes());
        pieces.iter().for_each(|piece| record.extend_from_slice(piece));
        let now = SystemClock::time();
        let mut state = lock(&self.state);
        let number = state.current_or_new(&self.dir, now)?;
        // In an older segment it would go with that one.
        let there = state.index.get(&name).is_some_and(|(segment, ..)| *segment == number);
        let Some(segment) = state.segments.get_mut(&number) else { return Ok(()) };
        segment.used = now;
        if there {
            return Ok(());
        }
        let start = segment.end;
        if let Err(error) = segment.file.write_all_at(&record, start) {
            // What was written of it would hide what comes after it.
            let _ = segment.file.set_len(start);
            return Err(error);
        }
        segment.end = start.saturating_add(record.len() as u64);
        state.index.insert(name, (number, start + HEAD_BYTES as u64, size as u64));
        Ok(())
    }

    pub(super) fn get(&self, name: Sha256) -> Option<Slice> {
        let state = lock(&self.state);
        let (segment, offset, size) = *state.index.get(&name)?;
        let file = Arc::clone(&state.segments.get(&segment)?.file);
        Some(Slice { file, offset, size })
    }

    /// Removes segments of which nothing was used since `before`; gives how many objects and bytes.
    pub(super) fn remove_older(&self, before: UnixMillis) -> io::Result<(u64, u64)> {
        let mut state = lock(&self.state);
        let old = state.segments.iter().filter(|(_, segment)| segment.used < before);
        let old: Vec<u64> = old.map(|(number, _)| *number).collect();
        if old.is_empty() {
            return Ok((0, 0));
        }
        for number in &old {
            match fs::remove_file(path(&self.dir, *number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            state.segments.remove(number);
        }
        let (mut count, mut bytes) = (0, 0);
        state.index.retain(|_, (segment, _, size)| {
            let gone = old.contains(segment);
            count += u64::from(gone);
            bytes += if gone { *size } else { 0 };
            !gone
        });
        state.index.shrink_to(1 << 12);
        if state.current.is_some_and(|current| old.contains(&current)) {
            state.current = None;
        }
        Ok((count, bytes))
    }
}

impl State {
    fn current_or_new(&mut self, dir: &Path, now: UnixMillis) -> io::Result<u64> {
        if let Some(current) = self.current
            && let Some(segment) = self.segments.get(&current)
            && segment.end < SEGMENT_BYTES
            && now.since(segment.made) < SEGMENT_MS
        {
            return Ok(current);
        }
        let number = self.next;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600);
        let file = Arc::new(file.open(path(dir, number))?);
        self.segments.insert(number, Segment { file, end: 0, made: now, used: now });
        self.next = number.saturating_add(1);
        self.current = Some(number);
        Ok(number)
    }

    /// Finds what a segment has that an earlier process wrote.
    fn read(&mut self, number: u64, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let length = metadata.len();
        let mut head = [0; HEAD_BYTES];
        let mut start = 0_u64;
        while start.saturating_add(HEAD_BYTES as u64) <= length {
            file.read_exact_at(&mut head, start)?;
            let Some((name, size)) = parse(&head) else { break };
            let offset = start + HEAD_BYTES as u64;
            let Some(end) = offset.checked_add(size).filter(|end| *end <= length) else { break };
            self.index.insert(name, (number, offset, size));
            start = end;
        }
        let used = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let used = UnixMillis(u64::try_from(used.as_millis()).unwrap_or(u64::MAX));
        let file = Arc::new(file);
        self.segments.insert(number, Segment { file, end: length, made: used, used });
        Ok(())
    }
}

fn parse(head: &[u8; HEAD_BYTES]) -> Option<(Sha256, u64)> {
    let (mark, rest) = head.split_first_chunk::<8>()?;
    let (name, rest) = rest.split_first_chunk::<32>()?;
    let (size, _) = rest.split_first_chunk::<8>()?;
    (mark == MARK).then(|| (Sha256(*name), u64::from_le_bytes(*size)))
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(number.to_string())
}
