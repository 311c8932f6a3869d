//! Text that knows where its parts were written.
//!
//! A condition is a YAML scalar of any style, and appends glue several together. An error inside it
//! must still name the line and column of the file.

use crate::source::{Lines, Position};

/// A condition or an output, with the place of each of its words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    text: String,
    /// A byte of the text and where it was written; what follows on the same word is beside it.
    marks: Vec<(usize, Position)>,
}

impl Text {
    /// The text of the scalar that starts at a byte of a source.
    ///
    /// Folding, indentation and line breaks change white space only: so the n-th other character of
    /// the value is the n-th other character of what was written, escapes aside.
    pub(crate) fn of_scalar(value: &str, at: usize, lines: &Lines<'_>) -> Self {
        let written = lines.text;
        let (style, mut cursor) = Style::at(written, at);
        let mut marks = Vec::new();
        let mut fresh = true;
        for (offset, character) in value.char_indices() {
            if character.is_whitespace() {
                fresh = true;
                continue;
            }
            let Some((start, length)) = style.next(written, cursor) else { break };
            if fresh || length != character.len_utf8() {
                marks.push((offset, lines.position(start)));
            }
            fresh = length != character.len_utf8();
            cursor = start + length;
        }
        if marks.is_empty() {
            marks.push((0, lines.position(at)));
        }
        Text { text: value.to_owned(), marks }
    }

    /// Text that was written in one piece at a place.
    pub(crate) fn of_word(text: &str, at: Position) -> Self {
        Text { text: text.to_owned(), marks: vec![(0, at)] }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds another text after a blank.
    pub(crate) fn append(&mut self, other: &Text) {
        self.text.push(' ');
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.marks.extend(other.marks.iter().map(|(offset, at)| (start + offset, *at)));
    }

    /// Takes white space off both ends.
    pub(crate) fn trim(&mut self) {
        let front = self.text.len() - self.text.trim_start().len();
        self.text = self.text.trim().to_owned();
        for (offset, _) in &mut self.marks {
            *offset = offset.saturating_sub(front);
        }
    }

    /// Where a byte of the text was written.
    pub(crate) fn at(&self, offset: usize) -> Position {
        let index = self.marks.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some((start, position)) = self.marks.get(index).copied() else {
            return Position::default();
        };
        let between = self.text.get(start..offset).unwrap_or_default();
        if between.contains('\n') {
            return position;
        }
        let columns = u32::try_from(between.chars().count()).unwrap_or(0);
        Position { column: position.column.saturating_add(columns), ..position }
    }
}

/// How a scalar is written.
#[derive(Clone, Copy)]
enum Style {
    Bare,
    Single,
    Double,
}

impl Style {
    /// The style of the scalar at a byte, and where its content starts.
    fn at(written: &str, at: usize) -> (Self, usize) {
        let rest = written.get(at..).unwrap_or_default();
        match rest.as_bytes().first() {
            Some(b'|' | b'>') => {
                let header = rest.find('\n').map_or(rest.len(), |end| end + 1);
                (Style::Bare, at + header)
            }
            Some(b'\'') => (Style::Single, at + 1),
            Some(b'"') => (Style::Double, at + 1),
            _ => (Style::Bare, at),
        }
    }

    /// Where the next character that is not white space is written, and how many bytes it takes.
    fn next(self, written: &str, from: usize) -> Option<(usize, usize)> {
        let mut cursor = from;
        loop {
            let rest = written.get(cursor..)?;
            let character = rest.chars().next()?;
            if character.is_whitespace() {
                cursor += character.len_utf8();
                continue;
            }
            let length = match (self, character) {
                (Style::Single, '\'') if rest.starts_with("''") => 2,
                (Style::Double, '\\') => {
                    let (length, blank) = escape(rest);
                    if blank {
                        cursor += length;
                        continue;
                    }
                    length
                }
                _ => character.len_utf8(),
            };
            return Some((cursor, length));
        }
    }
}

/// The bytes of an escape sequence, and whether it stands for white space or nothing.
fn escape(rest: &str) -> (usize, bool) {
    let Some(kind) = rest.chars().nth(1) else { return (1, false) };
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    let blank = matches!(
        kind,
        'n' | 'r' | 't' | ' ' | '\t' | '\n' | '\r' | 'v' | 'f' | 'N' | '_' | 'L' | 'P'
    );
    (1 + kind.len_utf8() + digits, blank)
}

#[cfg(test)]
mod tests {
    use super::Text;
    use crate::source::Lines;

    /// Where the word of a value was written.
    fn place(written: &str, at: &str, value: &str, word: &str) -> (u32, u32) {
        let lines = Lines::new(written, 0);
        let at = written.find(at).expect("the scalar is written");
        let text = Text::of_scalar(value, at, &lines);
        let found = text.at(value.find(word).expect("the word is in the value"));
        (found.line, found.column)
    }

    #[test]
    fn words_are_found_in_every_style() {
        assert_eq!(place("c: a and b", "a and", "a and b", "b"), (1, 10));
        assert_eq!(place("c: >\n  a and\n  b or c\n", ">", "a and b or c\n", "c"), (3, 8));
        assert_eq!(place("c: |  # why\n  a\n\n  b\n", "|", "a\n\nb\n", "b"), (4, 3));
        assert_eq!(place("c: 'a ''b'' c'", "'a", "a 'b' c", "c"), (1, 13));
        assert_eq!(place("c: \"a \\\"b\\\" \\n c\"", "\"a", "a \"b\" \n c", "c"), (1, 16));
        assert_eq!(place("c: ä ö x", "ä", "ä ö x", "x"), (1, 8));
        assert_eq!(place("c: a\n   b c", "a", "a b c", "c"), (2, 6));
    }
}
