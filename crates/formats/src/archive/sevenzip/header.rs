//! The header's structure.

use super::files::{self, File};
use super::folder::{Folder, Streams};
use super::number::{count, digests, number};
use crate::bytes::Cursor;

// Property ids.
const END: u64 = 0x00;
const HEADER: u64 = 0x01;
const ARCHIVE_PROPERTIES: u64 = 0x02;
const ADDITIONAL_STREAMS: u64 = 0x03;
const MAIN_STREAMS: u64 = 0x04;
const FILES: u64 = 0x05;
const PACK_INFO: u64 = 0x06;
const UNPACK_INFO: u64 = 0x07;
const SUB_STREAMS: u64 = 0x08;
const SIZE: u64 = 0x09;
const CRC: u64 = 0x0a;
const FOLDER: u64 = 0x0b;
const UNPACK_SIZE: u64 = 0x0c;
const NUM_UNPACK_STREAM: u64 = 0x0d;
const PACKED_HEADER: u64 = 0x17;

/// What stands where the start header points.
pub(super) enum Header {
    /// The header is itself a packed stream.
    Packed(Streams),
    Plain {
        streams: Streams,
        files: Vec<File>,
        /// There are more files than the bound.
        cut: bool,
    },
}

/// Parses a header with at most `bound` folders and files.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn parse(header: &[u8], bound: usize) -> Result<Header, &'static str> {
    let mut cursor = Cursor::new(header);
    match number(&mut cursor) {
        Some(PACKED_HEADER) => streams(&mut cursor, bound)
            .map(Header::Packed)
            .ok_or("the packed header's description is broken"),
        Some(HEADER) => plain(&mut cursor, bound).ok_or("the header is broken"),
        _ => Err("no header where the start header points"),
    }
}

fn plain(cursor: &mut Cursor<'_>, bound: usize) -> Option<Header> {
    let mut main = Streams::default();
    let (mut files, mut cut) = (Vec::new(), false);
    loop {
        match number(cursor)? {
            END => return Some(Header::Plain { streams: main, files, cut }),
            ARCHIVE_PROPERTIES => {
                while number(cursor)? != END {
                    let size = number(cursor)?;
                    cursor.skip(usize::try_from(size).ok()?)?;
                }
            }
            ADDITIONAL_STREAMS => drop(streams(cursor, bound)?),
            MAIN_STREAMS => main = streams(cursor, bound)?,
            FILES => (files, cut) = files::parse(cursor, bound)?,
            _ => return None,
        }
    }
}

fn streams(cursor: &mut Cursor<'_>, bound: usize) -> Option<Streams> {
    let mut streams = Streams::default();
    let mut parts_known = false;
    loop {
        match number(cursor)? {
            END => break,
            PACK_INFO => pack_info(cursor, &mut streams)?,
            UNPACK_INFO => unpack_info(cursor, bound, &mut streams)?,
            SUB_STREAMS => {
                sub_streams(cursor, &mut streams)?;
                parts_known = true;
            }
            _ => return None,
        }
    }
    if !parts_known {
        for folder in &mut streams.folders {
            folder.parts = vec![(folder.size(), folder.crc32)];
        }
    }
    Some(streams)
}

fn pack_info(cursor: &mut Cursor<'_>, streams: &mut Streams) -> Option<()> {
    streams.start = number(cursor)?;
    let number_of_streams = count(cursor)?;
    loop {
        match number(cursor)? {
            END => return Some(()),
            SIZE => {
                streams.packed =
                    (0..number_of_streams).map(|_| number(cursor)).collect::<Option<_>>()?;
            }
            CRC => drop(digests(cursor, number_of_streams)?),
            _ => return None,
        }
    }
}

fn unpack_info(cursor: &mut Cursor<'_>, bound: usize, streams: &mut Streams) -> Option<()> {
    loop {
        match number(cursor)? {
            END => return Some(()),
            FOLDER => {
                let folders = count(cursor)?;
                // "External": the description stands in another stream. Nobody writes that.
                if folders > bound || cursor.u8()? != 0 {
                    return None;
                }
                let mut first_packed = 0;
                streams.folders = (0..folders)
                    .map(|_| {
                        let folder = Folder::parse(cursor, first_packed)?;
                        first_packed += folder.packed.len();
                        Some(folder)
                    })
                    .collect::<Option<_>>()?;
            }
            UNPACK_SIZE => {
                for folder in &mut streams.folders {
                    folder.sizes =
                        (0..folder.outputs()).map(|_| number(cursor)).collect::<Option<_>>()?;
                }
            }
            CRC => {
                let crcs = digests(cursor, streams.folders.len())?;
                for (folder, crc32) in streams.folders.iter_mut().zip(crcs) {
                    folder.crc32 = crc32;
                }
            }
            _ => return None,
        }
    }
}

fn sub_streams(cursor: &mut Cursor<'_>, streams: &mut Streams) -> Option<()> {
    let mut id = number(cursor)?;
    let mut counts = vec![1; streams.folders.len()];
    if id == NUM_UNPACK_STREAM {
        for place in &mut counts {
            *place = count(cursor)?;
        }
        id = number(cursor)?;
    }
    // All sizes but the last of each folder, which is what is left.
    let with_sizes = id == SIZE;
    for (folder, &parts) in streams.folders.iter_mut().zip(&counts) {
        let mut left = folder.size();
        for index in 0..parts {
            let size = if index + 1 == parts {
                left
            } else if with_sizes {
                number(cursor)?
            } else {
                return None;
            };
            left = left.checked_sub(size)?;
            folder.parts.push((size, None));
        }
    }
    if with_sizes {
        id = number(cursor)?;
    }
    // A folder of one file keeps the checksum of the folder.
    let known = |folder: &Folder| folder.parts.len() == 1 && folder.crc32.is_some();
    for folder in &mut streams.folders {
        if known(folder) {
            folder.parts[0].1 = folder.crc32;
        }
    }
    while id != END {
        if id != CRC {
            return None;
        }
        let unknown: usize = streams
            .folders
            .iter()
            .filter(|folder| !known(folder))
            .map(|folder| folder.parts.len())
            .sum();
        let mut crcs = digests(cursor, unknown)?.into_iter();
        for folder in streams.folders.iter_mut().filter(|folder| !known(folder)) {
            for (part, crc32) in folder.parts.iter_mut().zip(&mut crcs) {
                part.1 = crc32;
            }
        }
        id = number(cursor)?;
    }
    Some(())
}
