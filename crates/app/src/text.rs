//! Text for people.

use std::fmt::Write as _;
use std::io::Write as _;

/// Writes a line to standard error. A closed standard error is nobody to complain to.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes to standard output.
///
/// # Errors
/// The reader is gone (`palisade … | head`).
pub(crate) fn say(text: &str) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes())
}

/// Text from outside, safe for a terminal: control characters, and characters that turn the
/// direction of writing, are shown as escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden {
            // Writing to a String cannot fail.
            let _ = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A size for people: `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A size as people write it: `500`, `64k`, `1.5 MiB`, `2G`. Units are powers of 1,024.
///
/// # Errors
/// A line that says what is expected.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor: u64 = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return Err(format!("`{text}` is not a size such as 500, 64k, 1.5 MiB or 2G")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a size such as 500, 64k, 1.5 MiB or 2G"))?;
    let bytes = number * factor as f64;
    if bytes.is_finite() && (0.0..9e18).contains(&bytes) {
        // In range by the line above.
        Ok(bytes as u64)
    } else {
        Err(format!("`{text}` is out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_size("500"), Ok(500));
        assert_eq!(parse_size("64k"), Ok(64 << 10));
        assert_eq!(parse_size("1.5 MiB"), Ok(3 << 19));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert!(parse_size("many").is_err());
        assert!(parse_size("-1").is_err());
        assert!(parse_size("1x").is_err());
    }

    #[test]
    fn a_name_cannot_play_with_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}gpj.exe\n"), "a\\u{1b}[31m\\u{202e}gpj.exe\\u{a}");
    }
}
