//! Escapes inside strings.

use palisade_formats::document::decode::hex::digit;

/// Undoes `\n`, `\x41`, `\u0041`, `\u{41}`, `\101` (ECMAScript 12.9.4, POSIX `$'…'`, Python 2.4.1). In a
/// word (`identifier`), only the `\u` forms are escapes.
pub(super) fn backslash(text: &[u8], identifier: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'\\' {
            out.push(*byte);
            at += 1;
            continue;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let taken = match rest.first() {
            None => {
                out.push(b'\\');
                0
            }
            Some(b'x') => number(&mut out, rest, 2),
            Some(b'u') if rest.get(1) == Some(&b'{') => braced(&mut out, rest),
            Some(b'u') => number(&mut out, rest, 4),
            Some(b'U') => number(&mut out, rest, 8),
            Some(_) if identifier => 0,
            Some(b'0'..=b'7') => octal(&mut out, rest),
            Some(letter) => {
                match letter {
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'\n' | b'\r' => {}
                    b'\\' | b'"' | b'\'' | b'`' | b'/' | b'$' => out.push(*letter),
                    // Unknown escapes keep their backslash in most languages; paths are written so.
                    other => out.extend([b'\\', *other]),
                }
                1
            }
        };
        at += 1 + taken;
    }
    out
}

/// The number behind `x` or `u`; gives how many bytes were read.
fn number(out: &mut Vec<u8>, rest: &[u8], most: usize) -> usize {
    let digits: Vec<u8> = rest.iter().skip(1).take(most).map_while(|byte| digit(*byte)).collect();
    if digits.is_empty() {
        out.extend(rest.first());
        return 1;
    }
    let value = digits.iter().fold(0u32, |value, digit| value << 4 | u32::from(*digit));
    push(out, value, most == 2);
    1 + digits.len()
}

fn braced(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    let digits: Vec<u8> = rest.iter().skip(2).take(6).map_while(|byte| digit(*byte)).collect();
    let value = digits.iter().fold(0u32, |value, digit| value << 4 | u32::from(*digit));
    push(out, value, false);
    (3 + digits.len()).min(rest.len())
}

fn octal(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let value =
        rest.iter().take(digits).fold(0u32, |value, byte| value << 3 | u32::from(byte - b'0'));
    push(out, value & 0xff, true);
    digits
}

/// A code as the byte that it is, or in UTF-8.
pub(crate) fn push(out: &mut Vec<u8>, value: u32, byte: bool) {
    match u8::try_from(value) {
        Ok(value) if byte || value < 0x80 => out.push(value),
        _ => {
            let character = char::from_u32(value).unwrap_or('\u{fffd}');
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// Undoes PowerShell's backticks (about_Special_Characters) and doubled quotes.
pub(super) fn backtick(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'`' => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(b'0') => out.push(0),
                other => out.extend(other),
            },
            byte if *byte == quote => {
                bytes.next_if(|next| **next == quote);
                out.push(quote);
            }
            byte => out.push(*byte),
        }
    }
    out
}

/// Undoes doubled quotes.
pub(super) fn doubled(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == quote {
            bytes.next_if(|next| **next == quote);
        }
        out.push(*byte);
    }
    out
}

/// Undoes `%41` and `%u0041` (RFC 3986 2.1, ECMAScript B.2.1.2).
pub(super) fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let rest = text.get(at + 1..).unwrap_or_default();
        let wide = matches!(rest.first(), Some(b'u' | b'U'));
        let (skip, most) = if wide { (1, 4) } else { (0, 2) };
        let digits: Vec<u8> =
            rest.iter().skip(skip).take(most).map_while(|byte| digit(*byte)).collect();
        if *byte == b'%' && digits.len() == most {
            let value = digits.iter().fold(0u32, |value, digit| value << 4 | u32::from(*digit));
            push(&mut out, value, !wide);
            at += 1 + skip + most;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}
