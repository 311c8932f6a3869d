//! The compiled form of a module, which its stream keeps in front of the source. Its layout is not
//! published; offsets and opcode numbers are those that V. Bontchev found (pcodedmp, 2016-2019).

use palisade_formats::bytes::{Cursor, u16_le, u32_le};

/// Lines of one module.
const MAX_LINES: usize = 65_536;
/// String literals that are kept of one module.
const MAX_STRINGS: usize = 2_000;
/// Shortest literal that is compared with the source, in bytes.
const MIN_STRING: usize = 4;

/// Which opcodes a module has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// VBA 6 and 7 of 32 bits.
    Narrow,
    /// VBA 7 of 64 bits.
    Wide,
    /// Older ones, whose tables stand elsewhere.
    Other,
}

impl Version {
    /// By the header of the `_VBA_PROJECT` stream (\[MS-OVBA\] 2.3.4.1) and the system kind of `dir`.
    pub(crate) fn of(project: &[u8], wide: bool) -> Self {
        match u16_le(project, 2) {
            // 0x6b is the first of VBA 6.
            Some(0x6b..0xff) if wide => Self::Wide,
            Some(0x6b..0xff) => Self::Narrow,
            _ => Self::Other,
        }
    }

    /// The opcode of a string literal.
    fn literal(self) -> Option<u16> {
        match self {
            Self::Narrow => Some(182),
            Self::Wide => Some(185),
            Self::Other => None,
        }
    }
}

/// What a compiled module says.
#[derive(Default)]
pub(crate) struct PCode {
    /// Lines with instructions.
    pub(crate) lines: usize,
    /// String literals of those lines.
    pub(crate) strings: Vec<String>,
}

/// Reads the table of lines and the string literals. A cache of another version or layout has none.
pub(crate) fn read(cache: &[u8], version: Version) -> PCode {
    table(cache, version).unwrap_or_default()
}

fn table(cache: &[u8], version: Version) -> Option<PCode> {
    let literal = version.literal()?;
    let start = usize::try_from(u32_le(cache, 0x19)?).ok()?.checked_add(0x3c)?;
    let mut cursor = Cursor::at(cache, start)?;
    if cursor.u16_le()? != 0xcafe {
        return None;
    }
    cursor.skip(2)?;
    let count = usize::from(cursor.u16_le()?);
    let code = cursor.position().checked_add(count.checked_mul(12)?)?.checked_add(10)?;
    let mut found = PCode::default();
    for _ in 0..count.min(MAX_LINES) {
        cursor.skip(4)?;
        let length = usize::from(cursor.u16_le()?);
        cursor.skip(2)?;
        let offset = cursor.u32_le()?;
        if length == 0 || offset == u32::MAX {
            continue;
        }
        let Some(from) = usize::try_from(offset).ok().and_then(|offset| code.checked_add(offset))
        else {
            continue;
        };
        let Some(line) = from.checked_add(length).and_then(|end| cache.get(from..end)) else {
            continue;
        };
        found.lines += 1;
        strings(line, literal, &mut found.strings);
    }
    Some(found)
}

/// Literals of a line: opcode, length, bytes, padded to even. Instructions are words, so only even
/// places can be opcodes; a word that looks like one by chance has no printable text behind it.
fn strings(line: &[u8], literal: u16, out: &mut Vec<String>) {
    let mut at = 0;
    while let Some(word) = u16_le(line, at) {
        at += 2;
        if word & 0x3ff != literal {
            continue;
        }
        let Some(length) = u16_le(line, at).map(usize::from) else { return };
        let Some(text) = line.get(at + 2..(at + 2).saturating_add(length)) else { continue };
        let printable = text.iter().all(|byte| (0x20..0x7f).contains(byte));
        if printable && length >= MIN_STRING && out.len() < MAX_STRINGS {
            out.push(String::from_utf8_lossy(text).into_owned());
        }
        if printable {
            at += 2 + length.next_multiple_of(2);
        }
    }
}
