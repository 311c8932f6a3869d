//! Reads a worker's frames. The worker may be in an attacker's hands: every length is checked, and
//! nothing is waited for beyond the deadline.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::protocol::{DATA_BYTES, FrameKind};

/// The largest read from a worker.
const READ_BYTES: usize = 256 << 10;

pub(super) struct Frames<'s> {
    stream: &'s UnixStream,
    deadline: Instant,
    timeout: Option<Duration>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of answers (not of children) that may still come.
    answer_left: u64,
}

impl<'s> Frames<'s> {
    pub(super) fn new(stream: &'s UnixStream, deadline: Instant, answer_bytes: u64) -> Self {
        Self {
            stream,
            deadline,
            timeout: None,
            buffer: vec![0; 16 << 10],
            start: 0,
            end: 0,
            answer_left: answer_bytes,
        }
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
            self.arm()?;
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Bounds the next read by the deadline. The kernel is told again only when the bound has moved
    /// by more than a tenth.
    fn arm(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.timeout.is_none_or(|set| set > left + left / 10) {
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            self.timeout = Some(left);
        }
        Ok(())
    }
}

pub(super) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
