//! ARJ (the "ARJ TECHNICAL INFORMATION" of R. K. Jung).

mod fast;
mod huffman;
mod lzh;

use super::reading::{Body, Checked};
use super::text;
use crate::bytes::{self, Cursor, u32_le};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

const MAGIC: &[u8] = b"\x60\xea";
/// Longest basic header.
const MAX_HEADER: usize = 2_600;
/// Encrypted ("garbled").
const GARBLED: u8 = 1;
/// Continues in the next volume.
const VOLUME: u8 = 4;
/// Continues from the previous volume.
const CONTINUED: u8 = 8;
/// Headers by chance looked at before the main header of a self-extracting archive.
const MAX_TRIES: usize = 256;

/// Unpacks an arj archive; a self-extracting one has a stub before it.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let start = memchr::memmem::find_iter(input, MAGIC)
        .take(MAX_TRIES)
        .find(|&at| Header::sound_at(input, at).is_some_and(|header| header.kind == 2));
    let mut position = start.unwrap_or(0);
    let mut first = true;
    loop {
        unpacking.keep_going()?;
        let rest = input.get(position..).unwrap_or_default();
        // A header of length zero ends the archive.
        if rest.starts_with(b"\x60\xea\0\0") {
            return Ok(());
        }
        let Some(header) = Header::at(input, position) else {
            let (problem, detail) = if rest.len() < 40 {
                (Problem::Truncated, "ends without an end mark")
            } else {
                (Problem::Corrupt, "no header where one is due")
            };
            unpacking.problem(None, problem, detail);
            // Headers behind damaged ones are found again.
            match bytes::find(input, MAGIC, position.saturating_add(1)) {
                Some(next) if rest.len() >= 40 => position = next,
                _ => return Ok(()),
            }
            while Header::sound_at(input, position).is_none() {
                unpacking.keep_going()?;
                match bytes::find(input, MAGIC, position.saturating_add(1)) {
                    Some(next) => position = next,
                    None => return Ok(()),
                }
            }
            continue;
        };
        let name = text::dos(header.name);
        if !header.sound {
            unpacking.problem(Some(&name), Problem::Corrupt, "header checksum does not match");
        }
        position = header.end;
        if header.kind == 2 && first {
            first = false;
            continue;
        }
        first = false;
        let length = header.packed as usize;
        let start = position.min(input.len());
        let data = input.get(start..).unwrap_or_default();
        let data = data.get(..length).unwrap_or(data);
        position = start.saturating_add(length);
        // Folders and volume labels have no data; the main header comes only once.
        if !matches!(header.kind, 2..=4) || length > 0 {
            member(&header, &name, data, unpacking)?;
        }
    }
}

fn member(
    header: &Header<'_>,
    name: &str,
    data: &[u8],
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    if header.flags & GARBLED != 0 {
        unpacking.problem(Some(name), Problem::Encrypted, "encrypted (garbled)");
        return Ok(());
    }
    if header.flags & (VOLUME | CONTINUED) != 0 {
        let detail = "a part of a file; the rest is in another volume";
        unpacking.problem(Some(name), Problem::Unsupported, detail);
    }
    if data.len() < header.packed as usize {
        unpacking.problem(Some(name), Problem::Truncated, "data beyond the end of the file");
    }
    let size = u64::from(header.size);
    let body: Body<'_> = match header.method {
        0 => Box::new(data),
        1..=3 => Box::new(lzh::Decoder::new(data, size)),
        4 => Box::new(fast::Decoder::new(data, size)),
        other => {
            let detail = format!("compression method {other}");
            unpacking.problem(Some(name), Problem::Unsupported, &detail);
            return Ok(());
        }
    };
    let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
    unpacking.child(&child, &mut Checked::new(body, Some(size), Some(header.crc32)))
}

struct Header<'a> {
    name: &'a [u8],
    flags: u8,
    method: u8,
    kind: u8,
    packed: u32,
    size: u32,
    crc32: u32,
    /// Offset behind the header and its extensions.
    end: usize,
    /// Its checksum holds.
    sound: bool,
}

impl<'a> Header<'a> {
    /// The header at `offset`, whether its checksum holds or not.
    fn at(input: &'a [u8], offset: usize) -> Option<Self> {
        let (header, sound, cursor) = Self::basic(input, offset)?;
        Self::parse(header, sound, cursor)
    }

    /// As [`Header::at`], where only a header with the right checksum is one: for searches, which
    /// must not follow the extensions of everything that starts with the magic.
    fn sound_at(input: &'a [u8], offset: usize) -> Option<Self> {
        let (header, sound, cursor) = Self::basic(input, offset)?;
        if sound { Self::parse(header, sound, cursor) } else { None }
    }

    /// The basic header, whether its checksum holds, and what follows.
    fn basic(input: &'a [u8], offset: usize) -> Option<(&'a [u8], bool, Cursor<'a>)> {
        let mut cursor = Cursor::at(input, offset)?;
        if cursor.take(2)? != MAGIC {
            return None;
        }
        let length = usize::from(cursor.u16_le()?);
        if !(30..=MAX_HEADER).contains(&length) {
            return None;
        }
        let header = cursor.take(length)?;
        let sound = crc32fast::hash(header) == cursor.u32_le()?;
        Some((header, sound, cursor))
    }

    fn parse(header: &'a [u8], sound: bool, mut cursor: Cursor<'a>) -> Option<Self> {
        loop {
            let extension = usize::from(cursor.u16_le()?);
            if extension == 0 {
                break;
            }
            cursor.skip(extension.checked_add(4)?)?;
        }
        let name = Cursor::at(header, usize::from(header[0]))?.c_string(MAX_HEADER)?;
        Some(Self {
            name,
            flags: header[4],
            method: header[5],
            kind: header[6],
            packed: u32_le(header, 12)?,
            size: u32_le(header, 16)?,
            crc32: u32_le(header, 20)?,
            end: cursor.position(),
            sound,
        })
    }
}

#[cfg(test)]
mod tests;
