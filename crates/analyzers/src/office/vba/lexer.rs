//! Words of Visual Basic, and the strings that it spells by concatenation, character codes and
//! reversal: only what is constant, nothing is run.

/// Words that are read of all modules of a document.
const MAX_WORDS: usize = 2_000_000;
/// Bytes of one spelt string.
const MAX_STRING: usize = 64 << 10;

/// A word of source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// A name, in lower case, without a type mark.
    Name(String),
    /// A string literal, its doubled quotes undone.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Any other character.
    Mark(u8),
    /// End of a statement.
    End,
}

/// Splits source into words. Comments are left out; line continuations are joined.
pub(crate) fn words(source: &str) -> Vec<Word> {
    let bytes = source.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if out.len() >= MAX_WORDS {
            break;
        }
        match byte {
            b'\n' | b':' => {
                out.push(Word::End);
                at += 1;
            }
            b'_' if continues(bytes, at) => {
                let line = memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                at += line + 1;
            }
            b'\'' => at = run(bytes, at, |byte| byte != b'\n'),
            b'"' => {
                let (text, end) = literal(source, at + 1);
                out.push(Word::Text(text));
                at = end;
            }
            b'&' if bytes
                .get(at + 1)
                .is_some_and(|mark| matches!(mark, b'H' | b'h' | b'O' | b'o')) =>
            {
                let radix = if matches!(bytes.get(at + 1), Some(b'H' | b'h')) { 16 } else { 8 };
                let digits = run(bytes, at + 2, |byte| byte.is_ascii_hexdigit());
                let text = source.get(at + 2..digits).unwrap_or_default();
                match i64::from_str_radix(text, radix) {
                    Ok(number) => out.push(Word::Number(number)),
                    Err(_) => out.push(Word::Mark(b'&')),
                }
                at = digits.max(at + 2);
                at += usize::from(bytes.get(at) == Some(&b'&'));
            }
            b'0'..=b'9' => {
                let end = run(bytes, at, |byte| byte.is_ascii_digit());
                let number = source.get(at..end).and_then(|digits| digits.parse().ok());
                out.push(Word::Number(number.unwrap_or(i64::MAX)));
                at = end;
            }
            _ if is_name(byte) => {
                let end = run(bytes, at, |byte| is_name(byte) || byte.is_ascii_digit());
                let name = source.get(at..end).unwrap_or_default().to_lowercase();
                at = end;
                if name == "rem" && matches!(out.last(), None | Some(Word::End)) {
                    at = run(bytes, at, |byte| byte != b'\n');
                    continue;
                }
                // `Chr$`
                at += usize::from(bytes.get(at) == Some(&b'$'));
                out.push(Word::Name(name));
            }
            _ => {
                if !byte.is_ascii_whitespace() {
                    out.push(Word::Mark(byte));
                }
                at += 1;
            }
        }
    }
    out
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn run(bytes: &[u8], from: usize, holds: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !holds(*byte)).unwrap_or(rest.len())
}

/// `_` with nothing behind it on its line, and a blank in front.
fn continues(bytes: &[u8], at: usize) -> bool {
    let blank_before = at == 0 || bytes.get(at - 1).is_some_and(u8::is_ascii_whitespace);
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let behind = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    blank_before && matches!(behind, None | Some(b'\n'))
}

fn literal(source: &str, from: usize) -> (String, usize) {
    let bytes = source.as_bytes();
    let mut text = String::new();
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let stop = memchr::memchr2(b'"', b'\n', rest).unwrap_or(rest.len());
        if text.len() < MAX_STRING {
            text.push_str(source.get(at..at + stop).unwrap_or_default());
        }
        at += stop;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), Some(b'"')) => {
                text.push('"');
                at += 2;
            }
            (Some(b'"'), _) => return (text, at + 1),
            _ => return (text, at),
        }
    }
}

/// What concatenation gave, and what it took.
#[derive(Default)]
pub(crate) struct Spelt {
    /// Strings, each as long as it can be spelt.
    pub(crate) strings: Vec<String>,
    /// Characters given by their codes.
    pub(crate) codes: usize,
    /// Concatenations of constants.
    pub(crate) joints: usize,
    /// Calls that turn a constant around.
    pub(crate) reversals: usize,
}

/// Spells every string expression of constants in `words`.
pub(crate) fn spell(words: &[Word]) -> Spelt {
    let mut spelt = Spelt::default();
    let mut at = 0;
    while at < words.len() {
        let Some((mut text, mut next)) = term(words, at, &mut spelt) else {
            at += 1;
            continue;
        };
        while matches!(words.get(next), Some(Word::Mark(b'&' | b'+')))
            && let Some((more, after)) = term(words, next + 1, &mut spelt)
        {
            if text.len() + more.len() <= MAX_STRING {
                text.push_str(&more);
            }
            spelt.joints += 1;
            next = after;
        }
        spelt.strings.push(text);
        at = next;
    }
    spelt
}

/// A literal, `Chr(n)`, or `StrReverse("…")` at `at`; the word behind it.
fn term(words: &[Word], at: usize, spelt: &mut Spelt) -> Option<(String, usize)> {
    match words.get(at)? {
        Word::Text(text) => Some((text.clone(), at + 1)),
        Word::Name(name) => match name.as_str() {
            "chr" | "chrw" | "chrb" => {
                let (code, next) = code(words, at + 1)?;
                spelt.codes += 1;
                let letter = u32::try_from(code).ok().and_then(char::from_u32)?;
                Some((letter.to_string(), next))
            }
            "strreverse" => match words.get(at + 1..at + 4)? {
                [Word::Mark(b'('), Word::Text(text), Word::Mark(b')')] => {
                    spelt.reversals += 1;
                    Some((text.chars().rev().collect(), at + 4))
                }
                _ => None,
            },
            "vbcrlf" | "vbnewline" => Some(("\n".to_owned(), at + 1)),
            _ => None,
        },
        _ => None,
    }
}

/// `(65)`, `(60 + 5)`, `(70 - 5)`, `(5 * 13)`, `(1 Xor 64)`: at most a few operators.
fn code(words: &[Word], at: usize) -> Option<(i64, usize)> {
    if words.get(at)? != &Word::Mark(b'(') {
        return None;
    }
    let mut at = at + 1;
    let Word::Number(mut value) = *words.get(at)? else { return None };
    for _ in 0..8 {
        at += 1;
        let operator = words.get(at)?;
        if *operator == Word::Mark(b')') {
            return Some((value, at + 1));
        }
        at += 1;
        let Word::Number(other) = *words.get(at)? else { return None };
        value = match operator {
            Word::Mark(b'+') => value.checked_add(other)?,
            Word::Mark(b'-') => value.checked_sub(other)?,
            Word::Mark(b'*') => value.checked_mul(other)?,
            Word::Mark(b'/' | b'\\') => value.checked_div(other)?,
            Word::Name(name) if name == "xor" => value ^ other,
            _ => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Word, spell, words};

    fn check(source: &str, expect: &[&str]) {
        assert_eq!(spell(&words(source)).strings, expect, "{source}");
    }

    #[test]
    fn constant_strings_are_spelt() {
        check("a = \"po\" & \"wer\" + \"shell\"", &["powershell"]);
        check("a = Chr(99) & ChrW(&H6d) & Chr$(50 * 2)", &["cmd"]);
        check("a = StrReverse(\"dmc\") & \".exe\"", &["cmd.exe"]);
        check("a = \"say \"\"hi\"\"\"", &["say \"hi\""]);
        check("a = \"one\" & _\r\n  \"two\"", &["onetwo"]);
        check("' \"comment\"\r\nRem \"another\"\r\na = \"b\" ' \"c\"", &["b"]);
        check("a = \"not closed\r\nb = 1", &["not closed\r"]);
        check("a = Chr(1000000000000000000000) & Chr(", &[]);
    }

    #[test]
    fn names_are_words_in_lower_case() {
        let expect =
            [Word::Name("shell".to_owned()), Word::Number(255), Word::Mark(b','), Word::Number(8)];
        assert_eq!(words("Shell &HFF&, &O10"), expect);
    }
}
