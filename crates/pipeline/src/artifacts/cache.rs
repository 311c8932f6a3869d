use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use palisade_model::{ArtifactRef, Inline, Sha256};
use palisade_ports::Objects;
use palisade_ports::engine::Artifact;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Intake;
use super::sealed::{ArtifactError, seal, seal_object};

/// Artifacts whose hashes are remembered, in each of two generations: a few hundred bytes each.
const KNOWN: usize = 16_384;

/// Bounds of what is in memory.
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// Bytes of artifacts kept after their last use, because the next engine will ask for the same
    /// one. Default 48 MiB.
    pub keep_bytes: u64,
    /// Artifacts kept at most: each may hold a file descriptor. Default 2,048.
    pub keep_count: usize,
    /// Artifacts above this size are never kept, and only one of them is in memory at a time.
    /// Default 32 MiB.
    pub large_bytes: u64,
    /// Artifacts up to this size travel with their request. Default 0: the store is near.
    pub inline_bytes: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { keep_bytes: 48 << 20, keep_count: 2_048, large_bytes: 32 << 20, inline_bytes: 0 }
    }
}

/// Artifacts on their way in and out of the object store: takes them in, and gives them to engines
/// in sealed memory files. The same artifact, asked for by several engines at about the same time,
/// is sealed once and shared: nobody can write it. One that was just taken in is not read back, and
/// one that was taken in before is not hashed again but for its name.
pub struct ArtifactCache {
    objects: Arc<dyn Objects>,
    config: CacheConfig,
    kept: Mutex<Kept>,
    known: Mutex<Known>,
    /// One large artifact at a time.
    large: Arc<Semaphore>,
}

/// An artifact in memory.
enum Memory {
    /// As it was taken in.
    Bytes(ArtifactRef, Bytes),
    Sealed(Artifact),
}

impl Memory {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(reference, _) => reference.size,
            Self::Sealed(artifact) => artifact.reference.size,
        }
    }
}

#[derive(Default)]
struct Kept {
    bytes: u64,
    clock: u64,
    artifacts: HashMap<Sha256, (u64, Memory)>,
    /// By last use, oldest first.
    order: BTreeMap<u64, Sha256>,
}

impl Kept {
    fn put(&mut self, name: Sha256, memory: Memory, config: &CacheConfig) {
        let size = memory.size();
        if size > config.large_bytes || size > config.keep_bytes {
            return;
        }
        self.clock += 1;
        self.order.insert(self.clock, name);
        self.bytes += size;
        if let Some((used, old)) = self.artifacts.insert(name, (self.clock, memory)) {
            self.order.remove(&used);
            self.bytes -= old.size();
        }
        while self.bytes > config.keep_bytes || self.artifacts.len() > config.keep_count {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((_, memory)) = self.artifacts.remove(&oldest) {
                self.bytes -= memory.size();
            }
        }
    }

    /// An artifact, sealed by now.
    fn recall(&mut self, name: Sha256) -> Result<Option<Artifact>, ArtifactError> {
        let Some((used, memory)) = self.artifacts.get_mut(&name) else { return Ok(None) };
        if let Memory::Bytes(reference, bytes) = memory {
            *memory = Memory::Sealed(seal(reference.clone(), bytes)?);
        }
        self.clock += 1;
        self.order.remove(used);
        self.order.insert(self.clock, name);
        *used = self.clock;
        match memory {
            Memory::Sealed(artifact) => Ok(Some(artifact.clone())),
            Memory::Bytes(..) => Ok(None),
        }
    }
}

/// The last few artifacts that were taken in, in two generations: when the young one is full, the
/// old one is forgotten.
#[derive(Default)]
struct Known {
    young: HashMap<Sha256, ArtifactRef>,
    old: HashMap<Sha256, ArtifactRef>,
}

impl Known {
    fn get(&mut self, name: Sha256) -> Option<ArtifactRef> {
        if let Some(reference) = self.young.get(&name) {
            return Some(reference.clone());
        }
        let reference = self.old.remove(&name)?;
        self.put(reference.clone());
        Some(reference)
    }

    fn put(&mut self, reference: ArtifactRef) {
        if self.young.len() >= KNOWN {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(reference.sha256(), reference);
    }
}

impl ArtifactCache {
    /// An empty cache over an object store.
    pub fn new(objects: Arc<dyn Objects>, config: CacheConfig) -> Self {
        let large = Arc::new(Semaphore::new(1));
        Self { objects, config, kept: Mutex::default(), known: Mutex::default(), large }
    }

    pub(super) fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    /// Starts an artifact of at most `limit` bytes.
    pub fn intake(self: &Arc<Self>, limit: u64) -> Intake {
        Intake::new(Arc::clone(self), limit)
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
        if let Some(artifact) = self.kept().recall(reference.sha256())? {
            return Ok((artifact, None));
        }
        let artifact = self.load(reference).await?;
        self.kept().put(reference.sha256(), Memory::Sealed(artifact.clone()), &self.config);
        Ok((artifact, None))
    }

    /// As [`ArtifactCache::get`], for an artifact that came with its request.
    ///
    /// # Errors
    /// [`ArtifactError::Memory`].
    pub fn get_inline(
        &self,
        reference: &ArtifactRef,
        inline: &Inline,
    ) -> Result<Artifact, ArtifactError> {
        if let Some(artifact) = self.kept().recall(reference.sha256())? {
            return Ok(artifact);
        }
        let artifact = seal(reference.clone(), &inline.0)?;
        self.kept().put(reference.sha256(), Memory::Sealed(artifact.clone()), &self.config);
        Ok(artifact)
    }

    /// Whether an artifact of this size travels with its request.
    pub fn is_inline(&self, size: u64) -> bool {
        self.config.inline_bytes > 0 && size <= self.config.inline_bytes
    }

    /// The bytes of an artifact that was just taken in, if it is to travel with its request.
    pub fn to_inline(&self, reference: &ArtifactRef) -> Option<Inline> {
        if !self.is_inline(reference.size) {
            return None;
        }
        match self.kept().artifacts.get(&reference.sha256()) {
            Some((_, Memory::Bytes(_, bytes))) => Some(Inline(bytes.clone())),
            _ => None,
        }
    }

    /// What is known of an artifact that was taken in before.
    pub(super) fn known(&self, name: Sha256) -> Option<ArtifactRef> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name)
    }

    /// Keeps an artifact that was just taken in.
    pub(super) fn keep_bytes(&self, reference: &ArtifactRef, bytes: Bytes) {
        let name = reference.sha256();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put(reference.clone());
        let mut kept = self.kept();
        if !kept.artifacts.contains_key(&name) {
            kept.put(name, Memory::Bytes(reference.clone(), bytes), &self.config);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self, reference: &ArtifactRef) -> Result<Artifact, ArtifactError> {
        let name = reference.sha256();
        let object = self.objects.open(name).await?.ok_or(ArtifactError::Gone(name))?;
        seal_object(reference.clone(), object).await
    }
}
