//! Unix `compress` (.Z): LZW with codes of 9 to 16 bits.

use std::io::{self, Read};

use super::super::reading::{corrupt, truncated, unsupported};
use super::chain::{self, Frame};
use crate::unpack::{Limits, Stop, Unpacking};

const MAGIC: &[u8] = b"\x1f\x9d";
/// Clears the table, in block mode.
const CLEAR: usize = 256;
const MIN_WIDTH: usize = 9;

/// Unpacks a .Z file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Compress<'_>>(input, "", unpacking)
}

/// The decoder. The stream has no end mark and no checksum.
pub(super) struct Compress<'a> {
    data: &'a [u8],
    /// In bits.
    position: usize,
    /// Where the current run of codes of one width started, in bits: writers fill up to eight codes
    /// before they change the width.
    run: usize,
    width: usize,
    max_width: usize,
    block_mode: bool,
    next_free: usize,
    prefixes: Vec<u16>,
    suffixes: Vec<u8>,
    previous: Option<usize>,
    first: u8,
    /// The last string in reverse.
    pending: Vec<u8>,
}

impl<'a> Frame<'a> for Compress<'a> {
    fn open(rest: &'a [u8], _: &Limits) -> Option<io::Result<Self>> {
        let data = rest.strip_prefix(MAGIC)?;
        let Some((&flags, data)) = data.split_first() else {
            return Some(Err(truncated("ends in the header")));
        };
        let max_width = usize::from(flags & 0x1f);
        if !(MIN_WIDTH..=16).contains(&max_width) {
            return Some(Err(unsupported(format!("codes of {max_width} bits"))));
        }
        let block_mode = flags & 0x80 != 0;
        Some(Ok(Self {
            data,
            position: 0,
            run: 0,
            width: MIN_WIDTH,
            max_width,
            block_mode,
            next_free: if block_mode { 257 } else { 256 },
            prefixes: vec![0; 1 << max_width],
            suffixes: (0..=255).chain(std::iter::repeat(0)).take(1 << max_width).collect(),
            previous: None,
            first: 0,
            pending: Vec::new(),
        }))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        (&[], Ok(()))
    }
}

impl Compress<'_> {
    /// Skips what is left of the current group of eight codes and starts one of another width.
    fn set_width(&mut self, width: usize) {
        let group = self.width * 8;
        self.position = self.run + (self.position - self.run).next_multiple_of(group);
        self.run = self.position;
        self.width = width;
    }

    /// The next code; `None` at the end.
    fn code(&mut self) -> Option<usize> {
        let start = self.position / 8;
        // The last code may end in fewer than three more bytes.
        let byte = |index: usize| self.data.get(start + index).copied();
        let last = (self.position + self.width - 1) / 8;
        self.data.get(last)?;
        let bits = u32::from(byte(0)?)
            | u32::from(byte(1).unwrap_or(0)) << 8
            | u32::from(byte(2).unwrap_or(0)) << 16;
        let code = bits as usize >> (self.position % 8) & ((1 << self.width) - 1);
        self.position += self.width;
        Some(code)
    }

    /// Decodes one code into `pending`; false at the end.
    fn step(&mut self) -> io::Result<bool> {
        if self.next_free > (1 << self.width) - 1 && self.width < self.max_width {
            self.set_width(self.width + 1);
        }
        let Some(code) = self.code() else { return Ok(false) };
        let Some(previous) = self.previous else {
            self.first = u8::try_from(code).map_err(|_| corrupt("starts with no literal"))?;
            self.pending.push(self.first);
            self.previous = Some(code);
            return Ok(true);
        };
        if code == CLEAR && self.block_mode {
            // As the original: the next code defines 256, which nothing uses.
            self.next_free = CLEAR;
            self.set_width(MIN_WIDTH);
            return Ok(true);
        }
        let mut at = code;
        if code >= self.next_free {
            if code > self.next_free {
                return Err(corrupt("code that is not defined yet"));
            }
            self.pending.push(self.first);
            at = previous;
        }
        while at >= 256 {
            self.pending.push(self.suffixes.get(at).copied().unwrap_or(0));
            at = usize::from(self.prefixes.get(at).copied().unwrap_or(0));
            if self.pending.len() > 1 << 16 {
                return Err(corrupt("a string that refers to itself"));
            }
        }
        self.first = at as u8;
        self.pending.push(self.first);
        if let (Some(prefix), Some(suffix)) =
            (self.prefixes.get_mut(self.next_free), self.suffixes.get_mut(self.next_free))
        {
            *prefix = previous as u16;
            *suffix = self.first;
            self.next_free += 1;
        }
        self.previous = Some(code);
        Ok(true)
    }
}

impl Read for Compress<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for place in buffer.iter_mut() {
            while self.pending.is_empty() {
                match self.step() {
                    Ok(true) => {}
                    Ok(false) => return Ok(filled),
                    // Not taken from the input again: the same error comes with the next call.
                    Err(_) if filled > 0 => {
                        self.position = self.position.saturating_sub(self.width);
                        return Ok(filled);
                    }
                    Err(error) => return Err(error),
                }
            }
            *place = self.pending.pop().unwrap_or(0);
            filled += 1;
        }
        Ok(filled)
    }
}
