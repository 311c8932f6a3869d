//! JSON by its tokens (RFC 8259), without a tree.

use super::super::Type;
use super::super::tables::named;

/// Tokens after which it is settled.
const MAX_TOKENS: usize = 4_000;

/// JSON or one of the formats written in it; `None` at the first token that is not JSON.
pub(super) fn classify(text: &[u8]) -> Option<&'static Type> {
    let mut at = 0;
    let mut depth = 0usize;
    let mut documents = 0usize;
    let mut tokens = 0;
    while at < text.len() && tokens < MAX_TOKENS {
        tokens += 1;
        match text[at] {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b',' | b':' if depth > 0 => at += 1,
            b'{' | b'[' => {
                // An object begins with a key or ends at once.
                if text[at] == b'{' {
                    let next = text[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                    if next.is_some_and(|next| !matches!(next, b'"' | b'}')) {
                        return None;
                    }
                }
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                documents += usize::from(depth == 0);
                at += 1;
            }
            b'"' if depth > 0 => match string_end(text, at + 1) {
                Some(end) => at = end,
                // Cut by the window, or never closed.
                None => break,
            },
            b'-' | b'0'..=b'9' if depth > 0 => {
                at += text[at..].iter().take_while(|byte| is_number(**byte)).count();
            }
            _ if depth > 0 => {
                let rest = &text[at..];
                let word =
                    [&b"true"[..], b"false", b"null"].into_iter().find(|w| rest.starts_with(w));
                at += word?.len();
            }
            _ => return None,
        }
    }
    if documents > 1 {
        return Some(const { named("ndjson") });
    }
    if tokens < 3 || (documents == 0 && tokens < 8) {
        return None;
    }
    let head = &text[..text.len().min(4096)];
    let has = |key: &[u8]| memchr::memmem::find(head, key).is_some();
    Some(if has(b"\"nbformat\"") || has(b"\"cell_type\"") {
        const { named("ipynb") }
    } else if has(b"\"FeatureCollection\"") {
        const { named("geojson") }
    } else if has(b"\"asset\"") && has(b"\"meshes\"") {
        const { named("gltf") }
    } else {
        const { named("json") }
    })
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The offset after the closing quote.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}
