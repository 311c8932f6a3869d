//! Packers of JavaScript that are undone without running anything, and alphabets that are named.

use std::collections::HashMap;

/// Bytes that unpacking may give.
const MAX_UNPACKED: usize = 32 << 20;
/// Words of a packed source.
const MAX_WORDS: usize = 100_000;

/// The source that Dean Edwards' packer made small: `eval(function(p,a,c,k,e,d){…}('…',62,9,'a|b'.split('|')…`.
/// Its words were replaced by their numbers in base `a`; they are put back.
pub(super) fn dean_edwards(source: &[u8]) -> Option<Vec<u8>> {
    let head = source.get(..source.len().min(1 << 20))?;
    let start = memchr::memmem::find(head, b"function(p,a,c,k,e,")?;
    let body = source.get(start..)?;
    let call = memchr::memmem::find(body, b"}(")? + 2;
    let (payload, rest) = quoted(body.get(call..)?)?;
    let rest = rest.trim_ascii_start().strip_prefix(b",")?;
    let (base, rest) = leading_number(rest)?;
    let rest = rest.trim_ascii_start().strip_prefix(b",")?;
    let (count, rest) = leading_number(rest)?;
    let rest = rest.trim_ascii_start().strip_prefix(b",")?;
    let (words, _) = quoted(rest)?;
    if !(2..=62).contains(&base) || count > MAX_WORDS {
        return None;
    }
    let words: Vec<&[u8]> = words.split(|byte| *byte == b'|').take(MAX_WORDS).collect();
    let numbers: HashMap<Vec<u8>, &[u8]> = words
        .iter()
        .enumerate()
        .filter(|(_, word)| !word.is_empty())
        .map(|(number, word)| (in_base(number, base), *word))
        .collect();
    let payload = super::escapes::backslash(&payload, false);
    let mut out = Vec::with_capacity(payload.len() * 2);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = 0;
    while let Some(rest) = payload.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().take_while(|byte| is_word(**byte)).count();
        if out.len() > MAX_UNPACKED {
            break;
        }
        if length == 0 {
            out.extend(rest.first());
            at += 1;
            continue;
        }
        let word = rest.get(..length)?;
        out.extend_from_slice(numbers.get(word).copied().unwrap_or(word));
        at += length;
    }
    Some(out)
}

fn in_base(number: usize, base: usize) -> Vec<u8> {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut out = Vec::new();
    let mut rest = number;
    loop {
        out.extend(DIGITS.get(rest % base));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    out.reverse();
    out
}

/// The content of the quoted string here, escapes kept, and what follows it.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let text = text.trim_ascii_start();
    let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' {
            at += 2;
        } else if *byte == quote {
            return Some((text.get(1..at)?.to_vec(), text.get(at + 1..)?));
        } else {
            at += 1;
        }
    }
    None
}

fn leading_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let text = text.trim_ascii_start();
    let length = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(text.get(..length)?).ok()?.parse().ok()?;
    Some((number, text.get(length..)?))
}

/// An alphabet in which JavaScript is written to be read by nobody.
pub(super) fn esoteric(source: &[u8]) -> Option<&'static str> {
    const LEAST: usize = 500;
    let look = source.get(..source.len().min(64 << 10))?;
    let code = look.iter().filter(|byte| **byte > b' ').count();
    if code < LEAST {
        return None;
    }
    let share = |set: &[u8]| look.iter().filter(|byte| set.contains(byte)).count() * 100 / code;
    if share(b"[]()!+") >= 97 {
        return Some("JSFuck");
    }
    if share(b"[]()!+$_.:{}\"\\;~=,") >= 95 && memchr::memmem::find(look, b"$=~[]").is_some() {
        return Some("jjencode");
    }
    // aaencode: faces; its first variable is always this one.
    if memchr::memmem::find(look, "ﾟωﾟﾉ".as_bytes()).is_some() {
        return Some("aaencode");
    }
    None
}
