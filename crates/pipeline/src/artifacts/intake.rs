use std::sync::Arc;

use bytes::Bytes;
use palisade_model::ArtifactRef;
use palisade_ports::objects::ObjectWriter;
use palisade_ports::{Objects, PortError};

use super::Digests;

/// Bytes that did not become an artifact.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// More than the limit.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The object store.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// An artifact being stored while it is hashed. Dropped before [`Intake::finish`], it leaves nothing
/// behind. Memory does not grow with its size.
pub struct Intake {
    objects: Arc<dyn Objects>,
    writer: Option<Box<dyn ObjectWriter>>,
    digests: Digests,
    size: u64,
    limit: u64,
}

impl Intake {
    /// Starts an artifact of at most `limit` bytes.
    pub fn new(objects: Arc<dyn Objects>, limit: u64) -> Self {
        Self { objects, writer: None, digests: Digests::default(), size: 0, limit }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`IntakeError::TooLarge`] above the limit; the store's error otherwise.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), IntakeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.limit {
            return Err(IntakeError::TooLarge { limit: self.limit });
        }
        self.size = size;
        self.digests.update(&bytes);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(self.objects.writer().await?),
        };
        writer.write(bytes).await?;
        Ok(())
    }

    /// Makes it durable under its name.
    ///
    /// # Errors
    /// The store's error.
    pub async fn finish(self) -> Result<ArtifactRef, IntakeError> {
        let hashes = self.digests.finish();
        let writer = match self.writer {
            Some(writer) => writer,
            None => self.objects.writer().await?,
        };
        writer.commit(hashes.sha256).await?;
        Ok(ArtifactRef { hashes, size: self.size })
    }
}
