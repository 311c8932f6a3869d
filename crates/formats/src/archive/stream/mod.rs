//! Files that are one compressed stream: a row of frames, decoded one after the other as one child.

mod bzip2;
mod chain;
mod compress;
mod gzip;
mod lz4;
mod lzip;
mod lzma;
mod xz;
mod zlib;
mod zstd;

pub(crate) use bzip2::unpack as unpack_bzip2;
pub(crate) use compress::unpack as unpack_compress;
pub(crate) use gzip::unpack as unpack_gzip;
pub(crate) use lz4::unpack as unpack_lz4;
pub(crate) use lzip::unpack as unpack_lzip;
pub(crate) use lzma::unpack as unpack_lzma;
pub(crate) use xz::unpack as unpack_xz;
pub(crate) use zlib::unpack as unpack_zlib;
pub(crate) use zstd::unpack as unpack_zstd;

use std::io::{self, Read};

use super::codec;
use crate::unpack::Limits;

/// Decodes a stream by its type id, for containers that hold one (deb, rpm).
pub(crate) fn reader<'a>(
    type_id: &str,
    input: &'a [u8],
    limits: &Limits,
) -> Option<Box<dyn Read + 'a>> {
    let limits = *limits;
    Some(match type_id {
        "gzip" => Box::new(chain::Chain::<gzip::Gzip<'a>>::new(input, limits)),
        "bzip2" => Box::new(chain::Chain::<bzip2::Bzip2<'a>>::new(input, limits)),
        "xz" => Box::new(chain::Chain::<xz::Xz<'a>>::new(input, limits)),
        "zstd" => Box::new(chain::Chain::<zstd::Zstd<'a>>::new(input, limits)),
        "lzip" => Box::new(chain::Chain::<lzip::Lzip<'a>>::new(input, limits)),
        "lzma" => Box::new(chain::Chain::<lzma::Lzma<'a>>::new(input, limits)),
        _ => return None,
    })
}

/// A decoder of raw LZMA over a slice that knows how far it got.
struct LzmaSlice<'a> {
    decoder: super::reading::Guarded<lzma_rust2::LzmaReader<&'a [u8]>>,
    input: &'a [u8],
}

impl<'a> LzmaSlice<'a> {
    fn new(
        input: &'a [u8],
        size: Option<u64>,
        props: u8,
        dictionary: u32,
        limits: &Limits,
    ) -> io::Result<Self> {
        let decoder = codec::lzma_reader(input, size, props, dictionary, limits)?;
        Ok(Self { decoder: super::reading::Guarded::new(decoder), input })
    }

    /// What follows the stream, once it was read to its end.
    fn rest(self) -> &'a [u8] {
        let Some(decoder) = self.decoder.into_inner() else { return &[] };
        let (rest, unused) = decoder.into_parts();
        let left = rest.len().saturating_add(unused.len());
        self.input.get(self.input.len().saturating_sub(left)..).unwrap_or_default()
    }
}

impl Read for LzmaSlice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer)
    }
}

#[cfg(test)]
mod tests;
