//! An artifact's bytes, read by position: the file's own offset is shared with others.

use std::io;
use std::os::fd::OwnedFd;

use palisade_ports::engine::Artifact;
use rustix::fs::{Mode, OFlags};

/// Reads into the whole of `buffer`, or to the end; returns how many bytes.
pub(crate) fn read_at(artifact: &Artifact, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(artifact.file(), rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Its size as the memory file has it.
pub(crate) fn size(artifact: &Artifact) -> io::Result<u64> {
    u64::try_from(rustix::fs::fstat(artifact.file())?.st_size).map_err(io::Error::other)
}

/// Opens the memory file again, read-only: a scanner that gets this one has an offset of its own.
pub(crate) fn reopen(artifact: &Artifact) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", artifact.file().as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
