//! The .lzma format of LZMA Utils ("LZMA alone").

use std::io::{self, Read};

use super::super::reading::truncated;
use super::LzmaSlice;
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

/// Unpacks an .lzma file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Lzma<'_>>(input, "", unpacking)
}

/// The stream; there is only one.
pub(super) struct Lzma<'a>(LzmaSlice<'a>);

impl<'a> Frame<'a> for Lzma<'a> {
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>> {
        // Properties of a plausible stream: there is no magic.
        if *rest.first()? >= 9 * 5 * 5 {
            return None;
        }
        let mut cursor = Cursor::new(rest);
        let header = (cursor.u8(), cursor.u32_le(), cursor.u64_le());
        let (Some(props), Some(dictionary), Some(size)) = header else {
            return Some(Err(truncated("ends in the lzma header")));
        };
        let size = (size != u64::MAX).then_some(size);
        Some(LzmaSlice::new(cursor.rest(), size, props, dictionary, limits).map(Self))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        (self.0.rest(), Ok(()))
    }
}

impl Read for Lzma<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
