//! How a file is put together: header, end, tables, lengths, filters, signatures.

use std::ops::Range;

use memchr::memmem;
use palisade_formats::document::pdf::object::{Object, is_blank};
use palisade_formats::document::pdf::{Document, Origin};

use super::document::Gathered;
use super::kinds;
use crate::Examination;

/// Bytes behind the end that are no data: blanks, and the signatures of servers.
const SLACK: usize = 1_024;
/// Bytes in which the header is looked for (Adobe's implementation notes: the first 1,024).
const HEADER_WINDOW: usize = 1_024;
/// Streams whose length must lie before it is worth a word.
const LYING_STREAMS: usize = 1;

/// Looks at a stream: its length and its filters.
pub(super) fn stream(
    examination: &mut Examination<'_>,
    dictionary: &Object,
    range: &Range<usize>,
    gathered: &mut Gathered,
) {
    let stated = dictionary.get(b"Length").and_then(Object::number);
    // A line end more or less is a matter of taste.
    let lies = stated.is_some_and(|stated| stated.abs_diff(range.len() as i64) > 2);
    gathered.lengths_lie += usize::from(lies);
    let Some(filters) = dictionary.get(b"Filter").or_else(|| dictionary.get(b"F")) else { return };
    let Object::Array(filters) = filters else { return };
    let names: Vec<&[u8]> = filters
        .iter()
        .filter_map(|filter| match filter {
            Object::Name(name) => Some(name.as_slice()),
            _ => None,
        })
        .collect();
    let text =
        |name: &&[u8]| matches!(*name, b"ASCIIHexDecode" | b"AHx" | b"ASCII85Decode" | b"A85");
    let shown = || {
        let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
        names.join(", ")
    };
    if names.len() >= 4 || names.iter().filter(|name| text(name)).count() >= 2 {
        examination.find(&kinds::FILTER_CHAIN, format!("A stream is encoded by {}", shown())).at(
            "stream",
            range.start,
            range.len(),
        );
    }
    if names.iter().any(|name| *name == b"JBIG2Decode") && names.iter().any(text) {
        examination.find(&kinds::JBIG2_WRAPPED, format!("A picture is encoded by {}", shown())).at(
            "stream",
            range.start,
            range.len(),
        );
    }
}

/// Looks at the file as a whole.
pub(super) fn file(examination: &mut Examination<'_>, input: &[u8], gathered: &Gathered) {
    let window = input.get(..input.len().min(HEADER_WINDOW)).unwrap_or_default();
    let header = memmem::find(window, b"%PDF-").or_else(|| memmem::find(window, b"%FDF-"));
    if let Some(at) = header {
        let before = window.get(..at).unwrap_or_default();
        let plain = before.iter().all(|byte| is_blank(*byte) || b"\xef\xbb\xbf".contains(byte));
        if !plain {
            examination
                .find(&kinds::LATE_HEADER, format!("The document begins behind {at} other bytes"))
                .at("header", at, 8);
        }
        let version: String = window
            .get(at + 5..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .take(8)
            .map(|byte| char::from(*byte))
            .collect();
        examination.property("version", version);
    }
    let end = memmem::rfind(input, b"%%EOF");
    if let Some(end) = end {
        let rest = input.get(end + 5..).unwrap_or_default();
        let data = rest.iter().filter(|byte| !is_blank(**byte)).take(SLACK + 1).count();
        if data > SLACK {
            examination
                .find(&kinds::DATA_AFTER_END, format!("{} bytes stand behind the end", rest.len()))
                .at("end", end, rest.len());
        }
    }
    if header.is_some() && window.get(..8).is_none_or(|start| !start.starts_with(b"%FDF-")) {
        table(examination, input, header.unwrap_or(0));
    }
    if gathered.lengths_lie >= LYING_STREAMS {
        examination.find(
            &kinds::LENGTH_LIES,
            format!("{} streams have other lengths than they say", gathered.lengths_lie),
        );
    }
    if let Some(signed) = gathered.signatures.iter().max()
        && let Some(end) = end
        && *signed > 0
        && end > signed.saturating_add(SLACK)
    {
        examination
            .find(
                &kinds::CHANGED_AFTER_SIGNATURE,
                format!(
                    "{} bytes were added behind what was signed",
                    input.len() - signed.min(&input.len())
                ),
            )
            .at("unsigned", *signed, input.len().saturating_sub(*signed));
    }
}

/// Whether the last `startxref` names a table or a stream of one.
fn table(examination: &mut Examination<'_>, input: &[u8], base: usize) {
    let broken = (|| {
        let at = memmem::rfind(input, b"startxref")?;
        let digits: String = input
            .get(at + 9..)?
            .iter()
            .skip_while(|byte| is_blank(**byte))
            .take_while(|byte| byte.is_ascii_digit())
            .take(12)
            .map(|byte| char::from(*byte))
            .collect();
        let stated: usize = digits.parse().ok()?;
        let stands = |at: usize| {
            let rest = input.get(at..).unwrap_or_default();
            let skip = rest.iter().take_while(|byte| is_blank(**byte)).count().min(16);
            let rest = rest.get(skip..).unwrap_or_default();
            // `12 0 obj`: a stream of one.
            let line = rest.get(..rest.len().min(40)).unwrap_or_default();
            let mut words = line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
            let mut number =
                || words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
            let object =
                number() && number() && words.next().is_some_and(|word| word.starts_with(b"obj"));
            rest.starts_with(b"xref") || object
        };
        // Offsets may count from the header.
        (stands(stated) || stands(stated.checked_add(base)?)).then_some(())
    })()
    .is_none();
    if broken {
        examination
            .find(&kinds::BROKEN_TABLE, "No cross-reference table stands where the file says");
    }
}

/// Notes who wrote the document.
pub(super) fn information(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    origin: Origin,
    dictionary: &Object,
) {
    const KEYS: &[(&[u8], &str)] = &[
        (b"Title", "title"),
        (b"Author", "author"),
        (b"Creator", "application"),
        (b"Producer", "producer"),
        (b"CreationDate", "created"),
        (b"ModDate", "modified"),
    ];
    for (key, name) in KEYS {
        if let Some(text) = dictionary.get(key).and_then(Object::text)
            && !text.is_empty()
        {
            examination.property(name, document.string(&(origin, text.to_vec())));
        }
    }
}
