//! Archives, encodings and fonts whose signature is short.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{Cursor, u16_be, u16_le, u32_be, u32_le};

/// `ar`: a first member `debian-binary` makes it a Debian package (deb(5)).
pub(in crate::filetype) fn ar(data: &[u8]) -> Option<&'static Type> {
    Some(match data.get(8..21) {
        Some(b"debian-binary") => const { named("deb") },
        _ => const { named("ar") },
    })
}

/// Cpio: the ASCII forms have only digits after the magic, the binary form a bounded name size.
pub(in crate::filetype) fn cpio(data: &[u8]) -> Option<&'static Type> {
    let valid = if data.starts_with(b"0707") {
        data.get(6..76)?.iter().take(70).all(u8::is_ascii_hexdigit)
    } else {
        let little = data.first() == Some(&0xc7);
        let size = if little { u16_le(data, 20) } else { u16_be(data, 20) }?;
        let end = usize::from(size).checked_add(25)?;
        size > 0 && size < 4096 && data.get(end) == Some(&0)
    };
    valid.then_some(const { named("cpio") })
}

/// ARJ main header: a size of at most 2600, a first header of 30 or more, type 2.
pub(in crate::filetype) fn arj(data: &[u8]) -> Option<&'static Type> {
    let size = u16_le(data, 2)?;
    let first = *data.get(4)?;
    let kind = *data.get(10)?;
    (size <= 2600 && (30..=size).contains(&u16::from(first)) && kind == 2)
        .then_some(const { named("arj") })
}

/// LHA: `-lh?-`, `-lz?-` or `-pm?-` behind the size and checksum bytes.
pub(in crate::filetype) fn lha(data: &[u8]) -> Option<&'static Type> {
    let method = *data.get(5)?;
    let closed = data.get(6) == Some(&b'-');
    let level = *data.get(20)?;
    let known = matches!(method, b'0'..=b'9' | b'd' | b's' | b'x');
    (closed && known && level <= 3).then_some(const { named("lha") })
}

/// ARC: 0x1A, a method below 12, a NUL-terminated name, sizes that fit the file.
pub(in crate::filetype) fn arc(data: &[u8]) -> Option<&'static Type> {
    let method = *data.get(1)?;
    let name = data.get(2..15)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    let printable = end > 0 && name[..end].iter().all(|byte| (0x21..0x7f).contains(byte));
    let packed = usize::try_from(u32_le(data, 15)?).ok()?;
    ((1..=11).contains(&method) && printable && packed <= data.len())
        .then_some(const { named("arc") })
}

/// HA: an archive count, then version and method 0 to 2 in one byte.
pub(in crate::filetype) fn ha(data: &[u8]) -> Option<&'static Type> {
    let count = u16_le(data, 2)?;
    let method = *data.get(4)?;
    ((1..1_000).contains(&count)
        && method & 0xf0 == 0x20
        && matches!(method & 0xf, 0..=2 | 14 | 15))
    .then_some(const { named("ha") })
}

/// Chrome extension: version 2 or 3 behind the magic.
pub(in crate::filetype) fn crx(data: &[u8]) -> Option<&'static Type> {
    matches!(u32_le(data, 4)?, 2 | 3).then_some(const { named("crx") })
}

/// MacBinary III: version bytes and a name of 1 to 63 bytes.
pub(in crate::filetype) fn macbinary(data: &[u8]) -> Option<&'static Type> {
    let length = *data.get(1)?;
    (data.first() == Some(&0) && (1..=63).contains(&length)).then_some(const { named("macbinary") })
}

/// `begin <octal mode> <name>` (POSIX `uuencode`).
pub(in crate::filetype) fn uuencode(data: &[u8]) -> Option<&'static Type> {
    let line = data.get(..data.len().min(300))?;
    let line = &line[..memchr::memchr(b'\n', line)?];
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    let mode = words.next()?;
    let named_file = words.next().is_some_and(|name| !name.is_empty());
    let octal = (3..=6).contains(&mode.len()) && mode.iter().all(|b| (b'0'..=b'7').contains(b));
    (octal && named_file).then_some(const { named("uuencode") })
}

/// Quake package: directory within the file, in entries of 64 bytes.
pub(in crate::filetype) fn quake_pak(data: &[u8]) -> Option<&'static Type> {
    let offset = usize::try_from(u32_le(data, 4)?).ok()?;
    let size = usize::try_from(u32_le(data, 8)?).ok()?;
    (size % 64 == 0 && offset.checked_add(size)? <= data.len()).then_some(const { named("pak") })
}

/// DAR: after the magic and a label of ten bytes, `N` or `T` (no or an extension).
pub(in crate::filetype) fn dar(data: &[u8]) -> Option<&'static Type> {
    matches!(data.get(14)?, b'N' | b'T' | b'E').then_some(const { named("dar") })
}

/// TrueType: the search fields follow from the number of tables (OpenType, "Table Directory").
pub(in crate::filetype) fn truetype(data: &[u8]) -> Option<&'static Type> {
    let tables = u16_be(data, 4)?;
    let range = u16_be(data, 6)?;
    let printable = data.get(12..16)?.iter().all(|byte| (0x20..0x7f).contains(byte));
    ((1..=256).contains(&tables) && range % 16 == 0 && printable).then_some(const { named("ttf") })
}

/// PC screen font: mode below 8 and a height for version 1.
pub(in crate::filetype) fn console_font(data: &[u8]) -> Option<&'static Type> {
    let valid = match data.first()? {
        0x72 => true,
        _ => *data.get(2)? < 8 && (1..=64).contains(data.get(3)?) && data.len() > 1024,
    };
    valid.then_some(const { named("psf") })
}

/// TeX packed font: a printable comment, then a design size.
pub(in crate::filetype) fn tex_pk(data: &[u8]) -> Option<&'static Type> {
    let length = usize::from(*data.get(2)?);
    let mut cursor = Cursor::at(data, 3)?;
    let comment = cursor.take(length)?;
    let size = u32_be(data, cursor.position())?;
    (comment.iter().all(|byte| (0x20..0x7f).contains(byte)) && size != 0 && size < 1 << 28)
        .then_some(const { named("tex_pk") })
}
