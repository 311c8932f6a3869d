//! End records and central directories.

use memchr::memmem;

use super::entry::Entry;
use crate::bytes::{self, Cursor};
use crate::unpack::{Problem, Stop, Unpacking};

/// "End of central directory" (APPNOTE 4.3.16).
const END: &[u8] = b"PK\x05\x06";
/// Zip64's end record (4.3.14) and its locator (4.3.15).
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
/// Central file header (4.3.12).
const CENTRAL: &[u8] = b"PK\x01\x02";

/// End records looked at, from the back: more only serve to cost time.
const MAX_ENDS: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Where the record stands.
    pub(super) at: usize,
    /// Offset behind the record and its comment.
    pub(super) after: usize,
    /// The record says that there is more than one volume.
    pub(super) multi_volume: bool,
    /// Where the directory is: by the record's offset, and by its size counted back from the record.
    by_offset: u64,
    by_size: Option<usize>,
    entries: u64,
}

/// A central directory: where it starts, and the bytes in front of the archive, which its offsets
/// do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: usize,
    pub(super) base: usize,
}

/// The end records, from the back: the last one is the one that most programs take.
pub(super) fn ends(input: &[u8]) -> impl Iterator<Item = End> {
    memmem::rfind_iter(input, END).take(MAX_ENDS).filter_map(|at| End::at(input, at))
}

impl End {
    fn at(input: &[u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::at(input, at.checked_add(4)?)?;
        let disk = cursor.u16_le()?;
        let directory_disk = cursor.u16_le()?;
        cursor.skip(2)?;
        let mut entries = u64::from(cursor.u16_le()?);
        let mut size = u64::from(cursor.u32_le()?);
        let mut by_offset = u64::from(cursor.u32_le()?);
        let comment = usize::from(cursor.u16_le()?);
        let after = cursor.position().saturating_add(comment).min(input.len());
        let mut record = at;
        if let Some(wide) = Self::wide(input, at) {
            (record, entries, size, by_offset) = wide;
        }
        let by_size = usize::try_from(size).ok().and_then(|size| record.checked_sub(size));
        let multi_volume = (disk, directory_disk) != (0, 0) && disk != u16::MAX;
        Some(Self { at, after, multi_volume, by_offset, by_size, entries })
    }

    /// The zip64 end record that the locator in front of `end` points at:
    /// its place, number of entries, size and offset of the directory.
    fn wide(input: &[u8], end: usize) -> Option<(usize, u64, u64, u64)> {
        let locator = end.checked_sub(20)?;
        let mut cursor = Cursor::at(input, locator)?;
        if cursor.take(4)? != LOCATOR64 {
            return None;
        }
        cursor.skip(4)?;
        let stated = usize::try_from(cursor.u64_le()?).ok();
        // With a stub in front the stated place is wrong; the record usually stands right before
        // its locator.
        let at = [stated, locator.checked_sub(56)]
            .into_iter()
            .flatten()
            .find(|&at| input.get(at..).is_some_and(|rest| rest.starts_with(END64)))?;
        let mut cursor = Cursor::at(input, at.checked_add(32)?)?;
        Some((at, cursor.u64_le()?, cursor.u64_le()?, cursor.u64_le()?))
    }
}

impl End {
    /// Where the directory really stands: one place for an honest archive, two for one on which
    /// programs disagree, none when the record is not one or lies.
    pub(super) fn directories(&self, input: &[u8]) -> Vec<Directory> {
        let stated = usize::try_from(self.by_offset).unwrap_or(usize::MAX);
        let mut directories: Vec<Directory> = [self.by_size, Some(stated)]
            .into_iter()
            .flatten()
            .filter(|&at| input.get(at..).is_some_and(|rest| rest.starts_with(CENTRAL)))
            .map(|start| Directory { start, base: start.saturating_sub(stated) })
            .collect();
        directories.dedup();
        directories
    }

    /// Whether it says that there is nothing in the archive.
    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Reads the entries of one of its directories, at most `bound`.
    pub(super) fn entries<'a>(
        &self,
        input: &'a [u8],
        directory: Directory,
        bound: usize,
        unpacking: &mut Unpacking<'_>,
    ) -> Result<Vec<Entry<'a>>, Stop> {
        let mut entries = Vec::new();
        let Some(mut cursor) = Cursor::at(input, directory.start) else { return Ok(entries) };
        while cursor.rest().starts_with(CENTRAL) {
            if entries.len() >= bound {
                unpacking.problem(None, Problem::TooManyChildren, "too many members");
                return Ok(entries);
            }
            let mut ahead = cursor;
            let Some(entry) = ahead.skip(4).and_then(|()| Entry::central(&mut ahead)) else {
                unpacking.problem(None, Problem::Truncated, "ends inside the central directory");
                return Ok(entries);
            };
            cursor = ahead;
            entries.push(entry);
            if entries.len().is_multiple_of(4_096) {
                unpacking.keep_going()?;
            }
        }
        // The count wraps at 65,536 in archives of writers that do not know zip64.
        if entries.len() as u64 & 0xffff != self.entries & 0xffff {
            let detail = "the central directory has another number of entries than stated";
            unpacking.problem(None, Problem::Corrupt, detail);
        }
        Ok(entries)
    }
}

/// Where the zip whose end record stands last in `input` starts, when that is at or after `from`.
pub(crate) fn last_archive(input: &[u8], from: usize) -> Option<usize> {
    for end in ends(input).take_while(|end| end.at >= from) {
        for Directory { start, base } in end.directories(input) {
            // With offsets counted from the start of the file the archive starts at its first
            // member's header.
            let first = bytes::u32_le(input, start.checked_add(42)?)
                .and_then(|offset| base.checked_add(offset as usize));
            if let Some(first) = first
                && first >= from
                && input.get(first..).is_some_and(|rest| rest.starts_with(b"PK\x03\x04"))
            {
                return Some(first);
            }
        }
    }
    None
}
