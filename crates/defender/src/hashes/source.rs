//! The text form of a list: a hash on each line, a name after it.

use std::io::{self, BufRead};

use palisade_model::Sha256;

/// Bytes of a line that are looked at; the rest is passed over.
const LINE: usize = 1_024;

/// Bytes of a name that are kept.
pub(super) const NAME: usize = 200;

/// The entry of a line: `hash`, `hash  name` (as `sha256sum` writes), `hash,name,…` or `"hash","name"`.
/// `None` for anything else.
fn entry(line: &[u8]) -> Option<(Sha256, String)> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim().trim_start_matches('"');
    let hash = text.get(..64)?.parse().ok()?;
    let rest = text.get(64..)?;
    // More digits, and it is a hash of another sort.
    if rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = rest.trim_start_matches(['"', ' ', '\t', '*', ';', ',']);
    let name = rest.split(['"', ',', ';', '\t']).next().unwrap_or("").trim();
    Some((hash, clean(name)))
}

/// A name as it may be shown: without control characters, bounded.
pub(super) fn clean(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars().filter(|c| !c.is_control()) {
        if text.len() + character.len_utf8() > NAME {
            break;
        }
        text.push(character);
    }
    text
}

/// Gives every entry of a list to `take`, and says how many lines were none. Empty lines and those that
/// begin with `#` count as nothing.
pub(super) fn read<E: From<io::Error>>(
    mut lines: impl BufRead,
    mut take: impl FnMut(Sha256, String) -> Result<(), E>,
) -> Result<u64, E> {
    let mut skipped = 0;
    let mut line = Vec::new();
    while next_line(&mut lines, &mut line)? {
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        match entry(text) {
            Some((hash, name)) => take(hash, name)?,
            None => skipped += 1,
        }
    }
    Ok(skipped)
}

/// The beginning of the next line; false at the end.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = match lines.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_line() {
        let hash = "ab".repeat(32);
        for (line, name) in [
            (hash.clone(), ""),
            (hash.to_uppercase(), ""),
            (format!("{hash}  miner.elf"), "miner.elf"),
            (format!("{hash} *miner.elf"), "miner.elf"),
            (format!("{hash},Some.Family,2024-01-01"), "Some.Family"),
            (format!("\"{hash}\",\"Some.Family\",\"x\""), "Some.Family"),
            (format!("{hash}\tone\u{7}two"), "onetwo"),
        ] {
            let (found, named) = entry(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found.to_string(), named.as_str()), (hash.clone(), name), "{line}");
        }
        for bad in ["", "sha256,name", &hash[1..], &format!("{hash}0"), &"ü".repeat(40)] {
            assert_eq!(entry(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn overlong_lines_are_cut_and_binary_is_passed_over() {
        let hash = "cd".repeat(32);
        let mut bytes = format!("# comment\n\n{hash} ").into_bytes();
        bytes.extend(std::iter::repeat_n(b'x', 1 << 20));
        bytes.extend_from_slice(b"\n\xff\xfe\x00\n");
        bytes.extend_from_slice(hash.as_bytes());
        let mut entries = Vec::new();
        let skipped = read::<io::Error>(bytes.as_slice(), |hash, name| {
            entries.push((hash, name.len()));
            Ok(())
        });
        assert_eq!(skipped.unwrap(), 1);
        assert_eq!(entries.iter().map(|entry| entry.1).collect::<Vec<_>>(), [NAME, 0]);
    }
}
