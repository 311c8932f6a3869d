//! Elements of HTML and XML, as lenient as browsers are.

use std::borrow::Cow;

use crate::script::push_code;

/// Attributes of a tag.
const MAX_ATTRIBUTES: usize = 64;

/// The name of an attribute in lower case, and its value.
type Attribute<'t> = (Vec<u8>, Cow<'t, [u8]>);

/// An element's opening tag.
pub(crate) struct Tag<'t> {
    pub(crate) name: Vec<u8>,
    pub(crate) attributes: Vec<Attribute<'t>>,
    pub(crate) start: usize,
    /// Where its text begins.
    pub(crate) end: usize,
}

impl Tag<'_> {
    /// The value of an attribute, named in lower case.
    pub(crate) fn attribute(&self, name: &str) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(known, _)| known == name.as_bytes());
        found.map(|(_, value)| value.as_ref())
    }

    /// The same in lower case, without blanks around it; empty when it is not there.
    pub(crate) fn lower(&self, name: &str) -> String {
        let value = self.attribute(name).unwrap_or_default();
        String::from_utf8_lossy(value).trim().to_ascii_lowercase()
    }
}

/// The next element that opens at or behind `from`; comments are stepped over.
pub(crate) fn next_tag(text: &[u8], from: usize) -> Option<Tag<'_>> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'<', text.get(at..)?)?;
        let rest = text.get(at + 1..)?;
        if rest.starts_with(b"!--") {
            let end = memchr::memmem::find(rest, b"-->").unwrap_or(rest.len());
            at += 1 + end;
            continue;
        }
        let length = rest
            .iter()
            .take(64)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_'))
            .count();
        if length == 0 || !rest.first().is_some_and(u8::is_ascii_alphabetic) {
            at += 1;
            continue;
        }
        let name = rest.get(..length)?.to_ascii_lowercase();
        let (attributes, used) = attributes(rest.get(length..)?);
        return Some(Tag { name, attributes, start: at, end: at + 1 + length + used });
    }
}

/// The attributes up to the closing bracket, and the bytes that they take.
fn attributes(text: &[u8]) -> (Vec<Attribute<'_>>, usize) {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'>' => return (found, at + 1),
            b'<' => return (found, at),
            byte if byte.is_ascii_whitespace() || *byte == b'/' => at += 1,
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                let length = rest
                    .iter()
                    .position(|byte| {
                        byte.is_ascii_whitespace() || matches!(byte, b'=' | b'>' | b'/')
                    })
                    .unwrap_or(rest.len())
                    .max(1);
                let name = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
                at += length;
                let blanks = |at: usize| {
                    text.get(at..)
                        .unwrap_or_default()
                        .iter()
                        .take(64)
                        .take_while(|byte| byte.is_ascii_whitespace())
                        .count()
                };
                let equals = at + blanks(at);
                let mut value: Cow<'_, [u8]> = Cow::Borrowed(&[]);
                if text.get(equals) == Some(&b'=') {
                    let start = equals + 1 + blanks(equals + 1);
                    let (from, length, after) = quoted(text, start);
                    value = entities(text.get(from..from + length).unwrap_or_default());
                    at = after;
                }
                if found.len() < MAX_ATTRIBUTES {
                    found.push((name, value));
                }
            }
        }
    }
    (found, at)
}

/// Start and length of an attribute's value, and where it ends with its quotes.
fn quoted(text: &[u8], start: usize) -> (usize, usize, usize) {
    let rest = text.get(start..).unwrap_or_default();
    match rest.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let body = rest.get(1..).unwrap_or_default();
            let length = memchr::memchr(*quote, body).unwrap_or(body.len());
            (start + 1, length, (start + length + 2).min(text.len()))
        }
        _ => {
            let length = rest
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || *byte == b'>')
                .unwrap_or(rest.len());
            (start, length, start + length)
        }
    }
}

/// Undoes character references (HTML 13.2.5.72): by number, and the few names that matter in code.
pub(crate) fn entities(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'&', text).is_none() {
        return Cow::Borrowed(text);
    }
    const NAMES: [(&[u8], u8); 8] = [
        (b"amp", b'&'),
        (b"lt", b'<'),
        (b"gt", b'>'),
        (b"quot", b'"'),
        (b"apos", b'\''),
        (b"colon", b':'),
        (b"tab", b'\t'),
        (b"newline", b'\n'),
    ];
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let body = rest.get(at + 1..).unwrap_or_default();
        let end = memchr::memchr(b';', body.get(..body.len().min(12)).unwrap_or_default());
        let name = body.get(..end.unwrap_or(0)).unwrap_or_default().to_ascii_lowercase();
        let code = match name.strip_prefix(b"#") {
            Some([b'x', hex @ ..]) => {
                std::str::from_utf8(hex).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok())
            }
            Some(decimal) => std::str::from_utf8(decimal).ok().and_then(|text| text.parse().ok()),
            None => {
                NAMES.iter().find(|(known, _)| *known == name).map(|(_, byte)| u32::from(*byte))
            }
        };
        match (code, end) {
            (Some(code), Some(end)) => {
                push_code(&mut out, code, false);
                rest = body.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push(b'&');
                rest = body;
            }
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}
