//! Text that is written in two bytes a character.

use std::borrow::Cow;

/// Bytes that are looked at for zeros.
const LOOK: usize = 1_024;
/// Shortest string taken out of binary data, in characters.
const MIN_STRING: usize = 6;

/// UTF-16 as UTF-8; other text as it is.
pub(super) fn as_utf8(text: &[u8]) -> Cow<'_, [u8]> {
    let little = match text {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        _ => {
            let look = text.get(..text.len().min(LOOK)).unwrap_or_default();
            let zeros =
                |odd: usize| look.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
            let half = look.len() / 2;
            if half < 4 {
                return Cow::Borrowed(text);
            }
            // Nine of ten characters are Latin, and the other byte of a pair is not zero.
            match (zeros(0) * 10 >= half * 9, zeros(1) * 10 >= half * 9) {
                (false, true) => true,
                (true, false) => false,
                _ => return Cow::Borrowed(text),
            }
        }
    };
    let units = text
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let decoded: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
    Cow::Owned(decoded.into_bytes())
}

/// The runs of printable ASCII in UTF-16LE, one a line, whatever their alignment.
pub(super) fn strings(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut run = 0usize;
    let mut at = 0usize;
    while let (Some(low), Some(high)) = (data.get(at), data.get(at + 1)) {
        if *high == 0 && (0x20..0x7f).contains(low) {
            out.push(*low);
            run += 1;
            at += 2;
            continue;
        }
        end_run(&mut out, run);
        // A run may start at an odd offset: one step only.
        at += 1;
        run = 0;
    }
    end_run(&mut out, run);
    out
}

fn end_run(out: &mut Vec<u8>, run: usize) {
    match run {
        0 => {}
        1..MIN_STRING => out.truncate(out.len() - run),
        _ => out.push(b'\n'),
    }
}
