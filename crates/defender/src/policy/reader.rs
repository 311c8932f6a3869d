//! Reads keys of a TOML table with their places.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::effect::{Effect, Entry};
use super::limits::Limits;
use super::problem::{Notes, meant};

pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// What reads a file.
pub(crate) struct Reader<'t> {
    pub(crate) notes: Notes<'t>,
    pub(crate) limits: Limits,
    patterns: usize,
}

/// A text with its place.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str, file: &str, limits: Limits) -> Self {
        Self { notes: Notes::new(text, file, limits.max_problems), limits, patterns: 0 }
    }

    /// Refuses keys that are not among those known.
    pub(crate) fn keys(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let shown = cut(name);
            let advice = match meant(name, known) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.notes.error(key.span(), format!("unknown key `{shown}`: {advice}"));
        }
    }

    pub(crate) fn wrong(&mut self, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.notes
            .error(value.span(), format!("this must be {wanted}, not a value of type {found}"));
    }

    pub(crate) fn table<'v>(&mut self, value: &'v Value<'t>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, "a table");
        }
        table
    }

    pub(crate) fn text(&mut self, value: &Value<'_>) -> Option<Text> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(value, "a text in quotes");
            return None;
        };
        if text.len() > self.limits.max_text {
            let limit = self.limits.max_text;
            self.notes.error(value.span(), format!("longer than {limit} bytes (`max_text`)"));
            return None;
        }
        if text.is_empty() {
            self.notes.error(value.span(), "an empty text fits nothing");
            return None;
        }
        Some(Text { text: text.to_owned(), span: value.span() })
    }

    pub(crate) fn flag(&mut self, table: &DeTable<'t>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(value, "true or false");
        }
        flag
    }

    /// A whole number within `range`.
    pub(crate) fn number(&mut self, value: &Value<'_>, range: Range<u64>) -> Option<u64> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let (from, to) = (range.start, range.end.saturating_sub(1));
                self.wrong(value, &format!("a whole number from {from} to {to}"));
                None
            }
        }
    }

    /// The word of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        value: &Value<'_>,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(value)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text.text) {
            return Some(*found);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let advice = match meant(&text.text.to_lowercase(), &known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.notes.error(text.span, format!("unknown {what} `{}`: {advice}", cut(&text.text)));
        None
    }

    pub(crate) fn effect(&mut self, table: &DeTable<'t>, key: &str) -> Option<Effect> {
        let words = Effect::ALL.map(|effect| (effect.as_str(), effect));
        self.word(table.get(key)?, "effect", &words)
    }

    /// The values of a list; one too long is cut, with an error.
    pub(crate) fn list<'v>(
        &mut self,
        table: &'v DeTable<'t>,
        key: &str,
    ) -> Option<Vec<&'v Value<'t>>> {
        let value = table.get(key)?;
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(value, "a list in brackets");
            return None;
        };
        if list.len() > self.limits.max_entries {
            let limit = self.limits.max_entries;
            self.notes.error(value.span(), format!("more than {limit} entries (`max_entries`)"));
        }
        Some(list.iter().take(self.limits.max_entries).collect())
    }

    pub(crate) fn texts(&mut self, table: &DeTable<'t>, key: &str) -> Option<Vec<Text>> {
        let list = self.list(table, key)?;
        Some(list.into_iter().filter_map(|value| self.text(value)).collect())
    }

    pub(crate) fn entry(&self, text: &Text) -> Entry {
        Entry { text: text.text.clone(), line: self.notes.line(text.span.start) }
    }

    /// Counts a pattern that has to be compiled. False, and an error at the first, when there are too
    /// many.
    pub(crate) fn count_pattern(&mut self, span: Range<usize>) -> bool {
        self.patterns += 1;
        if self.patterns == self.limits.max_patterns + 1 {
            let limit = self.limits.max_patterns;
            self.notes.error(span, format!("more than {limit} patterns (`max_patterns`)"));
        }
        self.patterns <= self.limits.max_patterns
    }

    /// Says which characters are not what they may look like.
    pub(crate) fn look_alikes(&mut self, text: &Text) {
        if let Some(strange) = text.text.chars().find(|c| !c.is_ascii()) {
            let code = u32::from(strange);
            self.notes.warn(
                text.span.clone(),
                format!(
                    "`{strange}` (U+{code:04X}) is not ASCII: names that look alike are different"
                ),
            );
        }
    }
}

/// What is shown of a text that may be long or hold control characters.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
