//! Objects in rich text (RTF 1.9.1, "Objects").
//!
//! The hexadecimal digits of an object may be strewn with blanks, control words and groups, which
//! Word skips and signatures trip over; so does this reader.

use crate::bytes::find;
use crate::filetype;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

use super::decode::hex;
use super::ole::native;

const OBJECT_DATA: &[u8] = b"\\objdata";
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Hands out every object.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    for (number, object) in (1..).zip(objects(input)) {
        hand_out(&object.bytes, number, unpacking)?;
    }
    Ok(())
}

/// Every object with data, in the order of the text.
pub fn objects(input: &[u8]) -> impl Iterator<Item = Object> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = find(input, OBJECT_DATA, at)? + OBJECT_DATA.len();
            let object = digits(input, start);
            at = object.end.max(start);
            if !object.bytes.is_empty() {
                return Some(object);
            }
        }
    })
}

/// The data of an object.
pub struct Object {
    /// What its digits spell.
    pub bytes: Vec<u8>,
    /// Offset behind `\objdata`.
    pub start: usize,
    /// Offset of the brace that ends it.
    pub end: usize,
    /// Control words and groups among the digits: writers put none there.
    pub noise: usize,
}

/// The bytes that the digits from `start` to the end of their group spell.
fn digits(input: &[u8], start: usize) -> Object {
    let mut bytes = Vec::new();
    let mut noise = 0usize;
    let mut half: Option<u8> = None;
    let mut depth = 0usize;
    // Depth of the ignorable group being skipped.
    let mut skipped: Option<usize> = None;
    let mut at = start;
    while let Some(byte) = input.get(at).copied() {
        match byte {
            b'{' => {
                noise += 1;
                depth += 1;
                if skipped.is_none() && input[at + 1..].starts_with(b"\\*") {
                    skipped = Some(depth);
                }
                at += 1;
            }
            b'}' => {
                if depth == 0 {
                    break;
                }
                if skipped == Some(depth) {
                    skipped = None;
                }
                depth -= 1;
                at += 1;
            }
            b'\\' => {
                let word = control_word(&input[at..]);
                noise += 1;
                at += word.length;
                if word.name == b"bin" && skipped.is_none() {
                    let count = usize::try_from(word.number.unwrap_or(0)).unwrap_or(0);
                    let raw = &input[at.min(input.len())..];
                    let raw = &raw[..count.min(raw.len())];
                    bytes.extend_from_slice(raw);
                    half = None;
                    at += raw.len();
                }
            }
            _ => {
                if skipped.is_none()
                    && let Some(value) = hex::digit(byte)
                {
                    half = match half {
                        Some(high) => {
                            bytes.push(high << 4 | value);
                            None
                        }
                        None => Some(value),
                    };
                }
                at += 1;
            }
        }
    }
    Object { bytes, start, end: at, noise }
}

/// A control word or symbol.
pub struct Control<'a> {
    /// The letters; none for a symbol.
    pub name: &'a [u8],
    /// The parameter.
    pub number: Option<i64>,
    /// Bytes from the backslash to behind the blank that ends it.
    pub length: usize,
}

/// The control word or symbol at the start of `text`, which begins with its backslash, with the
/// blank that ends it.
pub fn control_word(text: &[u8]) -> Control<'_> {
    let text = if text.is_empty() { b"\\" } else { text };
    let name = text[1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if name == 0 {
        // `\'hh` spells a character: its digits are not data.
        let length = if text.get(1) == Some(&b'\'') { 4 } else { 2 };
        return Control { name: &[], number: None, length: length.min(text.len()) };
    }
    let mut length = 1 + name;
    let negative = text.get(length) == Some(&b'-');
    let from = length + usize::from(negative);
    let count = text[from.min(text.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut number = None;
    if count > 0 {
        // More than ten digits are no number that Word reads; they are skipped with the word.
        let value = text[from..from + count]
            .iter()
            .take(10)
            .fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        number = Some(if negative { -value } else { value });
        length = from + count;
    }
    if text.get(length) == Some(&b' ') {
        length += 1;
    }
    Control { name: &text[1..=name], number, length }
}

fn hand_out(object: &[u8], number: usize, unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let child = |name: String| Child::new(ChildKind::Embedded, name);
    if let Some(ole1) = native::ole1(object)
        && !ole1.data.is_empty()
    {
        if let Some(package) = native::package(ole1.data) {
            let name = if package.name.is_empty() {
                format!("object-{number}.bin")
            } else {
                package.name.clone()
            };
            unpacking.child_bytes(&child(name.clone()), package.bytes)?;
            if !package.whole {
                unpacking.problem(Some(&name), Problem::Truncated, "package shorter than it says");
            }
            return Ok(());
        }
        let extension = if ole1.data.starts_with(COMPOUND) { "ole" } else { "bin" };
        let class: String =
            ole1.class.chars().filter(|c| c.is_ascii_alphanumeric()).take(40).collect();
        let name = format!("object-{number}-{class}.{extension}");
        unpacking.child_bytes(&child(name.clone()), ole1.data)?;
        if !ole1.whole {
            unpacking.problem(Some(&name), Problem::Truncated, "object shorter than it says");
        }
        return Ok(());
    }
    // A header that lies: the compound file in it is still found by readers that are patient.
    if let Some(at) = find(object, COMPOUND, 0) {
        return unpacking.child_bytes(&child(format!("object-{number}.ole")), &object[at..]);
    }
    if !matches!(filetype::detect(object).ty.id, "binary" | "txt") {
        return unpacking.child_bytes(&child(format!("object-{number}.bin")), object);
    }
    unpacking.problem(None, Problem::Corrupt, "an object without native data");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use crate::document::samples;
    use crate::document::test_support::{collect, survives};
    use crate::unpack::Problem;

    #[test]
    fn a_package_is_unwrapped() {
        let found = collect(unpack, &samples::rtf_object("a b.exe", b"MZ payload"));
        assert_eq!(found.names(), ["a b.exe"]);
        assert_eq!(found.body("a b.exe"), b"MZ payload");
        assert_eq!(found.problems, []);
    }

    #[test]
    fn noise_between_the_digits_is_skipped() {
        let plain = String::from_utf8(samples::rtf_object("x.exe", b"MZ payload")).expect("ASCII");
        let (head, tail) = plain.split_at(plain.find("\\objdata ").expect("an object") + 9);
        let digits = &tail[..tail.find('}').expect("an end")];
        let noise = ["\r\n", " ", "\\par12 ", "{\\*\\x ffff}", "\\'ff", "{", "}", "\t"];
        let noisy: String = digits
            .bytes()
            .enumerate()
            .map(|(at, digit)| format!("{}{}", noise[at % noise.len()], char::from(digit)))
            .collect();
        // The last group may still be open.
        let found = collect(unpack, format!("{head}{noisy}}}}}}}").as_bytes());
        assert_eq!(found.body("x.exe"), b"MZ payload");
    }

    #[test]
    fn binary_runs_are_taken_as_they_are() {
        let mut text = b"{\\rtf1{\\object{\\*\\objdata 0105000002000000".to_vec();
        text.extend(b"0400000061626300\\bin12 \0\0\0\0\0\0\0\0\x05\0\0\0 68656c6c6f}}}");
        assert_eq!(collect(unpack, &text).body("object-1-abc.bin"), b"hello");
    }

    #[test]
    fn text_without_objects_has_no_children() {
        let found = collect(unpack, b"{\\rtf1 the word objdata is harmless 4d5a}");
        assert!(found.children.is_empty() && found.problems.is_empty());
        let found = collect(unpack, b"{\\rtf1{\\*\\objdata 00ff}}");
        assert_eq!(found.problems, [Problem::Corrupt]);
    }

    #[test]
    fn hostile_bytes_survive() {
        survives(unpack, &samples::rtf_object("x.exe", b"MZ payload"));
    }
}
