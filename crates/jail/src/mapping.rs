use std::os::fd::{AsRawFd, OwnedFd};

use memmap2::{Mmap, MmapOptions};

/// A sealed memory file, mapped read-only and privately.
pub(crate) struct Mapping(Option<Mmap>);

impl Mapping {
    /// Maps the whole file.
    pub(crate) fn new(file: &OwnedFd) -> std::io::Result<Self> {
        let size = rustix::fs::fstat(file)?.st_size;
        if size == 0 {
            return Ok(Self(None));
        }
        let length = usize::try_from(size).map_err(std::io::Error::other)?;
        // SAFETY: the host seals the file against writing and shrinking before it hands it over, so
        // the bytes under the mapping can neither change nor vanish.
        let mapping =
            unsafe { MmapOptions::new().len(length).map_copy_read_only(file.as_raw_fd()) };
        mapping.map(|mapping| Self(Some(mapping)))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}
