//! Finds every object of a file by its `n g obj` line, whatever the cross-reference table says:
//! a broken or lying table hides nothing, and superseded objects are seen too.

use crate::bytes::find;

use super::object::{Object, Parser, is_blank};

/// An object with its number and, for a stream, where its bytes are.
pub struct Found {
    /// Object number.
    pub number: u32,
    /// Generation number.
    pub generation: u16,
    /// The object; of a stream, its dictionary.
    pub value: Object,
    /// Where the stream's bytes stand.
    pub stream: Option<std::ops::Range<usize>>,
}

/// Walks the objects of a file in the order they stand there.
pub struct Scanner<'a> {
    data: &'a [u8],
    at: usize,
    /// Where the next `endstream` stands, once looked for: each is searched for once.
    end_stream: Option<usize>,
    /// Bytes that parsing may still take. Objects that end where they should take each byte once;
    /// the rest is for broken ones, which are read again from behind their first line.
    budget: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner of a whole file.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, end_stream: Some(0), budget: data.len().saturating_mul(4) + (1 << 20) }
    }

    /// True when the file is so broken that reading on would take too long.
    pub fn gave_up(&self) -> bool {
        self.budget == 0
    }

    fn stream(&mut self, value: &Object, start: usize) -> std::ops::Range<usize> {
        let after = |end: usize| {
            let rest = self.data.get(end..).unwrap_or_default();
            let blanks = rest.iter().take(4).take_while(|byte| is_blank(**byte)).count();
            rest[blanks..].starts_with(b"endstream")
        };
        let stated = value
            .get(b"Length")
            .and_then(Object::number)
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| start.checked_add(length))
            .filter(|end| after(*end));
        if let Some(end) = stated {
            return start..end;
        }
        if self.end_stream.is_some_and(|end| end < start) {
            self.end_stream = find(self.data, b"endstream", start);
        }
        let end = self.end_stream.unwrap_or(self.data.len());
        // The line end before the keyword is not data.
        let body = &self.data[start..end];
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        start..start + body.len()
    }
}

impl Iterator for Scanner<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if self.budget == 0 {
                return None;
            }
            let keyword = find(self.data, b"obj", self.at)?;
            self.at = keyword + 3;
            let Some((number, generation)) = numbers_before(self.data, keyword) else { continue };
            let mut parser = Parser::new(self.data, self.at);
            let value = parser.value();
            self.budget = self.budget.saturating_sub((parser.at - self.at).max(16));
            let Some(value) = value else { continue };
            parser.skip_blanks();
            let mut stream = None;
            let mut end = parser.at;
            if matches!(value, Object::Dictionary(_)) && parser.rest().starts_with(b"stream") {
                let mut start = parser.at + 6;
                // CR LF or LF; a lone CR is a mistake that readers forgive.
                match self.data.get(start..).unwrap_or_default() {
                    [b'\r', b'\n', ..] => start += 2,
                    [b'\r' | b'\n', ..] => start += 1,
                    _ => {}
                }
                let range = self.stream(&value, start);
                end = range.end;
                stream = Some(range);
            }
            self.at = end.max(self.at);
            return Some(Found { number, generation, value, stream });
        }
    }
}

/// `12 0 ` before the keyword.
fn numbers_before(data: &[u8], keyword: usize) -> Option<(u32, u16)> {
    let line = &data[keyword.saturating_sub(32)..keyword];
    let mut rest = trim_blanks(line);
    let generation = digits_at_end(&mut rest)?;
    let trimmed = trim_blanks(rest);
    if trimmed.len() == rest.len() {
        return None;
    }
    rest = trimmed;
    let number = digits_at_end(&mut rest)?;
    Some((u32::try_from(number).ok()?, u16::try_from(generation).ok()?))
}

fn trim_blanks(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |at| at + 1);
    &text[..kept]
}

fn digits_at_end(text: &mut &[u8]) -> Option<u64> {
    let start = text.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let digits = &text[start..];
    *text = &text[..start];
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}
