//! Containers whose purpose is to hold other files, and compressed streams: one folder per format.

mod codec;
mod embedded;
mod reading;
#[cfg(test)]
pub(crate) mod test_support;
mod text;
mod zip;

use crate::unpack::Unpacker;

pub use embedded::embedded;
#[cfg(any(test, feature = "samples"))]
pub(crate) use zip::keys as zip_keys;

/// Every unpacker of this room.
pub const UNPACKERS: &[Unpacker] = &[Unpacker {
    types: &[
        "zip", "jar", "apk", "docx", "xlsx", "pptx", "docm", "xlsm", "pptm", "odt", "ods", "odp",
        "odg", "epub", "xps", "vsdx", "ipa", "nupkg", "whl", "crx", "msix",
    ],
    run: zip::unpack,
}];
