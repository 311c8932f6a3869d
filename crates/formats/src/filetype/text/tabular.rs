//! Text in columns, settings and other line grammars.

use super::super::Type;
use super::super::tables::named;

/// Lines that are looked at.
const MAX_LINES: usize = 64;

/// Separated values, settings, or base64.
pub(super) fn classify(text: &[u8]) -> Option<&'static Type> {
    let complete = memchr::memrchr(b'\n', text).map_or(text, |end| &text[..end]);
    let lines: Vec<&[u8]> = complete
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.is_empty())
        .take(MAX_LINES)
        .collect();
    if is_base64(&lines) {
        return Some(const { named("base64") });
    }
    if lines.len() < 3 {
        return None;
    }
    let subtitle = lines[0].iter().all(u8::is_ascii_digit)
        && memchr::memmem::find(lines[1], b" --> ").is_some();
    if subtitle {
        return Some(const { named("srt") });
    }
    if separated(&lines, b'\t', 1) {
        return Some(const { named("tsv") });
    }
    if separated(&lines, b',', 1) {
        return Some(const { named("csv") });
    }
    settings(&lines)
}

/// Every line has the same number of separators outside quotes.
fn separated(lines: &[&[u8]], separator: u8, least: usize) -> bool {
    let mut counts = lines.iter().map(|line| {
        let mut quoted = false;
        let mut count = 0usize;
        for byte in *line {
            quoted ^= *byte == b'"';
            count += usize::from(*byte == separator && !quoted);
        }
        count
    });
    let Some(first) = counts.next() else { return false };
    first >= least && counts.all(|count| count == first)
}

/// `[section]` and `key = value` lines only.
fn settings(lines: &[&[u8]]) -> Option<&'static Type> {
    let mut sections = 0;
    let mut quoted = 0;
    for line in lines {
        let line = line.trim_ascii_start();
        match line.first()? {
            b'#' | b';' => {}
            b'[' if line.ends_with(b"]") => sections += 1,
            _ => {
                let equals = memchr::memchr(b'=', line)?;
                let value = line[equals + 1..].trim_ascii();
                quoted += usize::from(matches!(value.first(), Some(b'"' | b'[' | b'{')));
            }
        }
    }
    if sections == 0 {
        return None;
    }
    Some(if quoted * 2 > lines.len() - sections {
        const { named("toml") }
    } else {
        const { named("ini") }
    })
}

/// Lines of one length in the base64 alphabet, the last may be shorter; 64 characters or more.
fn is_base64(lines: &[&[u8]]) -> bool {
    let total: usize = lines.iter().map(|line| line.len()).sum();
    let Some(width) = lines.first().map(|line| line.len()) else { return false };
    let shaped = lines.iter().rev().skip(1).all(|line| line.len() == width);
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    // Long words of one case are more likely names or hashes.
    let mixed = lines.first().is_some_and(|line| {
        line.iter().any(u8::is_ascii_lowercase) && line.iter().any(u8::is_ascii_uppercase)
    });
    total >= 64 && shaped && mixed && lines.iter().all(|line| line.iter().all(alphabet))
}
