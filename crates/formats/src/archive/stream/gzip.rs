//! gzip (RFC 1952).

use std::io::{self, Read};

use super::super::codec::pump::{Inflate, Pump};
use super::super::reading::{corrupt, truncated, unsupported};
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

const MAGIC: &[u8] = b"\x1f\x8b";

/// Unpacks a gzip file; the child has the name that the first member stores.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let limit = unpacking.limits().max_name_bytes;
    let name = header(&mut Cursor::new(input), limit).ok().flatten().unwrap_or_default();
    chain::unpack::<Gzip<'_>>(input, &String::from_utf8_lossy(name), unpacking)
}

/// Reads a member's header (section 2.3) and gives the stored name.
fn header<'a>(cursor: &mut Cursor<'a>, name_limit: usize) -> io::Result<Option<&'a [u8]>> {
    let early = || truncated("ends in a gzip header");
    let fixed = cursor.array::<10>().ok_or_else(early)?;
    let [_, _, method, flags, ..] = fixed;
    if method != 8 {
        return Err(unsupported(format!("gzip compression method {method}")));
    }
    if flags & 0xe0 != 0 {
        return Err(corrupt("reserved gzip flags are set"));
    }
    if flags & 4 != 0 {
        let length = cursor.u16_le().ok_or_else(early)?;
        cursor.skip(usize::from(length)).ok_or_else(early)?;
    }
    // A name longer than the limit is still skipped, whatever its length.
    let mut text = |wanted: bool| -> io::Result<Option<&'a [u8]>> {
        if !wanted {
            return Ok(None);
        }
        let text = cursor.c_string(cursor.rest().len()).ok_or_else(early)?;
        Ok(Some(text.get(..name_limit).unwrap_or(text)))
    };
    let name = text(flags & 8 != 0)?;
    text(flags & 16 != 0)?;
    if flags & 2 != 0 {
        cursor.skip(2).ok_or_else(early)?;
    }
    Ok(name)
}

/// One gzip member.
pub(super) struct Gzip<'a> {
    inflate: Pump<&'a [u8], Inflate>,
    crc32: crc32fast::Hasher,
    size: u32,
}

impl<'a> Frame<'a> for Gzip<'a> {
    fn open(rest: &'a [u8], _: &Limits) -> Option<io::Result<Self>> {
        if !rest.starts_with(MAGIC) {
            return None;
        }
        let mut cursor = Cursor::new(rest);
        Some(header(&mut cursor, 0).map(|_| Self {
            inflate: Pump::new(cursor.rest(), Inflate::new()),
            crc32: crc32fast::Hasher::new(),
            size: 0,
        }))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        let mut cursor = Cursor::new(self.inflate.into_inner());
        let result = match (cursor.u32_le(), cursor.u32_le()) {
            (Some(crc32), Some(size)) if crc32 == self.crc32.finalize() && size == self.size => {
                Ok(())
            }
            (Some(_), Some(_)) => Err(corrupt("checksum does not match")),
            _ => Err(truncated("ends before the gzip checksum")),
        };
        // A trailer cut short: nothing can follow.
        (if result.is_ok() || cursor.position() == 8 { cursor.rest() } else { &[] }, result)
    }
}

impl Read for Gzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inflate.read(buffer)?;
        self.crc32.update(buffer.get(..count).unwrap_or_default());
        // ISIZE is the length modulo 2^32.
        self.size = self.size.wrapping_add(count as u32);
        Ok(count)
    }
}
