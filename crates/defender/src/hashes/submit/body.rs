use std::fs::File;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes read at once: at most that long does a read hold a task up.
const CHUNK: usize = 64 << 10;

/// A file as a body of known length, read with `pread`, so that several tries may share it.
pub(super) struct FileBody {
    file: Arc<File>,
    size: u64,
    offset: u64,
}

impl FileBody {
    pub(super) fn new(file: Arc<File>, size: u64) -> Self {
        Self { file, size, offset: 0 }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let rest = self.size.saturating_sub(self.offset);
        if rest == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK)];
        match self.file.read_at(&mut chunk, self.offset) {
            // It was cut meanwhile: what was announced cannot be sent.
            Ok(0) => Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into()))),
            Ok(count) => {
                self.offset += count as u64;
                chunk.truncate(count);
                Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.offset >= self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size.saturating_sub(self.offset))
    }
}
