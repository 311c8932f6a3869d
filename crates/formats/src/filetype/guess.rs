//! Formats without a signature: last guesses, each with a structure that random bytes do not have.

use super::structure::{compressed, disk, tar, zip};
use super::tables::named;
use super::{Type, tail};

/// A type for bytes that nothing else recognised.
pub(super) fn guess(data: &[u8]) -> Option<&'static Type> {
    if tar::is_header(data) {
        return Some(const { named("tar") });
    }
    if disk::apple_trailer(data) {
        return Some(const { named("dmg") });
    }
    // A fixed virtual disk has only a footer.
    if data.len().checked_sub(512).is_some_and(|at| data[at..].starts_with(b"conectix")) {
        return Some(const { named("vhd") });
    }
    if zip::central_directory(data).is_some() {
        // Bytes in front of an archive that no format claims: readers open it as the archive.
        return Some(const { named("zip") });
    }
    if tail(data).ends_with(b"TRUEVISION-XFILE.\0") {
        return Some(const { named("tga") });
    }
    compressed::lzma(data).filter(|_| compressed::lzma_size_is_possible(data))
}
