//! Compound files: documents of 1997 to 2003, VBA projects and objects embedded in other documents.

use palisade_formats::bytes::{Cursor, find, u16_le, u32_le};
use palisade_formats::document::ole::compound::{Compound, EntryKind};
use palisade_formats::document::ole::{MAX_ENTRIES, native};
use palisade_model::ProblemKind;

use super::classes::{self, Weight};
use super::equation::{self, Overflow};
use super::vba::{self, Surroundings};
use super::{embedded, fields, kinds, lure, metadata, relationships, wide};
use crate::Examination;

/// Bytes read of a stream.
const MAX_STREAM_BYTES: u64 = 64 << 20;
/// Bytes of a document stream in which text is looked for.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// Objects of one file.
const MAX_OBJECTS: usize = 2_000;

/// Looks at a compound file.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let Some(compound) = Compound::open(examination.bytes(), MAX_ENTRIES) else {
        examination.problem(ProblemKind::Corrupt, "a compound file without a directory");
        return;
    };
    metadata::property_sets(examination, &compound);
    objects(examination, &compound, "the document");
    let root = compound.root_number();
    let stream = |name: &str| {
        compound.stream_in(root, name).map(|entry| compound.read(entry, MAX_STREAM_BYTES).bytes)
    };
    let mut text = String::new();
    if let Some(word) = stream("WordDocument") {
        text = word_text(&word);
        if u16_le(&word, 10).is_some_and(|flags| flags & 0x0100 != 0) {
            examination.find(&kinds::ENCRYPTED, "The Word document is encrypted");
        } else {
            let table = if u16_le(&word, 10).is_some_and(|flags| flags & 0x0200 != 0) {
                stream("1Table")
            } else {
                stream("0Table")
            };
            for instruction in instructions(&text) {
                fields::judge(examination, instruction);
            }
            if let Some(template) = template(&word, &table.unwrap_or_default()) {
                relationships::link(examination, "the document", "template", &template);
            }
        }
    }
    if let Some(shapes) = stream("PowerPoint Document") {
        super::powerpoint::examine(examination, &shapes);
        text = printable(&shapes);
    }
    if let Some(workbook) = stream("Workbook").or_else(|| stream("Book")) {
        super::xlm::biff::examine(examination, &workbook);
        text = printable(&workbook);
    }
    let lure = lure::find(&text);
    if let Some(phrase) = lure {
        examination.find(&kinds::LURE_TEXT, format!("The text says \"{phrase}\""));
    }
    let surroundings = Surroundings { lure: lure.map(str::to_owned), ..Surroundings::default() };
    vba::examine(examination, &compound, &surroundings, true);
}

/// Judges the objects in a compound file: classes, packages, equations, links.
pub(super) fn objects(examination: &mut Examination<'_>, compound: &Compound<'_>, place: &str) {
    let mut seen = 0;
    for (number, entry) in compound.numbered() {
        if seen >= MAX_OBJECTS || examination.should_stop() {
            return;
        }
        if entry.kind != EntryKind::Stream {
            class(examination, &entry.class, place);
            continue;
        }
        let name = entry.name.trim_start_matches(|c: char| c.is_control()).to_ascii_lowercase();
        let read = || compound.read(entry, MAX_STREAM_BYTES).bytes;
        let equation = || {
            let holder = entry.parent.and_then(|parent| compound.entry(parent));
            holder
                .and_then(|holder| classes::by_bytes(&holder.class))
                .is_some_and(|class| class.weight == Weight::Equation)
        };
        match name.as_str() {
            "ole10native" if equation() => {
                seen += 1;
                overflow(examination, equation::in_ole10native(&read()), place);
            }
            "ole10native" => {
                seen += 1;
                let bytes = read();
                if let Some(package) = native::ole10native(&bytes) {
                    embedded::judge(examination, place, &package.name, package.bytes);
                }
            }
            "equation native" => {
                seen += 1;
                examination.find(&kinds::EQUATION_OBJECT, format!("{place} holds an equation"));
                overflow(examination, equation::in_native(&read()), place);
            }
            // The stream of a link (\[MS-OLEDS\] 2.3.3): monikers and their addresses.
            "ole" => {
                seen += 1;
                monikers(
                    examination,
                    &read(),
                    &format!("{place}, stream {}", compound.path(number)),
                );
            }
            _ => {}
        }
    }
}

fn class(examination: &mut Examination<'_>, id: &[u8; 16], place: &str) {
    let Some(class) = classes::by_bytes(id) else { return };
    judge_class(examination, class, place);
}

/// Judges the class of an object.
pub(super) fn judge_class(examination: &mut Examination<'_>, class: &classes::Class, place: &str) {
    let said = format!("{place} holds an object of class {} ({})", class.name, class.id);
    match class.weight {
        Weight::Exploit => {
            examination.find(&kinds::EXPLOIT_CLASS, said).quoting(class.name, class.id.as_bytes());
        }
        Weight::Equation => {
            examination.find(&kinds::EQUATION_OBJECT, said);
        }
        Weight::Control | Weight::UrlMoniker => {}
    }
}

/// Notes an overflowing equation.
pub(super) fn overflow(examination: &mut Examination<'_>, overflow: Option<Overflow>, place: &str) {
    let said = match overflow {
        Some(Overflow::Font(length)) => {
            format!("An equation in {place} has a font name of {length} bytes; the buffer has 36")
        }
        Some(Overflow::Matrix(rows, columns)) => {
            format!(
                "An equation in {place} has a matrix of {rows} by {columns}; the buffer holds 31"
            )
        }
        None => return,
    };
    examination.find(&kinds::EQUATION_EXPLOIT, said);
}

/// Monikers in the stream of a linked object: a class id, then for addresses a length and UTF-16.
pub(super) fn monikers(examination: &mut Examination<'_>, stream: &[u8], place: &str) {
    // {79EAC9E0-BAF9-11CE-8C82-00AA004BA90B}
    const URL: &[u8] = b"\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b";
    // {00000303-0000-0000-C000-000000000046}: a file moniker.
    const FILE: &[u8] = b"\x03\x03\0\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    let window = stream.get(..stream.len().min(1 << 20)).unwrap_or_default();
    for (id, at) in window.windows(16).zip(0usize..) {
        let Ok(id) = <&[u8; 16]>::try_from(id) else { continue };
        // Cheap first: every class listed that is a moniker or script ends in one of these.
        if !matches!(id[15], 0x46 | 0x0b | 0x2a | 0xfc) {
            continue;
        }
        let tail = window.get(at + 16..).unwrap_or_default();
        if id == URL {
            let length = u32_le(tail, 0).map_or(0, |length| length as usize);
            let text = tail.get(4..).unwrap_or_default();
            let address = wide(text.get(..length.min(text.len())).unwrap_or_default());
            let address = address.split('\0').next().unwrap_or_default().trim().to_owned();
            link(examination, place, &address);
        } else if id == FILE {
            let length = u32_le(tail, 2).map_or(0, |length| length as usize).min(4096);
            let path = tail.get(6..(6 + length).min(tail.len())).unwrap_or_default();
            let path: String =
                path.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
            link(examination, place, &path);
        } else if let Some(class) = classes::by_bytes(id) {
            judge_class(examination, class, place);
        }
    }
}

/// A linked object: an address of the web is loaded by whatever type its server says.
fn link(examination: &mut Examination<'_>, place: &str, address: &str) {
    if address.is_empty() {
        return;
    }
    relationships::link(examination, place, "oleObject", address);
    if crate::address::classify(address) == crate::address::Address::Web
        && !examination.has(&kinds::REMOTE_OBJECT)
    {
        examination
            .find(&kinds::REMOTE_OBJECT, format!("A URL moniker in {place}: {address}"))
            .quoting(place, address.as_bytes());
    }
}

/// The text of a Word document without its piece table: runs of bytes or of UTF-16, as they stand.
/// Fields and phrases are found in it; the order of pieces does not matter for either.
fn word_text(stream: &[u8]) -> String {
    let stream = stream.get(..stream.len().min(MAX_TEXT_BYTES)).unwrap_or_default();
    // 0x13, 0x14 and 0x15 are the marks of fields (\[MS-DOC\] 2.8.25).
    let narrow: String = stream
        .iter()
        .skip(512)
        .map(|byte| match byte {
            0x13..=0x15 | 0x20..=0x7e | 0xa0..=0xff => char::from(*byte),
            b'\t' | b'\r' | b'\n' => ' ',
            _ => '\0',
        })
        .collect();
    let narrow: String =
        narrow.split('\0').filter(|run| run.len() >= 4).collect::<Vec<_>>().join("\n");
    let mut out = narrow;
    for start in [512, 513] {
        let units = stream.get(start..).unwrap_or_default().as_chunks::<2>().0;
        let letters = units.iter().map(|pair| match u16::from_le_bytes(*pair) {
            9 | 10 | 13 => ' ',
            unit @ (0x13..=0x15
            | 0x20..=0x24f
            | 0x370..=0x52f
            | 0x2010..=0x2030
            | 0x3040..=0x30ff
            | 0x4e00..=0x9fff
            | 0xac00..=0xd7a3) => char::from_u32(u32::from(unit)).unwrap_or('\0'),
            _ => '\0',
        });
        let text: String = letters.collect();
        for run in text.split('\0').filter(|run| run.len() >= 6) {
            out.push('\n');
            out.push_str(run);
        }
    }
    out
}

/// Runs of printable text of four letters or more, of one byte or two each.
fn printable(stream: &[u8]) -> String {
    word_text(
        &[&[0; 512][..], stream.get(..stream.len().min(4 << 20)).unwrap_or_default()].concat(),
    )
}

/// Field instructions: between the mark of a beginning and that of a separator or end.
fn instructions(text: &str) -> impl Iterator<Item = &str> {
    text.split('\u{13}').skip(1).take(fields::MAX_FIELDS).map(|tail| {
        let end = tail.find(['\u{14}', '\u{15}', '\n']).unwrap_or(tail.len());
        let end = tail.floor_char_boundary(end.min(4096));
        tail.get(..end).unwrap_or_default().trim()
    })
}

/// The path of the attached template: the second string of `SttbfAssoc` (\[MS-DOC\] 2.9.276), whose
/// place stands at 0x19a of the document stream.
fn template(word: &[u8], table: &[u8]) -> Option<String> {
    let start = usize::try_from(u32_le(word, 0x19a)?).ok()?;
    let mut cursor = Cursor::at(table, start)?;
    // 0xffff: strings of UTF-16; then how many, and how many bytes each has behind it.
    if cursor.u16_le()? != 0xffff {
        return None;
    }
    cursor.skip(2)?;
    let extra = usize::from(cursor.u16_le()?);
    let mut last = &[][..];
    for _ in 0..2 {
        let length = usize::from(cursor.u16_le()?);
        last = cursor.take(length.checked_mul(2)?)?;
        cursor.skip(extra)?;
    }
    Some(wide(last)).filter(|path| !path.is_empty())
}

/// Whether bytes are, or hold at their start, a compound file.
pub(super) fn compound_at(bytes: &[u8]) -> Option<Compound<'_>> {
    const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
    let at = if bytes.starts_with(MAGIC) { 0 } else { find(bytes, MAGIC, 0)? };
    Compound::open(bytes.get(at..)?, MAX_ENTRIES)
}
