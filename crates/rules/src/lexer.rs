//! Tokens of a condition. What a token is depends on what is expected, so there is no token stream.

use crate::problem::{Code, Fault};
use crate::source::Position;
use crate::text::Text;

pub(crate) struct Lexer<'t> {
    text: &'t Text,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t Text) -> Self {
        Lexer { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.as_str().get(self.at..).unwrap_or_default()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(crate) fn position(&self) -> Position {
        // The end of a text is beside its last word, not after the white space that follows it.
        if self.rest().trim_start().is_empty() {
            return self.text.at(self.text.as_str().trim_end().len());
        }
        self.text.at(self.at)
    }

    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(Code::Syntax, self.position(), message)
    }

    /// What stands here, for a message.
    pub(crate) fn next_word(&self) -> String {
        let word: String =
            self.rest().trim_start().chars().take_while(|c| !is_blank(*c)).take(24).collect();
        if word.is_empty() { "the end".to_owned() } else { format!("`{word}`") }
    }

    /// Skips white space; whether there was some.
    pub(crate) fn blank(&mut self) -> bool {
        let rest = self.rest();
        let skipped = rest.len() - rest.trim_start_matches(is_blank).len();
        self.at += skipped;
        skipped > 0
    }

    /// Takes this very text.
    pub(crate) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes a word that white space must follow, and the white space.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let before = self.at;
        if self.take(word) && self.blank() {
            return true;
        }
        self.at = before;
        false
    }

    /// Takes a word that an opening parenthesis must follow, and the parenthesis.
    pub(crate) fn take_opening(&mut self, word: &str) -> bool {
        let before = self.at;
        if self.take(word) {
            self.blank();
            if self.take("(") {
                return true;
            }
        }
        self.at = before;
        false
    }

    /// `name.name…`
    pub(crate) fn field_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut end = identifier(rest)?;
        let first = end;
        while let Some(more) =
            rest.get(end..).and_then(|rest| rest.strip_prefix('.')).and_then(identifier)
        {
            end += 1 + more;
        }
        if end == first {
            return None;
        }
        self.advance(end)
    }

    pub(crate) fn identifier(&mut self) -> Option<&'t str> {
        let end = identifier(self.rest())?;
        self.advance(end)
    }

    /// What may stand in the brackets after a field, without quotes.
    pub(crate) fn bare_argument(&mut self) -> Option<&'t str> {
        self.run(|c| !is_blank(c) && !matches!(c, '[' | ']' | '"' | '\''))
    }

    /// A value without quotes.
    pub(crate) fn bare(&mut self) -> Option<&'t str> {
        self.run(|c| !is_blank(c) && !matches!(c, '(' | ')' | '"' | '\'' | '=' | ','))
    }

    /// A number: decimal with a sign, fraction or exponent, or hexadecimal.
    pub(crate) fn number(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits =
            |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        if rest.starts_with("0x") || rest.starts_with("0X") {
            let hex = bytes.iter().skip(2).take_while(|b| b.is_ascii_hexdigit()).count();
            if hex > 0 {
                return self.advance(2 + hex);
            }
        }
        let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let whole = digits(sign);
        if whole == 0 {
            return None;
        }
        let mut end = sign + whole;
        if bytes.get(end) == Some(&b'.') {
            end += 1;
            end += digits(end);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E'))
            && matches!(bytes.get(end + 1), Some(b'+' | b'-'))
            && digits(end + 2) > 0
        {
            end += 2 + digits(end + 2);
        }
        self.advance(end)
    }

    /// Text in single or double quotes, with its escapes resolved. None if there is no quote here.
    pub(crate) fn quoted(&mut self) -> Result<Option<String>, Fault> {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Ok(None);
        };
        let start = self.position();
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, character)) = characters.next() {
            if character == quote {
                self.at += offset + 1;
                return Ok(Some(text));
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            let Some((_, escaped)) = characters.next() else { break };
            let unescaped = match escaped {
                'x' => hexadecimal(characters.by_ref().take(2).map(|(_, digit)| digit)),
                _ => unescape(escaped, quote),
            };
            match unescaped {
                Some(character) => text.push(character),
                None => {
                    let at = self.text.at(self.at + offset);
                    let message = format!("`\\{escaped}` is no escape in text quoted with {quote}");
                    return Err(Fault::new(Code::Syntax, at, message));
                }
            }
        }
        Err(Fault::new(Code::Syntax, start, "the quote is never closed"))
    }

    fn run(&mut self, wanted: impl Fn(char) -> bool) -> Option<&'t str> {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.advance(end)
    }

    fn advance(&mut self, length: usize) -> Option<&'t str> {
        let token = self.rest().get(..length).filter(|token| !token.is_empty())?;
        self.at += length;
        Some(token)
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{8}' | '\u{b}' | '\u{c}')
}

/// The length of the identifier at the start: a letter, then letters, digits and `_`.
fn identifier(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    Some(bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count())
}

/// What an escape stands for. Falco reads a backslash before a blank as a backslash, for the sake
/// of old rules.
fn unescape(escaped: char, quote: char) -> Option<char> {
    Some(match escaped {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        ' ' | '\\' => '\\',
        '/' => '/',
        '"' | '\'' if escaped == quote => quote,
        _ => return None,
    })
}

/// The character of two hexadecimal digits, `7f` at most: text is UTF-8.
fn hexadecimal(digits: impl Iterator<Item = char>) -> Option<char> {
    let mut digits = digits.map(|digit| digit.to_digit(16));
    let (high, low) = (digits.next()??, digits.next()??);
    char::from_u32(high * 16 + low).filter(char::is_ascii)
}

/// The content of a list item or exception value that brings its own quotes.
pub(crate) fn unquote(item: &str, at: Position) -> Result<Option<String>, Fault> {
    let text = Text::of_word(item, at);
    let mut lexer = Lexer::new(&text);
    match lexer.quoted()? {
        Some(content) if lexer.at_end() => Ok(Some(content)),
        Some(_) => Err(Fault::new(Code::Syntax, at, "something follows the closing quote")),
        None => Ok(None),
    }
}
