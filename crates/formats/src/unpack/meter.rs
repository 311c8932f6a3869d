use std::io::{self, Read};

use super::{Child, Limits, Options, Problem, Sink};

/// The unpacking has ended before its natural end; the sink knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// One container being unpacked: counts what comes out and enforces the [`Limits`].
pub struct Unpacking<'a> {
    options: &'a Options,
    sink: &'a mut dyn Sink,
    packed_bytes: u64,
    unpacked_bytes: u64,
    children: u32,
}

impl<'a> Unpacking<'a> {
    /// An unpacking of a container of `packed_bytes` bytes.
    pub fn new(packed_bytes: u64, options: &'a Options, sink: &'a mut dyn Sink) -> Self {
        Self { options, sink, packed_bytes, unpacked_bytes: 0, children: 0 }
    }

    /// The bounds, for decoders that must refuse a declared size before they allocate.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Passwords to try, in order.
    pub fn passwords(&self) -> &'a [String] {
        &self.options.passwords
    }

    /// Children handed over so far.
    pub fn children(&self) -> u32 {
        self.children
    }

    /// Hands a child to the sink. `body` yields its bytes; an error that it gives is stated as a
    /// problem of this child ([`Problem::Truncated`] for an unexpected end, [`Problem::Unsupported`]
    /// for [`io::ErrorKind::Unsupported`], [`Problem::MemoryTooHigh`] for
    /// [`io::ErrorKind::OutOfMemory`], [`Problem::WrongPassword`] for
    /// [`io::ErrorKind::PermissionDenied`], else [`Problem::Corrupt`]) and unpacking goes on.
    ///
    /// # Errors
    /// [`Stop`] when a bound of the whole container is reached or the sink wants no more. The
    /// caller returns it at once.
    pub fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), Stop> {
        let limits = &self.options.limits;
        if self.sink.should_stop() {
            return self.stop(Problem::Stopped, "stopped by its deadline");
        }
        if self.children >= limits.max_children {
            return self.stop(Problem::TooManyChildren, "too many members");
        }
        self.children += 1;
        let mut child = child.clone();
        truncate_name(&mut child.name, limits.max_name_bytes);

        let total_left = limits.max_total_bytes.saturating_sub(self.unpacked_bytes);
        let ratio_bound = self
            .packed_bytes
            .saturating_mul(u64::from(limits.max_ratio))
            .max(limits.ratio_floor_bytes);
        let ratio_left = ratio_bound.saturating_sub(self.unpacked_bytes);
        let mut meter = Meter {
            body,
            read: 0,
            child_left: limits.max_child_bytes,
            total_left,
            ratio_left,
            end: None,
        };
        let taken = self.sink.child(&child, &mut meter);
        self.unpacked_bytes += meter.read;
        let end = meter.end;
        if taken.is_err() {
            return Err(Stop);
        }
        match end {
            Some(End::Bound(problem @ Problem::ChildTooLarge)) => {
                self.sink.problem(Some(&child.name), problem, "member larger than the limit");
            }
            Some(End::Bound(problem)) => {
                return self.stop(problem, "unpacked size beyond the limit");
            }
            Some(End::Error(problem, detail)) => {
                self.sink.problem(Some(&child.name), problem, &detail);
            }
            None => {}
        }
        Ok(())
    }

    /// Hands over a child whose bytes are already in memory.
    ///
    /// # Errors
    /// As [`Unpacking::child`].
    pub fn child_bytes(&mut self, child: &Child, mut body: &[u8]) -> Result<(), Stop> {
        self.child(child, &mut body)
    }

    /// States a problem and goes on. `name` is the child's, or `None` for the container itself.
    pub fn problem(&mut self, name: Option<&str>, problem: Problem, detail: &str) {
        self.sink.problem(name, problem, detail);
    }

    /// States a problem of the container and ends: `return unpacking.stop(…)`.
    ///
    /// # Errors
    /// Always [`Stop`].
    pub fn stop(&mut self, problem: Problem, detail: &str) -> Result<(), Stop> {
        self.sink.problem(None, problem, detail);
        Err(Stop)
    }

    /// For loops that yield no child for long: ask at least every few thousand steps.
    ///
    /// # Errors
    /// [`Stop`] when the sink wants no more.
    pub fn keep_going(&mut self) -> Result<(), Stop> {
        if self.sink.should_stop() {
            return self.stop(Problem::Stopped, "stopped by its deadline");
        }
        Ok(())
    }
}

enum End {
    Bound(Problem),
    Error(Problem, String),
}

/// The reader that the sink sees.
struct Meter<'r> {
    body: &'r mut dyn Read,
    read: u64,
    child_left: u64,
    total_left: u64,
    ratio_left: u64,
    end: Option<End>,
}

impl Read for Meter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let meter = self;
        if buffer.is_empty() || meter.end.is_some() {
            return Ok(0);
        }
        let left = meter.child_left.min(meter.total_left).min(meter.ratio_left);
        if left == 0 {
            // At the bound: a child that ends exactly here is within it.
            let mut probe = [0u8; 1];
            match meter.body.read(&mut probe) {
                Ok(0) => return Ok(0),
                Err(error) => {
                    meter.end = Some(classify(&error));
                    return Ok(0);
                }
                Ok(_) => {}
            }
            meter.end = Some(End::Bound(if meter.ratio_left == 0 {
                Problem::RatioTooHigh
            } else if meter.total_left == 0 {
                Problem::TotalTooLarge
            } else {
                Problem::ChildTooLarge
            }));
            return Ok(0);
        }
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        loop {
            match meter.body.read(&mut buffer[..want]) {
                Ok(count) => {
                    let bytes = count as u64;
                    meter.read += bytes;
                    meter.child_left -= bytes;
                    meter.total_left -= bytes;
                    meter.ratio_left -= bytes;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    meter.end = Some(classify(&error));
                    return Ok(0);
                }
            }
        }
    }
}

fn classify(error: &io::Error) -> End {
    let problem = match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Truncated,
        io::ErrorKind::Unsupported => Problem::Unsupported,
        io::ErrorKind::OutOfMemory => Problem::MemoryTooHigh,
        io::ErrorKind::PermissionDenied => Problem::WrongPassword,
        _ => Problem::Corrupt,
    };
    let mut detail = error.to_string();
    truncate_name(&mut detail, 200);
    End::Error(problem, detail)
}

fn truncate_name(name: &mut String, limit: usize) {
    if name.len() > limit {
        let mut end = limit;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
    }
}
