//! Compressed streams whose signature is short or missing.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::u64_le;

/// `BZh`, a level digit, then the magic of a block or of the end (bzip2 has no written standard;
/// the block magic is the decimal digits of pi, the end magic those of its square root).
pub(in crate::filetype) fn bzip2(data: &[u8]) -> Option<&'static Type> {
    let level = data.get(3)?;
    let magic = data.get(4..10)?;
    let known = magic == b"\x31\x41\x59\x26\x53\x59" || magic == b"\x17\x72\x45\x38\x50\x90";
    (level.is_ascii_digit() && *level != b'0' && known).then_some(const { named("bzip2") })
}

/// LZMA-alone: properties, dictionary size, unpacked size, and a range coder that starts with 0
/// (LZMA SDK, `lzma.txt`). Writers choose dictionaries of 2^n or 2^n + 2^(n-1).
pub(in crate::filetype) fn lzma(data: &[u8]) -> Option<&'static Type> {
    let properties = *data.first()?;
    let dictionary = crate::bytes::u32_le(data, 1)?;
    let unpacked = u64_le(data, 5)?;
    let coder = *data.get(13)?;
    let usual = dictionary == u32::MAX
        || dictionary.is_power_of_two() && dictionary >= 1 << 12
        || dictionary % 3 == 0 && (dictionary / 3).is_power_of_two() && dictionary >= 3 << 11;
    let plausible = unpacked == u64::MAX || unpacked < 1 << 40;
    (properties < 225 && usual && plausible && coder == 0 && data.len() > 17)
        .then_some(const { named("lzma") })
}

/// Whether so few bytes can hold as much as the header of an LZMA stream says. No signature tells
/// it from numbers with many zeros, and the densest stream is one byte for some 8,400: at least 0.02
/// bits for each of a dozen decisions of a match of 273 bytes.
pub(in crate::filetype) fn lzma_size_is_possible(data: &[u8]) -> bool {
    let unpacked = u64_le(data, 5).unwrap_or_default();
    unpacked == u64::MAX || unpacked / 16_384 <= data.len() as u64
}

/// Lzip version 0 or 1 and a dictionary exponent of 12 to 29 (lzip manual, "File format").
pub(in crate::filetype) fn lzip(data: &[u8]) -> Option<&'static Type> {
    let (version, dictionary) = (*data.get(4)?, *data.get(5)? & 0x1f);
    (version <= 1 && (12..=29).contains(&dictionary)).then_some(const { named("lzip") })
}

/// Unix compress: at most 16 bits a code, two reserved flag bits zero.
pub(in crate::filetype) fn compress(data: &[u8]) -> Option<&'static Type> {
    let flags = *data.get(2)?;
    ((9..=16).contains(&(flags & 0x1f)) && flags & 0x60 == 0).then_some(const { named("compress") })
}

/// Unix pack: the unpacked size, then the depth of the tree (1 to 24).
pub(in crate::filetype) fn pack(data: &[u8]) -> Option<&'static Type> {
    let depth = *data.get(6)?;
    (data.len() > 8 && (1..=24).contains(&depth)).then_some(const { named("pack") })
}

/// Zlib: the header is a multiple of 31 (RFC 1950) by the signature, which says little (`x^2` is
/// one); the first deflate block must not be of the reserved kind, a stored block's lengths must
/// agree, and the first bytes must come out.
pub(in crate::filetype) fn zlib(data: &[u8]) -> Option<&'static Type> {
    // Apple disk images often begin with a deflated run; their trailer tells.
    if super::disk::apple_trailer(data) {
        return Some(const { named("dmg") });
    }
    let block = *data.get(2)?;
    let valid = match (block >> 1) & 3 {
        0 => block & 0xf8 == 0 && crate::bytes::u16_le(data, 3)? == !crate::bytes::u16_le(data, 5)?,
        // Fixed codes say little; dynamic ones have at most 286 literal codes.
        1 => true,
        2 => block >> 3 <= 29 && *data.get(3)? & 0x1f <= 29,
        _ => false,
    };
    (valid && data.len() >= 8 && inflates(data.get(2..)?)).then_some(const { named("zlib") })
}

/// Whether the beginning of deflated data can be undone.
fn inflates(data: &[u8]) -> bool {
    let mut out = [0; 512];
    let head = data.get(..4096).unwrap_or(data);
    let mut inflater = flate2::Decompress::new(false);
    inflater.decompress(head, &mut out, flate2::FlushDecompress::None).is_ok()
}
