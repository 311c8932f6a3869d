//! The list of files.

use super::super::text;
use super::number::{bits, count, number};
use crate::bytes::Cursor;

const END: u64 = 0x00;
const EMPTY_STREAM: u64 = 0x0e;
const EMPTY_FILE: u64 = 0x0f;
const ANTI: u64 = 0x10;
const NAMES: u64 = 0x11;

/// A file or folder.
pub(super) struct File {
    pub(super) name: String,
    /// It has a part of a (data) folder.
    pub(super) has_data: bool,
    /// A directory, or a note that something is to be deleted.
    pub(super) is_folder: bool,
}

/// Reads the list; the flag says that it is cut at `bound`.
pub(super) fn parse(cursor: &mut Cursor<'_>, bound: usize) -> Option<(Vec<File>, bool)> {
    let total = count(cursor)?;
    let kept = total.min(bound);
    let mut names: &[u8] = &[];
    let mut empty_streams = vec![false; total];
    let mut empty_files = Vec::new();
    let mut anti = Vec::new();
    loop {
        let property = number(cursor)?;
        if property == END {
            break;
        }
        let size = usize::try_from(number(cursor)?).ok()?;
        let mut data = Cursor::new(cursor.take(size)?);
        let empty = || empty_streams.iter().filter(|&&empty| empty).count();
        match property {
            EMPTY_STREAM => empty_streams = bits(&mut data, total)?,
            EMPTY_FILE => empty_files = bits(&mut data, empty())?,
            ANTI => anti = bits(&mut data, empty())?,
            // Else "external": in another stream. Nobody writes that.
            NAMES if data.u8()? == 0 => names = data.rest(),
            _ => {}
        }
    }
    let mut empties = (0..).map(|index: usize| {
        let flag = |flags: &[bool]| flags.get(index).copied().unwrap_or(false);
        !flag(&empty_files) || flag(&anti)
    });
    let files = empty_streams
        .into_iter()
        .take(kept)
        .map(|empty| {
            let is_folder = empty && empties.next().unwrap_or(true);
            File { name: next_name(&mut names), has_data: !empty, is_folder }
        })
        .collect();
    Some((files, total > bound))
}

/// The next name: UTF-16, little-endian, up to a NUL.
fn next_name(names: &mut &[u8]) -> String {
    let end = names.chunks_exact(2).position(|unit| unit == [0, 0]).unwrap_or(names.len() / 2) * 2;
    let (name, rest) = names.split_at(end.min(names.len()));
    *names = rest.get(2..).unwrap_or_default();
    text::utf16_le(name)
}
