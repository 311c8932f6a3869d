//! Mail messages (RFC 5322) and their MIME parts (RFC 2045 to 2049), as broken as mail comes.
//!
//! Readers disagree on broken mail, and that disagreement is how attachments are hidden. So where
//! they disagree, every reading is followed: all boundaries of repeated headers, each of several
//! transfer encodings, and the text before the first and after the last boundary.

mod header;
mod message;
mod name;

use std::borrow::Cow;

use crate::filetype;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

use super::decode::{base64, quoted_printable};
use header::Header;

pub use message::{Message, Part as MessagePart, decode_words, read, read_fields};

/// Multiparts in multiparts that are followed.
const MAX_DEPTH: usize = 16;
/// Bytes before the first or after the last boundary from which they are a child.
const MIN_OUTSIDE: usize = 256;

/// A part still to be read.
struct Part<'a> {
    bytes: Cow<'a, [u8]>,
    depth: usize,
}

/// Hands out every part of the message.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut number = 0;
    // Children come in the order of the message: the next part is at the end.
    let mut open = vec![Part { bytes: Cow::Borrowed(input), depth: 0 }];
    while let Some(part) = open.pop() {
        unpacking.keep_going()?;
        match &part.bytes {
            Cow::Borrowed(bytes) => {
                let inner = read_part(bytes, part.depth, &mut number, unpacking)?;
                open.extend(inner.into_iter().rev());
            }
            Cow::Owned(bytes) => {
                let inner = read_part(bytes, part.depth, &mut number, unpacking)?;
                open.extend(inner.into_iter().rev().map(|part| Part {
                    bytes: Cow::Owned(part.bytes.into_owned()),
                    depth: part.depth,
                }));
            }
        }
    }
    Ok(())
}

/// Hands out the part, or gives the parts in it.
fn read_part<'a>(
    bytes: &'a [u8],
    depth: usize,
    number: &mut usize,
    unpacking: &mut Unpacking<'_>,
) -> Result<Vec<Part<'a>>, Stop> {
    let (header, body) = Header::read(bytes);
    if header.is_multipart() {
        if depth >= MAX_DEPTH {
            unpacking.problem(None, Problem::TooManyChildren, "multiparts nested too deep");
        } else {
            return multipart(&header, body, depth, unpacking);
        }
    }
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    *number += 1;
    let name = header.file_name().unwrap_or_else(|| fallback_name(&header, *number));
    let child = Child::new(ChildKind::Attachment, name).packed(body.len() as u64);
    let encodings = header.encodings();
    if encodings.len() > 1 {
        unpacking.problem(Some(&child.name), Problem::Corrupt, "several transfer encodings");
    }
    for encoding in encodings {
        match encoding {
            Encoding::Base64 => unpacking.child_bytes(&child, &base64::decode(body))?,
            Encoding::QuotedPrintable => {
                unpacking.child_bytes(&child, &quoted_printable::decode(body))?;
            }
            Encoding::Plain => unpacking.child_bytes(&child, body)?,
        }
    }
    Ok(Vec::new())
}

/// How a body is written (RFC 2045, 6.1). Uuencode is plain here: the text unpacker reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Base64,
    QuotedPrintable,
    Plain,
}

fn fallback_name(header: &Header, number: usize) -> String {
    let extension = match header.content_type() {
        "text/plain" => "txt",
        "message/rfc822" | "message/global" => "eml",
        other => filetype::all()
            .find(|ty| ty.mime == other)
            .and_then(|ty| ty.extensions.first())
            .copied()
            .unwrap_or(if other.is_empty() { "txt" } else { "bin" }),
    };
    format!("part-{number}.{extension}")
}

fn multipart<'a>(
    header: &Header,
    body: &'a [u8],
    depth: usize,
    unpacking: &mut Unpacking<'_>,
) -> Result<Vec<Part<'a>>, Stop> {
    let mut boundaries = header.boundaries();
    if boundaries.is_empty() {
        match guess_boundary(body) {
            Some(boundary) => boundaries.push(boundary),
            None => {
                unpacking.problem(None, Problem::Corrupt, "a multipart without a boundary");
                let child = Child::new(ChildKind::Attachment, "multipart.txt");
                unpacking.child_bytes(&child, body)?;
                return Ok(Vec::new());
            }
        }
    }
    // An encoding on a multipart is not allowed (RFC 2045, 6.4), yet some readers undo it.
    if header.encodings() == [Encoding::Base64] && !contains_boundary(body, &boundaries) {
        let decoded = base64::decode(body);
        let pieces = split(&decoded, &boundaries).parts;
        return Ok(pieces
            .into_iter()
            .map(|piece| Part { bytes: Cow::Owned(piece.to_vec()), depth: depth + 1 })
            .collect());
    }
    let mut pieces = split(body, &boundaries);
    for (outside, name) in [(pieces.before, "preamble.txt"), (pieces.after, "epilogue.txt")] {
        if outside.trim_ascii().len() >= MIN_OUTSIDE {
            unpacking.child_bytes(&Child::new(ChildKind::Attachment, name), outside)?;
        }
    }
    if !pieces.closed {
        unpacking.problem(None, Problem::Truncated, "a multipart without its last boundary");
    }
    let limit = unpacking.limits().max_children as usize;
    if pieces.parts.len() > limit {
        unpacking.problem(None, Problem::TooManyChildren, "too many parts");
        pieces.parts.truncate(limit);
    }
    let part = |piece| Part { bytes: Cow::Borrowed(piece), depth: depth + 1 };
    Ok(pieces.parts.into_iter().map(part).collect())
}

struct Pieces<'a> {
    before: &'a [u8],
    parts: Vec<&'a [u8]>,
    after: &'a [u8],
    closed: bool,
}

/// Cuts the body at lines that begin with `--` and one of the boundaries (RFC 2046, 5.1.1).
/// Parts go on after the last boundary: some readers do not stop there.
fn split<'a>(body: &'a [u8], boundaries: &[Vec<u8>]) -> Pieces<'a> {
    let mut pieces = Pieces { before: body, parts: Vec::new(), after: &[], closed: false };
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |end| at + end + 1);
        let line = body[at..end].trim_ascii_end();
        if let Some(last) = boundary_line(line, boundaries) {
            match start {
                Some(start) => pieces.parts.push(&body[start..at.max(start)]),
                None if !pieces.closed => pieces.before = &body[..at],
                None => {}
            }
            pieces.closed |= last;
            start = (!last).then_some(end);
            if last {
                pieces.after = &body[end..];
            }
        }
        at = end;
    }
    if let Some(start) = start {
        pieces.parts.push(&body[start..]);
        pieces.closed = false;
    }
    if pieces.parts.is_empty() && !pieces.closed {
        // No boundary at all: the body itself is all there is.
        pieces.before = &[];
        pieces.parts.push(body);
    }
    pieces
}

/// `Some(true)` for the closing boundary. The longest boundary that fits decides, as one may be
/// the beginning of another.
fn boundary_line(line: &[u8], boundaries: &[Vec<u8>]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?;
    let boundary = boundaries
        .iter()
        .filter(|boundary| rest.starts_with(boundary))
        .max_by_key(|boundary| boundary.len())?;
    match &rest[boundary.len()..] {
        b"" => Some(false),
        tail if tail.starts_with(b"--") => Some(true),
        _ => None,
    }
}

fn contains_boundary(body: &[u8], boundaries: &[Vec<u8>]) -> bool {
    body.split(|byte| *byte == b'\n')
        .any(|line| boundary_line(line.trim_ascii_end(), boundaries).is_some())
}

/// The first line that looks like a boundary.
fn guess_boundary(body: &[u8]) -> Option<Vec<u8>> {
    body.split(|byte| *byte == b'\n')
        .take(1_000)
        .map(<[u8]>::trim_ascii_end)
        .filter_map(|line| line.strip_prefix(b"--"))
        .find(|rest| (1..=100).contains(&rest.len()) && !rest.starts_with(b"-"))
        .map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests;
