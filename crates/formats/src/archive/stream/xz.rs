//! xz (the .xz file format 1.2.1).

use std::io::{self, Read};

use super::super::reading::Guarded;
use super::chain::{self, Frame};
use crate::unpack::{Limits, Stop, Unpacking};

const MAGIC: &[u8] = b"\xfd7zXZ\0";

/// Unpacks an xz file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Xz<'_>>(input, "", unpacking)
}

/// One xz stream, which checks itself.
pub(super) struct Xz<'a>(Guarded<lzma_rust2::XzReader<&'a [u8]>>);

impl<'a> Frame<'a> for Xz<'a> {
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>> {
        // Stream padding (section 2.2) is zeros.
        let start = rest.iter().position(|&byte| byte != 0)?;
        let rest = rest.get(start..)?;
        if !rest.starts_with(MAGIC) {
            return None;
        }
        let kib = u32::try_from(limits.max_memory_bytes / 1024).unwrap_or(u32::MAX - 1);
        Some(Ok(Self(Guarded::new(lzma_rust2::XzReader::new_mem_limit(rest, false, kib)))))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        (self.0.into_inner().map(|reader| reader.into_inner()).unwrap_or_default(), Ok(()))
    }
}

impl Read for Xz<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
