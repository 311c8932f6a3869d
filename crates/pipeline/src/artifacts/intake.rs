use std::sync::Arc;

use bytes::Bytes;
use palisade_model::{ArtifactRef, Sha256 as Name};
use palisade_ports::objects::ObjectWriter;
use palisade_ports::{Objects, PortError};
use sha2::{Digest, Sha256};

use super::digest::Others;
use super::{ArtifactCache, Wanted};

/// Bytes of an artifact that are held until its end: then its name is known, and if the artifact is,
/// nothing more needs to be computed or written. What is larger is hashed and written as it comes.
const HELD_BYTES: usize = 1 << 20;

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
    artifacts: Arc<ArtifactCache>,
    name: Sha256,
    content: Content,
    size: u64,
    limit: u64,
    derived: bool,
}

/// An artifact on its way into the store.
pub type Storing = std::pin::Pin<Box<dyn Future<Output = Result<(), IntakeError>> + Send>>;

enum Content {
    Held(Vec<u8>),
    Streamed(Box<Others>, Box<dyn ObjectWriter>),
    /// A write failed.
    Lost,
}

impl Intake {
    pub(super) fn new(artifacts: Arc<ArtifactCache>, limit: u64) -> Self {
        let (name, content) = (Sha256::default(), Content::Held(Vec::new()));
        Self { artifacts, name, content, size: 0, limit, derived: false }
    }

    /// For an artifact that can be made again: the store need not make it durable, and it gets no
    /// SHA-512, by which nobody looks for what is inside something else.
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
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.limit {
            return Err(IntakeError::TooLarge { limit: self.limit });
        }
        self.size = size;
        self.name.update(&bytes);
        if let Content::Held(held) = &mut self.content
            && held.len().saturating_add(bytes.len()) <= HELD_BYTES
        {
            held.extend_from_slice(&bytes);
            return Ok(());
        }
        let (mut others, mut writer) = match std::mem::replace(&mut self.content, Content::Lost) {
            Content::Streamed(others, writer) => (others, writer),
            Content::Held(held) => {
                let mut others = Box::new(Others::new(self.wanted()));
                others.update(&held);
                let mut writer = open(&self.artifacts, self.derived).await?;
                if !held.is_empty() {
                    writer.write(held.into()).await?;
                }
                (others, writer)
            }
            Content::Lost => return Err(lost()),
        };
        others.update(&bytes);
        writer.write(bytes).await?;
        self.content = Content::Streamed(others, writer);
        Ok(())
    }

    /// Makes it durable under its name.
    ///
    /// # Errors
    /// The store's error.
    pub async fn finish(self) -> Result<ArtifactRef, IntakeError> {
        let (reference, storing) = self.name();
        storing.await?;
        Ok(reference)
    }

    /// Its bytes, as far as they are still held.
    pub fn held(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Held(held) => Some(held),
            Content::Streamed(..) | Content::Lost => None,
        }
    }

    /// What it is called, and what makes it durable under that name: for whoever has more artifacts to
    /// take in while this one is on its way.
    pub fn name(mut self) -> (ArtifactRef, Storing) {
        let name = Name(std::mem::take(&mut self.name).finalize().into());
        match std::mem::replace(&mut self.content, Content::Lost) {
            Content::Held(held) => {
                let bytes = Bytes::from(held.into_boxed_slice());
                let wanted = self.wanted();
                let known = self.artifacts.known(name);
                let known = known.filter(|known| wanted.is_in(&known.hashes));
                let reference = known.unwrap_or_else(|| {
                    let mut others = Others::new(wanted);
                    others.update(&bytes);
                    ArtifactRef { hashes: others.finish(name), size: self.size }
                });
                let kept = reference.clone();
                let storing = Box::pin(async move {
                    let mut writer = open(&self.artifacts, self.derived).await?;
                    if !bytes.is_empty() {
                        writer.write(bytes.clone()).await?;
                    }
                    writer.commit(name).await?;
                    self.artifacts.keep_bytes(&kept, bytes);
                    Ok(())
                });
                (reference, storing)
            }
            Content::Streamed(others, writer) => {
                let reference = ArtifactRef { hashes: others.finish(name), size: self.size };
                (reference, Box::pin(async move { Ok(writer.commit(name).await?) }))
            }
            Content::Lost => {
                let hashes = Others::new(self.wanted()).finish(name);
                let reference = ArtifactRef { hashes, size: self.size };
                (reference, Box::pin(std::future::ready(Err(lost()))))
            }
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted { sha512: !self.derived, ..Wanted::ALL }
    }
}

async fn open(
    artifacts: &ArtifactCache,
    derived: bool,
) -> Result<Box<dyn ObjectWriter>, PortError> {
    let objects: &dyn Objects = artifacts.objects();
    if derived { objects.derived_writer().await } else { objects.writer().await }
}

fn lost() -> IntakeError {
    let source = "an earlier write of this artifact failed".into();
    PortError::Unavailable { what: "the object store", source }.into()
}
