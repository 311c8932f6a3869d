//! Is it text, and in which encoding?

use std::borrow::Cow;

use super::super::Type;
use super::super::tables::named;

/// How text is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Ascii,
    Utf8,
    Utf16Le,
    Utf16Be,
    Utf32,
    /// Eight bits a character, one of many tables.
    Latin1,
}

impl Encoding {
    /// The type of plain text in this encoding.
    pub(crate) fn plain(self) -> &'static Type {
        match self {
            Self::Ascii => const { named("txt") },
            Self::Utf8 => const { named("txt_utf8") },
            Self::Utf16Le => const { named("txt_utf16le") },
            Self::Utf16Be => const { named("txt_utf16be") },
            Self::Utf32 => const { named("txt_utf32") },
            Self::Latin1 => const { named("txt_latin1") },
        }
    }
}

/// Text as bytes whose ASCII part reads as ASCII: UTF-16 is turned into UTF-8, others are as they
/// were, without a byte order mark.
pub(crate) struct Text<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) encoding: Encoding,
}

/// The text in `data`, or `None` when it holds bytes that text does not.
pub(crate) fn decode(data: &[u8]) -> Option<Text<'_>> {
    if let Some(rest) = data.strip_prefix(b"\xff\xfe\0\0") {
        return utf32(rest, u32::from_le_bytes);
    }
    if let Some(rest) = data.strip_prefix(b"\0\0\xfe\xff") {
        return utf32(rest, u32::from_be_bytes);
    }
    if let Some(rest) = data.strip_prefix(b"\xff\xfe") {
        return utf16(rest, Encoding::Utf16Le);
    }
    if let Some(rest) = data.strip_prefix(b"\xfe\xff") {
        return utf16(rest, Encoding::Utf16Be);
    }
    let bytes = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    if bytes.iter().any(|byte| is_control(*byte)) {
        return unmarked_utf16(data);
    }
    let encoding = if bytes.is_ascii() {
        if bytes.len() == data.len() { Encoding::Ascii } else { Encoding::Utf8 }
    } else {
        match std::str::from_utf8(bytes) {
            Ok(_) => Encoding::Utf8,
            // The window may cut a character.
            Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => Encoding::Utf8,
            Err(_) => {
                let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
                // Short random bytes have no controls by luck; text of few bytes is mostly ASCII.
                if bytes.len() < 512 && high * 3 > bytes.len() {
                    return None;
                }
                Encoding::Latin1
            }
        }
    };
    Some(Text { bytes: Cow::Borrowed(bytes), encoding })
}

/// Control characters that text does not have. Bell, backspace, tab, line ends, form feed, end of
/// file (DOS) and escape (terminal colours) it may have.
pub(in crate::filetype) fn is_control(byte: u8) -> bool {
    byte == 0x7f || byte < 0x20 && !matches!(byte, 7..=13 | 0x1a | 0x1b)
}

fn utf16(bytes: &[u8], encoding: Encoding) -> Option<Text<'_>> {
    let units = bytes.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if encoding == Encoding::Utf16Le {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    });
    let mut text = String::with_capacity(bytes.len() / 2 + 1);
    let mut broken = 0usize;
    for unit in char::decode_utf16(units) {
        let character = unit.unwrap_or('\u{fffd}');
        let bad = character == '\u{fffd}'
            || u8::try_from(u32::from(character)).is_ok_and(is_control)
            || matches!(character, '\u{fffe}' | '\u{ffff}');
        broken += usize::from(bad);
        text.push(character);
    }
    // The window may cut a pair; beyond that a few broken halves are tolerated in long text.
    (broken <= 1 + text.len() / 1024)
        .then(|| Text { bytes: Cow::Owned(text.into_bytes()), encoding })
}

/// UTF-16 without a mark, of mostly ASCII: every other byte is zero.
fn unmarked_utf16(data: &[u8]) -> Option<Text<'_>> {
    const LOOK: usize = 1024;
    let look = &data[..data.len().min(LOOK) & !1];
    if look.len() < 8 {
        return None;
    }
    let ascii = |low: u8, high: u8| high == 0 && low < 0x7f && low != 0 && !is_control(low);
    let little = look.chunks_exact(2).filter(|pair| ascii(pair[0], pair[1])).count();
    let big = look.chunks_exact(2).filter(|pair| ascii(pair[1], pair[0])).count();
    let most = look.len() / 2 * 9 / 10;
    if little >= most.max(4) {
        utf16(data, Encoding::Utf16Le)
    } else if big >= most.max(4) {
        utf16(data, Encoding::Utf16Be)
    } else {
        None
    }
}

fn utf32(bytes: &[u8], read: fn([u8; 4]) -> u32) -> Option<Text<'_>> {
    let mut text = String::new();
    for unit in bytes.chunks_exact(4) {
        text.push(char::from_u32(read([unit[0], unit[1], unit[2], unit[3]]))?);
    }
    Some(Text { bytes: Cow::Owned(text.into_bytes()), encoding: Encoding::Utf32 })
}
