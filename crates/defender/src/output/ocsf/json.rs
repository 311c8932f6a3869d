//! A writer of one JSON object on one line: keys in the order they are written, no character that could
//! steer a terminal or break a line, texts and lists cut at their limits and the cuts counted.

use std::fmt::Write as _;

use crate::output::words::is_plain;

/// How long one text and one list may get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of one text as it is written, its escapes counted.
    pub(super) text: usize,
    /// Entries of one list.
    pub(super) items: usize,
}

/// What did not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Texts that were shortened.
    pub(super) texts: u64,
    /// Entries of lists that were left out.
    pub(super) items: u64,
}

impl Cut {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) struct Json {
    out: String,
    comma: bool,
    limits: Limits,
    cut: Cut,
}

impl Json {
    /// One object, and what was cut of it.
    pub(super) fn line(limits: Limits, fill: impl FnOnce(&mut Self)) -> String {
        let mut json =
            Self { out: String::with_capacity(1024), comma: false, limits, cut: Cut::default() };
        json.braces(fill);
        json.out
    }

    /// What was cut so far.
    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.braces(fill);
    }

    /// An object that is left out when nothing is written into it.
    pub(super) fn object_if_any(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let (start, comma) = (self.out.len(), self.comma);
        self.object(key, fill);
        if self.out.ends_with("{}") {
            self.out.truncate(start);
            self.comma = comma;
        }
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quoted(text);
    }

    /// A text that is never cut: an identifier, bounded where it is made.
    pub(super) fn id(&mut self, key: &str, text: &str) {
        self.key(key);
        self.out.push('"');
        text.chars().for_each(|character| self.character(character));
        self.out.push('"');
    }

    /// A text, unless it is empty.
    pub(super) fn text_if_any(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    pub(super) fn number(&mut self, key: &str, number: impl Into<u64>) {
        self.key(key);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{}", number.into());
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Self, T),
    ) {
        self.list(key, items, |json, item| json.braces(|json| fill(json, item)));
    }

    /// A list of our own words, which is never cut.
    pub(super) fn words(&mut self, key: &str, words: impl IntoIterator<Item = &'static str>) {
        self.key(key);
        let words: Vec<_> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
        self.out.push('[');
        self.out.push_str(&words.join(","));
        self.out.push(']');
    }

    /// A list of texts.
    pub(super) fn texts<T: AsRef<str>>(&mut self, key: &str, items: impl IntoIterator<Item = T>) {
        self.list(key, items, |json, item| json.quoted(item.as_ref()));
    }

    /// A list of numbers.
    pub(super) fn numbers(&mut self, key: &str, numbers: &[u64]) {
        self.list(key, numbers, |json, number| {
            let _ = write!(json.out, "{number}");
        });
    }

    fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.key(key);
        self.out.push('[');
        let mut items = items.into_iter();
        for (place, item) in items.by_ref().take(self.limits.items).enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.cut.items += items.count() as u64;
        self.out.push(']');
        self.comma = true;
    }

    fn key(&mut self, key: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn braces(&mut self, fill: impl FnOnce(&mut Self)) {
        self.out.push('{');
        self.comma = false;
        fill(self);
        self.out.push('}');
        self.comma = true;
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let start = self.out.len();
        for character in text.chars() {
            let before = self.out.len();
            self.character(character);
            if self.out.len() - start > self.limits.text {
                self.out.truncate(before);
                self.out.push('…');
                self.cut.texts += 1;
                break;
            }
        }
        self.out.push('"');
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            plain if is_plain(plain) => self.out.push(plain),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    let _ = write!(self.out, "\\u{unit:04x}");
                }
            }
        }
    }
}
