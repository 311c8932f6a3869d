use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::head::Head;
use super::{QueueSettings, segment};

/// Deliveries between two that are written down.
const REMEMBER_EVERY: u64 = 256;

/// How a queue writes. A test puts a full disk here.
pub trait Files: Send {
    /// Writes all of it at this offset.
    ///
    /// # Errors
    /// As `pwrite(2)`.
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// The host's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostFiles;

impl Files for HostFiles {
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }
}

/// What an earlier process left.
pub(super) struct Found {
    /// Number of the last whole record.
    pub(super) last: u64,
    /// Number of the last record that was delivered.
    pub(super) delivered: u64,
    /// Bytes that were cut off.
    pub(super) torn: u64,
}

/// A segment: what is in it, and how many bytes.
struct Segment {
    last: u64,
    records: u64,
    bytes: u64,
}

/// Where it is written.
struct Tail {
    first: u64,
    file: File,
}

pub(super) struct Directory<F> {
    path: PathBuf,
    most: u64,
    segment: u64,
    /// By the number of their first record.
    segments: BTreeMap<u64, Segment>,
    bytes: u64,
    tail: Option<Tail>,
    head: Option<Head>,
    files: F,
    remembered: u64,
    full: u64,
    damaged: u64,
}

impl<F: Files> Directory<F> {
    pub(super) fn open(
        path: &Path,
        settings: QueueSettings,
        files: F,
    ) -> io::Result<(Self, Found)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let mut directory = Self {
            path: path.to_owned(),
            most: settings.disk_bytes,
            segment: settings.segment_bytes.min(settings.disk_bytes / 4).max(1),
            segments: BTreeMap::new(),
            bytes: 0,
            tail: None,
            head: None,
            files,
            remembered: 0,
            full: 0,
            damaged: 0,
        };
        let torn = directory.find()?;
        let delivered = directory.read_delivered();
        directory.remembered = delivered;
        let last = directory.segments.values().map(|segment| segment.last).max().unwrap_or(0);
        directory.done(delivered);
        // Its place is taken while there is space. A failure shows with the first line.
        let _ = directory.write_delivered(delivered);
        Ok((directory, Found { last, delivered, torn }))
    }

    /// Finds the segments; of each, what stands behind its last whole record is cut off.
    fn find(&mut self) -> io::Result<u64> {
        let mut torn = 0;
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(first) = name.to_str().and_then(|name| name.parse::<u64>().ok()) else {
                continue;
            };
            let file = OpenOptions::new().read(true).write(true).open(entry.path())?;
            let mut bytes = Vec::new();
            // A segment is a little longer than its bound at most; a stranger's file is not read whole.
            (&file).take(self.most.max(1 << 20)).read_to_end(&mut bytes)?;
            let mut segment = Segment { last: first, records: 0, bytes: 0 };
            let mut place = 0;
            while let Some(record) = segment::next(&bytes, place) {
                segment.last = segment.last.max(record.number);
                segment.records += 1;
                place = record.end;
            }
            let length = file.metadata()?.len();
            segment.bytes = place as u64;
            if segment.records == 0 {
                torn += length;
                fs::remove_file(entry.path())?;
                continue;
            }
            if length > segment.bytes {
                torn += length - segment.bytes;
                file.set_len(segment.bytes)?;
            }
            self.bytes += segment.bytes;
            self.segments.insert(first, segment);
        }
        Ok(torn)
    }

    pub(super) fn append(&mut self, number: u64, payload: &[u8], done: u64) -> io::Result<()> {
        let record = segment::write(number, payload);
        let size = record.len() as u64;
        self.make_room(size, done);
        let room = |tail: &Tail| {
            self.segments.get(&tail.first).is_some_and(|segment| segment.bytes < self.segment)
        };
        let tail = match self.tail.take().filter(room) {
            Some(tail) => tail,
            None => self.new_tail(number)?,
        };
        let segment = self.segments.entry(tail.first).or_insert(Segment {
            last: number,
            records: 0,
            bytes: 0,
        });
        if let Err(error) = self.files.write_at(&tail.file, &record, segment.bytes) {
            // What was written of it goes; if it cannot, the next segment is written.
            if tail.file.set_len(segment.bytes).is_ok() {
                self.tail = Some(tail);
            }
            return Err(error);
        }
        segment.bytes += size;
        segment.last = number;
        segment.records += 1;
        self.bytes += size;
        self.tail = Some(tail);
        Ok(())
    }

    fn new_tail(&self, number: u64) -> io::Result<Tail> {
        let mut options = OpenOptions::new();
        // One that a failed write left empty has the same name.
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Tail { first: number, file: options.open(self.file(number))? })
    }

    /// Drops the oldest segments until `size` bytes more fit.
    fn make_room(&mut self, size: u64, done: u64) {
        while self.bytes + size > self.most
            && let Some((&first, _)) = self.segments.first_key_value()
        {
            self.full += self.remove(first, done);
        }
    }

    /// Removes a segment and gives the number of its records that nobody had.
    fn remove(&mut self, first: u64, done: u64) -> u64 {
        // A file that cannot be removed is found again at the next start; its records are behind
        // `delivered` by then.
        let _ = fs::remove_file(self.file(first));
        if self.tail.as_ref().is_some_and(|tail| tail.first == first) {
            self.tail = None;
        }
        if self.head.as_ref().is_some_and(|head| head.first() == first) {
            self.head = None;
        }
        let Some(segment) = self.segments.remove(&first) else { return 0 };
        self.bytes -= segment.bytes;
        segment.records.min(segment.last.saturating_sub(done))
    }

    /// The first record after `delivered`.
    pub(super) fn peek(&mut self, delivered: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        while let Some((&first, segment)) = self.segments.first_key_value() {
            let whole = segment.bytes;
            if segment.last > delivered {
                match self.read(first, whole, delivered) {
                    Ok(Some(found)) => return Ok(Some(found)),
                    Ok(None) => {}
                    // Somebody removed or cut it.
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
                        ) =>
                    {
                        self.damaged += whole;
                    }
                    Err(error) => return Err(error),
                }
            }
            self.remove(first, delivered);
        }
        Ok(None)
    }

    /// The first record after `delivered` in a segment of so many bytes; `None` when nothing whole is
    /// left of it.
    fn read(
        &mut self,
        first: u64,
        bytes: u64,
        delivered: u64,
    ) -> io::Result<Option<(u64, Vec<u8>)>> {
        let head = match &mut self.head {
            Some(head) if head.first() == first => head,
            slot => slot.insert(Head::open(&name(&self.path, first), first)?),
        };
        let found = head.after(delivered, bytes);
        self.damaged += head.take_damaged();
        found
    }

    /// Records up to this number are through: segments with nothing else go.
    pub(super) fn done(&mut self, delivered: u64) {
        let first = self.segments.first_key_value();
        let through = first.is_some_and(|(_, segment)| segment.last <= delivered);
        if through || delivered.saturating_sub(self.remembered) >= REMEMBER_EVERY {
            // Before the segment goes: its numbers are no gap. What fails is tried with the next one.
            let _ = self.remember(delivered);
        }
        while let Some((&first, segment)) = self.segments.first_key_value()
            && segment.last <= delivered
        {
            self.remove(first, delivered);
        }
    }

    pub(super) fn remember(&mut self, delivered: u64) -> io::Result<()> {
        if delivered == self.remembered { Ok(()) } else { self.write_delivered(delivered) }
    }

    /// Twelve bytes, always at the same place: once they are there, a full disk takes them, too.
    fn write_delivered(&mut self, delivered: u64) -> io::Result<()> {
        let number = delivered.to_le_bytes();
        let mut bytes = crc32fast::hash(&number).to_le_bytes().to_vec();
        bytes.extend_from_slice(&number);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.path.join("delivered"))?;
        self.files.write_at(&file, &bytes, 0)?;
        self.remembered = delivered;
        Ok(())
    }

    /// When it is not there or damaged, everything that is left is sent again.
    fn read_delivered(&self) -> u64 {
        let read = || {
            let mut bytes = [0; 12];
            File::open(self.path.join("delivered")).ok()?.read_exact_at(&mut bytes, 0).ok()?;
            let (sum, number) = bytes.split_first_chunk::<4>()?;
            let number = number.first_chunk::<8>()?;
            (crc32fast::hash(number) == u32::from_le_bytes(*sum))
                .then(|| u64::from_le_bytes(*number))
        };
        let none = self.segments.keys().next().map_or(0, |first| first.saturating_sub(1));
        read().unwrap_or(none)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn take_full(&mut self) -> u64 {
        std::mem::take(&mut self.full)
    }

    pub(super) fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    fn file(&self, first: u64) -> PathBuf {
        name(&self.path, first)
    }
}

fn name(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}"))
}
