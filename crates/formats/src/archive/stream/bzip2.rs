//! bzip2.

use std::io::{self, Read};

use super::super::codec::pump::{Bunzip2, Pump};
use super::chain::{self, Frame};
use crate::unpack::{Limits, Stop, Unpacking};

/// Unpacks a bzip2 file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Bzip2<'_>>(input, "", unpacking)
}

/// One bzip2 stream; it checks its own checksums.
pub(super) struct Bzip2<'a>(Pump<&'a [u8], Bunzip2>);

impl<'a> Frame<'a> for Bzip2<'a> {
    fn open(rest: &'a [u8], _: &Limits) -> Option<io::Result<Self>> {
        let level = rest.strip_prefix(b"BZh")?.first()?;
        matches!(level, b'1'..=b'9').then(|| Ok(Self(Pump::new(rest, Bunzip2::new()))))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        (self.0.into_inner(), Ok(()))
    }
}

impl Read for Bzip2<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
