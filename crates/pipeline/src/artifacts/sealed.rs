use std::os::fd::OwnedFd;

use futures_util::StreamExt;
use palisade_model::{ArtifactRef, Sha256};
use palisade_ports::PortError;
use palisade_ports::engine::Artifact;
use palisade_ports::objects::Object;
use rustix::fs::{MemfdFlags, SealFlags};

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

/// A sealed memory file holding a stored object.
pub(super) async fn seal_object(
    reference: ArtifactRef,
    object: Object,
) -> Result<Artifact, ArtifactError> {
    let file = memory_file().map_err(ArtifactError::Memory)?;
    let mut body = object.body;
    while let Some(bytes) = body.next().await {
        write_all(&file, &bytes?).map_err(ArtifactError::Memory)?;
    }
    finish(reference, file)
}
