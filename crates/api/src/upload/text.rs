//! Text in headers. HTTP gives bytes (RFC 9110, section 5.5); callers mean UTF-8, percent-encoded or
//! raw, and the vendor's own client sends ISO 8859-1.

/// Percent-encoded UTF-8, or raw UTF-8, or raw ISO 8859-1. `None` for a broken escape, or for
/// escapes that do not give UTF-8: then the name meant cannot be known.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    if !bytes.contains(&b'%') {
        return Some(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        });
    }
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|&byte| byte == b'%') {
        let digits = rest.get(place + 1..place + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = &rest[place + 3..];
    }
    let decoded: Vec<u8> = percent_encoding::percent_decode(bytes).collect();
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_in_three_ways() {
        assert_eq!(decode(b"r%C3%A9sum%C3%A9.pdf").as_deref(), Some("résumé.pdf"));
        assert_eq!(decode("résumé.pdf".as_bytes()).as_deref(), Some("résumé.pdf"));
        assert_eq!(decode(b"r\xE9sum\xE9.pdf").as_deref(), Some("résumé.pdf"));
        assert_eq!(decode(b"a+b.txt").as_deref(), Some("a+b.txt"));
        for broken in [&b"100%"[..], b"%", b"%4", b"%zz", b"%FF", b"a%C3", b"\xE9%20"] {
            assert_eq!(decode(broken), None, "{broken:?}");
        }
    }
}
