//! Output templates: `user=%user.name parent=%proc.aname[2]`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::ast::{Subject as Written, Transform};
use crate::catalogue::Catalogue;
use crate::compile;
use crate::evaluate::ask;
use crate::event::EventType;
use crate::field;
use crate::parser;
use crate::problem::{Code, Problems};
use crate::program::Subject;
use crate::text::Text;
use crate::transform::Spare;
use crate::value::{Fields, Value};

/// What stands for a value that there is not.
pub const ABSENT: &str = "<NA>";

/// What `%container.info` stands for.
const CONTAINER_INFO: [&str; 2] = ["container.name", "container.id"];

/// The widest column that a template may ask for.
const WIDEST: usize = 1_000;

/// A rule's output.
#[derive(Debug, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Field {
        /// As it is written, without the percent sign.
        key: String,
        subject: Subject,
        /// Characters to fill or cut to; 0 for as many as there are.
        width: usize,
    },
}

impl Template {
    /// Reads a template. What cannot be shown is a problem, and stays as it is written or shows as
    /// absent: a rule that matches is worth more than its output.
    pub(crate) fn parse(text: &Text, catalogue: &Catalogue, problems: &mut Problems) -> Self {
        let whole = text.as_str();
        // A star in front means that values may be absent. Here they always may.
        let start = usize::from(whole.starts_with('*'));
        let mut reader = Reader { text, catalogue, problems, parts: Vec::new(), at: start };
        while let Some(rest) = whole.get(reader.at..).filter(|rest| !rest.is_empty()) {
            let Some(percent) = rest.find('%') else {
                reader.literal(rest);
                break;
            };
            reader.literal(rest.get(..percent).unwrap_or_default());
            reader.at += percent + 1;
            reader.field(whole.get(reader.at..).unwrap_or_default());
        }
        Template { parts: reader.parts }
    }

    /// The text for an event. Control characters are escaped, so that a file name cannot write on a
    /// terminal or forge a line of a log.
    pub fn render<F: Fields + ?Sized>(&self, event: EventType, fields: &F) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Field { subject, width, .. } => {
                    let value = show(event, fields, subject);
                    let value = escape(value.as_deref().unwrap_or(ABSENT));
                    let width = *width;
                    if width == 0 {
                        out.push_str(&value);
                    } else {
                        let cut: String = value.chars().take(width).collect();
                        out.push_str(&format!("{cut:width$}"));
                    }
                }
            }
        }
        out
    }

    /// The values by field, as they are; nothing for what is absent.
    pub fn values<F: Fields + ?Sized>(
        &self,
        event: EventType,
        fields: &F,
    ) -> BTreeMap<&str, Option<String>> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Literal(_) => None,
                Part::Field { key, subject, .. } => {
                    Some((key.as_str(), show(event, fields, subject)))
                }
            })
            .collect()
    }

    /// The fields that it shows, as they are written.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Field { key, .. } => Some(key.as_str()),
        })
    }
}

fn show<F: Fields + ?Sized>(event: EventType, fields: &F, subject: &Subject) -> Option<String> {
    let mut shown = None;
    ask(event, fields, subject, false, &Spare::default(), &mut |value: Value<'_>| {
        shown = value.to_text().map(Cow::into_owned);
        true
    });
    shown
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

struct Reader<'r> {
    text: &'r Text,
    catalogue: &'r Catalogue,
    problems: &'r mut Problems,
    parts: Vec<Part>,
    /// Behind what is read.
    at: usize,
}

impl Reader<'_> {
    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Literal(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(Part::Literal(text.to_owned()));
        }
    }

    /// Reads what follows a percent sign.
    fn field(&mut self, rest: &str) {
        if rest.starts_with('%') {
            self.literal("%");
            self.at += 1;
            return;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = rest.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let name = rest.get(digits..).unwrap_or_default();
        if name.starts_with("container.info") {
            self.container_info();
            self.at += digits + "container.info".len();
            return;
        }
        let found = transformed(name).or_else(|| plain(name));
        let position = self.text.at(self.at + digits);
        let Some((length, mut written)) = found else {
            let shown: String = name.chars().take_while(|c| !c.is_whitespace()).take(40).collect();
            let message = format!("`%{shown}` is no field; it stays as it is");
            self.problems.warn(Code::Output, position, message);
            self.literal("%");
            return;
        };
        written.at = position;
        let key = name.get(..length).unwrap_or_default().to_owned();
        self.put(key, &written, width.min(WIDEST));
        self.at += digits + length;
    }

    fn container_info(&mut self) {
        let [name, id] = CONTAINER_INFO;
        for (before, field, after) in [("", name, " (id="), ("", id, ")")] {
            self.literal(before);
            let written = Written {
                field: field.to_owned(),
                argument: None,
                transforms: Vec::new(),
                at: self.text.at(self.at),
            };
            self.put(field.to_owned(), &written, 0);
            self.literal(after);
        }
    }

    fn put(&mut self, key: String, written: &Written, width: usize) {
        let (field, argument) = match compile::resolve(written, self.catalogue) {
            Ok(found) => found,
            Err(fault) => {
                let message = format!("{}; it shows as {ABSENT}", fault.message);
                self.problems.warn(Code::Output, fault.position, message);
                // An absent value is what the event gives for a field that it does not have.
                match field::resolve(&written.field, written.argument.as_deref()) {
                    Ok(found) => found,
                    Err(_) => {
                        self.literal("%");
                        self.literal(&key);
                        return;
                    }
                }
            }
        };
        let transforms = written.transforms.clone().into_boxed_slice();
        let subject = Subject { field, argument, transforms, many: false };
        self.parts.push(Part::Field { key, subject, width });
    }
}

/// `toupper(proc.name)`: its length, and what it asks for.
fn transformed(text: &str) -> Option<(usize, Written)> {
    let starts = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
    if !starts(Transform::JOIN) && !Transform::ALL.iter().any(|(name, _)| starts(name)) {
        return None;
    }
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' | b'\'' if quote.is_none_or(|open| open == byte) => {
                quote = if quote.is_none() { Some(byte) } else { None };
            }
            _ if quote.is_some() => {}
            b'(' => depth += 1,
            b')' if depth == 1 => {
                let inside = Text::of_word(text.get(..=at)?, Default::default());
                return Some((at + 1, parser::parse_subject(&inside, 16).ok()?));
            }
            b')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// A field, the longest that there is: in `%proc.name.` the point is the end of a sentence.
fn plain(text: &str) -> Option<(usize, Written)> {
    let run = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        .count();
    let written = |name: &str, argument: Option<&str>| Written {
        field: name.to_owned(),
        argument: argument.map(str::to_owned),
        transforms: Vec::new(),
        at: Default::default(),
    };
    let name = text.get(..run)?;
    if let Some((argument, _)) =
        text.get(run..)?.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && field::resolve(name, Some(unquoted(argument))).is_ok()
    {
        let length = run + argument.len() + 2;
        return Some((length, written(name, Some(unquoted(argument)))));
    }
    let mut name = name.trim_end_matches('.');
    while !name.is_empty() {
        if field::resolve(name, None).is_ok() {
            return Some((name.len(), written(name, None)));
        }
        // All is ASCII: a byte is a character.
        name = name.get(..name.len() - 1)?;
    }
    None
}

fn unquoted(argument: &str) -> &str {
    argument.trim_matches(|c| matches!(c, '"' | '\''))
}
