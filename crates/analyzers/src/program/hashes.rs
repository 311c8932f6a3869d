use md5::Md5;
use palisade_model::encode_hex;
use sha2::{Digest, Sha256};
use tlsh2::TlshDefaultBuilder;

use crate::Examination;

/// Files above this get no similarity hash, in bytes: it takes some ten nanoseconds a byte.
const MAX_SIMILARITY: usize = 8 << 20;

/// MD5, the hash that import hashes are defined by; it is no proof of anything.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    encode_hex(&Md5::digest(bytes))
}

/// The first 64 bits of SHA-256: enough to compare sections by.
pub(crate) fn sha256_short(bytes: &[u8]) -> String {
    encode_hex(Sha256::digest(bytes).get(..8).unwrap_or_default())
}

/// The locality-sensitive hash of bytes (Oliver, Cheng and Chen, "TLSH: a locality sensitive hash",
/// 2013), with its version; `None` for fewer than 50 bytes or too few different ones.
pub(crate) fn tlsh_of(bytes: &[u8]) -> Option<String> {
    let hash = TlshDefaultBuilder::build_from(bytes)?.hash();
    Some(String::from_utf8_lossy(&hash).into_owned())
}

/// Notes the similarity hash of the whole file.
pub(crate) fn note_similarity(examination: &mut Examination<'_>) {
    let bytes = examination.bytes();
    if bytes.len() <= MAX_SIMILARITY
        && let Some(hash) = tlsh_of(bytes)
    {
        examination.property("tlsh", hash);
    }
}
