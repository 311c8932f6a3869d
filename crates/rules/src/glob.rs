//! Patterns of the shell, as `fnmatch` without flags reads them.
//!
//! `*` is any text, slashes and leading points included; `?` one character; `[a-z]`, `[!a]`, `[^a]`
//! and `[[:alpha:]]` one of a class; a backslash takes the next character as it is. A bracket that
//! is never closed is a bracket. The time is bounded by pattern × text.

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    parts: Box<[Part]>,
    fold: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Any,
    One,
    Byte(u8),
    /// A bit for each byte that matches.
    Class(Box<[u64; 4]>),
}

impl Glob {
    /// Compiles a pattern; with `fold`, letters match in either case.
    pub(crate) fn new(pattern: &[u8], fold: bool) -> Self {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            let part = match first {
                b'*' => Part::Any,
                b'?' => Part::One,
                b'\\' => match after.split_first() {
                    Some((escaped, after)) => {
                        rest = after;
                        Part::Byte(*escaped)
                    }
                    None => Part::Byte(b'\\'),
                },
                b'[' => match class(after, fold) {
                    Some((class, after)) => {
                        rest = after;
                        Part::Class(Box::new(class))
                    }
                    None => Part::Byte(b'['),
                },
                byte => Part::Byte(*byte),
            };
            if part == Part::Any && parts.last() == Some(&Part::Any) {
                continue;
            }
            parts.push(part);
        }
        if fold {
            for part in &mut parts {
                if let Part::Byte(byte) = part {
                    byte.make_ascii_lowercase();
                }
            }
        }
        Glob { parts: parts.into_boxed_slice(), fold }
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where to go on if what follows the last `*` does not match: one byte more for the `*`.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match (self.parts.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    retry = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(own), Some(_)) => self.step(own, &text[at..]),
                (None, Some(_)) | (Some(_), None) => 0,
            };
            if step > 0 {
                part += 1;
                at += step;
                continue;
            }
            match retry {
                Some((after, from)) if from < text.len() => {
                    retry = Some((after, from + 1));
                    part = after;
                    at = from + 1;
                }
                Some(_) | None => return false,
            }
        }
    }

    /// How many bytes of the text a part takes; 0 if it does not match.
    fn step(&self, part: &Part, text: &[u8]) -> usize {
        let Some(byte) = text.first() else { return 0 };
        let byte = if self.fold { byte.to_ascii_lowercase() } else { *byte };
        match part {
            Part::Any => 0,
            Part::One => character(text),
            Part::Byte(own) => usize::from(*own == byte),
            Part::Class(bits) => usize::from(has(bits, byte)),
        }
    }
}

/// Bytes of the UTF-8 character at the start; 1 for what is none.
fn character(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 1,
    };
    let whole = text.get(1..length).is_some_and(|rest| rest.iter().all(|b| b & 0xC0 == 0x80));
    if whole { length } else { 1 }
}

fn has(bits: &[u64; 4], byte: u8) -> bool {
    (bits[usize::from(byte / 64)] >> (byte % 64)) & 1 == 1
}

fn put(bits: &mut [u64; 4], byte: u8) {
    bits[usize::from(byte / 64)] |= 1 << (byte % 64);
}

/// Reads a class after its bracket: the bytes that match, and what follows.
fn class(pattern: &[u8], fold: bool) -> Option<([u64; 4], &[u8])> {
    let mut bits = [0_u64; 4];
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let start = at;
    loop {
        let byte = *pattern.get(at)?;
        if byte == b']' && at > start {
            break;
        }
        if byte == b'['
            && let Some((name, length)) = named(&pattern[at..])
        {
            (0..=u8::MAX).filter(name).for_each(|b| put(&mut bits, b));
            at += length;
            continue;
        }
        let low = literal(pattern, &mut at)?;
        let range =
            pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|b| *b != b']');
        let high = if range {
            at += 1;
            literal(pattern, &mut at)?
        } else {
            low
        };
        (low..=high).for_each(|b| put(&mut bits, b));
    }
    if fold {
        for byte in b'A'..=b'Z' {
            if has(&bits, byte) {
                put(&mut bits, byte.to_ascii_lowercase());
            }
        }
    }
    if negated {
        bits = bits.map(|word: u64| !word);
    }
    Some((bits, &pattern[at + 1..]))
}

fn literal(pattern: &[u8], at: &mut usize) -> Option<u8> {
    if pattern.get(*at) == Some(&b'\\') {
        *at += 1;
    }
    let byte = *pattern.get(*at)?;
    *at += 1;
    Some(byte)
}

/// Whether a byte is of a class.
type Class = fn(&u8) -> bool;

/// A class by name, such as `[:digit:]`, and its length.
fn named(pattern: &[u8]) -> Option<(Class, usize)> {
    let classes: [(&[u8], Class); 11] = [
        (b"[:alpha:]", u8::is_ascii_alphabetic),
        (b"[:digit:]", u8::is_ascii_digit),
        (b"[:alnum:]", u8::is_ascii_alphanumeric),
        (b"[:upper:]", u8::is_ascii_uppercase),
        (b"[:lower:]", u8::is_ascii_lowercase),
        (b"[:space:]", |b| b.is_ascii_whitespace() || *b == 0x0B),
        (b"[:blank:]", |b| matches!(b, b' ' | b'\t')),
        (b"[:punct:]", u8::is_ascii_punctuation),
        (b"[:xdigit:]", u8::is_ascii_hexdigit),
        (b"[:cntrl:]", u8::is_ascii_control),
        (b"[:print:]", |b| matches!(b, 0x20..=0x7E)),
    ];
    classes
        .into_iter()
        .find(|(name, _)| pattern.starts_with(name))
        .map(|(name, class)| (class, name.len()))
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn check(pattern: &str, text: &str, expected: bool) {
        let glob = Glob::new(pattern.as_bytes(), false);
        assert_eq!(glob.matches(text.as_bytes()), expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_match_as_in_the_shell() {
        check("*", "", true);
        check("/etc/*", "/etc/ssh/sshd_config", true);
        check("*.so*", "/lib/libc.so.6", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check("?", "", false);
        check("?", "ä", true);
        check("/tmp/?", "/tmp/ab", false);
        check("[a-c]x", "bx", true);
        check("[!a-c]x", "bx", false);
        check("[^a-c]x", "dx", true);
        check("[]a]", "]", true);
        check("[a-]", "-", true);
        check("[[:digit:]]*", "7up", true);
        check("[", "[", true);
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("", "", true);
        check("", "a", false);
    }

    #[test]
    fn case_is_folded_on_request() {
        assert!(Glob::new(b"/TMP/[A-C]*", true).matches(b"/tmp/Bx"));
        assert!(!Glob::new(b"/TMP/[A-C]*", false).matches(b"/tmp/Bx"));
    }

    #[test]
    fn stars_do_not_explode() {
        let pattern = "a*".repeat(50) + "b";
        check(&pattern, &"a".repeat(5_000), false);
    }
}
