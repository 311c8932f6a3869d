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
    derived: bool,
}

impl Intake {
    /// Starts an artifact of at most `limit` bytes.
    pub fn new(objects: Arc<dyn Objects>, limit: u64) -> Self {
        Self { objects, writer: None, digests: Digests::default(), size: 0, limit, derived: false }
    }

    /// For an artifact that can be made again: the store need not make it durable.
    pub fn derived(mut self) -> Self {
        self.derived = true;
        self
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
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => open(&*self.objects, self.derived).await?,
        };
        writer.write(bytes).await?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Makes it durable under its name.
    ///
    /// # Errors
    /// The store's error.
    pub async fn finish(mut self) -> Result<ArtifactRef, IntakeError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => open(&*self.objects, self.derived).await?,
        };
        let hashes = self.digests.finish();
        writer.commit(hashes.sha256).await?;
        Ok(ArtifactRef { hashes, size: self.size })
    }
}

async fn open(objects: &dyn Objects, derived: bool) -> Result<Box<dyn ObjectWriter>, PortError> {
    if derived { objects.derived_writer().await } else { objects.writer().await }
}
