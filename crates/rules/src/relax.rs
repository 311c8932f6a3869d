//! YAML as the readers of YAML 1.1 take it.
//!
//! Inside brackets and quotes they look at no indentation, so that a list may end with a `]` at the start
//! of a line; YAML 1.2, which the parser underneath follows, wants all of it further in than its key. A
//! text that is refused is read once more with such lines moved to the right. Everything else stays, and
//! every place is still that of the text as it was written.

/// Columns that a line is moved by: further in than keys of rule files ever are.
const SHIFT: &str = "                        ";

/// A text with the lines inside brackets and quotes moved.
pub(crate) struct Relaxed {
    pub(crate) text: String,
    /// Where spaces were put in, as bytes of the new text, in their order.
    shifted: Vec<usize>,
}

impl Relaxed {
    /// Moves what has to be moved; `None` where nothing has, or where the text would grow by more than
    /// `most` bytes.
    pub(crate) fn new(text: &str, most: usize) -> Option<Self> {
        let mut scanner = Scanner { block: None, flow: 0, quote: None, value: true };
        let mut relaxed = Relaxed { text: String::with_capacity(text.len()), shifted: Vec::new() };
        let mut tabs = false;
        for line in text.split_inclusive('\n') {
            if scanner.inside() && !line.trim().is_empty() {
                relaxed.shifted.push(relaxed.text.len());
                relaxed.text.push_str(SHIFT);
            }
            tabs |= scanner.line(line, &mut relaxed.text);
            if relaxed.shifted.len().saturating_mul(SHIFT.len()) > most {
                return None;
            }
        }
        (tabs || !relaxed.shifted.is_empty()).then_some(relaxed)
    }

    /// The byte of the text as it was written.
    pub(crate) fn written(&self, at: usize) -> usize {
        let before = self.shifted.partition_point(|start| *start < at);
        at.saturating_sub(before * SHIFT.len())
    }
}

/// Where in a YAML text a line starts. It knows as much of YAML as is needed to tell brackets and quotes
/// that mean something from those in plain and block text.
struct Scanner {
    /// In a block of text (`|`, `>`), with the indentation of its key.
    block: Option<usize>,
    /// Brackets that are open.
    flow: usize,
    /// The quote that is open.
    quote: Option<char>,
    /// A value may start here.
    value: bool,
}

impl Scanner {
    /// Whether indentation means nothing here.
    fn inside(&self) -> bool {
        self.flow > 0 || self.quote.is_some()
    }

    /// Copies a line. Whether something was changed: a tab after a key's colon, or in brackets, becomes a
    /// space.
    fn line(&mut self, line: &str, out: &mut String) -> bool {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if !self.inside() {
            let blank = line.trim().is_empty();
            if self.block.is_some_and(|key| blank || indent > key) {
                out.push_str(line);
                return false;
            }
            self.block = None;
            self.value = true;
        }
        let (mut key, mut changed, mut before) = (indent, false, ' ');
        let mut characters = line.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map_or('\n', |(_, next)| *next);
            if let Some(quote) = self.quote {
                out.push(character);
                if character == '\\' && quote == '"' {
                    out.extend(characters.next().map(|(_, escaped)| escaped));
                } else if character == quote && quote == '\'' && next == quote {
                    out.extend(characters.next().map(|(_, second)| second));
                } else if character == quote {
                    (self.quote, self.value) = (None, false);
                }
                before = character;
                continue;
            }
            if character == '#' && before.is_whitespace() {
                out.push_str(line.get(at..).unwrap_or_default());
                return changed;
            }
            let ends = next.is_whitespace();
            match character {
                '"' | '\'' if self.value => self.quote = Some(character),
                '[' | '{' if self.value => self.flow += 1,
                ']' | '}' if self.flow > 0 => (self.flow, self.value) = (self.flow - 1, false),
                ',' if self.flow > 0 => self.value = true,
                '|' | '>' if self.value && self.flow == 0 => {
                    self.block = Some(key);
                    out.push_str(line.get(at..).unwrap_or_default());
                    return changed;
                }
                '-' if self.value && self.flow == 0 && ends => key = at + 2,
                ':' if ends => {
                    self.value = true;
                    if next == '\t' {
                        out.push_str(": ");
                        characters.next();
                        (before, changed) = (' ', true);
                        continue;
                    }
                }
                '\t' if self.flow > 0 => {
                    out.push(' ');
                    (before, changed) = (' ', true);
                    continue;
                }
                _ if character.is_whitespace() => {}
                _ => self.value = false,
            }
            out.push(character);
            before = character;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::{Relaxed, SHIFT};

    #[test]
    fn lines_inside_brackets_and_quotes_are_moved() {
        for (written, expected) in [
            ("a: [\nx\n]\nb: c\n", "a: [\n>x\n>]\nb: c\n"),
            ("a: [x, [\ny], \"]\n\"]\nb\n", "a: [x, [\n>y], \"]\n>\"]\nb\n"),
            ("a: \"x\n\ny\\\"\n\"\nb\n", "a: \"x\n\n>y\\\"\n>\"\nb\n"),
            ("a: 'it''s\nx'\nb\n", "a: 'it''s\n>x'\nb\n"),
            ("a: [it's, # ]\n x]\n", "a: [it's, # ]\n> x]\n"),
            ("- a:\tb\n", "- a: b\n"),
        ] {
            let relaxed = Relaxed::new(written, 1 << 20).expect("something is moved");
            assert_eq!(relaxed.text.replace(SHIFT, ">"), expected, "{written}");
            let end = relaxed.text.len();
            assert_eq!(relaxed.written(end), written.len(), "{written}");
        }
    }

    #[test]
    fn brackets_in_text_are_text() {
        for written in [
            "a: >\n  x [ y\n  \"z\nb: c\n",
            "- a: |-\n    [\n\n    '\n- b\n",
            "a: x [ y\nb: it's\nc: 5\" wide\n",
            "a: b # [\nc: d\n",
        ] {
            assert!(Relaxed::new(written, 1 << 20).is_none(), "{written}");
        }
    }

    #[test]
    fn growth_is_bounded() {
        assert!(Relaxed::new(&format!("a: [\n{}", "x,\n".repeat(1_000)), 1_000).is_none());
    }
}
