//! lzip (draft-diaz-lzip-09).

use std::io::{self, Read};

use super::super::reading::{corrupt, truncated, unsupported};
use super::LzmaSlice;
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

/// lc 3, lp 0, pb 2: the only properties of lzip.
const PROPERTIES: u8 = 2 * 5 * 9 + 3;

/// Unpacks a lzip file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Lzip<'_>>(input, "", unpacking)
}

/// One member.
pub(super) struct Lzip<'a> {
    lzma: LzmaSlice<'a>,
    crc32: crc32fast::Hasher,
    size: u64,
}

impl<'a> Frame<'a> for Lzip<'a> {
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>> {
        let data = rest.strip_prefix(b"LZIP")?;
        let mut cursor = Cursor::new(data);
        let (Some(version), Some(coded)) = (cursor.u8(), cursor.u8()) else {
            return Some(Err(truncated("ends in a lzip header")));
        };
        if version != 1 {
            return Some(Err(unsupported(format!("lzip version {version}"))));
        }
        // Base size in bits 0-4, sixteenths of it to subtract in bits 5-7.
        let base = 1_u32.checked_shl(u32::from(coded & 31)).unwrap_or(0);
        let dictionary = base - (base / 16) * u32::from(coded >> 5);
        if !(12..=29).contains(&(coded & 31)) {
            return Some(Err(corrupt("invalid lzip dictionary size")));
        }
        Some(LzmaSlice::new(cursor.rest(), None, PROPERTIES, dictionary, limits).map(|lzma| Self {
            lzma,
            crc32: crc32fast::Hasher::new(),
            size: 0,
        }))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        let mut cursor = Cursor::new(self.lzma.rest());
        let result = match (cursor.u32_le(), cursor.u64_le(), cursor.u64_le()) {
            (Some(crc32), Some(size), Some(_))
                if crc32 == self.crc32.finalize() && size == self.size =>
            {
                Ok(())
            }
            (Some(_), Some(_), Some(_)) => Err(corrupt("checksum does not match")),
            _ => {
                return (&[], Err(truncated("ends before the lzip checksum")));
            }
        };
        (cursor.rest(), result)
    }
}

impl Read for Lzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.lzma.read(buffer)?;
        self.crc32.update(buffer.get(..count).unwrap_or_default());
        self.size = self.size.wrapping_add(count as u64);
        Ok(count)
    }
}
