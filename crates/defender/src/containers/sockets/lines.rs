//! A body without end, such as a stream of events.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::SocketError;

/// What moves bytes for a body, until the connection ends.
pub(super) type Driver = Pin<Box<dyn Future<Output = Result<(), SocketError>> + Send>>;

/// A body without end, read line by line.
pub struct Lines {
    pub(super) body: Incoming,
    pub(super) connection: Option<Driver>,
    pub(super) buffer: BytesMut,
    pub(super) limit: usize,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lines").field("waiting", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl Lines {
    /// The next line without its end; `None` at the end of the stream. Cancel-safe.
    ///
    /// # Errors
    /// [`SocketError::TooLarge`] for a line above the limit: the stream is of no use then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SocketError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line.freeze()));
            }
            if self.buffer.len() > self.limit {
                return Err(SocketError::TooLarge(self.limit));
            }
            let frame = match &mut self.connection {
                None => self.body.frame().await,
                Some(connection) => tokio::select! {
                    biased;
                    frame = self.body.frame() => frame,
                    ended = connection => {
                        self.connection = None;
                        ended?;
                        continue;
                    }
                },
            };
            match frame {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
