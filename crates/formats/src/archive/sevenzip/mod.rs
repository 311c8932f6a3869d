//! 7z (the "7zFormat.txt" of the LZMA SDK). A reader of our own over the decoder crates: every size
//! in the header is checked before anything is allocated for it.

mod aes;
mod files;
mod folder;
mod header;
mod number;

use std::io::{self, Read};

use super::reading::{Body, Checked, Failed, corrupt, truncated};
use crate::bytes::{u32_le, u64_le};
use crate::unpack::{Child, ChildKind, Limits, Problem, Stop, Unpacking};
use aes::Keys;
use files::File;
use folder::{Folder, Streams};

pub(super) const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Signature, version, and where the header is.
const START: usize = 32;
/// A header may be packed, and that one's header too; nobody does it more than once.
const MAX_HEADER_LEVELS: u32 = 4;
/// Bytes decoded to find out whether a password is right, at most.
const MAX_TRIAL_BYTES: u64 = 64 << 20;

/// Unpacks a 7z.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let start = (|| {
        let start = input.strip_prefix(MAGIC)?.get(..START - 6)?;
        Some((
            u32_le(start, 2)?,
            start.get(6..)?,
            u64_le(start, 6)?,
            u64_le(start, 14)?,
            u32_le(start, 22)?,
        ))
    })();
    let Some((start_crc, start, offset, size, header_crc)) = start else {
        return unpacking.stop(Problem::Truncated, "ends in the start header");
    };
    if crc32fast::hash(start) != start_crc {
        unpacking.problem(None, Problem::Corrupt, "start header checksum does not match");
    }
    let end = usize::try_from(offset)
        .ok()
        .and_then(|offset| offset.checked_add(START))
        .and_then(|begin| Some((begin, begin.checked_add(usize::try_from(size).ok()?)?)));
    let Some((header, end)) = end.and_then(|(begin, end)| Some((input.get(begin..end)?, end)))
    else {
        return unpacking.stop(Problem::Truncated, "ends before its header");
    };
    if crc32fast::hash(header) != header_crc {
        unpacking.problem(None, Problem::Corrupt, "header checksum does not match");
    }
    let mut keys = Keys::new(unpacking.passwords());
    if !header.is_empty() {
        read_header(input, header, &mut keys, unpacking)?;
    }
    match input.get(end..) {
        Some(rest) if rest.iter().any(|&byte| byte != 0) => {
            let child = Child::new(ChildKind::Overlay, "").packed(rest.len() as u64);
            unpacking.child_bytes(&child, rest)
        }
        _ => Ok(()),
    }
}

/// Reads the header, unpacking it first where it is packed.
fn read_header(
    input: &[u8],
    stored: &[u8],
    keys: &mut Keys<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let bound = (unpacking.limits().max_children as usize).saturating_mul(2);
    let mut header = stored.to_vec();
    for _ in 0..MAX_HEADER_LEVELS {
        unpacking.keep_going()?;
        match header::parse(&header, bound) {
            Ok(header::Header::Packed(streams)) => {
                header = match unpack_header(input, &streams, keys, unpacking)? {
                    Some(header) => header,
                    None => return Ok(()),
                };
            }
            Ok(header::Header::Plain { streams, files, cut }) => {
                if cut {
                    unpacking.problem(None, Problem::TooManyChildren, "too many members");
                }
                return deliver(input, &streams, &files, keys, unpacking);
            }
            Err(detail) => {
                unpacking.problem(None, Problem::Corrupt, detail);
                return Ok(());
            }
        }
    }
    unpacking.problem(None, Problem::Corrupt, "the header is packed too often");
    Ok(())
}

/// The unpacked header; `None` when that was not possible, which has been stated.
fn unpack_header(
    input: &[u8],
    streams: &Streams,
    keys: &mut Keys<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<Option<Vec<u8>>, Stop> {
    let limits = *unpacking.limits();
    let Some(folder) = streams.folders.first() else {
        unpacking.problem(None, Problem::Corrupt, "a packed header without data");
        return Ok(None);
    };
    if folder.size() > limits.max_memory_bytes {
        unpacking.problem(None, Problem::MemoryTooHigh, "header larger than the memory limit");
        return Ok(None);
    }
    let attempts = match attempts(folder, keys, unpacking)? {
        Ok(attempts) => attempts,
        Err((problem, detail)) => {
            unpacking.problem(None, problem, detail);
            return Ok(None);
        }
    };
    let mut failure = None;
    for key in attempts {
        unpacking.keep_going()?;
        let mut header = Vec::new();
        let result = folder::open(input, streams, folder, key, &limits).and_then(|body| {
            Checked::new(body.take(folder.size()), Some(folder.size()), folder.crc32)
                .read_to_end(&mut header)
        });
        match result {
            Ok(_) => {
                keys.worked(key);
                return Ok(Some(header));
            }
            Err(error) => failure = Some(error),
        }
    }
    let (problem, detail) = if folder.is_encrypted() {
        (Problem::WrongPassword, "none of the passwords opens the header".to_owned())
    } else {
        let error = failure.unwrap_or_else(|| corrupt("packed header"));
        (problem_of(&error), format!("packed header: {error}"))
    };
    unpacking.problem(None, problem, &detail);
    Ok(None)
}

/// The keys to try for a folder (`None`: none is needed), or why there is no point in trying.
type Attempts = Result<Vec<Option<[u8; 32]>>, (Problem, &'static str)>;

/// Derives the keys to try for a folder.
fn attempts(
    folder: &Folder,
    keys: &mut Keys<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<Attempts, Stop> {
    let Some(properties) = folder.aes() else { return Ok(Ok(vec![None])) };
    if keys.is_empty() {
        return Ok(Err((Problem::Encrypted, "encrypted, no password")));
    }
    let Some(properties) = aes::Properties::parse(properties) else {
        return Ok(Err((Problem::Unsupported, "encryption with unknown parameters")));
    };
    let mut attempts = Vec::new();
    for index in 0..keys.len() {
        unpacking.keep_going()?;
        attempts.push(keys.derive(index, &properties));
    }
    Ok(Ok(attempts))
}

/// Hands out every file, folder by folder: a solid block is decoded once, in order.
fn deliver(
    input: &[u8],
    streams: &Streams,
    files: &[File],
    keys: &mut Keys<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let mut with_data = files.iter().filter(|file| file.has_data);
    // What the sink left unread must be decoded to get at the next file; not without end.
    let mut drain = unpacking.limits().max_total_bytes;
    for folder in &streams.folders {
        unpacking.keep_going()?;
        let parts: Vec<Part<'_>> = folder
            .parts
            .iter()
            .map(|&(size, crc32)| {
                let name = with_data.next().map_or("", |file| &file.name);
                Part { name, size, crc32 }
            })
            .collect();
        deliver_folder(input, streams, folder, &parts, keys, &mut drain, unpacking)?;
    }
    for file in with_data {
        unpacking.keep_going()?;
        unpacking.problem(Some(&file.name), Problem::Corrupt, "a file without data");
    }
    for file in files.iter().filter(|file| !file.has_data) {
        if file.is_folder {
            unpacking.keep_going()?;
        } else {
            unpacking.child_bytes(&Child::new(ChildKind::Member, &*file.name).packed(0), &[])?;
        }
    }
    Ok(())
}

/// One file of a folder.
struct Part<'a> {
    name: &'a str,
    size: u64,
    crc32: Option<u32>,
}

fn deliver_folder(
    input: &[u8],
    streams: &Streams,
    folder: &Folder,
    parts: &[Part<'_>],
    keys: &mut Keys<'_>,
    drain: &mut u64,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let limits = *unpacking.limits();
    let key = match attempts(folder, keys, unpacking)? {
        Ok(attempts) => {
            let found = attempts.into_iter().find(|&key| {
                key.is_none() || opens(input, streams, folder, key, parts, keys, &limits)
            });
            found.ok_or((Problem::WrongPassword, "none of the passwords opens it"))
        }
        Err(reason) => Err(reason),
    };
    let body = match key {
        Ok(key) => {
            keys.worked(key);
            folder::open(input, streams, folder, key, &limits)
        }
        Err((problem, detail)) => {
            for part in parts {
                unpacking.keep_going()?;
                unpacking.problem(Some(part.name), problem, detail);
            }
            return Ok(());
        }
    };
    let mut block = match body {
        Ok(body) => Block { body, failed: false },
        Err(error) => Block { body: Failed::body(error), failed: false },
    };
    let packed = folder.packed_size(streams) / parts.len().max(1) as u64;
    for part in parts {
        if block.failed {
            unpacking.keep_going()?;
            let detail = "the solid block breaks before this file";
            unpacking.problem(Some(part.name), Problem::Corrupt, detail);
            continue;
        }
        let mut child = Child::new(ChildKind::Member, part.name).packed(packed);
        child.encrypted = folder.is_encrypted();
        let mut data = (&mut block).take(part.size);
        unpacking.child(&child, &mut Checked::new(&mut data, Some(part.size), part.crc32))?;
        let mut left = data.limit();
        let mut buffer = [0; 16_384];
        while left > 0 && !block.failed {
            unpacking.keep_going()?;
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let count = block.read(&mut buffer[..want]).unwrap_or(0) as u64;
            if count == 0 {
                break;
            }
            left -= count;
            *drain = drain.saturating_sub(count);
            if *drain == 0 {
                return unpacking.stop(Problem::TotalTooLarge, "unpacked size beyond the limit");
            }
        }
    }
    Ok(())
}

/// Whether this key opens the folder, judged by its first file.
fn opens(
    input: &[u8],
    streams: &Streams,
    folder: &Folder,
    key: Option<[u8; 32]>,
    parts: &[Part<'_>],
    keys: &Keys<'_>,
    limits: &Limits,
) -> bool {
    if keys.is_proven(key) {
        return true;
    }
    let Some(part) = parts.first() else { return true };
    let Ok(body) = folder::open(input, streams, folder, key, limits) else { return false };
    let bound = part.size.min(MAX_TRIAL_BYTES);
    let crc32 = part.crc32.filter(|_| bound == part.size);
    let mut trial = Checked::new(body.take(bound), Some(bound), crc32);
    io::copy(&mut trial, &mut io::sink()).is_ok()
}

/// A solid block on its way through its files.
struct Block<'a> {
    body: Body<'a>,
    failed: bool,
}

impl Read for Block<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        let result = self.body.read(buffer);
        match &result {
            Ok(0) if !buffer.is_empty() => {
                self.failed = true;
                return Err(truncated("the solid block ends early"));
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.failed = true,
            _ => {}
        }
        result
    }
}

fn problem_of(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Truncated,
        io::ErrorKind::Unsupported => Problem::Unsupported,
        io::ErrorKind::OutOfMemory => Problem::MemoryTooHigh,
        _ => Problem::Corrupt,
    }
}

#[cfg(test)]
mod tests;
