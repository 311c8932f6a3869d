use std::io::{self, Read};

use super::super::reading::corrupt;
use crate::unpack::{Child, ChildKind, Limits, Problem, Stop, Unpacking};

/// Empty frames in a row: each costs a decoder's set-up and yields nothing.
const MAX_EMPTY_FRAMES: u32 = 65_536;

/// One frame (gzip: member) of a stream.
pub(super) trait Frame<'a>: Read + Sized {
    /// Opens the frame at the start of `rest`; `None` when no frame starts there.
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>>;

    /// Called when `read` has given 0: what follows the frame, and whether it was sound.
    fn finish(self) -> (&'a [u8], io::Result<()>);
}

/// All frames of a stream as one body. Frames behind one with a wrong checksum are read all the
/// same; the first such fault is told at the very end.
pub(super) struct Chain<'a, F> {
    rest: &'a [u8],
    frame: Option<F>,
    limits: Limits,
    fault: io::Result<()>,
    frames: u64,
    empty_frames: u32,
    ended: bool,
}

impl<'a, F: Frame<'a>> Chain<'a, F> {
    pub(super) fn new(input: &'a [u8], limits: Limits) -> Self {
        Self {
            rest: input,
            frame: None,
            limits,
            fault: Ok(()),
            frames: 0,
            empty_frames: 0,
            ended: false,
        }
    }

    fn end(&mut self, result: io::Result<()>) -> io::Result<usize> {
        self.ended = true;
        let fault = std::mem::replace(&mut self.fault, Ok(()));
        result.and(fault).map(|()| 0)
    }

    /// What follows the last frame, if the stream was read to its end.
    fn trailing(&self) -> &'a [u8] {
        if self.ended && self.frame.is_none() && self.frames > 0 { self.rest } else { &[] }
    }
}

impl<'a, F: Frame<'a>> Read for Chain<'a, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None => match F::open(self.rest, &self.limits) {
                    Some(Ok(frame)) => {
                        self.frames += 1;
                        self.frame.insert(frame)
                    }
                    Some(Err(error)) => {
                        // Not trailing data: a frame that cannot be read.
                        self.frames = 0;
                        return self.end(Err(error));
                    }
                    None if self.frames == 0 => return self.end(Err(corrupt("no such stream"))),
                    None => return self.end(Ok(())),
                },
            };
            match frame.read(buffer) {
                Ok(0) => {}
                Ok(count) => {
                    self.empty_frames = 0;
                    return Ok(count);
                }
                Err(error) => return self.end(Err(error)),
            }
            self.empty_frames += 1;
            if self.empty_frames > MAX_EMPTY_FRAMES {
                return self.end(Err(corrupt("too many empty frames")));
            }
            if let Some(frame) = self.frame.take() {
                let (rest, result) = frame.finish();
                // A frame takes at least one byte, or this would not end.
                self.rest = if rest.len() < self.rest.len() { rest } else { &[] };
                if self.fault.is_ok() {
                    self.fault = result;
                }
            }
        }
    }
}

/// Hands out the stream as one child, and what follows it as another.
pub(super) fn unpack<'a, F: Frame<'a>>(
    input: &'a [u8],
    name: &str,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let mut chain = Chain::<F>::new(input, *unpacking.limits());
    let child = Child::new(ChildKind::Stream, name).packed(input.len() as u64);
    unpacking.child(&child, &mut chain)?;
    let trailing = chain.trailing();
    // Tapes and block devices pad with zeros.
    if trailing.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    unpacking.problem(None, Problem::Corrupt, "other data follows the compressed stream");
    let child = Child::new(ChildKind::Overlay, "").packed(trailing.len() as u64);
    unpacking.child_bytes(&child, trailing)
}
