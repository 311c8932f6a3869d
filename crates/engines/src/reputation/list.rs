use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use palisade_model::AnyHash;

use super::index::{IndexBuilder, IndexError};

/// What being on a list means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    /// Known good.
    Allow,
    /// Unwanted, by the operator's word.
    Block,
    /// A known threat, by our own.
    Threat,
}

/// The longest line that is read; what is longer is no hash list.
const LINE_BYTES: u64 = 64 << 10;

/// What a list held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSummary {
    /// Hashes.
    pub entries: u64,
    /// Lines that are neither empty, a comment, a heading nor a hash.
    pub bad_lines: u64,
    /// The first of them, counted from 1.
    pub first_bad: Option<u64>,
}

impl ListSummary {
    pub(super) fn problem(&self, path: &Path) -> Option<String> {
        let first = self.first_bad?;
        Some(format!(
            "{}: {} lines hold no MD5, SHA-1 or SHA-256 (the first is line {first})",
            path.display(),
            self.bad_lines
        ))
    }
}

/// Reads a hash list: one hash a line, or CSV (comma, semicolon or tab), or the output of
/// `sha256sum`, or ClamAV's `hash:size:name`. The first other word that is no number is taken for
/// the threat's name. `#` starts a comment; a first line without a hash is a heading.
///
/// # Errors
/// A file that cannot be read.
pub fn read_list(
    path: &Path,
    kind: ListKind,
    builder: &mut IndexBuilder,
) -> Result<ListSummary, IndexError> {
    let failed = |source| IndexError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut summary = ListSummary::default();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            return Ok(summary);
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match parse_line(text) {
            Some((hash, name)) => {
                builder.add(hash, kind, name);
                summary.entries += 1;
            }
            None if number == 1 => {}
            None => {
                summary.bad_lines += 1;
                summary.first_bad.get_or_insert(number);
            }
        }
    }
}

/// The hash of a line, and the threat's name if it has one.
fn parse_line(line: &str) -> Option<(AnyHash, &str)> {
    // The common case: nothing but the hash.
    if let Some(hash) = parse_hash(line) {
        return Some((hash, ""));
    }
    let csv = line.contains([',', ';', '\t', ':']);
    let separators: &[char] = if csv { &[',', ';', '\t', ':'] } else { &[' '] };
    let fields = line.split(separators).map(|field| field.trim().trim_matches('"').trim());
    let mut hash = None;
    let mut name = "";
    for field in fields.filter(|field| !field.is_empty()) {
        match parse_hash(field) {
            Some(found) => {
                // The strongest of several in one line.
                if hash.is_none_or(|known: AnyHash| found.kind() > known.kind()) {
                    hash = Some(found);
                }
            }
            None => {
                let is_name = csv && field.parse::<f64>().is_err() && field != "*";
                if name.is_empty() && is_name {
                    name = field;
                }
            }
        }
    }
    hash.map(|hash| (hash, name))
}

fn parse_hash(text: &str) -> Option<AnyHash> {
    match text.len() {
        32 | 40 | 64 => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
    const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

    fn check(line: &str, hash: &str, name: &str) {
        let hash: AnyHash = hash.parse().unwrap();
        assert_eq!(parse_line(line), Some((hash, name)), "{line}");
    }

    #[test]
    fn the_usual_forms_are_read() {
        check(MD5, MD5, "");
        check(&MD5.to_uppercase(), MD5, "");
        check(&format!("{SHA256}  some file.exe"), SHA256, "");
        check(&format!("{MD5}:68:Eicar-Test"), MD5, "Eicar-Test");
        check(&format!("2026-01-01;\"{MD5}\";\"{SHA256}\";\"Trojan.X\";12"), SHA256, "2026-01-01");
        check(&format!("{SHA256},Trojan.X,80"), SHA256, "Trojan.X");
        check(&format!("{SHA256}:*:Trojan.Y:73"), SHA256, "Trojan.Y");
    }

    #[test]
    fn what_is_no_hash_is_none() {
        assert_eq!(parse_line("md5,name"), None);
        assert_eq!(parse_line(&"g".repeat(32)), None);
    }
}
