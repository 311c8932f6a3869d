//! Readers that every format shares: the check at a member's end, and the last defence against a
//! panic in somebody else's decoder.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A member's bytes on their way to the sink.
pub(crate) type Body<'a> = Box<dyn Read + 'a>;

/// A broken structure, as an error of a body.
pub(crate) fn corrupt(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

/// An early end, as an error of a body.
pub(crate) fn truncated(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, detail)
}

/// A method or feature that we do not read, as an error of a body.
pub(crate) fn unsupported(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, detail.into())
}

/// A declared window or dictionary beyond [`crate::unpack::Limits::max_memory_bytes`].
pub(crate) fn too_much_memory() -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, "declared dictionary larger than the memory limit")
}

/// A body that only says why there is none.
pub(crate) struct Failed(Option<io::Error>);

impl Failed {
    pub(crate) fn body<'a>(error: io::Error) -> Body<'a> {
        Box::new(Self(Some(error)))
    }
}

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// `Ok` bodies as they are, errors as a body that states them.
pub(crate) fn or_failed<'a>(body: io::Result<Body<'a>>) -> Body<'a> {
    body.unwrap_or_else(Failed::body)
}

/// Says at the end whether length and CRC-32 are what the container promised. The bytes are handed
/// over in any case: what a lenient program would extract is what must be scanned.
pub(crate) struct Checked<R> {
    inner: R,
    read: u64,
    size: Option<u64>,
    crc32: Option<u32>,
    hasher: crc32fast::Hasher,
    ended: bool,
}

impl<R: Read> Checked<R> {
    pub(crate) fn new(inner: R, size: Option<u64>, crc32: Option<u32>) -> Self {
        Self { inner, read: 0, size, crc32, hasher: crc32fast::Hasher::new(), ended: false }
    }

    fn verdict(&mut self) -> io::Result<usize> {
        self.ended = true;
        if let Some(size) = self.size {
            if self.read < size {
                return Err(truncated("shorter than its header says"));
            }
            if self.read > size {
                return Err(corrupt("longer than its header says"));
            }
        }
        if self.crc32.is_some_and(|crc32| crc32 != self.hasher.clone().finalize()) {
            return Err(corrupt("checksum does not match"));
        }
        Ok(0)
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        if count == 0 {
            return self.verdict();
        }
        self.read = self.read.saturating_add(count as u64);
        if self.crc32.is_some() {
            self.hasher.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

/// Turns a panic of a third-party decoder into an error of this member. The decoders behind it are
/// fuzzed and none is known to panic; this is for the input that nobody has tried yet: one broken
/// member must not cost the rest of the container. After a panic the decoder is not used again.
pub(crate) struct Guarded<R> {
    inner: Option<R>,
}

impl<R: Read> Guarded<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner: Some(inner) }
    }

    /// The decoder, unless it has panicked.
    pub(crate) fn into_inner(self) -> Option<R> {
        self.inner
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(inner) = &mut self.inner else { return Ok(0) };
        match catch_unwind(AssertUnwindSafe(|| inner.read(buffer))) {
            Ok(result) => result,
            Err(_) => {
                self.inner = None;
                Err(corrupt("the decoder gave up"))
            }
        }
    }
}

/// As [`Guarded`], for a call that is no [`Read`].
pub(crate) fn guard<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(corrupt("the decoder gave up")))
}

/// Like [`Read::read_exact`], but says how much there was: for headers inside a stream.
pub(crate) fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..)
        && !rest.is_empty()
    {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            std::panic::resume_unwind(Box::new(()))
        }
    }

    #[test]
    fn a_panic_is_an_error_of_the_member() {
        let mut body = Guarded::new(Panics);
        assert_eq!(body.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(body.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn every_lie_about_size_and_checksum_is_told_after_the_bytes() {
        let crc32 = Some(crc32fast::hash(b"abc"));
        let end = |size, crc32| {
            let mut out = Vec::new();
            let result = Checked::new(&b"abc"[..], size, crc32).read_to_end(&mut out);
            assert_eq!(out, b"abc");
            result.err().map(|error| error.kind())
        };
        assert_eq!(end(Some(3), crc32), None);
        assert_eq!(end(None, None), None);
        assert_eq!(end(Some(4), crc32), Some(io::ErrorKind::UnexpectedEof));
        assert_eq!(end(Some(2), crc32), Some(io::ErrorKind::InvalidData));
        assert_eq!(end(Some(3), Some(1)), Some(io::ErrorKind::InvalidData));
    }
}
