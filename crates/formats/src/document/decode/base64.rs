//! Base64 (RFC 4648), as lenient as mail readers are.

/// The value of a base64 digit, of both the common and the URL alphabet.
pub fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Decodes what is base64 in `text` and skips the rest (RFC 2045, 6.8). Padding ends a run of
/// digits; what follows it is decoded as the next run, as some readers do.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0u8);
    for byte in text {
        if *byte == b'=' {
            flush(bits, count, &mut out);
            (bits, count) = (0, 0);
        } else if let Some(value) = digit(*byte) {
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                out.extend_from_slice(&bits.to_be_bytes()[1..]);
                (bits, count) = (0, 0);
            }
        }
    }
    flush(bits, count, &mut out);
    out
}

/// The one or two bytes of an unfinished group.
fn flush(bits: u32, count: u8, out: &mut Vec<u8>) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_what_is_there() {
        for (text, expect) in [
            (&b"aGVsbG8="[..], &b"hello"[..]),
            (b"aGVs\r\nbG8", b"hello"),
            (b"aGVsbG8=aGVsbG8=", b"hellohello"),
            (b"!!", b""),
            (b"a", b""),
            (b"_-8", b"\xff\xef"),
        ] {
            assert_eq!(decode(text), expect);
        }
    }
}
