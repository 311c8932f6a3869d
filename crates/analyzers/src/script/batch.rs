//! Batch files: carets taken away, variables put in their places, substrings cut (`cmd /?`, `set /?`).

use std::collections::HashMap;

use super::view::View;

/// Bytes of one line after expansion.
const MAX_LINE: usize = 1 << 20;
/// Variables that are followed.
const MAX_VARIABLES: usize = 4_096;
/// Bytes of all expansions of one file.
const MAX_EXPANDED: usize = 32 << 20;

/// Variables that have the same value on every Windows; obfuscators cut letters out of them.
const KNOWN: [(&str, &str); 14] = [
    ("comspec", "C:\\WINDOWS\\system32\\cmd.exe"),
    ("programfiles", "C:\\Program Files"),
    ("programdata", "C:\\ProgramData"),
    ("commonprogramfiles", "C:\\Program Files\\Common Files"),
    ("systemroot", "C:\\WINDOWS"),
    ("windir", "C:\\WINDOWS"),
    ("public", "C:\\Users\\Public"),
    ("allusersprofile", "C:\\ProgramData"),
    ("systemdrive", "C:"),
    ("os", "Windows_NT"),
    ("pathext", ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"),
    ("psmodulepath", "C:\\Program Files\\WindowsPowerShell\\Modules"),
    ("path", "C:\\WINDOWS\\system32;C:\\WINDOWS;C:\\WINDOWS\\System32\\Wbem"),
    ("homedrive", "C:"),
];

/// The meaning of a batch file, and how many letters were picked out of variables.
pub(super) fn view(source: &[u8]) -> (View, usize) {
    let mut view = View::default();
    let mut state = State { variables: HashMap::new(), picked: 0, room: MAX_EXPANDED };
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let mut line = rest.get(..length).unwrap_or_default().trim_ascii().to_vec();
        let start = at;
        at += length;
        // A caret at the end goes on with the next line.
        while line.last() == Some(&b'^') && line.len() < MAX_LINE {
            line.pop();
            let rest = source.get(at..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            line.extend_from_slice(rest.get(..length).unwrap_or_default().trim_ascii());
            at += length;
            if length == 0 {
                break;
            }
        }
        if !is_comment(&line) {
            let expanded = without_carets(&state.expand(&line));
            state.set(&expanded);
            view.mark_place(start);
            view.even(&expanded);
        }
        view.line();
    }
    (view, state.picked)
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"@").unwrap_or(line);
    let rem = line.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"rem"))
        && !line.get(3).is_some_and(u8::is_ascii_alphanumeric);
    rem || line.starts_with(b"::")
}

fn without_carets(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'^' => out.extend(bytes.next()),
            _ => out.push(*byte),
        }
    }
    out
}

struct State {
    variables: HashMap<String, Vec<u8>>,
    picked: usize,
    room: usize,
}

impl State {
    /// Remembers `set name=value`, also behind `&` and in quotes.
    fn set(&mut self, line: &[u8]) {
        for command in line.split(|byte| matches!(byte, b'&' | b'|' | b'(' | b')')) {
            let command = command.trim_ascii_start();
            let command = command.strip_prefix(b"@").unwrap_or(command);
            let Some(rest) = command
                .get(..4)
                .filter(|word| {
                    word.eq_ignore_ascii_case(b"set ") || word.eq_ignore_ascii_case(b"set\"")
                })
                .and_then(|_| command.get(3..))
            else {
                continue;
            };
            let rest = rest.trim_ascii_start();
            let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
            let Some(equals) = memchr::memchr(b'=', rest) else { continue };
            let name = String::from_utf8_lossy(rest.get(..equals).unwrap_or_default());
            let name = name.trim().to_ascii_lowercase();
            let value = rest.get(equals + 1..).unwrap_or_default();
            let value = value.strip_suffix(b"\"").unwrap_or(value);
            if self.variables.len() < MAX_VARIABLES || self.variables.contains_key(&name) {
                self.variables.insert(name, value.to_vec());
            }
        }
    }

    fn value(&self, name: &str) -> Option<&[u8]> {
        if let Some(value) = self.variables.get(name) {
            return Some(value);
        }
        KNOWN.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }

    /// Puts `%name%`, `!name!`, `%name:~1,2%` and `%name:a=b%` in their places.
    fn expand(&mut self, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(line.len());
        let mut rest = line;
        while let Some(start) = memchr::memchr2(b'%', b'!', rest) {
            out.extend_from_slice(rest.get(..start).unwrap_or_default());
            let mark = rest.get(start).copied().unwrap_or(b'%');
            let inner = rest.get(start + 1..).unwrap_or_default();
            let window = inner.get(..inner.len().min(256)).unwrap_or_default();
            let end = memchr::memchr(mark, window).filter(|end| *end > 0);
            let value = end.and_then(|end| {
                let name = String::from_utf8_lossy(window.get(..end)?).to_ascii_lowercase();
                // Escapes in the name of a variable hide it as well.
                self.cut(&name.replace('^', ""))
            });
            match (value, end) {
                (Some(value), Some(end))
                    if out.len() + value.len() <= MAX_LINE && value.len() <= self.room =>
                {
                    self.room -= value.len();
                    out.extend_from_slice(&value);
                    rest = inner.get(end + 1..).unwrap_or_default();
                }
                _ => {
                    out.push(mark);
                    rest = inner;
                }
            }
        }
        out.extend_from_slice(rest);
        out
    }

    /// The value of a variable, or the part of it that is asked for.
    fn cut(&mut self, expression: &str) -> Option<Vec<u8>> {
        let Some((name, how)) = expression.split_once(':') else {
            return self.value(expression).map(<[u8]>::to_vec);
        };
        let value = self.value(name)?.to_vec();
        let result = if let Some(range) = how.strip_prefix('~') {
            let (start, length) = match range.split_once(',') {
                Some((start, length)) => (start, Some(length)),
                None => (range, None),
            };
            let size = i64::try_from(value.len()).ok()?;
            let start: i64 = start.trim().parse().ok()?;
            let start = if start < 0 { size.saturating_add(start).max(0) } else { start.min(size) };
            let end = match length {
                Some(length) => {
                    let length: i64 = length.trim().parse().ok()?;
                    if length < 0 {
                        size.saturating_add(length)
                    } else {
                        start.saturating_add(length)
                    }
                }
                None => size,
            };
            let range =
                usize::try_from(start).ok()?..usize::try_from(end.clamp(start, size)).ok()?;
            value.get(range)?.to_vec()
        } else {
            let (from, to) = how.split_once('=')?;
            let text = String::from_utf8_lossy(&value).to_ascii_lowercase();
            text.replace(from.trim_start_matches('*'), to).into_bytes()
        };
        self.picked += 1;
        Some(result)
    }
}
