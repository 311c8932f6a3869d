//! A light tokenizer: words, strings, numbers, marks; comments are left out. It never fails: what does
//! not fit is a mark.

use std::borrow::Cow;

use memchr::memmem;

use super::escapes;
use super::language::{Language, Lexis};

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, with its dots; the escapes in it are undone.
    Word(Cow<'a, [u8]>),
    /// The value of a string. Whether three quotes or a here-string opened it.
    Text(Cow<'a, [u8]>, bool),
    /// A number that is whole and fits.
    Number(i64),
    /// Any other byte.
    Mark(u8),
    /// The end of a line.
    Line,
}

/// Bytes of one string beyond which it ends: a quote without its pair.
const MAX_TEXT: usize = 32 << 20;

/// Cuts source into tokens.
pub(super) struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
    language: Language,
    lexis: Lexis,
    /// Whether a value was read last: a slash behind it divides.
    after_value: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a [u8], language: Language) -> Self {
        Self { source, at: 0, language, lexis: language.lexis(), after_value: false }
    }

    /// The next token and where it starts.
    pub(super) fn next(&mut self) -> Option<(Token<'a>, usize)> {
        loop {
            let rest = self.source.get(self.at..).filter(|rest| !rest.is_empty())?;
            let start = self.at;
            let first = *rest.first()?;
            if first == b'\n' {
                self.at += 1;
                self.after_value = false;
                return Some((Token::Line, start));
            }
            if first <= b' ' {
                self.at += 1;
                continue;
            }
            if self.language == Language::Php && rest.starts_with(b"?>") {
                // The page goes on; so does the program behind it.
                let page = rest.get(2..).unwrap_or_default();
                let length = memmem::find(page, b"<?").map_or(page.len(), |at| at + 2);
                self.at += 2 + length;
                let tag = self.source.get(self.at..).unwrap_or_default();
                let skip =
                    if tag.starts_with(b"php") { 3 } else { usize::from(tag.starts_with(b"=")) };
                self.at += skip;
                return Some((Token::Mark(b';'), start));
            }
            if self.skip_comment(rest, start) {
                continue;
            }
            let token = self.token(rest, first);
            self.after_value = match &token {
                Token::Word(word) => !KEYWORDS.contains(&word.as_ref()),
                Token::Text(..) | Token::Number(_) => true,
                Token::Mark(mark) => matches!(mark, b')' | b']' | b'}'),
                Token::Line => false,
            };
            return Some((token, start));
        }
    }

    /// Steps over a comment that starts here.
    fn skip_comment(&mut self, rest: &[u8], start: usize) -> bool {
        if let Some((open, close)) = self.lexis.block_comment
            && rest.starts_with(open)
        {
            let body = rest.get(open.len()..).unwrap_or_default();
            let length = memmem::find(body, close).map_or(body.len(), |end| end + close.len());
            self.at = start + open.len() + length;
            return true;
        }
        let rem = self.language == Language::VbScript
            && rest.get(..4).is_some_and(|word| {
                word[..3].eq_ignore_ascii_case(b"rem") && word[3].is_ascii_whitespace()
            });
        let comment = rem || self.lexis.line_comments.iter().any(|mark| rest.starts_with(mark));
        // `$#` and `${#` count in PHP and Perl; `#` inside a word is none in PowerShell.
        let inside = rest.first() == Some(&b'#')
            && start > 0
            && matches!(self.source.get(start - 1), Some(b'$' | b'{' | b'&'));
        if !comment || inside {
            return false;
        }
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        // In a page, the code ends with its mark, even in a comment.
        let end = match self.language {
            Language::Php => memmem::find(rest.get(..length).unwrap_or_default(), b"?>"),
            _ => None,
        };
        self.at = start + end.unwrap_or(length).max(1);
        true
    }

    fn token(&mut self, rest: &'a [u8], first: u8) -> Token<'a> {
        if self.lexis.quotes.contains(&first)
            && let Some(token) = self.string(rest, first)
        {
            return token;
        }
        if first == b'@' && self.language == Language::PowerShell {
            if let Some(token) = self.here_string(rest) {
                return token;
            }
            self.at += 1;
            return Token::Mark(first);
        }
        if first == b'/' && self.lexis.regex && !self.after_value {
            self.at += regex_length(rest).unwrap_or(1);
            return Token::Mark(first);
        }
        if first.is_ascii_digit() {
            return self.number(rest);
        }
        if self.language == Language::VbScript && first == b'&' {
            // `&H41` is a number.
            if let Some((value, length)) = vb_hex(rest) {
                self.at += length;
                return Token::Number(value);
            }
        }
        let length = self.word_length(rest);
        if length > 0 {
            self.at += length;
            return Token::Word(self.plain_word(rest.get(..length).unwrap_or_default()));
        }
        self.at += 1;
        Token::Mark(first)
    }

    fn is_word(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || self.lexis.sigils.contains(&byte)
    }

    /// Bytes of the word here; a dot, `::` or `->` before a letter belongs to what follows.
    fn word_length(&self, rest: &[u8]) -> usize {
        let letter = |at: usize| {
            rest.get(at)
                .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'`'))
        };
        let mut at = match rest {
            [b':', b':', ..] if letter(2) => 2,
            [b'-', b'>', ..] if letter(2) => 2,
            [b'.', ..] if self.lexis.dotted && letter(1) => 1,
            [b':' | b'?', ..] => return 0,
            // An operator or a cmdlet's switch.
            [b'-', ..] if self.language == Language::PowerShell && letter(1) => 1,
            [b'-', ..] => return 0,
            _ => 0,
        };
        while let Some(byte) = rest.get(at) {
            if *byte == b':' && rest.get(at + 1) == Some(&b':') {
                break;
            }
            if self.is_word(*byte) || (*byte == b'.' && self.lexis.dotted && letter(at + 1)) {
                at += 1;
            } else {
                break;
            }
        }
        at
    }

    /// The word without its escapes: `\u0065val`, PowerShell's backticks.
    fn plain_word(&self, word: &'a [u8]) -> Cow<'a, [u8]> {
        match self.language {
            Language::PowerShell if word.contains(&b'`') => {
                Cow::Owned(word.iter().copied().filter(|byte| *byte != b'`').collect())
            }
            Language::JavaScript if word.contains(&b'\\') => {
                Cow::Owned(escapes::backslash(word, true))
            }
            _ => Cow::Borrowed(word),
        }
    }

    fn number(&mut self, rest: &[u8]) -> Token<'a> {
        let mut length = 1;
        while let Some(byte) = rest.get(length) {
            let point = *byte == b'.' && rest.get(length + 1).is_some_and(u8::is_ascii_digit);
            if !(byte.is_ascii_alphanumeric() || *byte == b'_' || point) {
                break;
            }
            length += 1;
        }
        self.at += length;
        let text = std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default();
        let value = match text.get(..2) {
            Some("0x" | "0X") => i64::from_str_radix(&text[2..], 16).ok(),
            Some("0b" | "0B") => i64::from_str_radix(&text[2..], 2).ok(),
            Some("0o" | "0O") => i64::from_str_radix(&text[2..], 8).ok(),
            _ => text.parse().ok(),
        };
        value.map_or(Token::Mark(b'0'), Token::Number)
    }

    /// A string with its escapes undone; `None` when its end is missing on this line.
    fn string(&mut self, rest: &'a [u8], quote: u8) -> Option<Token<'a>> {
        if self.lexis.triple && rest.get(..3) == Some(&[quote; 3]) {
            let body = rest.get(3..)?;
            let end = memmem::find(body, &[quote; 3]).unwrap_or(body.len());
            self.at += (end + 6).min(rest.len());
            let body = body.get(..end)?;
            return Some(Token::Text(Cow::Owned(escapes::backslash(body, false)), true));
        }
        let multi_line = self.lexis.multi_line || quote == b'`';
        let escape = self.lexis.escape.filter(|_| {
            // Single quotes are literal in PowerShell.
            !(self.language == Language::PowerShell && quote == b'\'')
        });
        let mut at = 1;
        let mut plain = true;
        let limit = rest.len().min(MAX_TEXT);
        let close = loop {
            let byte = *rest.get(at).filter(|_| at < limit)?;
            if byte == quote {
                if self.lexis.doubled && rest.get(at + 1) == Some(&quote) {
                    plain = false;
                    at += 2;
                    continue;
                }
                break at;
            }
            if Some(byte) == escape {
                plain = false;
                at += 2;
                continue;
            }
            if byte == b'\n' && !multi_line {
                return None;
            }
            at += 1;
        };
        self.at += close + 1;
        let body = rest.get(1..close)?;
        if plain {
            return Some(Token::Text(Cow::Borrowed(body), false));
        }
        let value = match escape {
            Some(b'`') => escapes::backtick(body, quote),
            Some(_) if self.language == Language::Php && quote == b'\'' => body.to_vec(),
            Some(_) => escapes::backslash(body, false),
            None => escapes::doubled(body, quote),
        };
        Some(Token::Text(Cow::Owned(value), false))
    }

    /// `@'` to `'@` on lines of their own (PowerShell, about_Quoting_Rules).
    fn here_string(&mut self, rest: &'a [u8]) -> Option<Token<'a>> {
        let quote = *rest.get(1).filter(|byte| matches!(byte, b'"' | b'\''))?;
        let line = memchr::memchr(b'\n', rest.get(..rest.len().min(200))?)?;
        if !rest.get(2..line)?.trim_ascii().is_empty() {
            return None;
        }
        let body = rest.get(line + 1..)?;
        let end = memmem::find(body, &[quote, b'@']).unwrap_or(body.len());
        self.at += (line + 1 + end + 2).min(rest.len());
        Some(Token::Text(Cow::Borrowed(body.get(..end)?), true))
    }
}

/// Words of JavaScript before which a slash opens a regular expression.
const KEYWORDS: [&[u8]; 8] =
    [b"return", b"typeof", b"case", b"in", b"of", b"delete", b"void", b"throw"];

/// Bytes of a regular expression; a slash with no end so near divides.
const MAX_REGEX: usize = 4 << 10;

/// Bytes of the regular expression here, with its slashes; `None` when it does not end on its line.
fn regex_length(rest: &[u8]) -> Option<usize> {
    let mut class = false;
    let mut at = 1;
    while let Some(byte) = rest.get(at).filter(|_| at < MAX_REGEX) {
        match byte {
            b'\n' => return None,
            b'\\' => at += 1,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn vb_hex(rest: &[u8]) -> Option<(i64, usize)> {
    let digits = match rest {
        [b'&', b'h' | b'H', digits @ ..] => digits,
        _ => return None,
    };
    let length = digits.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let text = std::str::from_utf8(digits.get(..length)?).ok()?;
    Some((i64::from_str_radix(text, 16).ok()?, 2 + length))
}
