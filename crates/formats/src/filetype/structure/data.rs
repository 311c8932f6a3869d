//! Databases and other data whose signature is short.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{u16_be, u16_le, u32_le, u64_le};

/// dBase III and kin: a date, a header length that ends the field list with 0x0D.
pub(in crate::filetype) fn dbase(data: &[u8]) -> Option<&'static Type> {
    let (month, day) = (*data.get(2)?, *data.get(3)?);
    let header = usize::from(u16_le(data, 8)?);
    let record = u16_le(data, 10)?;
    let terminated = header > 32 && data.get(header.checked_sub(1)?) == Some(&0x0d);
    let padded = header > 296 && data.get(header.checked_sub(264)?) == Some(&0x0d);
    ((1..=12).contains(&month) && (1..=31).contains(&day) && record > 0 && (terminated || padded))
        .then_some(const { named("dbase") })
}

/// MySQL table definition: a known storage engine number.
pub(in crate::filetype) fn mysql_frm(data: &[u8]) -> Option<&'static Type> {
    (data.len() > 64 && *data.get(3)? < 64).then_some(const { named("mysql_frm") })
}

/// Python pickle of protocol 2 on: ends with the STOP opcode `.` (PEP 307).
pub(in crate::filetype) fn pickle(data: &[u8]) -> Option<&'static Type> {
    let opcode = *data.get(2)?;
    let starts = matches!(
        opcode,
        b'}' | b']' | b'c' | b'(' | b'X' | b'K' | b'N' | b'\x8c' | 0x95 | b'\x8a' | b')'
    );
    (starts && data.last() == Some(&b'.')).then_some(const { named("pickle") })
}

/// Safetensors: the first eight bytes are the length of the JSON header.
pub(in crate::filetype) fn safetensors(data: &[u8]) -> Option<&'static Type> {
    let length = u64_le(data, 0)?;
    (length > 2 && length < data.len() as u64 && length < 100 << 20)
        .then_some(const { named("safetensors") })
}

/// Compiled terminfo (term(5)): section sizes that fit the file, and a name with no controls.
pub(in crate::filetype) fn terminfo(data: &[u8]) -> Option<&'static Type> {
    let names = usize::from(u16_le(data, 2)?);
    let flags = usize::from(u16_le(data, 4)?);
    let numbers = usize::from(u16_le(data, 6)?);
    let strings = usize::from(u16_le(data, 8)?);
    let total = 12 + names + flags + numbers * 2 + strings * 2;
    let name = data.get(12..12 + names)?;
    let (last, text) = name.split_last()?;
    let printable = text.iter().all(|byte| (0x20..0x7f).contains(byte));
    (*last == 0 && printable && names <= 512 && total <= data.len())
        .then_some(const { named("terminfo") })
}

/// Freedesktop MIME cache: version 1.2 and two offsets inside a small header.
pub(in crate::filetype) fn mime_cache(data: &[u8]) -> Option<&'static Type> {
    (u16_be(data, 6)? < 256 && u32_le(data, 8).is_some()).then_some(const { named("mime_cache") })
}

/// Parquet: the magic stands at both ends.
pub(in crate::filetype) fn parquet(data: &[u8]) -> Option<&'static Type> {
    let ends = data.ends_with(b"PAR1") || data.ends_with(b"PARE");
    (data.len() >= 12 && ends).then_some(const { named("parquet") })
}
