//! Method 4, "fastest": LZ77 with fixed codes.

use std::io::{self, Read};

use super::super::codec::bits::HighBits;
use super::super::codec::window::Window;

const WINDOW: usize = 32_768;
/// 254 and the shortest match of 3, less the code for a literal.
const LONGEST: usize = 257;

/// The decoder.
pub(super) struct Decoder<R> {
    bits: HighBits<R>,
    window: Window,
    size: u64,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(source: R, size: u64) -> Self {
        Self { bits: HighBits::new(source), window: Window::new(WINDOW, 0), size }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { bits, window, size } = self;
        window.serve(buffer, LONGEST, |window| {
            let wanted = size.saturating_sub(window.produced());
            if wanted == 0 {
                return Ok(false);
            }
            let code = ranged(bits, 0, 7)?;
            if code == 0 {
                window.literal(bits.take(8)? as u8);
                return Ok(true);
            }
            let distance = ranged(bits, 9, 13)? as usize + 1;
            let length = (code as usize + 2).min(usize::try_from(wanted).unwrap_or(usize::MAX));
            window.repeat(distance, length);
            Ok(true)
        })
    }
}

/// A number in unary ranges: each one bit widens the number by a bit, from `start` to `stop`.
fn ranged(bits: &mut HighBits<impl Read>, start: u32, stop: u32) -> io::Result<u32> {
    let mut width = start;
    let mut base = 0;
    while width < stop && bits.take(1)? == 1 {
        base += 1 << width;
        width += 1;
    }
    let low = if width > 0 { bits.take(width)? } else { 0 };
    Ok(base + low)
}
