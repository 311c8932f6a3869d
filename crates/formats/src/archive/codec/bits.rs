use std::io::{self, Read};

use super::super::reading::truncated;

/// Bits of a stream, least significant first (the old PKWARE methods).
pub(crate) struct LowBits<R> {
    source: R,
    held: u32,
    count: u32,
}

impl<R: Read> LowBits<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, held: 0, count: 0 }
    }

    /// The next `count` bits, at most 24.
    pub(crate) fn take(&mut self, count: u32) -> io::Result<u32> {
        while self.count < count {
            self.held |= u32::from(byte(&mut self.source)?) << self.count;
            self.count += 8;
        }
        let bits = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        Ok(bits)
    }
}

/// Bits of a stream, most significant first (arj, lha). Behind the end come zeros for as long as a
/// decoder may look ahead; then [`io::ErrorKind::UnexpectedEof`].
pub(crate) struct HighBits<R> {
    source: R,
    held: u64,
    count: u32,
    missing: u32,
}

impl<R: Read> HighBits<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, held: 0, count: 0, missing: 0 }
    }

    /// The next `count` bits (at most 24) without taking them.
    pub(crate) fn peek(&mut self, count: u32) -> io::Result<u32> {
        while self.count < count {
            let next = match byte(&mut self.source) {
                Ok(next) => next,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.missing += 1;
                    if self.missing > 4 {
                        return Err(error);
                    }
                    0
                }
                Err(error) => return Err(error),
            };
            self.held = self.held << 8 | u64::from(next);
            self.count += 8;
        }
        Ok((self.held >> (self.count - count)) as u32 & ((1 << count) - 1))
    }

    /// The next `count` bits, at most 24.
    pub(crate) fn take(&mut self, count: u32) -> io::Result<u32> {
        let bits = self.peek(count)?;
        self.count -= count;
        Ok(bits)
    }
}

/// The next byte of a (buffered) source.
pub(crate) fn byte(source: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    loop {
        match source.read(&mut byte) {
            Ok(0) => return Err(truncated("compressed data ends early")),
            Ok(_) => return Ok(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
