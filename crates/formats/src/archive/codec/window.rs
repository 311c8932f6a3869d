use std::io;

/// The sliding window of an LZ decoder together with what it has decoded and not yet handed out.
/// Places before the start of the data read as the fill byte, as in the original programs.
pub(crate) struct Window {
    ring: Vec<u8>,
    at: usize,
    /// Bytes decoded and not yet handed out.
    ready: usize,
    produced: u64,
    /// What ended the decoding; told once all that came before it was handed out.
    end: Option<io::Result<()>>,
}

impl Window {
    /// A window of `size` bytes, a power of two, that starts full of `fill`.
    pub(crate) fn new(size: usize, fill: u8) -> Self {
        debug_assert!(size.is_power_of_two());
        Self { ring: vec![fill; size], at: 0, ready: 0, produced: 0, end: None }
    }

    /// Bytes decoded so far.
    pub(crate) fn produced(&self) -> u64 {
        self.produced
    }

    /// The place in the ring that the next byte takes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn literal(&mut self, byte: u8) {
        if let Some(place) = self.ring.get_mut(self.at) {
            *place = byte;
        }
        self.at = (self.at + 1) & (self.ring.len() - 1);
        self.ready += 1;
        self.produced += 1;
    }

    /// Repeats `length` bytes from `distance` (1 or more) back.
    pub(crate) fn repeat(&mut self, distance: usize, length: usize) {
        let mask = self.ring.len() - 1;
        for _ in 0..length {
            let from = self.at.wrapping_sub(distance) & mask;
            let byte = self.ring.get(from).copied().unwrap_or(0);
            self.literal(byte);
        }
    }

    /// The body of a decoder's `read`: calls `step`, which decodes one symbol (at most `longest`
    /// bytes, less than the window; `Ok(false)` at the end), until `buffer` can be filled.
    pub(crate) fn serve(
        &mut self,
        buffer: &mut [u8],
        longest: usize,
        mut step: impl FnMut(&mut Self) -> io::Result<bool>,
    ) -> io::Result<usize> {
        debug_assert!(longest < self.ring.len());
        let mut steps_without_bytes = 0_u32;
        while self.end.is_none()
            && self.ready < buffer.len()
            && self.ready + longest < self.ring.len()
        {
            let before = self.produced;
            match step(self) {
                Ok(true) if self.produced == before => {
                    steps_without_bytes += 1;
                    // Every step takes input, so this ends; hand out what there is meanwhile.
                    if steps_without_bytes > 65_536 && self.ready > 0 {
                        break;
                    }
                }
                Ok(true) => steps_without_bytes = 0,
                Ok(false) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        let mask = self.ring.len() - 1;
        let count = self.ready.min(buffer.len());
        let start = self.at.wrapping_sub(self.ready);
        for (index, place) in buffer.iter_mut().take(count).enumerate() {
            *place = self.ring.get(start.wrapping_add(index) & mask).copied().unwrap_or(0);
        }
        self.ready -= count;
        if count == 0
            && !buffer.is_empty()
            && let Some(Err(error)) = self.end.replace(Ok(()))
        {
            return Err(error);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_before_the_error_that_ended_them() {
        let mut window = Window::new(16, b' ');
        let mut steps = 0;
        let mut step = |window: &mut Window| {
            steps += 1;
            match steps {
                1 => window.literal(b'a'),
                2 => window.repeat(1, 4),
                3 => window.repeat(8, 2),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
            Ok(true)
        };
        let mut out = Vec::new();
        let mut buffer = [0; 3];
        let error = loop {
            match window.serve(&mut buffer, 8, &mut step) {
                Ok(0) => panic!("the error is lost"),
                Ok(count) => out.extend_from_slice(&buffer[..count]),
                Err(error) => break error,
            }
        };
        assert_eq!(out, b"aaaaa  ");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(window.serve(&mut buffer, 8, &mut step).unwrap(), 0);
    }
}
