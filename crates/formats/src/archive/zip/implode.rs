//! Method 6, "imploding" (APPNOTE 5.3): LZ77 with Shannon-Fano codes, PKZIP 1.

use std::io::{self, Read};

use super::super::codec::bits::LowBits;
use super::super::codec::window::Window;
use super::super::reading::corrupt;

/// 63 + 255 + the longest minimum of 3.
const LONGEST: usize = 321;

/// The decoder.
pub(super) struct Explode<R> {
    bits: LowBits<R>,
    window: Window,
    trees: Option<Trees>,
    wide: bool,
    with_literals: bool,
    size: Option<u64>,
}

struct Trees {
    literals: Option<Tree>,
    lengths: Tree,
    distances: Tree,
}

impl<R: Read> Explode<R> {
    /// `flags`: bit 0 = 8 KiB dictionary instead of 4 KiB, bit 1 = literals are coded.
    pub(super) fn new(source: R, flags: u16, size: Option<u64>) -> Self {
        Self {
            bits: LowBits::new(source),
            window: Window::new(8_192, 0),
            trees: None,
            wide: flags & 1 != 0,
            with_literals: flags & 2 != 0,
            size,
        }
    }
}

impl<R: Read> Read for Explode<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { bits, window, trees, wide, with_literals, size } = self;
        window.serve(buffer, LONGEST, |window| {
            let trees = match trees {
                Some(trees) => trees,
                None => trees.insert(Trees {
                    literals: with_literals.then(|| Tree::read(bits, 256)).transpose()?,
                    lengths: Tree::read(bits, 64)?,
                    distances: Tree::read(bits, 64)?,
                }),
            };
            if size.is_some_and(|size| window.produced() >= size) {
                return Ok(false);
            }
            if bits.take(1)? == 1 {
                let byte = match &trees.literals {
                    Some(tree) => u32::from(tree.symbol(bits)?),
                    None => bits.take(8)?,
                };
                window.literal(byte as u8);
                return Ok(true);
            }
            let low_bits = if *wide { 7 } else { 6 };
            let low = bits.take(low_bits)? as usize;
            let distance = usize::from(trees.distances.symbol(bits)?) << low_bits | low;
            let mut length = usize::from(trees.lengths.symbol(bits)?);
            if length == 63 {
                length += bits.take(8)? as usize;
            }
            length += if *with_literals { 3 } else { 2 };
            if let Some(size) = *size {
                let left = usize::try_from(size - window.produced()).unwrap_or(usize::MAX);
                length = length.min(left);
            }
            window.repeat(distance + 1, length);
            Ok(true)
        })
    }
}

/// A Shannon-Fano code. APPNOTE 5.3.8 numbers the codes upwards from the last symbol; for a
/// complete code that is the canonical code with every bit inverted.
struct Tree {
    /// Symbols of each code length 1 to 16.
    counts: [u16; 17],
    /// Symbols by code length, then by value.
    symbols: Vec<u8>,
}

impl Tree {
    fn read(bits: &mut LowBits<impl Read>, size: usize) -> io::Result<Self> {
        let runs = bits.take(8)? + 1;
        let mut lengths = Vec::with_capacity(size);
        for _ in 0..runs {
            let length = bits.take(4)? as u8 + 1;
            let count = bits.take(4)? as usize + 1;
            if lengths.len() + count > size {
                return Err(corrupt("too many codes in an imploded tree"));
            }
            lengths.resize(lengths.len() + count, length);
        }
        if lengths.len() != size {
            return Err(corrupt("too few codes in an imploded tree"));
        }
        let mut counts = [0_u16; 17];
        for &length in &lengths {
            counts[usize::from(length)] += 1;
        }
        let used: u32 = (1..=16).map(|length| u32::from(counts[length]) << (16 - length)).sum();
        if used != 1 << 16 {
            return Err(corrupt("codes of an imploded tree do not add up"));
        }
        let mut symbols: Vec<u8> = (0..=255).take(size).collect();
        symbols.sort_by_key(|&symbol| lengths.get(usize::from(symbol)).copied());
        Ok(Self { counts, symbols })
    }

    fn symbol(&self, bits: &mut LowBits<impl Read>) -> io::Result<u8> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.take(1)? ^ 1;
            let count = u32::from(count);
            if code < first + count {
                let at = (index + code - first) as usize;
                return self.symbols.get(at).copied().ok_or_else(|| corrupt("no such code"));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(corrupt("no such code"))
    }
}
