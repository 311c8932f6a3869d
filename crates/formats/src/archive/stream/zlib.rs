//! Zlib (RFC 1950): git's objects, Qt's resources, what Python's joblib writes.

use std::io::{self, Read};

use super::super::codec::pump::{Inflate, Pump};
use super::super::reading::{corrupt, truncated, unsupported};
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

/// Unpacks a zlib stream.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Zlib<'_>>(input, "", unpacking)
}

/// One stream.
pub(super) struct Zlib<'a> {
    inflate: Pump<&'a [u8], Inflate>,
    sum: Adler32,
}

impl<'a> Frame<'a> for Zlib<'a> {
    fn open(rest: &'a [u8], _: &Limits) -> Option<io::Result<Self>> {
        let (&[method, flags], rest) = rest.split_first_chunk::<2>()?;
        // Section 2.2: deflate, a window of at most 32 KiB, and the check of both bytes.
        let sound = method & 0x0f == 8 && method >> 4 <= 7;
        if !sound || !u16::from_be_bytes([method, flags]).is_multiple_of(31) {
            return None;
        }
        if flags & 0x20 != 0 {
            return Some(Err(unsupported("needs a zlib dictionary that is not in the file")));
        }
        Some(Ok(Self { inflate: Pump::new(rest, Inflate::new()), sum: Adler32::default() }))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        let mut cursor = Cursor::new(self.inflate.into_inner());
        match cursor.array::<4>() {
            Some(stored) if u32::from_be_bytes(stored) == self.sum.value() => {
                (cursor.rest(), Ok(()))
            }
            Some(_) => (cursor.rest(), Err(corrupt("checksum does not match"))),
            None => (&[], Err(truncated("ends before the zlib checksum"))),
        }
    }
}

impl Read for Zlib<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inflate.read(buffer)?;
        self.sum.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The checksum of RFC 1950, section 8.2.
struct Adler32 {
    low: u32,
    high: u32,
}

impl Default for Adler32 {
    fn default() -> Self {
        Self { low: 1, high: 0 }
    }
}

impl Adler32 {
    const MODULUS: u32 = 65_521;

    /// As many bytes as fit into 32 bits between two divisions.
    const AT_ONCE: usize = 5_552;

    fn update(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(Self::AT_ONCE) {
            for byte in part {
                self.low += u32::from(*byte);
                self.high += self.low;
            }
            self.low %= Self::MODULUS;
            self.high %= Self::MODULUS;
        }
    }

    fn value(&self) -> u32 {
        self.high << 16 | self.low
    }
}
