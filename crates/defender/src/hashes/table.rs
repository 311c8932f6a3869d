//! A sorted table of hashes: six bytes of each decide in memory, the whole lies in an unnamed file.
//!
//! Memory is 4 bytes a hash and 256 KiB: the first 16 bits of a hash choose a bucket, the next 32 are kept.
//! Of hashes that are not in a table of five millions, one in 56 millions has the same 48 bits as one that
//! is; whatever matches is compared whole with the file, so that a match is never a guess. Building sorts
//! one 256th at a time and needs little more than the table.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use palisade_model::Sha256;

use super::source;

/// A hash and the place of its name.
const RECORD: usize = 40;

/// Records of a part of the file while it is built.
const PART: usize = 100;

/// Bytes of one 256th that are sorted at once; hashes of a list are spread evenly.
const MAX_SORTED: usize = 32 << 20;

/// Names of a list that are the same for many hashes are written once, as far as this many are
/// remembered.
const MAX_NAMES: usize = 4_096;

/// Why a table was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    #[error("it cannot be read or its table not be written")]
    Io(#[from] io::Error),
    #[error("it has more than {0} hashes (max_hashes)")]
    TooMany(usize),
    #[error("its hashes are not spread as hashes are")]
    Uneven,
    #[error("none of its {0} lines begins with a SHA-256")]
    NoHash(u64),
}

#[derive(Debug)]
pub(super) struct Table {
    /// Where each bucket begins; one more than there are buckets.
    buckets: Vec<u32>,
    /// Bits 16 to 47 of each hash, in order.
    prints: Vec<u32>,
    /// Whole records in the same order, then nothing.
    records: Option<File>,
    names: Option<File>,
    pub(super) skipped: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            buckets: vec![0; (1 << 16) + 1],
            prints: Vec::new(),
            records: None,
            names: None,
            skipped: 0,
        }
    }
}

impl Table {
    /// From a list; unnamed files are made in `scratch`.
    pub(super) fn build(
        lines: impl BufRead,
        scratch: &Path,
        max_hashes: usize,
    ) -> Result<Self, TableError> {
        let mut spill = Spill::new(scratch)?;
        let mut names = Names::new(scratch)?;
        let mut count = 0_usize;
        let skipped = source::read(lines, |hash, name| {
            count += 1;
            if count > max_hashes {
                return Err(TableError::TooMany(max_hashes));
            }
            let place = names.place(name)?;
            Ok(spill.push(&hash, place)?)
        })?;
        if count == 0 {
            return if skipped == 0 {
                Ok(Self::default())
            } else {
                Err(TableError::NoHash(skipped))
            };
        }
        let file = tempfile::tempfile_in(scratch)?;
        let mut records = BufWriter::with_capacity(64 << 10, file);
        let mut prints = Vec::with_capacity(count);
        let mut buckets = vec![0_u32; (1 << 16) + 1];
        for first in 0..=u8::MAX {
            for record in spill.sorted(first)? {
                records.write_all(&record)?;
                let bucket = usize::from(u16::from_be_bytes([record[0], record[1]]));
                prints.push(print(&record));
                // Counts for now; their sums become the places.
                buckets[bucket + 1] += 1;
            }
        }
        let mut sum = 0_u32;
        for place in &mut buckets {
            sum += *place;
            *place = sum;
        }
        let records = records.into_inner().map_err(io::IntoInnerError::into_error)?;
        let names = names.finish()?;
        Ok(Self { buckets, prints, records: Some(records), names: Some(names), skipped })
    }

    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        (self.buckets.capacity() + self.prints.capacity()) * size_of::<u32>()
    }

    /// The name of a hash that is in the table; `None` when it is not.
    pub(super) fn find(&self, hash: &Sha256) -> io::Result<Option<String>> {
        let bucket = usize::from(u16::from_be_bytes([hash.0[0], hash.0[1]]));
        let (from, until) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        let prints = &self.prints[from..until];
        let wanted = print(&hash.0);
        let first = prints.partition_point(|print| *print < wanted);
        let same = prints[first..].iter().take_while(|print| **print == wanted).count();
        for place in from + first..from + first + same {
            let mut record = [0; RECORD];
            let Some(records) = &self.records else { return Ok(None) };
            records.read_exact_at(&mut record, place as u64 * RECORD as u64)?;
            if record[..32] == hash.0 {
                return self.name(&record).map(Some);
            }
        }
        Ok(None)
    }

    fn name(&self, record: &[u8; RECORD]) -> io::Result<String> {
        let mut place = [0; 8];
        place.copy_from_slice(&record[32..]);
        let place = u64::from_be_bytes(place);
        let Some(names) = self.names.as_ref().filter(|_| place != 0) else {
            return Ok(String::new());
        };
        let mut length = [0];
        names.read_exact_at(&mut length, place)?;
        let mut name = vec![0; usize::from(length[0])];
        names.read_exact_at(&mut name, place + 1)?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}

fn print(bytes: &[u8]) -> u32 {
    let mut print = [0; 4];
    print.copy_from_slice(&bytes[2..6]);
    u32::from_be_bytes(print)
}

/// Records by their first byte, in parts of one file.
struct Spill {
    file: File,
    parts: u64,
    buckets: Vec<Bucket>,
}

#[derive(Default)]
struct Bucket {
    written: Vec<u64>,
    open: Vec<u8>,
}

impl Spill {
    fn new(scratch: &Path) -> io::Result<Self> {
        let buckets = (0..256).map(|_| Bucket::default()).collect();
        Ok(Self { file: tempfile::tempfile_in(scratch)?, parts: 0, buckets })
    }

    fn push(&mut self, hash: &Sha256, name: u64) -> io::Result<()> {
        let bucket = &mut self.buckets[usize::from(hash.0[0])];
        bucket.open.extend_from_slice(&hash.0);
        bucket.open.extend_from_slice(&name.to_be_bytes());
        if bucket.open.len() >= PART * RECORD {
            self.file.write_all_at(&bucket.open, self.parts * (PART * RECORD) as u64)?;
            bucket.written.push(self.parts);
            bucket.open.clear();
            self.parts += 1;
        }
        Ok(())
    }

    /// The records that begin with a byte, in order, each hash once.
    fn sorted(&mut self, first: u8) -> Result<Vec<[u8; RECORD]>, TableError> {
        let bucket = std::mem::take(&mut self.buckets[usize::from(first)]);
        let count = bucket.written.len() * PART + bucket.open.len() / RECORD;
        if count * RECORD > MAX_SORTED {
            return Err(TableError::Uneven);
        }
        let mut records = Vec::with_capacity(count);
        let mut take = |bytes: &[u8]| {
            records.extend(bytes.chunks_exact(RECORD).map(|chunk| {
                let mut record = [0; RECORD];
                record.copy_from_slice(chunk);
                record
            }));
        };
        let mut part = vec![0; PART * RECORD];
        for number in bucket.written {
            self.file.read_exact_at(&mut part, number * (PART * RECORD) as u64)?;
            take(&part);
        }
        take(&bucket.open);
        records.sort_unstable();
        records.dedup_by(|one, other| one[..32] == other[..32]);
        Ok(records)
    }
}

/// Names, each with a byte of length before it. Place 0 is the empty one.
struct Names {
    file: BufWriter<File>,
    end: u64,
    known: HashMap<String, u64>,
}

impl Names {
    fn new(scratch: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(64 << 10, tempfile::tempfile_in(scratch)?);
        file.write_all(&[0])?;
        Ok(Self { file, end: 1, known: HashMap::new() })
    }

    fn place(&mut self, name: String) -> io::Result<u64> {
        // Names are cut to less than a byte can count.
        let length = u8::try_from(name.len()).unwrap_or(0);
        if length == 0 {
            return Ok(0);
        }
        if let Some(&place) = self.known.get(&name) {
            return Ok(place);
        }
        let place = self.end;
        self.file.write_all(&[length])?;
        self.file.write_all(name.as_bytes())?;
        self.end += 1 + u64::from(length);
        if self.known.len() < MAX_NAMES {
            self.known.insert(name, place);
        }
        Ok(place)
    }

    fn finish(self) -> io::Result<File> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
