//! What decoding functions do, bounded.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use palisade_formats::document::decode::{base64, hex};

/// Bytes that one compressed layer may grow to.
pub(super) const MAX_INFLATED: u64 = 16 << 20;
/// Bytes of a decoded value that are looked at to tell text from data.
const LOOK: usize = 512;

/// A step from what stands in the file to what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Steps(u16);

macro_rules! steps {
    ($($name:ident $bit:literal $text:literal;)*) => {
        impl Steps {
            $(pub(super) const $name: Self = Self(1 << $bit);)*
            const NAMES: &'static [(u16, &'static str)] = &[$((1 << $bit, $text)),*];
        }
    };
}

steps! {
    JOINED 0 "joined strings";
    CODES 1 "character codes";
    BASE64 2 "base64";
    HEX 3 "hexadecimal";
    PERCENT 4 "percent escapes";
    INFLATED 5 "compression";
    ROTATED 6 "rot13";
    REVERSED 7 "reversal";
    REPLACED 8 "replacement";
    KEYED 9 "a one-byte key";
    PACKED 10 "a packer";
    ENCODED 11 "the Script Encoder";
    UTF16 12 "UTF-16";
}

impl Steps {
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether more was done than joining pieces.
    pub(super) fn is_decoding(self) -> bool {
        self.0 & !Self::JOINED.0 != 0
    }

    /// For people: `base64, compression`.
    pub(super) fn describe(self) -> String {
        let names: Vec<&str> = Self::NAMES
            .iter()
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        names.join(", ")
    }
}

/// Whether bytes read as text: nearly no control characters in the first of them.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let look = bytes.get(..bytes.len().min(LOOK)).unwrap_or_default();
    let odd = look
        .iter()
        .filter(|byte| (**byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || **byte >= 0x7f)
        .count();
    !look.is_empty() && odd * 20 <= look.len()
}

/// UTF-16LE of mostly ASCII, as UTF-8.
pub(super) fn utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let look = bytes.get(..bytes.len().min(LOOK) & !1)?;
    let zeros = look.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    let empty = look.iter().step_by(2).filter(|byte| **byte == 0).count();
    if look.len() < 8 || zeros * 10 < look.len() / 2 * 8 || empty * 20 > look.len() {
        return None;
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
    Some(text.into_bytes())
}

/// Whether text is nothing but base64 digits, at least `least` of them, and not a word or a number.
pub(super) fn looks_base64(text: &[u8], least: usize) -> bool {
    let mut digits = 0usize;
    let (mut upper, mut lower, mut number) = (false, false, false);
    for byte in text {
        match byte {
            b'A'..=b'Z' => upper = true,
            b'a'..=b'z' => lower = true,
            b'0'..=b'9' => number = true,
            b'+' | b'/' | b'-' | b'_' => {}
            b'=' | b'\r' | b'\n' | b' ' | b'\t' => continue,
            _ => return false,
        }
        digits += 1;
    }
    digits >= least && upper && lower && (number || digits > 64) && digits % 4 != 1
}

/// Whether text is nothing but pairs of hexadecimal digits, at least `least` digits.
pub(super) fn looks_hex(text: &[u8], least: usize) -> bool {
    text.len() >= least
        && text.len().is_multiple_of(2)
        && text.iter().all(u8::is_ascii_hexdigit)
        && text.iter().any(u8::is_ascii_digit)
}

pub(super) fn from_base64(text: &[u8]) -> Vec<u8> {
    base64::decode(text)
}

pub(super) fn from_hex(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().filter_map(|byte| hex::digit(*byte)).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

pub(super) fn rot13(text: &[u8]) -> Vec<u8> {
    let turn = |byte: u8, base: u8| (byte - base + 13) % 26 + base;
    text.iter()
        .map(|byte| match byte {
            b'a'..=b'z' => turn(*byte, b'a'),
            b'A'..=b'Z' => turn(*byte, b'A'),
            other => *other,
        })
        .collect()
}

/// What a gzip or zlib stream holds, by its magic (RFC 1952 2.3.1, RFC 1950 2.2); with `raw`, also a
/// deflate stream without one. What could be read counts.
pub(super) fn inflate(bytes: &[u8], raw: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match bytes {
        [0x1f, 0x8b, 8, ..] => read(GzDecoder::new(bytes), &mut out),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => read(ZlibDecoder::new(bytes), &mut out),
        _ if raw => read(DeflateDecoder::new(bytes), &mut out),
        _ => {}
    }
    (!out.is_empty()).then_some(out)
}

fn read(reader: impl Read, out: &mut Vec<u8>) {
    // An error ends it; what came before is the layer.
    let _ = reader.take(MAX_INFLATED).read_to_end(out);
}

/// The type of a program or container that these bytes are, if any.
pub(super) fn program(bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() < 64 {
        return None;
    }
    let found = palisade_formats::filetype::detect(bytes).ty;
    // Programs of a system; bytecode (WebAssembly, class files) is data for a script's own runtime.
    // `pe_dll` is one, `pem_private_key` is none.
    let kind = found.id.split('_').next().unwrap_or_default();
    matches!(kind, "pe" | "elf" | "macho").then_some(found.id)
}
