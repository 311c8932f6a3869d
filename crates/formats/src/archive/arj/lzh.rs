//! Methods 1 to 3: LZ77 with Huffman codes, a relative of LHA's lh6.

use std::io::{self, Read};

use super::super::codec::bits::HighBits;
use super::super::codec::window::Window;
use super::super::reading::corrupt;
use super::huffman::Huffman;

/// The next power of two above ARJ's window of 26,624 bytes.
const WINDOW: usize = 32_768;
const LONGEST: usize = 256;
/// Literals and match lengths.
const CHARACTERS: usize = 255 + 256 + 2 - 3;
/// Distances, by their number of bits.
const POSITIONS: usize = 17;
/// Code lengths.
const LENGTHS: usize = 19;

/// The decoder.
pub(super) struct Decoder<R> {
    bits: HighBits<R>,
    window: Window,
    size: u64,
    /// Symbols left in the current block.
    left: u32,
    characters: Huffman,
    positions: Huffman,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(source: R, size: u64) -> Self {
        Self {
            bits: HighBits::new(source),
            window: Window::new(WINDOW, 0),
            size,
            left: 0,
            characters: Huffman::single(0),
            positions: Huffman::single(0),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { bits, window, size, left, characters, positions } = self;
        window.serve(buffer, LONGEST, |window| {
            let wanted = size.saturating_sub(window.produced());
            if wanted == 0 {
                return Ok(false);
            }
            if *left == 0 {
                *left = bits.take(16)?;
                if *left == 0 {
                    return Err(corrupt("an empty block"));
                }
                let lengths = read_lengths(bits, LENGTHS, Some(3))?;
                *characters = read_characters(bits, &lengths)?;
                *positions = read_lengths(bits, POSITIONS, None)?;
            }
            *left -= 1;
            let symbol = usize::from(characters.symbol(bits)?);
            if symbol < 256 {
                window.literal(symbol as u8);
                return Ok(true);
            }
            let length = symbol - 256 + 3;
            let width = u32::from(positions.symbol(bits)?);
            let distance = match width.checked_sub(1) {
                None => 0,
                Some(extra) => (1 << extra) + bits.take(extra)?,
            };
            let length = length.min(usize::try_from(wanted).unwrap_or(usize::MAX));
            window.repeat(distance as usize + 1, length);
            Ok(true)
        })
    }
}

/// A code over small symbols: lengths of 3 bits, longer ones in unary; behind the symbol at
/// `gap_at` a number of symbols is left out.
fn read_lengths(
    bits: &mut HighBits<impl Read>,
    symbols: usize,
    gap_at: Option<usize>,
) -> io::Result<Huffman> {
    let count = bits.take(5)? as usize;
    if count == 0 {
        return Ok(Huffman::single(bits.take(5)? as u16));
    }
    if count > symbols {
        return Err(corrupt("too many code lengths"));
    }
    let mut lengths = Vec::with_capacity(symbols);
    while lengths.len() < count {
        let mut length = bits.take(3)? as u8;
        if length == 7 {
            while bits.take(1)? == 1 {
                length += 1;
                if length > 16 {
                    return Err(corrupt("code too long"));
                }
            }
        }
        lengths.push(length);
        if gap_at == Some(lengths.len()) {
            let gap = bits.take(2)? as usize;
            lengths.resize(lengths.len() + gap, 0);
        }
    }
    if lengths.len() > symbols {
        return Err(corrupt("too many code lengths"));
    }
    Huffman::new(&lengths)
}

fn read_characters(bits: &mut HighBits<impl Read>, code: &Huffman) -> io::Result<Huffman> {
    let count = bits.take(9)? as usize;
    if count == 0 {
        return Ok(Huffman::single(bits.take(9)? as u16));
    }
    if count > CHARACTERS {
        return Err(corrupt("too many codes"));
    }
    let mut lengths: Vec<u8> = Vec::with_capacity(CHARACTERS);
    while lengths.len() < count {
        let zeros = match code.symbol(bits)? {
            0 => 1,
            1 => bits.take(4)? as usize + 3,
            2 => bits.take(9)? as usize + 20,
            symbol => {
                lengths.push(symbol as u8 - 2);
                continue;
            }
        };
        lengths.resize(lengths.len() + zeros, 0);
        if lengths.len() > CHARACTERS {
            return Err(corrupt("too many codes"));
        }
    }
    Huffman::new(&lengths)
}
