//! Commands given to PowerShell in base64 (`powershell -EncodedCommand`, about_PowerShell_exe).

use super::decode;

/// The full name of the switch; every beginning of it is taken, from `-e` on.
const SWITCH: &[u8] = b"encodedcommand";
/// Fewest digits of an encoded command.
const MIN_DIGITS: usize = 16;
/// Commands that are decoded in one view.
const MAX_COMMANDS: usize = 64;

/// The decoded commands and where they stand in the view.
pub(super) fn encoded_commands(view: &[u8]) -> Vec<(Vec<u8>, usize)> {
    let mut found = Vec::new();
    for at in memchr::memchr2_iter(b'e', b'E', view) {
        if found.len() >= MAX_COMMANDS {
            break;
        }
        // Only behind a dash or slash that begins a word.
        let marks = at.checked_sub(1).and_then(|before| view.get(before));
        if !matches!(marks, Some(b'-' | b'/')) {
            continue;
        }
        let before = at.checked_sub(2).and_then(|before| view.get(before));
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        if let Some(command) = command(view.get(at..).unwrap_or_default()) {
            found.push((command, at));
        }
    }
    found
}

fn command(text: &[u8]) -> Option<Vec<u8>> {
    let length =
        text.iter().take(SWITCH.len() + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = text.get(..length)?.to_ascii_lowercase();
    if !(SWITCH.starts_with(&name) || name == b"ec") {
        return None;
    }
    let rest = text.get(length..)?;
    let blanks = rest.iter().take(16).take_while(|byte| b" \t\"':=,".contains(byte)).count();
    let rest = rest.get(blanks..).filter(|_| blanks > 0)?;
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        .count();
    let digits = rest.get(..digits).filter(|digits| digits.len() >= MIN_DIGITS)?;
    let bytes = decode::from_base64(digits);
    decode::utf16(&bytes)
}
