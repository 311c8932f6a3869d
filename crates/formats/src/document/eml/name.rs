//! Names of attachments: encoded words (RFC 2047) and split parameters (RFC 2231).

use super::super::decode::{base64, hex, quoted_printable};

/// The parameter `wanted` in any of its forms, decoded.
pub(super) fn parameter(parameters: &[(String, Vec<u8>)], wanted: &str) -> Option<String> {
    let plain = parameters.iter().find(|(name, _)| name == wanted);
    if let Some((_, value)) = plain {
        return Some(decode_words(value));
    }
    // `name*`, or `name*0`, `name*1*`, …: pieces in order, percent-encoded where the star ends.
    let mut pieces: Vec<(u32, Vec<u8>, bool)> = Vec::new();
    for (name, value) in parameters {
        let Some(rest) = name.strip_prefix(wanted).and_then(|rest| rest.strip_prefix('*')) else {
            continue;
        };
        let (number, encoded) = match rest.strip_suffix('*') {
            Some(number) => (number, true),
            None => (rest, rest.is_empty()),
        };
        let order = if number.is_empty() { 0 } else { number.parse().ok()? };
        pieces.push((order, value.clone(), encoded));
    }
    pieces.sort_by_key(|(order, _, _)| *order);
    let encoded_first = pieces.first()?.2;
    let mut charset = String::new();
    let mut bytes = Vec::new();
    for (at, (_, value, encoded)) in pieces.iter().enumerate() {
        let mut value = value.as_slice();
        if at == 0 && encoded_first {
            // charset'language'text
            let mut cut = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(set), Some(_), Some(text)) = (cut.next(), cut.next(), cut.next()) {
                charset = String::from_utf8_lossy(set).to_ascii_lowercase();
                value = text;
            }
        }
        if *encoded { bytes.extend(percent(value)) } else { bytes.extend_from_slice(value) }
    }
    Some(to_text(&bytes, &charset))
}

fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let digit = |at: usize| text.get(at).copied().and_then(hex::digit);
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Decodes `=?charset?B or Q?text?=` words; blanks between two words vanish.
pub(super) fn decode_words(value: &[u8]) -> String {
    let value = value.trim_ascii();
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        let Some((word, length)) = word(&rest[start..]) else {
            out.push_str(&to_text(&rest[..start + 2], ""));
            rest = &rest[start + 2..];
            after_word = false;
            continue;
        };
        let between = &rest[..start];
        if !(after_word && between.trim_ascii().is_empty()) {
            out.push_str(&to_text(between, ""));
        }
        out.push_str(&word);
        after_word = true;
        rest = &rest[start + length..];
    }
    out.push_str(&to_text(rest, ""));
    out
}

/// The word at the start of `text`, and its length.
fn word(text: &[u8]) -> Option<(String, usize)> {
    let inner = text.strip_prefix(b"=?")?;
    let charset_end = memchr::memchr(b'?', &inner[..inner.len().min(64)])?;
    let charset = String::from_utf8_lossy(&inner[..charset_end]).to_ascii_lowercase();
    let kind = inner.get(charset_end + 1)?.to_ascii_uppercase();
    let body = inner.get(charset_end + 2..)?.strip_prefix(b"?")?;
    let end = memchr::memmem::find(body, b"?=")?;
    let bytes = match kind {
        b'B' => base64::decode(&body[..end]),
        b'Q' => {
            let spaced: Vec<u8> =
                body[..end].iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            quoted_printable::decode(&spaced)
        }
        _ => return None,
    };
    Some((to_text(&bytes, &charset), 2 + charset_end + 3 + end + 2))
}

/// Text in the charsets that names come in; others are read as UTF-8 with replacements.
fn to_text(bytes: &[u8], charset: &str) -> String {
    if matches!(charset, "iso-8859-1" | "iso-8859-15" | "windows-1252" | "latin1") {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}
