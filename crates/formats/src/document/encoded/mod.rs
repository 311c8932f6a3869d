//! Text that carries files: base64, uuencode, xxencode, yEnc and BinHex.
//!
//! Base64 is everywhere (keys, mails, style sheets), so a run of it becomes a child only when what
//! it decodes to is a recognised type that is not text. The others exist only to carry files.

use crate::filetype::{self, Category, encoding};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

use super::decode::{base64, binhex, uu, yenc};

/// Fewest bytes that a base64 run must decode to. An executable smaller than this is none.
const MIN_DECODED: usize = 64;
/// Fewest digits of a base64 line to start a run with.
const MIN_LINE: usize = 40;
/// Base64 runs that are decoded; beyond them a problem is stated.
const MAX_RUNS: usize = 100_000;

/// Reads text in any encoding.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    // UTF-16 is turned into UTF-8 first: PowerShell and Notepad write it.
    let marked = input.starts_with(b"\xff\xfe") || input.starts_with(b"\xfe\xff");
    let unmarked = || input.get(1) == Some(&0) || input.first() == Some(&0);
    if (marked || unmarked())
        && let Some(text) = encoding::decode(input)
    {
        return scan(&text.bytes, unpacking);
    }
    scan(input, unpacking)
}

fn scan(text: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    blocks(text, unpacking)?;
    base64_runs(text, unpacking)
}

/// The encodings with a header line.
fn blocks(text: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let taken = if rest.starts_with(b"begin") {
            uu::block(rest).map(|block| (block.name, block.bytes, block.whole, block.length))
        } else if rest.starts_with(b"=ybegin ") {
            yenc::block(rest).map(|block| (block.name, block.bytes, block.whole, block.length))
        } else if rest.starts_with(binhex::BANNER) {
            unpack_binhex(rest, unpacking)?;
            None
        } else {
            None
        };
        match taken {
            Some((name, bytes, whole, length)) => {
                let child = Child::new(ChildKind::Decoded, name).packed(length as u64);
                unpacking.child_bytes(&child, &bytes)?;
                if !whole {
                    unpacking.problem(Some(&child.name), Problem::Truncated, "no end line");
                }
                at += length.max(1);
            }
            None => match memchr::memchr(b'\n', rest) {
                Some(end) => at += end + 1,
                None => return Ok(()),
            },
        }
    }
    Ok(())
}

/// Reads a file that is BinHex from its start, or text with a BinHex part.
pub(crate) fn unpack_binhex(text: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let limit = usize::try_from(unpacking.limits().max_memory_bytes).unwrap_or(usize::MAX);
    let Some(file) = binhex::decode(&text[text.len().min(binhex::BANNER.len())..], limit) else {
        unpacking.problem(None, Problem::Corrupt, "BinHex without a header");
        return Ok(());
    };
    let child = Child::new(ChildKind::Decoded, file.name.clone());
    unpacking.child_bytes(&child, &file.data)?;
    if !file.resource.is_empty() {
        let child = Child::new(ChildKind::Decoded, format!("{}.rsrc", file.name));
        unpacking.child_bytes(&child, &file.resource)?;
    }
    if !file.whole {
        unpacking.problem(Some(&file.name), Problem::Truncated, "BinHex shorter than it says");
    }
    Ok(())
}

/// Runs of base64 digits, over line ends, string quotes and joins.
fn base64_runs(text: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut at = 0;
    let mut found = 0;
    let mut number = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|b| base64::digit(**b).is_some()).count();
        if length < MIN_LINE {
            at += length.max(1);
            continue;
        }
        let (digits, end) = run(text, at, length);
        // Rules drawn with dashes, and what is too short, are not counted.
        if digits.len() * 3 / 4 < MIN_DECODED || !varied(&digits) {
            at = end;
            continue;
        }
        number += 1;
        if number > MAX_RUNS {
            unpacking.problem(None, Problem::TooManyChildren, "too many base64 runs");
            return Ok(());
        }
        if number % 256 == 0 {
            unpacking.keep_going()?;
        }
        if let Some((bytes, kind)) = worth(&digits) {
            found += 1;
            let extension = kind.extensions.first().copied().unwrap_or("bin");
            let child = Child::new(ChildKind::Decoded, format!("base64-{found}.{extension}"));
            unpacking.child_bytes(&child.packed((end - at) as u64), &bytes)?;
        }
        at = end;
    }
    Ok(())
}

/// True when the first line is not one or two characters over and over.
fn varied(digits: &[u8]) -> bool {
    let first = digits[0];
    let second = digits.iter().find(|digit| **digit != first);
    let third = |second: u8| digits.iter().take(MIN_LINE).any(|d| *d != first && *d != second);
    second.is_some_and(|second| third(*second))
}

/// The digits of the run that starts at `start` with `length` of them, and where it ends. Digits go
/// on over line ends, and over what joins string literals (`" +`, `" & _`, backslash, comma) when
/// a long line of digits follows.
fn run(text: &[u8], start: usize, length: usize) -> (Vec<u8>, usize) {
    let mut end = start + length;
    let mut digits = text[start..end].to_vec();
    loop {
        let next = end + gap(&text[end..]);
        let more = text[next..].iter().take_while(|b| base64::digit(**b).is_some()).count();
        // After a gap of more than a line end only a long line is trusted to belong.
        let plain = text[end..next].iter().all(|b| matches!(b, b'\r' | b'\n'));
        let least = if plain { 1 } else { MIN_LINE / 2 };
        if next == end || more < least {
            return (digits, end);
        }
        digits.extend_from_slice(&text[next..next + more]);
        end = next + more;
    }
}

/// Bytes between two lines of digits. The digits `+` and `_` are joints when a joint follows.
fn gap(text: &[u8]) -> usize {
    const MAX_GAP: usize = 32;
    let text = &text[..text.len().min(MAX_GAP)];
    let joint = |at: usize| text.get(at).is_some_and(|byte| is_joint(*byte));
    (0..text.len())
        .find(|at| !(joint(*at) || (matches!(text[*at], b'+' | b'_') && joint(at + 1))))
        .unwrap_or(text.len())
}

fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'\r'
            | b'\n'
            | b' '
            | b'\t'
            | b'"'
            | b'\''
            | b'&'
            | b','
            | b'\\'
            | b';'
            | b'`'
            | b'('
            | b')'
    )
}

/// The decoded bytes when they are a recognised type that is not text.
fn worth(run: &[u8]) -> Option<(Vec<u8>, &'static filetype::Type)> {
    // The first bytes decide before the whole is decoded.
    let start = base64::decode(&run[..run.len().min(4096)]);
    if !recognised(filetype::detect(&start).ty) {
        return None;
    }
    let bytes = base64::decode(run);
    let ty = filetype::detect(&bytes).ty;
    recognised(ty).then_some((bytes, ty))
}

fn recognised(ty: &filetype::Type) -> bool {
    // Fonts, keys and certificates are what base64 in text mostly is.
    match ty.category {
        Category::Text => matches!(ty.id, "html"),
        Category::Other | Category::Media => false,
        // Small pictures in pages are not worth a child each.
        Category::Image => ty.id == "svg",
        _ => ty.id != "zlib" && ty.id != "lzma",
    }
}

#[cfg(test)]
mod tests;
