use std::io::{self, Read};

use super::super::codec::bits::HighBits;
use super::super::reading::corrupt;

/// Longest code.
const MAX_LENGTH: usize = 16;

/// A canonical Huffman code: shorter codes first, then by symbol.
pub(super) struct Huffman {
    counts: [u16; MAX_LENGTH + 1],
    symbols: Vec<u16>,
}

impl Huffman {
    /// A code of one symbol that takes no bits.
    pub(super) fn single(symbol: u16) -> Self {
        Self { counts: [0; MAX_LENGTH + 1], symbols: vec![symbol] }
    }

    /// The code with these lengths; 0 means that a symbol is not used.
    pub(super) fn new(lengths: &[u8]) -> io::Result<Self> {
        let mut counts = [0; MAX_LENGTH + 1];
        let mut symbols: Vec<u16> = Vec::new();
        for (symbol, &length) in lengths.iter().enumerate() {
            if length > 0 {
                *counts.get_mut(usize::from(length)).ok_or_else(|| corrupt("code too long"))? += 1;
                symbols.push(symbol as u16);
            }
        }
        let used: u64 =
            (1..=MAX_LENGTH).map(|length| u64::from(counts[length]) << (MAX_LENGTH - length)).sum();
        if used > 1 << MAX_LENGTH {
            return Err(corrupt("codes do not add up"));
        }
        symbols.sort_by_key(|&symbol| lengths.get(usize::from(symbol)).copied());
        Ok(Self { counts, symbols })
    }

    pub(super) fn symbol(&self, bits: &mut HighBits<impl Read>) -> io::Result<u16> {
        if self.counts.iter().all(|&count| count == 0) {
            return self.symbols.first().copied().ok_or_else(|| corrupt("empty code"));
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.take(1)?;
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
