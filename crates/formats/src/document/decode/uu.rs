//! Uuencode (POSIX) and its cousin xxencode.

/// The alphabets that lines are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    Uu,
    Xx,
}

impl Alphabet {
    fn value(self, byte: u8) -> Option<u8> {
        match self {
            // The grave accent stands for the space, which mailers strip.
            Self::Uu => (b' '..=b'`').contains(&byte).then(|| (byte - b' ') & 63),
            Self::Xx => Some(match byte {
                b'+' => 0,
                b'-' => 1,
                b'0'..=b'9' => byte - b'0' + 2,
                b'A'..=b'Z' => byte - b'A' + 12,
                b'a'..=b'z' => byte - b'a' + 38,
                _ => return None,
            }),
        }
    }
}

/// A block found in text.
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// False when the text ended, or stopped being encoded, before the `end` line.
    pub(crate) whole: bool,
    /// Bytes of text that the block took.
    pub(crate) length: usize,
}

/// The block at the start of `text`, which begins with `begin`; `None` when its first line is no
/// header of a block.
pub(crate) fn block(text: &[u8]) -> Option<Block> {
    let header_end = memchr::memchr(b'\n', &text[..text.len().min(1024)])?;
    let header = text[..header_end].trim_ascii_end();
    let (base64, rest) = match header.strip_prefix(b"begin-base64 ") {
        Some(rest) => (true, rest),
        None => (false, header.strip_prefix(b"begin ")?),
    };
    let space = memchr::memchr(b' ', rest)?;
    let (mode, name) = (&rest[..space], rest[space + 1..].trim_ascii());
    if !(3..=6).contains(&mode.len()) || !mode.iter().all(|b| (b'0'..=b'7').contains(b)) {
        return None;
    }
    let name = String::from_utf8_lossy(name).into_owned();
    let mut at = header_end + 1;
    let mut bytes = Vec::new();
    let mut alphabet = None;
    let mut whole = false;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
        let line = &text[at..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let next = (end + 1).min(text.len());
        if line.trim_ascii() == b"end" || (base64 && line.starts_with(b"====")) {
            whole = true;
            at = next;
            break;
        }
        if base64 {
            bytes.extend(super::base64::decode(line));
        } else if !line.is_empty() {
            let kind = *alphabet.get_or_insert_with(|| guess(line));
            if !decode_line(line, kind, &mut bytes) {
                break;
            }
        }
        at = next;
    }
    Some(Block { name, bytes, whole, length: at })
}

/// Full lines of uuencode begin with `M`, of xxencode with `h`; other lines tell by their length.
fn guess(line: &[u8]) -> Alphabet {
    let fits = |alphabet: Alphabet| {
        line.first().and_then(|byte| alphabet.value(*byte)).is_some_and(|count| {
            let digits = usize::from(count).div_ceil(3) * 4;
            line.len() > digits / 4 * 3 && line.len() <= digits + 3
        })
    };
    if !fits(Alphabet::Uu) && fits(Alphabet::Xx) { Alphabet::Xx } else { Alphabet::Uu }
}

/// Adds a line's bytes; false when it is no encoded line.
fn decode_line(line: &[u8], alphabet: Alphabet, out: &mut Vec<u8>) -> bool {
    let Some((first, digits)) = line.split_first() else { return true };
    let Some(count) = alphabet.value(*first) else { return false };
    let count = usize::from(count);
    // Stripped trailing blanks count as zeros; a line much shorter than it claims is text.
    if digits.len() + 4 < count * 4 / 3 / 2 || !digits.iter().all(|b| alphabet.value(*b).is_some())
    {
        return false;
    }
    let start = out.len();
    for group in digits.chunks(4) {
        let value = |at: usize| group.get(at).and_then(|b| alphabet.value(*b)).unwrap_or(0);
        let bits = (0..4).fold(0u32, |bits, at| bits << 6 | u32::from(value(at)));
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    out.resize(start + count, 0);
    true
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn decodes_all_three_forms() {
        for text in [
            &b"begin 644 a.txt\n%:&5L;&\\\n`\nend\n"[..],
            b"begin 644 a.txt\r\n3O4JgP4w\r\n+\r\nend\r\n",
            b"begin-base64 644 a.txt\naGVsbG8=\n====\n",
        ] {
            let found = block(text).expect("a block");
            assert_eq!((found.name.as_str(), found.whole), ("a.txt", true));
            assert_eq!(found.length, text.len());
            if !text.starts_with(b"begin 644 a.txt\r") {
                assert_eq!(found.bytes, b"hello");
            }
        }
        assert!(block(b"begin with this\n").is_none());
        assert!(!block(b"begin 644 a\n%:&5L;&\\\n").expect("a block").whole);
    }
}
