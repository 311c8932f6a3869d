//! Deflate and bzip2 over a buffered source. The crates' own readers drop what they had decoded
//! before they met an error; here it is handed out first, because it is worth scanning.

use std::io::{self, BufRead, Read};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::super::reading::{corrupt, guard, truncated};

/// What one step did: bytes taken, bytes given, and whether that was the end or an error.
pub(crate) struct Step {
    taken: u64,
    given: u64,
    end: Option<io::Result<()>>,
}

/// A decoder that works from buffer to buffer.
pub(crate) trait Engine {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
}

impl<E: Engine> Engine for &mut E {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        (**self).step(input, output)
    }
}

/// A decoder and its source.
pub(crate) struct Pump<R, E> {
    source: R,
    engine: E,
    end: Option<io::Result<()>>,
}

impl<R: BufRead, E: Engine> Pump<R, E> {
    pub(crate) fn new(source: R, engine: E) -> Self {
        Self { source, engine, end: None }
    }

    /// The source, right behind the stream once it was read to its end.
    pub(crate) fn into_inner(self) -> R {
        self.source
    }
}

impl<R: BufRead, E: Engine> Read for Pump<R, E> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.end.is_none() {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            let engine = &mut self.engine;
            let step = match guard(|| Ok(engine.step(input, buffer))) {
                Ok(step) => step,
                Err(error) => Step { taken: 0, given: 0, end: Some(Err(error)) },
            };
            self.source.consume(step.taken as usize);
            self.end = step.end;
            if self.end.is_none() && step.given == 0 && (at_end || step.taken == 0) {
                self.end = Some(Err(truncated("compressed data ends early")));
            }
            if step.given > 0 {
                return Ok(step.given as usize);
            }
        }
        // An error is told once; after that it is simply the end.
        match self.end.replace(Ok(())) {
            Some(Err(error)) => Err(error),
            _ => Ok(0),
        }
    }
}

/// The window of deflate.
const WINDOW: usize = 32_768;

/// Raw deflate (RFC 1951), one level below flate2: that one, too, loses what it holds when it meets
/// an error, and cannot start with a window from an earlier stream, as MSZIP needs it.
pub(crate) struct Inflate {
    state: Box<DecompressorOxide>,
    window: Box<[u8]>,
    at: usize,
    /// Bytes before `at` that were decoded and not yet handed out.
    ready: usize,
    end: Option<bool>,
}

impl Inflate {
    pub(crate) fn new() -> Self {
        Self {
            state: Box::default(),
            window: vec![0; WINDOW].into_boxed_slice(),
            at: 0,
            ready: 0,
            end: None,
        }
    }

    /// Ready for another stream that continues with this one's window.
    pub(crate) fn restart(&mut self) {
        self.state.init();
        self.ready = 0;
        self.end = None;
    }

    fn hand_out(&mut self, output: &mut [u8]) -> usize {
        let count = self.ready.min(output.len());
        let start = self.at.wrapping_sub(self.ready) % WINDOW;
        let first = count.min(WINDOW - start);
        let (head, tail) = output.split_at_mut(first);
        head.copy_from_slice(&self.window[start..start + first]);
        tail[..count - first].copy_from_slice(&self.window[..count - first]);
        self.ready -= count;
        count
    }
}

impl Engine for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut taken = 0;
        if self.ready == 0 && self.end.is_none() {
            let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
            let (status, read, written) =
                decompress(&mut self.state, input, &mut self.window, self.at, flags);
            taken = read as u64;
            self.ready = written;
            self.at = (self.at + written) % WINDOW;
            self.end = match status {
                TINFLStatus::Done => Some(true),
                TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => None,
                _ => Some(false),
            };
        }
        let given = self.hand_out(output) as u64;
        let end = self
            .end
            .filter(|_| self.ready == 0)
            .map(|sound| if sound { Ok(()) } else { Err(corrupt("broken deflate data")) });
        Step { taken, given, end }
    }
}

/// Deflate64.
pub(crate) struct Inflate64(Box<deflate64::InflaterManaged>);

impl Inflate64 {
    pub(crate) fn new() -> Self {
        Self(Box::new(deflate64::InflaterManaged::new()))
    }
}

impl Engine for Inflate64 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let result = self.0.inflate(input, output);
        let end = if result.data_error {
            Some(Err(corrupt("broken deflate64 data")))
        } else {
            self.0.finished().then_some(Ok(()))
        };
        Step { taken: result.bytes_consumed as u64, given: result.bytes_written as u64, end }
    }
}

/// One bzip2 stream.
pub(crate) struct Bunzip2(bzip2::Decompress);

impl Bunzip2 {
    pub(crate) fn new() -> Self {
        Self(bzip2::Decompress::new(false))
    }
}

impl Engine for Bunzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let end = match self.0.decompress(input, output) {
            Ok(bzip2::Status::StreamEnd) => Some(Ok(())),
            Ok(_) => None,
            Err(_) => Some(Err(corrupt("broken bzip2 data"))),
        };
        Step { taken: self.0.total_in() - taken, given: self.0.total_out() - given, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn until_error<E: Engine>(input: &[u8], engine: E) -> (Vec<u8>, io::ErrorKind) {
        let mut out = Vec::new();
        let error = Pump::new(input, engine).read_to_end(&mut out).unwrap_err();
        (out, error.kind())
    }

    #[test]
    fn what_was_decoded_before_an_error_comes_out() {
        let plain = samples::text(3_000);
        let mut packed = samples::deflated(&plain);
        // A second, invalid block instead of the end.
        packed[0] &= !1;
        packed.extend([0xff; 8]);
        let (out, kind) = until_error(&packed, Inflate::new());
        assert!(out.starts_with(&plain));
        assert_ne!(kind, io::ErrorKind::UnexpectedEof);
        let mut packed = samples::bzip2(&plain);
        let last = packed.len() - 2;
        packed[last] ^= 0x10;
        let (out, kind) = until_error(&packed, Bunzip2::new());
        assert!(out == plain);
        assert_eq!(kind, io::ErrorKind::InvalidData);
    }
}
