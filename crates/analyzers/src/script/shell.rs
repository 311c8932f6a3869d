//! Shell scripts: quotes taken away, variables put in their places, encoded commands decoded (POSIX.1
//! 2024, XCU 2.2 and 2.6; Bash manual 3.1.2.4).

use std::collections::HashMap;

use super::decode::{self, Steps};
use super::escapes;
use super::fold::Decoded;
use super::language::Language;
use super::view::View;

/// Variables that are followed.
const MAX_VARIABLES: usize = 2_048;
/// Bytes of a variable's value.
const MAX_VALUE: usize = 64 << 10;
/// Bytes of all variables put in their places.
const MAX_EXPANDED: usize = 8 << 20;
/// Layers of one script.
const MAX_LAYERS: usize = 64;
/// Fewest digits of an encoded command.
const MIN_DIGITS: usize = 16;

/// What a shell script means.
pub(super) struct Shell {
    pub(super) view: View,
    pub(super) decoded: Vec<Decoded>,
    /// Escapes in `$'…'` and empty quotes inside words.
    pub(super) tricks: usize,
    variables: HashMap<Vec<u8>, Vec<u8>>,
    room: usize,
}

/// Reads a script.
pub(super) fn read(source: &[u8]) -> Shell {
    let mut shell = Shell {
        view: View::default(),
        decoded: Vec::new(),
        tricks: 0,
        variables: HashMap::new(),
        room: MAX_EXPANDED,
    };
    let mut at = 0;
    let mut here: Option<Vec<u8>> = None;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let mut length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        // A backslash at the end goes on with the next line.
        while rest.get(..length).is_some_and(|line| line.trim_ascii_end().ends_with(b"\\"))
            && length < rest.len()
        {
            let more = rest.get(length..).unwrap_or_default();
            length += memchr::memchr(b'\n', more).map_or(more.len(), |end| end + 1);
        }
        let line = rest.get(..length).unwrap_or_default();
        if let Some(end) = &here {
            // The text of a here-document is data for a command.
            shell.view.mark_place(at);
            shell.view.even(line.trim_ascii());
            if line.trim_ascii() == end.as_slice() {
                here = None;
            }
        } else {
            here = here_document(line);
            shell.line(line, at);
        }
        shell.view.line();
        at += length;
    }
    shell
}

/// The word that ends a here-document that this line opens.
fn here_document(line: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memmem::find(line, b"<<")?;
    let rest = line.get(at + 2..)?;
    if rest.first() == Some(&b'<') {
        return None;
    }
    let rest = rest.strip_prefix(b"-").unwrap_or(rest).trim_ascii_start();
    let word: Vec<u8> = rest
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_'\"\\".contains(byte))
        .filter(|byte| !b"'\"\\".contains(byte))
        .copied()
        .collect();
    word.first().is_some_and(u8::is_ascii_alphabetic).then_some(word)
}

impl Shell {
    fn line(&mut self, line: &[u8], offset: usize) {
        let plain = self.plain(line);
        let trimmed = plain.trim_ascii();
        self.assign(trimmed);
        self.layer(trimmed, offset);
        self.view.mark_place(offset);
        self.view.even(trimmed);
    }

    /// The line without quotes and comment, variables in their places.
    fn plain(&mut self, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(line.len());
        let mut at = 0;
        let mut quote = 0u8;
        while let Some(byte) = line.get(at).copied() {
            let rest = line.get(at + 1..).unwrap_or_default();
            at += 1;
            match byte {
                b'\'' if quote == 0 => {
                    let end = memchr::memchr(b'\'', rest).unwrap_or(rest.len());
                    self.tricks += usize::from(end == 0 && between_letters(&out, rest.get(1)));
                    out.extend_from_slice(rest.get(..end).unwrap_or_default());
                    at += end + 1;
                }
                b'"' => {
                    quote = if quote == 0 { b'"' } else { 0 };
                    let empty = quote != 0 && rest.first() == Some(&b'"');
                    self.tricks += usize::from(empty && between_letters(&out, rest.get(1)));
                }
                b'$' if rest.first() == Some(&b'\'') && quote == 0 => {
                    let body = rest.get(1..).unwrap_or_default();
                    let end = memchr::memchr(b'\'', body).unwrap_or(body.len());
                    let body = body.get(..end).unwrap_or_default();
                    let value = escapes::backslash(body, false);
                    self.tricks += usize::from(value.len() * 2 < body.len());
                    out.extend(value);
                    at += end + 2;
                }
                b'\\' => {
                    match rest.first() {
                        Some(b'\n' | b'\r') => {}
                        Some(next) => {
                            let hides = next.is_ascii_alphabetic() && quote == 0;
                            if hides || b"$`\"\\ '".contains(next) {
                                out.push(*next);
                            } else {
                                out.extend([b'\\', *next]);
                            }
                        }
                        None => {}
                    }
                    at += 1;
                }
                b'#' if quote == 0
                    && out.last().is_none_or(|last| *last <= b' ' || *last == b';') =>
                {
                    break;
                }
                b'$' => {
                    let (name, length) = name_at(rest);
                    match self.variables.get(name).filter(|value| value.len() <= self.room) {
                        Some(value) if !name.is_empty() => {
                            self.room -= value.len();
                            out.extend_from_slice(value);
                            at += length;
                        }
                        // What expands to nothing is put into words to hide them.
                        _ if matches!(rest.first(), Some(b'@' | b'*'))
                            && between_letters(&out, rest.get(1)) =>
                        {
                            self.tricks += 1;
                            at += 1;
                        }
                        _ => out.push(b'$'),
                    }
                }
                _ => out.push(byte),
            }
        }
        out
    }

    /// Remembers `name=value`.
    fn assign(&mut self, line: &[u8]) {
        for statement in line.split(|byte| *byte == b';') {
            let statement = statement.trim_ascii();
            let statement = statement.strip_prefix(b"export ").unwrap_or(statement);
            let Some(equals) =
                memchr::memchr(b'=', statement.get(..statement.len().min(64)).unwrap_or_default())
            else {
                continue;
            };
            let name = statement.get(..equals).unwrap_or_default();
            let value = statement.get(equals + 1..).unwrap_or_default();
            let is_name = !name.is_empty()
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            if is_name
                && value.len() <= MAX_VALUE
                && !value.contains(&b'$')
                && (self.variables.len() < MAX_VARIABLES || self.variables.contains_key(name))
            {
                self.variables.insert(name.to_vec(), value.to_vec());
            }
        }
    }

    /// Decodes what the line gives to a decoder: `echo … | base64 -d | sh`, `xxd -r -p <<< …`.
    fn layer(&mut self, line: &[u8], offset: usize) {
        if self.decoded.len() >= MAX_LAYERS {
            return;
        }
        let has = |text: &[u8]| memchr::memmem::find(line, text).is_some();
        let base64 =
            (has(b"base64 -d") || has(b"base64 --d") || has(b"base64 -D") || has(b"base64 -i -d"))
                || (has(b"openssl") && has(b"-d") && has(b"-a"));
        let hex = has(b"xxd -r") || has(b"unhex");
        if !base64 && !hex {
            return;
        }
        let word = line
            .split(|byte| !(byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte)))
            .filter(|word| word.len() >= MIN_DIGITS)
            .max_by_key(|word| word.len());
        let Some(word) = word else { return };
        let (bytes, steps) = if base64 {
            (decode::from_base64(word), Steps::BASE64)
        } else {
            (decode::from_hex(word), Steps::HEX)
        };
        let runs = ["sh", "bash", "zsh", "eval", "source", "python", "python3", "perl"];
        let last = line.rsplit(|byte| *byte == b'|').next().unwrap_or_default().trim_ascii();
        let last = last.strip_prefix(b"sudo ").unwrap_or(last);
        let first = last.split(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
        let piped = runs.iter().any(|name| name.as_bytes() == first);
        let evals =
            line.starts_with(b"eval") || has(b"bash -c") || has(b"sh -c") || has(b"bash <(");
        let runs_as = (piped || evals).then_some(Language::Shell);
        self.decoded.push(Decoded { bytes, steps, runs_as, offset });
    }
}

fn between_letters(before: &[u8], after: Option<&u8>) -> bool {
    before.last().is_some_and(u8::is_ascii_alphabetic) && after.is_some_and(u8::is_ascii_alphabetic)
}

/// The variable's name behind a dollar sign, and the bytes that it takes.
fn name_at(rest: &[u8]) -> (&[u8], usize) {
    let letters = |text: &[u8]| {
        text.iter()
            .take(64)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count()
    };
    match rest {
        [b'{', inner @ ..] => {
            let length = letters(inner);
            let closed = inner.get(length) == Some(&b'}');
            if closed { (inner.get(..length).unwrap_or_default(), length + 2) } else { (&[], 0) }
        }
        _ => {
            let length = letters(rest);
            (rest.get(..length).unwrap_or_default(), length)
        }
    }
}
