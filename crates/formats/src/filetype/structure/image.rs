//! Pictures whose signature is short, and raw images that look like TIFF.

use super::super::tables::named;
use super::super::{Type, head};
use crate::bytes::{find, u16_be, u16_le, u32_be, u32_le};

/// PNG, animated when an `acTL` chunk comes before the data (PNG third edition, 11.3.6).
pub(in crate::filetype) fn png(data: &[u8]) -> Option<&'static Type> {
    let mut at = 8;
    for _ in 0..64 {
        let Some(length) = u32_be(data, at) else { break };
        match data.get(at + 4..at + 8) {
            Some(b"acTL") => return Some(const { named("apng") }),
            Some(b"IDAT") | None => break,
            Some(_) => at = at.saturating_add(12).saturating_add(length as usize),
        }
    }
    Some(const { named("png") })
}

/// Bitmap: a known size of the information header.
pub(in crate::filetype) fn bmp(data: &[u8]) -> Option<&'static Type> {
    let header = u32_le(data, 14)?;
    let pixels = u32_le(data, 10)?;
    (matches!(header, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124) && (26..1 << 20).contains(&pixels))
        .then_some(const { named("bmp") })
}

/// TIFF, or the raw format that its first directory names (TIFF 6.0, section 2; DNG 1.6, tag
/// 50706). Olympus, Panasonic and Canon have signatures of their own.
pub(in crate::filetype) fn tiff(data: &[u8]) -> Option<&'static Type> {
    let plain = Some(const { named("tiff") });
    let big = data.first() == Some(&b'M');
    let half = |at| if big { u16_be(data, at) } else { u16_le(data, at) };
    let word = |at| if big { u32_be(data, at) } else { u32_le(data, at) };
    let Some(directory) = word(4).and_then(|at| usize::try_from(at).ok()) else { return plain };
    let Some(count) = half(directory) else { return plain };
    let mut maker: &[u8] = &[];
    let mut raw = false;
    for entry in 0..usize::from(count.min(128)) {
        let at = directory.saturating_add(2 + entry * 12);
        let (Some(tag), Some(value)) = (half(at), word(at.saturating_add(8))) else { break };
        match tag {
            50_706 => return Some(const { named("dng") }),
            271 => maker = data.get(value as usize..).unwrap_or_default(),
            // Sub-directories: cameras keep the raw picture in one, scanners have none.
            330 => raw = true,
            _ => {}
        }
    }
    let made_by = |name: &[u8]| maker.starts_with(name);
    if raw && made_by(b"NIKON") {
        return Some(const { named("nef") });
    }
    if raw && made_by(b"SONY") {
        return Some(const { named("arw") });
    }
    if made_by(b"PENTAX") {
        return Some(const { named("pef_raw") });
    }
    plain
}

/// Icon: 1 to 255 pictures whose first lies within the file.
pub(in crate::filetype) fn icon(data: &[u8]) -> Option<&'static Type> {
    icon_directory(data).then_some(const { named("ico") })
}

/// Cursor: the same directory, another type number.
pub(in crate::filetype) fn cursor(data: &[u8]) -> Option<&'static Type> {
    icon_directory(data).then_some(const { named("cur") })
}

fn icon_directory(data: &[u8]) -> bool {
    let (Some(count), Some(offset), Some(size)) =
        (u16_le(data, 4), u32_le(data, 18), u32_le(data, 14))
    else {
        return false;
    };
    let directory = 6 + u32::from(count) * 16;
    (1..256).contains(&count) && offset >= directory && size > 0 && (offset as usize) < data.len()
}

/// PCX: version, run-length encoding, a depth that exists.
pub(in crate::filetype) fn pcx(data: &[u8]) -> Option<&'static Type> {
    let (version, encoding, depth) = (*data.get(1)?, *data.get(2)?, *data.get(3)?);
    let (left, right) = (u16_le(data, 4)?, u16_le(data, 8)?);
    (matches!(version, 0 | 2..=5)
        && encoding == 1
        && matches!(depth, 1 | 2 | 4 | 8)
        && left <= right
        && data.get(64) == Some(&0))
    .then_some(const { named("pcx") })
}

/// Netpbm: white space or a comment, then the width.
pub(in crate::filetype) fn netpbm(data: &[u8]) -> Option<&'static Type> {
    let kind = *data.get(1)?;
    let third = *data.get(2)?;
    let fourth = *data.get(3)?;
    let valid = third.is_ascii_whitespace() && (fourth.is_ascii_digit() || fourth == b'#');
    valid.then_some(match kind {
        b'1' | b'4' => const { named("pbm") },
        b'2' | b'5' => const { named("pgm") },
        _ => const { named("ppm") },
    })
}

/// JPEG XL: the container, or a codestream whose next bits are a plausible size header.
pub(in crate::filetype) fn jxl(data: &[u8]) -> Option<&'static Type> {
    (data.first() == Some(&0) || (data.len() > 16 && data[2] != 0))
        .then_some(const { named("jxl") })
}

/// CorelDRAW: the RIFF form, or the old one with the byte after `WL`.
pub(in crate::filetype) fn corel(data: &[u8]) -> Option<&'static Type> {
    (data.starts_with(b"RIFF")
        || (matches!(data.get(2)?, b'e' | b'n' | b'm') && data.get(3) == Some(&0)))
    .then_some(const { named("cdr") })
}

/// Where the text of a script stands inside a picture's first bytes, if it does.
pub(in crate::filetype) fn comment_end(data: &[u8]) -> Option<usize> {
    find(head(data), b"*/", 8)
}
