//! Methods 2 to 5, "reducing" (APPNOTE 5.2): follower sets over a run-length and LZ scheme, PKZIP
//! 0.9.

use std::io::{self, Read};

use super::super::codec::bits::LowBits;
use super::super::codec::window::Window;

/// The byte that starts a repeat.
const DLE: u8 = 144;
/// 127 + 255 + 3.
const LONGEST: usize = 385;

/// The decoder.
pub(super) struct Expand<R> {
    bits: LowBits<R>,
    window: Window,
    followers: Option<Vec<Vec<u8>>>,
    last: u8,
    /// Compression factor, 1 to 4.
    factor: u8,
    size: Option<u64>,
}

impl<R: Read> Expand<R> {
    pub(super) fn new(source: R, factor: u8, size: Option<u64>) -> Self {
        Self {
            bits: LowBits::new(source),
            window: Window::new(4_096, 0),
            followers: None,
            last: 0,
            factor,
            size,
        }
    }
}

impl<R: Read> Read for Expand<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { bits, window, followers, last, factor, size } = self;
        window.serve(buffer, LONGEST, |window| {
            let followers = match followers {
                Some(followers) => followers,
                None => followers.insert(read_followers(bits)?),
            };
            if size.is_some_and(|size| window.produced() >= size) {
                return Ok(false);
            }
            let mut next = || next_byte(bits, followers, last);
            let byte = next()?;
            if byte != DLE {
                window.literal(byte);
                return Ok(true);
            }
            let value = next()?;
            if value == 0 {
                window.literal(DLE);
                return Ok(true);
            }
            let length_bits = 8 - *factor;
            let mask = (1_u8 << length_bits) - 1;
            let mut length = usize::from(value & mask);
            if value & mask == mask {
                length += usize::from(next()?);
            }
            let distance = usize::from(value >> length_bits) << 8 | usize::from(next()?);
            length += 3;
            if let Some(size) = *size {
                let left = usize::try_from(size - window.produced()).unwrap_or(usize::MAX);
                length = length.min(left);
            }
            window.repeat(distance + 1, length);
            Ok(true)
        })
    }
}

/// For each byte those that probably follow it; stored from 255 down.
fn read_followers(bits: &mut LowBits<impl Read>) -> io::Result<Vec<Vec<u8>>> {
    let mut sets = Vec::with_capacity(256);
    for _ in 0..256 {
        let count = bits.take(6)?;
        let set: io::Result<Vec<u8>> = (0..count).map(|_| Ok(bits.take(8)? as u8)).collect();
        sets.push(set?);
    }
    sets.reverse();
    Ok(sets)
}

fn next_byte(
    bits: &mut LowBits<impl Read>,
    followers: &[Vec<u8>],
    last: &mut u8,
) -> io::Result<u8> {
    let set = followers.get(usize::from(*last)).map(Vec::as_slice).unwrap_or_default();
    let byte = if set.is_empty() || bits.take(1)? == 1 {
        bits.take(8)? as u8
    } else {
        // As many bits as the highest index needs, at least one.
        let width = (set.len() - 1).checked_ilog2().map_or(1, |log| log + 1);
        let index = bits.take(width)? as usize;
        // An index beyond the set is what a broken writer left; the original reads stale memory.
        set.get(index).copied().unwrap_or(0)
    };
    *last = byte;
    Ok(byte)
}
