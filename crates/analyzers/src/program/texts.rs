use crate::Examination;

/// Bytes that are searched for texts.
const MAX_SEARCHED: usize = 64 << 20;
/// Bytes of text that are handed on.
const MAX_TEXT: usize = 1 << 20;
/// Bytes of a run that is text.
const MIN_RUN: usize = 7;
/// Bytes of a run that are kept.
const MAX_RUN: usize = 2_048;
/// Bytes between two looks at the time.
const STEP: usize = 4 << 20;

/// Notes the addresses in the texts of a piece of a program: runs of printable ASCII and of the same
/// in UTF-16, little-endian, that may hold an address.
pub(crate) fn observe_strings(examination: &mut Examination<'_>, bytes: &[u8], context: &str) {
    let mut text = Vec::new();
    for piece in bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default().chunks(STEP) {
        if examination.should_stop() || text.len() >= MAX_TEXT {
            break;
        }
        narrow_runs(piece, &mut text);
        wide_runs(piece, &mut text);
    }
    if !text.is_empty() {
        examination.observe_text(&text, context);
    }
}

fn printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

fn narrow_runs(bytes: &[u8], text: &mut Vec<u8>) {
    // Every address has a dot or a colon: only the runs around those are looked at.
    let mut after = 0;
    for at in memchr::memchr2_iter(b'.', b':', bytes) {
        if at < after {
            continue;
        }
        let before = bytes.get(after..at).unwrap_or_default();
        let start = before.iter().rev().take(MAX_RUN).take_while(|&&byte| printable(byte)).count();
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.iter().take(MAX_RUN).take_while(|&&byte| printable(byte)).count();
        let run = bytes.get(at - start..at + length).unwrap_or_default();
        after = at + length.max(1);
        keep(run, text);
        if text.len() >= MAX_TEXT {
            return;
        }
    }
}

fn wide_runs(bytes: &[u8], text: &mut Vec<u8>) {
    let mut after = 0;
    for at in memchr::memmem::find_iter(bytes, b":\0/\0/\0") {
        if at < after {
            continue;
        }
        let unit = |at: usize| match bytes.get(at..at + 2) {
            Some(&[low, 0]) if printable(low) => Some(low),
            _ => None,
        };
        let mut start = at;
        while start >= 2 && at - start < 64 && unit(start - 2).is_some() {
            start -= 2;
        }
        let run: Vec<u8> = (0..MAX_RUN).map_while(|number| unit(start + number * 2)).collect();
        after = start + run.len() * 2;
        keep(&run, text);
        if text.len() >= MAX_TEXT {
            return;
        }
    }
}

fn keep(run: &[u8], text: &mut Vec<u8>) {
    if run.len() >= MIN_RUN && text.len() + run.len() < MAX_TEXT {
        text.extend_from_slice(run);
        text.push(b'\n');
    }
}
