//! Text from outside, made fit for reports and logs.

/// Bytes of the name of a threat in a report.
pub(crate) const THREAT_BYTES: usize = 256;

/// Bytes of a reason or an explanation in a report.
pub(crate) const LINE_BYTES: usize = 512;

/// One line of at most `limit` bytes: control characters, which could forge log lines or steer a
/// terminal, become spaces, and the ends are trimmed.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for character in text.trim().chars() {
        let shown = if is_unsafe_to_show(character) { ' ' } else { character };
        if line.len() + shown.len_utf8() > limit {
            break;
        }
        line.push(shown);
    }
    line.trim_end().to_owned()
}

/// Control characters, and the marks that change the direction of text (Unicode UAX #9): with them a
/// name reads as another one.
fn is_unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The name of a threat, or `None` when nothing of it is left.
pub(crate) fn threat(text: &str) -> Option<String> {
    let name = line(text, THREAT_BYTES);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(line(" a\nb\x1b[31m\u{202e}c ", 100), "a b [31m c");
        assert_eq!(line("äää", 3), "ä");
        assert_eq!(line(&"x".repeat(1_000_000), THREAT_BYTES).len(), THREAT_BYTES);
        assert_eq!(threat("\n\t"), None);
    }
}
