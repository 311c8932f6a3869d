//! A reader of XML for looking, not for validating: elements, attributes and text in order, whatever
//! is between them, in one pass and without a tree.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// Longest start tag that is read, in bytes.
const MAX_TAG_BYTES: usize = 64 << 10;

/// A piece of markup.
pub(crate) enum Token<'a> {
    /// A start tag, empty or not.
    Open(Element<'a>),
    /// An end tag: its local name.
    Close(&'a [u8]),
    /// Text between tags, its entities as they stand.
    Text(&'a [u8]),
}

/// A start tag.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// Name with its prefix.
    pub(crate) name: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Element<'a> {
    /// The name without its prefix.
    pub(crate) fn local(&self) -> &'a [u8] {
        local(self.name)
    }

    /// The value of the attribute with this local name, decoded.
    pub(crate) fn attribute(&self, wanted: &[u8]) -> Option<String> {
        self.attributes().find(|(name, _)| local(name) == wanted).map(|(_, value)| decode(value))
    }

    /// Names with their prefixes, and raw values.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let equals = memchr(b'=', rest)?;
            let (name, tail) = rest.split_at_checked(equals)?;
            let tail = tail.get(1..)?.trim_ascii_start();
            let (quote, tail) = tail.split_first()?;
            let end = memchr(*quote, tail)?;
            let (value, after) = tail.split_at_checked(end)?;
            rest = after.get(1..).unwrap_or_default();
            Some((name.trim_ascii(), value))
        })
    }
}

fn local(name: &[u8]) -> &[u8] {
    memchr(b':', name).and_then(|colon| name.get(colon + 1..)).unwrap_or(name)
}

/// The tokens of UTF-8 text.
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
    /// Bytes that may still be searched for the ends of tags: each once, and some again behind
    /// quotes that do not close.
    budget: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { rest: text, budget: text.len().saturating_mul(2) + (1 << 20) }
    }

    /// Skips `count` bytes of what is left.
    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let open = memchr(b'<', self.rest).unwrap_or(self.rest.len());
            if open > 0 {
                let (text, rest) = self.rest.split_at(open);
                self.rest = rest;
                if text.trim_ascii().is_empty() {
                    continue;
                }
                return Some(Token::Text(text));
            }
            // Comments and character data may hold tags.
            for (start, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<?", b"?>")] {
                if self.rest.starts_with(start) {
                    let close = memmem::find(self.rest, end).map(|at| at + end.len());
                    self.advance(close.unwrap_or(self.rest.len()));
                }
            }
            if let Some(body) = self.rest.strip_prefix(b"<![CDATA[") {
                let close = memmem::find(body, b"]]>").unwrap_or(body.len());
                let text = body.get(..close).unwrap_or_default();
                self.rest = body.get(close + 3..).unwrap_or_default();
                return Some(Token::Text(text));
            }
            if self.rest.first() != Some(&b'<') {
                continue;
            }
            if self.budget == 0 {
                return None;
            }
            let Some(end) = tag_end(self.rest) else {
                self.budget = self.budget.saturating_sub(self.rest.len().min(MAX_TAG_BYTES));
                self.advance(1);
                continue;
            };
            self.budget = self.budget.saturating_sub(end);
            let tag = self.rest.get(1..end).unwrap_or_default();
            self.advance(end + 1);
            if let Some(name) = tag.strip_prefix(b"/") {
                return Some(Token::Close(local(name.trim_ascii())));
            }
            let tag = tag.strip_suffix(b"/").unwrap_or(tag);
            let name = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
            let (name, attributes) = tag.split_at(name);
            return Some(Token::Open(Element { name, attributes }));
        }
    }
}

/// Where the tag at the start of `text` ends: at a `>` outside quotes.
fn tag_end(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    let window = text.get(..text.len().min(MAX_TAG_BYTES))?;
    for (at, byte) in window.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    // Quotes that do not close: the first bracket.
    memchr(b'>', window)
}

/// Undoes the five entities and character references.
pub(crate) fn decode(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('&') {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = rest.find('&') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let end = tail.bytes().take(12).position(|byte| byte == b';');
        let decoded = end.and_then(|end| entity(tail.get(1..end)?)).zip(end);
        let (letter, length) = decoded.map_or(('&', 1), |(letter, end)| (letter, end + 1));
        out.push(letter);
        rest = tail.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// Text as UTF-8: parts may be UTF-16 with a mark.
pub(crate) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |body: &[u8], read: fn([u8; 2]) -> u16| {
        let units = body.as_chunks::<2>().0.iter().map(|pair| read(*pair));
        let text: String =
            char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, body @ ..] => wide(body, u16::from_le_bytes),
        [0xfe, 0xff, body @ ..] => wide(body, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, body @ ..] => Cow::Borrowed(body),
        _ => Cow::Borrowed(bytes),
    }
}
