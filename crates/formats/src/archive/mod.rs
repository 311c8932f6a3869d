//! Containers whose purpose is to hold other files, and compressed streams: one folder per format.

mod ar;
mod arj;
mod cab;
mod codec;
mod cpio;
mod embedded;
mod iso9660;
mod lha;
mod rar;
mod reading;
mod rpm;
mod sevenzip;
mod stream;
mod szdd;
mod tar;
#[cfg(test)]
pub(crate) mod test_support;
mod text;
mod xar;
mod zip;

use crate::unpack::Unpacker;

pub use embedded::embedded;
#[cfg(any(test, feature = "samples"))]
pub(crate) use zip::keys as zip_keys;

/// Every unpacker of this room.
pub const UNPACKERS: &[Unpacker] = &[
    Unpacker { types: crate::filetype::ZIP_BASED, run: zip::unpack },
    // A header, then a zip.
    Unpacker { types: &["crx", "jmod"], run: zip::unpack },
    Unpacker { types: &["7z"], run: sevenzip::unpack },
    Unpacker { types: &["cab"], run: cab::unpack },
    Unpacker { types: &["iso9660"], run: iso9660::unpack },
    Unpacker { types: &["arj"], run: arj::unpack },
    Unpacker { types: &["lha"], run: lha::unpack },
    Unpacker { types: &["rar"], run: rar::unpack },
    Unpacker { types: &["rpm"], run: rpm::unpack },
    Unpacker { types: &["szdd"], run: szdd::unpack },
    Unpacker { types: &["tar"], run: tar::unpack },
    Unpacker { types: &["cpio"], run: cpio::unpack },
    Unpacker { types: &["ar", "deb"], run: ar::unpack },
    Unpacker { types: &["xar"], run: xar::unpack },
    Unpacker { types: &["gzip"], run: stream::unpack_gzip },
    Unpacker { types: &["bzip2"], run: stream::unpack_bzip2 },
    Unpacker { types: &["xz"], run: stream::unpack_xz },
    Unpacker { types: &["zstd"], run: stream::unpack_zstd },
    Unpacker { types: &["lz4"], run: stream::unpack_lz4 },
    Unpacker { types: &["lzma"], run: stream::unpack_lzma },
    Unpacker { types: &["lzip"], run: stream::unpack_lzip },
    Unpacker { types: &["compress"], run: stream::unpack_compress },
    Unpacker { types: &["zlib"], run: stream::unpack_zlib },
];
