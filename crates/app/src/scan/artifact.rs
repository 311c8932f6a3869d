//! Bytes into sealed memory files, hashed on the way.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use palisade_model::ArtifactRef;
use palisade_pipeline::artifacts::{Digests, Wanted, seal};
use palisade_ports::engine::Artifact;
use rustix::fs::{MemfdFlags, SealFlags};

/// Read at once.
const PIECE: usize = 1 << 20;

/// Why there is no artifact.
pub(super) enum ReadError {
    TooLarge,
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// All of `input`, at most `limit` bytes.
pub(super) fn read(
    input: &mut dyn Read,
    limit: u64,
    wanted: Wanted,
    buffer: &mut Vec<u8>,
) -> Result<Artifact, ReadError> {
    // Most files fit into one piece: one read, one write, no stream state.
    buffer.clear();
    input.take(PIECE as u64).read_to_end(buffer)?;
    if buffer.len() as u64 > limit {
        return Err(ReadError::TooLarge);
    }
    if buffer.len() < PIECE {
        let reference =
            ArtifactRef { hashes: Digests::some_of(buffer, wanted), size: buffer.len() as u64 };
        return seal(reference, buffer).map_err(|error| ReadError::Io(io::Error::other(error)));
    }
    stream(input, limit, wanted, buffer)
}

/// The rest of a large input whose first piece is in `buffer`.
fn stream(
    input: &mut dyn Read,
    limit: u64,
    wanted: Wanted,
    buffer: &mut Vec<u8>,
) -> Result<Artifact, ReadError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file: OwnedFd = rustix::fs::memfd_create(c"artifact", flags).map_err(io::Error::from)?;
    let mut file = File::from(file);
    let mut digests = Digests::new(wanted);
    let mut size = 0;
    while !buffer.is_empty() {
        size += buffer.len() as u64;
        if size > limit {
            return Err(ReadError::TooLarge);
        }
        digests.update(buffer);
        io::Write::write_all(&mut file, buffer)?;
        buffer.clear();
        input.take(PIECE as u64).read_to_end(buffer)?;
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(io::Error::from)?;
    Ok(Artifact::new(ArtifactRef { hashes: digests.finish(), size }, file.into()))
}
