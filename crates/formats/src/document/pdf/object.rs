//! Objects of PDF (ISO 32000-1, 7.3), read with tolerance and bounds.

/// Arrays and dictionaries in each other.
const MAX_DEPTH: usize = 24;
/// Values of one object.
const MAX_VALUES: usize = 20_000;

/// A value. Numbers are whole: nothing that we follow has fractions.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `null`, or a number that cannot be read.
    Other,
    /// `true` or `false`.
    Boolean(bool),
    /// The whole part of a number.
    Number(i64),
    /// A name, its escapes undone, without the slash.
    Name(Vec<u8>),
    /// A string, its escapes undone, perhaps still encrypted.
    Text(Vec<u8>),
    /// An array.
    Array(Vec<Object>),
    /// A dictionary: pairs as they stand, repeats too.
    Dictionary(Vec<(Vec<u8>, Object)>),
    /// A reference to an object by number and generation.
    Reference(u32, u16),
}

impl Object {
    /// Shows every dictionary in a value, itself too, at any depth.
    pub fn each_dictionary(&self, mut see: impl FnMut(&Object)) {
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match value {
                Object::Array(items) => open.extend(items),
                Object::Dictionary(pairs) => {
                    see(value);
                    open.extend(pairs.iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
    }

    /// The value under `key`, of the last pair that has it.
    pub fn get(&self, key: &[u8]) -> Option<&Object> {
        match self {
            Self::Dictionary(pairs) => {
                pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Whether it is this name.
    pub fn is_name(&self, wanted: &[u8]) -> bool {
        matches!(self, Self::Name(name) if name == wanted)
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads values from `data`.
pub struct Parser<'a> {
    data: &'a [u8],
    /// Where it reads next, in bytes.
    pub at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    /// A parser of `data` from `at` on.
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, values: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    /// What is left to read.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and comments.
    pub fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if is_blank(byte) {
                self.at += 1;
            } else if byte == b'%' {
                let line = memchr::memchr2(b'\n', b'\r', self.rest());
                self.at = line.map_or(self.data.len(), |end| self.at + end);
            } else {
                break;
            }
        }
    }

    /// The next value; `None` at what is none, such as a keyword.
    pub fn value(&mut self) -> Option<Object> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Option<Object> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return None;
        }
        self.skip_blanks();
        match self.peek()? {
            b'/' => Some(Object::Name(self.name())),
            b'(' => Some(Object::Text(self.literal())),
            b'<' if self.rest().starts_with(b"<<") => self.dictionary(depth),
            b'<' => Some(Object::Text(self.hexadecimal())),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.skip_blanks();
                    if self.peek()? == b']' {
                        self.at += 1;
                        return Some(Object::Array(items));
                    }
                    items.push(self.nested(depth + 1)?);
                }
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' => Some(self.number_or_reference()),
            _ => {
                let word = self.word();
                match word {
                    b"true" => Some(Object::Boolean(true)),
                    b"false" => Some(Object::Boolean(false)),
                    b"null" => Some(Object::Other),
                    _ => None,
                }
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Object> {
        self.at += 2;
        let mut pairs = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'/') => {
                    let key = self.name();
                    self.skip_blanks();
                    // A key without a value, at the end.
                    if self.rest().starts_with(b">>") {
                        continue;
                    }
                    match self.nested(depth + 1) {
                        Some(value) => pairs.push((key, value)),
                        // What was read until the mistake is still of use.
                        None => return Some(Object::Dictionary(pairs)),
                    }
                }
                Some(b'>') => {
                    self.at += 1 + usize::from(self.rest().starts_with(b">>"));
                    return Some(Object::Dictionary(pairs));
                }
                Some(_) if self.nested(depth + 1).is_some() => {}
                _ => return Some(Object::Dictionary(pairs)),
            }
        }
    }

    /// A name with its `#hh` escapes undone (7.3.5).
    fn name(&mut self) -> Vec<u8> {
        self.at += 1;
        let raw = self.word();
        let mut out = Vec::with_capacity(raw.len());
        let mut at = 0;
        while at < raw.len() {
            let digit = |at: usize| raw.get(at).copied().and_then(super::super::decode::hex::digit);
            match (raw[at], digit(at + 1), digit(at + 2)) {
                (b'#', Some(high), Some(low)) => {
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

    /// Regular characters from here.
    pub fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| is_regular(**byte)).count();
        self.at += length;
        &rest[..length]
    }

    /// A string in parentheses (7.3.4.2).
    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut out = Vec::new();
        let mut depth = 1usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some(escaped) = self.peek() else { break };
                    self.at += 1;
                    match escaped {
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
                        b'\n' => {}
                        b'0'..=b'7' => {
                            let mut value = u32::from(escaped - b'0');
                            for _ in 0..2 {
                                let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                                value = value * 8 + u32::from(digit - b'0');
                                self.at += 1;
                            }
                            out.push(value as u8);
                        }
                        other => out.push(other),
                    }
                    continue;
                }
                _ => {}
            }
            out.push(byte);
        }
        out
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        self.at += 1;
        let rest = self.rest();
        let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        super::filter::ascii_hex(&rest[..end])
    }

    fn number_or_reference(&mut self) -> Object {
        let first = whole(self.word());
        let back = self.at;
        // `12 0 R`
        let reference = (|| {
            let number = u32::try_from(first?).ok()?;
            self.skip_blanks();
            let generation = u16::try_from(whole(self.word())?).ok()?;
            self.skip_blanks();
            (self.word() == b"R").then_some(Object::Reference(number, generation))
        })();
        match reference {
            Some(reference) => reference,
            None => {
                self.at = back;
                first.map_or(Object::Other, Object::Number)
            }
        }
    }
}

/// The whole part of a number.
fn whole(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word.get(..word.len().min(20))?).ok()?;
    let text = text.split('.').next()?;
    if text.is_empty() || text == "-" || text == "+" { Some(0) } else { text.parse().ok() }
}

/// White space (7.2.2).
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !b"()<>[]{}/%".contains(&byte)
}
