use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::segment;

/// Bytes of a segment that are read at once, at least.
const READ_BYTES: u64 = 1 << 20;

/// Where the queue is read: some bytes of a segment, and the place in them.
pub(super) struct Head {
    first: u64,
    file: File,
    /// Of the file, where `bytes` begin.
    offset: u64,
    bytes: Vec<u8>,
    place: usize,
    damaged: u64,
}

impl Head {
    /// The beginning of a segment, which is named by its first number.
    pub(super) fn open(path: &Path, first: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { first, file, offset: 0, bytes: Vec::new(), place: 0, damaged: 0 })
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Bytes that were passed over since this was asked last.
    pub(super) fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// The first record after number `delivered` in the first `end` bytes of the segment; `None` when
    /// nothing whole is left of it.
    pub(super) fn after(&mut self, delivered: u64, end: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            while let Some(record) = segment::next(&self.bytes, self.place) {
                let start = record.end - segment::HEAD_BYTES - record.payload.len();
                self.damaged += (start - self.place) as u64;
                if record.number > delivered {
                    // It stays the first until it is delivered.
                    self.place = start;
                    return Ok(Some((record.number, record.payload.to_vec())));
                }
                self.place = record.end;
            }
            if !self.read_on(end)? {
                self.damaged += (self.bytes.len() - self.place) as u64;
                return Ok(None);
            }
        }
    }

    /// Reads more of the segment, of which `end` bytes are written. False when there is no more.
    fn read_on(&mut self, end: u64) -> io::Result<bool> {
        let from = self.offset + self.bytes.len() as u64;
        if from >= end {
            return Ok(false);
        }
        self.bytes.drain(..self.place);
        self.offset += self.place as u64;
        self.place = 0;
        let kept = self.bytes.len();
        // At least as much again as there is: a record longer than what is read at once comes in whole.
        let more = (end - from).min(READ_BYTES.max(kept as u64));
        self.bytes.resize(kept + usize::try_from(more).unwrap_or(usize::MAX), 0);
        let target = self.bytes.get_mut(kept..).unwrap_or_default();
        if let Err(error) = self.file.read_exact_at(target, from) {
            self.bytes.truncate(kept);
            return Err(error);
        }
        Ok(true)
    }
}
