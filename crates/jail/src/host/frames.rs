//! Reads a worker's frames. The worker may be in an attacker's hands: every length is checked, and
//! nothing is waited for beyond the deadline.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::process::{WorkerHandle, is_timeout};
use crate::protocol::{DATA_BYTES, FrameKind};

/// The largest read from a worker.
const READ_BYTES: usize = 256 << 10;

/// Frames out of a worker's socket, or out of what came from it.
pub(super) struct Frames<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of answers (not of children) that may still come.
    answer_left: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(source: R, answer_bytes: u64) -> Self {
        let buffer = vec![0; 16 << 10];
        Self { source, buffer, start: 0, end: 0, answer_left: answer_bytes }
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> io::Result<(FrameKind, &[u8])> {
        self.fill(5)?;
        let head = &self.buffer[self.start..self.start + 5];
        let kind = FrameKind::from_byte(head[0]).ok_or_else(|| broken("unknown frame"))?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if kind == FrameKind::ChildData {
            if length > DATA_BYTES {
                return Err(broken("a piece of a child is too large"));
            }
        } else {
            self.answer_left = self
                .answer_left
                .checked_sub(length as u64 + 5)
                .ok_or_else(|| broken("the answer is too large"))?;
        }
        self.fill(5 + length)?;
        let payload = self.start + 5..self.start + 5 + length;
        self.start = payload.end;
        Ok((kind, &self.buffer[payload]))
    }

    /// Makes sure that `count` bytes are in the buffer.
    fn fill(&mut self, count: usize) -> io::Result<()> {
        if self.end - self.start >= count {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < count {
            self.buffer.resize(count.max(READ_BYTES), 0);
        }
        while self.end < count {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A worker's socket, read until a deadline.
pub(super) struct Socket<'w> {
    worker: &'w mut WorkerHandle,
    deadline: Instant,
}

impl<'w> Socket<'w> {
    pub(super) fn new(worker: &'w mut WorkerHandle, deadline: Instant) -> Self {
        Self { worker, deadline }
    }

    /// Bounds the next read by the deadline. The kernel is told again only when the bound has moved
    /// by more than a tenth.
    fn arm(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.worker.read_timeout.is_none_or(|set| set > left + left / 10) {
            let timeout = left.max(Duration::from_millis(1));
            self.worker.stream.set_read_timeout(Some(timeout))?;
            self.worker.read_timeout = Some(timeout);
        }
        Ok(())
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.arm()?;
            match self.worker.stream.read(buffer) {
                // The socket's time-out may be that of an earlier job, which was in more of a hurry.
                Err(error) if is_timeout(&error) => self.worker.read_timeout = None,
                read => return read,
            }
        }
    }
}

pub(super) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
