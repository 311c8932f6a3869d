use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It works, and perhaps not as it was meant.
    Warning,
    /// The policy is refused.
    Error,
}

/// Something to tell the author of a policy, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// One sentence, with advice where there is any.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Self { file, line, column, message, .. } = self;
        write!(formatter, "{file}:{line}:{column}: {severity}: {message}")
    }
}

/// What a policy file was refused for, warnings among it; in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            fmt::Display::fmt(problem, formatter)?;
        }
        Ok(())
    }
}

/// Collects problems and tells their places.
pub(crate) struct Notes<'a> {
    text: &'a str,
    file: String,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    found: Vec<Problem>,
    limit: usize,
    left_out: usize,
    errors: bool,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(text: &'a str, file: &str, limit: usize) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        let file = file.into();
        Self { text, file, lines, found: Vec::new(), limit, left_out: 0, errors: false }
    }

    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    pub(crate) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.line_index(offset) + 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.errors = true;
        self.add(Severity::Error, span.start, message.into());
    }

    pub(crate) fn warn(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add(Severity::Warning, span.start, message.into());
    }

    fn add(&mut self, severity: Severity, offset: usize, message: String) {
        if self.found.len() >= self.limit {
            self.left_out += 1;
            return;
        }
        let start = self.lines.get(self.line_index(offset)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        self.found.push(Problem {
            severity,
            file: self.file.clone(),
            line: self.line(offset),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
            message,
        });
    }

    /// The problems, and whether one is an error.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, bool) {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        if self.left_out > 0 {
            self.found.push(Problem {
                severity: if self.errors { Severity::Error } else { Severity::Warning },
                file: self.file,
                line: 1,
                column: 1,
                message: format!("{} more problems are not shown", self.left_out),
            });
        }
        (self.found, self.errors)
    }
}

/// The known word that `text` was probably meant to be.
pub(crate) fn meant<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = |word: &&&str| distance(text, word) <= (word.len() / 3).max(1);
    known.iter().filter(near).min_by_key(|word| distance(text, word)).copied()
}

/// Edits between two words (Levenshtein), over at most 64 characters of each.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, &against) in other.iter().enumerate() {
            let above = row[column + 1];
            let swap = diagonal + usize::from(letter != against);
            row[column + 1] = swap.min(above + 1).min(row[column] + 1);
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_far_apart_as_their_edits() {
        for (one, other, edits) in
            [("", "", 0), ("a", "", 1), ("prevents", "prevent", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), edits, "{one} {other}");
        }
        assert_eq!(meant("prevents", &["alert", "prevent"]), Some("prevent"));
        assert_eq!(meant("xyzzy", &["alert", "prevent"]), None);
    }

    #[test]
    fn places_are_lines_and_characters() {
        let mut notes = Notes::new("a\nüb = 1\n", "p", 1);
        notes.error(4..5, "x");
        notes.warn(0..1, "y");
        let (problems, errors) = notes.finish();
        assert!(errors);
        assert_eq!(problems[0].to_string(), "p:2:2: error: x");
        assert_eq!(problems[1].message, "1 more problems are not shown");
    }
}
