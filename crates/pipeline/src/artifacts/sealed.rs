use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use palisade_model::{ArtifactRef, Sha256};
use palisade_ports::engine::Artifact;
use palisade_ports::{Objects, PortError};
use rustix::fs::{MemfdFlags, SealFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An artifact that cannot be given to an engine.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Not in the object store (any more).
    #[error("the artifact {0} is not in the object store")]
    Gone(Sha256),
    /// The object store.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The memory file.
    #[error("a memory file could not be made")]
    Memory(#[source] rustix::io::Errno),
}

/// Bounds of the memory files.
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// Bytes of artifacts kept after their last scan, because the next engine will ask for the same
    /// one. Default 48 MiB.
    pub keep_bytes: u64,
    /// Artifacts kept at most: each holds a file descriptor. Default 256.
    pub keep_count: usize,
    /// Artifacts above this size are never kept, and only one of them is in memory at a time.
    /// Default 32 MiB.
    pub large_bytes: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { keep_bytes: 48 << 20, keep_count: 256, large_bytes: 32 << 20 }
    }
}

/// A sealed memory file holding `bytes`.
///
/// # Errors
/// No memory, or no file descriptors left.
pub fn seal(reference: ArtifactRef, bytes: &[u8]) -> Result<Artifact, ArtifactError> {
    let file = memory_file().map_err(ArtifactError::Memory)?;
    write_all(&file, bytes).map_err(ArtifactError::Memory)?;
    finish(reference, file)
}

fn memory_file() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // NOEXEC_SEAL (Linux 6.3): nobody can make it executable. Older kernels answer EINVAL.
    match rustix::fs::memfd_create(c"artifact", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create(c"artifact", flags),
        file => file,
    }
}

fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn finish(reference: ArtifactRef, file: OwnedFd) -> Result<Artifact, ArtifactError> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(ArtifactError::Memory)?;
    Ok(Artifact::new(reference, file))
}

/// Gets artifacts out of the object store into sealed memory files. The same artifact, asked for by
/// several engines at about the same time, is read once and shared: nobody can write it.
pub struct ArtifactCache {
    objects: Arc<dyn Objects>,
    config: CacheConfig,
    kept: Mutex<Kept>,
    /// One large artifact at a time.
    large: Arc<Semaphore>,
}

#[derive(Default)]
struct Kept {
    bytes: u64,
    clock: u64,
    artifacts: HashMap<Sha256, (u64, Artifact)>,
    /// By last use, oldest first.
    order: BTreeMap<u64, Sha256>,
}

impl Kept {
    /// Notes a use of an artifact that was last used at `before`.
    fn used(&mut self, name: Sha256, before: Option<u64>) -> u64 {
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.clock += 1;
        self.order.insert(self.clock, name);
        self.clock
    }
}

impl ArtifactCache {
    /// An empty cache over an object store.
    pub fn new(objects: Arc<dyn Objects>, config: CacheConfig) -> Self {
        Self { objects, config, kept: Mutex::default(), large: Arc::new(Semaphore::new(1)) }
    }

    /// The artifact, and for a large one the permit that keeps others of its kind waiting until it
    /// is dropped.
    ///
    /// # Errors
    /// [`ArtifactError`].
    pub async fn get(
        &self,
        reference: &ArtifactRef,
    ) -> Result<(Artifact, Option<OwnedSemaphorePermit>), ArtifactError> {
        if reference.size > self.config.large_bytes {
            // Never closed, so never an error.
            let permit = Arc::clone(&self.large).acquire_owned().await.ok();
            return Ok((self.load(reference).await?, permit));
        }
        if let Some(artifact) = self.recall(reference.sha256()) {
            return Ok((artifact, None));
        }
        let artifact = self.load(reference).await?;
        self.keep(&artifact);
        Ok((artifact, None))
    }

    /// Keeps an artifact that was just made in memory, so that it is not read back.
    pub fn keep(&self, artifact: &Artifact) {
        let size = artifact.reference.size;
        if size > self.config.large_bytes || size > self.config.keep_bytes {
            return;
        }
        let name = artifact.reference.sha256();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.artifacts.get(&name).map(|(used, _)| *used);
        let clock = kept.used(name, before);
        if kept.artifacts.insert(name, (clock, artifact.clone())).is_none() {
            kept.bytes += size;
        }
        while kept.bytes > self.config.keep_bytes || kept.artifacts.len() > self.config.keep_count {
            let Some((_, oldest)) = kept.order.pop_first() else { break };
            if let Some((_, artifact)) = kept.artifacts.remove(&oldest) {
                kept.bytes -= artifact.reference.size;
            }
        }
    }

    fn recall(&self, name: Sha256) -> Option<Artifact> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.artifacts.get(&name).map(|(used, _)| *used)?;
        let clock = kept.used(name, Some(before));
        let (used, artifact) = kept.artifacts.get_mut(&name)?;
        *used = clock;
        Some(artifact.clone())
    }

    async fn load(&self, reference: &ArtifactRef) -> Result<Artifact, ArtifactError> {
        let name = reference.sha256();
        let object = self.objects.open(name).await?.ok_or(ArtifactError::Gone(name))?;
        let file = memory_file().map_err(ArtifactError::Memory)?;
        let mut body = object.body;
        while let Some(bytes) = body.next().await {
            write_all(&file, &bytes?).map_err(ArtifactError::Memory)?;
        }
        finish(reference.clone(), file)
    }
}
