//! Audio and video whose signature is short, and the families that share one.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{find, u16_le, u32_be};

/// ID3 tag, or two frames of MPEG audio one behind the other (ISO 11172-3, 2.4.2.3); a frame of
/// layer 0 is AAC in ADTS form (ISO 13818-7).
pub(in crate::filetype) fn mpeg_audio(data: &[u8]) -> Option<&'static Type> {
    if data.starts_with(b"ID3") {
        return Some(const { named("mp3") });
    }
    let second = *data.get(1)?;
    if second & 0xf6 == 0xf0 {
        let length = adts_frame(data)?;
        return (adts_frame(data.get(length..)?).is_some()).then_some(const { named("aac") });
    }
    let length = mpeg_frame(data)?;
    mpeg_frame(data.get(length..)?).map(|_| const { named("mp3") })
}

fn adts_frame(data: &[u8]) -> Option<usize> {
    let header = data.get(..7)?;
    let sync = header[0] == 0xff && header[1] & 0xf6 == 0xf0 && (header[2] >> 2) & 15 < 13;
    let length = usize::from(header[3] & 3) << 11
        | usize::from(header[4]) << 3
        | usize::from(header[5]) >> 5;
    (sync && length >= 7).then_some(length)
}

/// Bytes of the MPEG audio frame at the start of `data`.
fn mpeg_frame(data: &[u8]) -> Option<usize> {
    // Kilobits a second: version 1 layers 1, 2, 3; version 2 layer 1, layers 2 and 3.
    const RATES: [[u16; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let header = data.get(..4)?;
    if header[0] != 0xff || header[1] & 0xe0 != 0xe0 {
        return None;
    }
    let version = (header[1] >> 3) & 3;
    let layer = 4 - ((header[1] >> 1) & 3);
    let (rate, sampling) = (usize::from(header[2] >> 4), (header[2] >> 2) & 3);
    if version == 1 || layer == 4 || rate == 0 || rate == 15 || sampling == 3 {
        return None;
    }
    let row = match (version, layer) {
        (3, layer) => usize::from(layer) - 1,
        (_, 1) => 3,
        _ => 4,
    };
    let hertz = [44_100u32, 48_000, 32_000][usize::from(sampling)]
        >> match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
    let bits = u32::from(RATES[row][rate]) * 1000;
    let padding = u32::from((header[2] >> 1) & 1);
    let length = match (version, layer) {
        (_, 1) => (12 * bits / hertz + padding) * 4,
        (3, _) | (_, 2) => 144 * bits / hertz + padding,
        _ => 72 * bits / hertz + padding,
    };
    usize::try_from(length).ok().filter(|length| *length > 4)
}

/// The codec in the first page of an Ogg file (RFC 3533; the codecs' own mappings).
pub(in crate::filetype) fn ogg(data: &[u8]) -> Option<&'static Type> {
    let segments = usize::from(*data.get(26)?);
    let packet = data.get(27 + segments..).unwrap_or_default();
    Some(match packet {
        [b'O', b'p', b'u', b's', b'H', ..] => const { named("opus") },
        [0x80, b't', b'h', b'e', b'o', b'r', b'a', ..] => const { named("ogv") },
        [b'S', b'p', b'e', b'e', b'x', ..] => const { named("speex") },
        [0x7f, b'F', b'L', b'A', b'C', ..] => const { named("ogg_flac") },
        _ => const { named("ogg") },
    })
}

/// The document type in the EBML header (RFC 8794, RFC 9559).
pub(in crate::filetype) fn matroska(data: &[u8]) -> Option<&'static Type> {
    let header = &data[..data.len().min(64)];
    let kind = find(header, b"\x42\x82", 4).and_then(|at| header.get(at + 3..));
    Some(match kind {
        Some(kind) if kind.starts_with(b"webm") => const { named("webm") },
        _ => const { named("mkv") },
    })
}

/// ISO media with a brand that has no row of its own; the compatible brands may still tell.
pub(in crate::filetype) fn iso_media(data: &[u8]) -> Option<&'static Type> {
    let size = u32_be(data, 0)? as usize;
    if !(8..1 << 16).contains(&size) {
        return None;
    }
    let brands = data.get(8..size.min(data.len())).unwrap_or_default();
    let has = |wanted: &[u8]| brands.chunks_exact(4).any(|brand| brand == wanted);
    if has(b"avif") {
        return Some(const { named("avif") });
    }
    if has(b"heic") {
        return Some(const { named("heic") });
    }
    Some(const { named("mp4") })
}

/// HEIF with a structural brand: AVIF when it says so among the compatible ones.
pub(in crate::filetype) fn heif(data: &[u8]) -> Option<&'static Type> {
    let size = u32_be(data, 0)? as usize;
    let brands = data.get(8..size.min(data.len()).max(8)).unwrap_or_default();
    let avif = brands.chunks_exact(4).any(|brand| brand == b"avif");
    Some(if avif { const { named("avif") } } else { const { named("heif") } })
}

/// QuickTime without a brand: the first atom has a size that fits and a second atom follows.
pub(in crate::filetype) fn quicktime(data: &[u8]) -> Option<&'static Type> {
    let mov = Some(const { named("mov") });
    if data.get(4..8)? == b"ftyp" {
        return mov;
    }
    let size = u32_be(data, 0)? as usize;
    if !(8..=data.len()).contains(&size) {
        return (size == 1 && data.len() > 16).then_some(const { named("mov") });
    }
    let next = data.get(size + 4..size + 8).unwrap_or(b"free");
    next.iter().all(u8::is_ascii_lowercase).then_some(const { named("mov") })
}

/// IFF: the size covers the file, give or take padding.
pub(in crate::filetype) fn iff(data: &[u8]) -> Option<&'static Type> {
    let size = u32_be(data, 4)? as usize;
    let kind = data.get(8..12)?;
    (size <= data.len() && kind.iter().all(|byte| (0x20..0x7f).contains(byte)))
        .then_some(const { named("iff") })
}

/// A sync byte every 188 (or, with a timestamp, 192) bytes (ISO 13818-1, 2.4.3.2).
pub(in crate::filetype) fn transport_stream(data: &[u8]) -> Option<&'static Type> {
    let synced = |start: usize, step: usize| {
        data.len() > start + 4 * step
            && (0..5).all(|packet| data.get(start + packet * step) == Some(&0x47))
    };
    (synced(0, 188) || synced(4, 192)).then_some(const { named("mpeg_ts") })
}

/// AC-3: a sampling and frame size code that exist.
pub(in crate::filetype) fn ac3(data: &[u8]) -> Option<&'static Type> {
    let code = *data.get(4)?;
    let bsid = *data.get(5)? >> 3;
    (code >> 6 != 3 && code & 0x3f < 38 && (6..=16).contains(&bsid))
        .then_some(const { named("ac3") })
}

/// Autodesk animation: a size, at least one frame, dimensions.
pub(in crate::filetype) fn flic(data: &[u8]) -> Option<&'static Type> {
    let frames = u16_le(data, 6)?;
    let (width, height) = (u16_le(data, 8)?, u16_le(data, 10)?);
    let depth = u16_le(data, 12)?;
    (frames > 0
        && frames < 10_000
        && (1..4096).contains(&width)
        && (1..4096).contains(&height)
        && depth == 8)
        .then_some(const { named("flc") })
}
