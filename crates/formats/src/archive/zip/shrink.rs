//! Method 1, "shrinking" (APPNOTE 5.1): LZW with partial clearing, PKZIP 0.9.

use std::io::{self, Read};

use super::super::codec::bits::LowBits;
use super::super::reading::corrupt;

const CODES: usize = 8_192;
/// Announces a wider code (1) or a partial clearing (2).
const CONTROL: u16 = 256;
/// A code without a string.
const FREE: u16 = u16::MAX;

/// The decoder.
pub(super) struct Unshrink<R> {
    bits: LowBits<R>,
    width: u32,
    parents: Vec<u16>,
    values: Vec<u8>,
    next_free: usize,
    previous: Option<u16>,
    first: u8,
    /// The string that was decoded last, in reverse; handed out from its end.
    pending: Vec<u8>,
    produced: u64,
    size: Option<u64>,
}

impl<R: Read> Unshrink<R> {
    pub(super) fn new(source: R, size: Option<u64>) -> Self {
        Self {
            bits: LowBits::new(source),
            width: 9,
            parents: vec![FREE; CODES],
            values: (0..=255).chain(std::iter::repeat_n(0, CODES - 256)).collect(),
            next_free: 257,
            previous: None,
            first: 0,
            pending: Vec::new(),
            produced: 0,
            size,
        }
    }

    /// Decodes one code into `pending`.
    fn step(&mut self) -> io::Result<()> {
        let code = self.bits.take(self.width)? as u16;
        if code == CONTROL {
            match self.bits.take(self.width)? {
                1 if self.width < 13 => self.width += 1,
                2 => self.clear_leaves(),
                _ => return Err(corrupt("invalid control code in shrunk data")),
            }
            return Ok(());
        }
        let Some(previous) = self.previous else {
            self.first =
                u8::try_from(code).map_err(|_| corrupt("shrunk data starts with a string"))?;
            self.pending.push(self.first);
            self.previous = Some(code);
            return Ok(());
        };
        let mut at = code;
        while at > CONTROL {
            // A freed code stands for the string being defined: the previous one and its own
            // first byte. After a clearing that can happen in the middle of a string.
            let parent = self.parents.get(usize::from(at)).copied().unwrap_or(FREE);
            if parent == FREE {
                self.pending.push(self.first);
                at = if at == previous { u16::from(self.first) } else { previous };
                if self.parents.get(usize::from(at)).copied() == Some(FREE) && at > CONTROL {
                    at = u16::from(self.first);
                }
            } else {
                self.pending.push(self.values.get(usize::from(at)).copied().unwrap_or(0));
                at = parent;
            }
            if self.pending.len() > CODES {
                return Err(corrupt("a shrunk string refers to itself"));
            }
        }
        self.first = at as u8;
        self.pending.push(self.first);
        while self.parents.get(self.next_free).is_some_and(|&parent| parent != FREE) {
            self.next_free += 1;
        }
        if let (Some(parent), Some(value)) =
            (self.parents.get_mut(self.next_free), self.values.get_mut(self.next_free))
        {
            *parent = previous;
            *value = self.first;
        }
        self.previous = Some(code);
        Ok(())
    }

    /// Frees every code that no other code extends.
    fn clear_leaves(&mut self) {
        let mut extended = vec![false; CODES];
        for &parent in self.parents.iter().filter(|&&parent| parent != FREE) {
            if let Some(place) = extended.get_mut(usize::from(parent)) {
                *place = true;
            }
        }
        for (parent, extended) in self.parents.iter_mut().zip(extended) {
            if !extended {
                *parent = FREE;
            }
        }
        self.next_free = 257;
    }
}

impl<R: Read> Read for Unshrink<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.map_or(u64::MAX, |size| size.saturating_sub(self.produced));
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        while self.pending.is_empty() {
            self.step()?;
        }
        let count = want.min(self.pending.len());
        for place in buffer.iter_mut().take(count) {
            *place = self.pending.pop().unwrap_or(0);
        }
        self.produced += count as u64;
        Ok(count)
    }
}
