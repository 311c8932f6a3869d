//! Rich text (RTF 1.9.1): objects, fields, templates, and how the data of objects are hidden.

use palisade_formats::bytes::find;
use palisade_formats::document::ole::native;
use palisade_formats::document::rtf::{self, control_word};

use super::classes::{self, Weight};
use super::{embedded, equation, fields, kinds, lure, ole, relationships};
use crate::Examination;

/// Objects of one document that are looked at.
const MAX_OBJECTS: usize = 1_000;
/// Control words and groups among the digits of an object from which it is no mistake.
const NOISE: usize = 8;
/// Bytes of a group's text.
const MAX_GROUP: usize = 16 << 10;

/// Looks at a rich text document.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    // Writers say `{\rtf1`; Word takes anything that begins with `{\rt`.
    let header = input.starts_with(b"{\\rtf1")
        || input.starts_with(b"{\\rtf0")
        || input.starts_with(b"{\\rtf ");
    let has = |word: &[u8]| find(input, word, 0);
    let update = has(b"\\objupdate");
    let mut count = 0usize;
    for object in rtf::objects(input).take(MAX_OBJECTS) {
        if examination.should_stop() {
            return;
        }
        count += 1;
        let place = format!("object {count}");
        if object.noise >= NOISE || !header {
            let why = if header { "control words among its digits" } else { "a mutilated header" };
            let said = format!("The data of {place} hide behind {why} ({} of them)", object.noise);
            let said = if header { said } else { format!("A document with {place} has {why}") };
            examination.find(&kinds::RTF_OBFUSCATED, said).at(
                place.clone(),
                object.start,
                object.end - object.start,
            );
        }
        judge(examination, &object.bytes, &place);
    }
    if count > 0 {
        let objects = if count == 1 { "object" } else { "objects" };
        examination.find(&kinds::RTF_OBJECT, format!("Rich text with {count} {objects}"));
        if let Some(at) = update {
            examination
                .find(&kinds::RTF_AUTO_UPDATE, "An object is loaded when the document is opened")
                .at("objupdate", at, 10);
        }
    }
    for instruction in groups(input, b"\\fldinst") {
        fields::judge(examination, &instruction);
    }
    for path in groups(input, b"\\*\\template") {
        relationships::link(examination, "the document", "template", path.trim());
    }
    if count > 0 || update.is_some() {
        let window = input.get(..input.len().min(1 << 20)).unwrap_or_default();
        if let Some(phrase) = lure::find(&text(window).0) {
            examination.find(&kinds::LURE_TEXT, format!("The text says \"{phrase}\""));
        }
    }
}

/// Judges the decoded data of an object.
fn judge(examination: &mut Examination<'_>, bytes: &[u8], place: &str) {
    let ole1 = native::ole1(bytes);
    let class = ole1.as_ref().map(|ole1| ole1.class.clone()).unwrap_or_default();
    let data = ole1.as_ref().map_or(bytes, |ole1| ole1.data);
    let mut weight = None;
    if let Some(known) = classes::by_name(&class) {
        ole::judge_class(examination, known, place);
        control(examination, known, place);
        weight = Some(known.weight);
    }
    if let Some(package) = native::package(data) {
        embedded::judge(examination, place, &package.name, package.bytes);
    }
    let before = examination.has(&kinds::REMOTE_OBJECT);
    if let Some(compound) = ole::compound_at(bytes) {
        ole::objects(examination, &compound, place);
        if let Some(known) = compound.root().and_then(|root| classes::by_bytes(&root.class)) {
            control(examination, known, place);
        }
    } else if weight == Some(Weight::Equation) {
        // Native data of the equation editor stand in OLE1 objects without a compound file.
        ole::overflow(examination, equation::in_native(data), place);
    }
    // A linked object names its file in the topic; monikers may stand in any stream.
    if class.eq_ignore_ascii_case("OLE2Link") || ole1.is_none() {
        ole::monikers(examination, bytes, place);
    }
    if !before && examination.has(&kinds::REMOTE_OBJECT) {
        examination.find(
            &kinds::RTF_AUTO_LINK,
            format!("{place} is a link to the web that Word follows when the document is opened"),
        );
    }
}

fn control(examination: &mut Examination<'_>, class: &classes::Class, place: &str) {
    if class.weight == Weight::Control {
        examination.find(
            &kinds::CONTROL_EXPLOIT,
            format!("{place} is the control {} ({})", class.name, class.id),
        );
    }
}

/// The text of every group that begins with this control word.
fn groups<'a>(input: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = String> + 'a {
    let mut from = 0;
    // Groups that do not close would be read many times over.
    let mut budget = input.len().saturating_add(1 << 20);
    std::iter::from_fn(move || {
        let at = find(input, word, from)?;
        from = at + word.len();
        let rest = input.get(from..)?;
        let (text, read) = text(rest.get(..rest.len().min(MAX_GROUP).min(budget))?);
        budget = budget.saturating_sub(read.max(16));
        (budget > 0).then_some(text)
    })
    .take(fields::MAX_FIELDS)
}

/// The text from here to the end of the group, control words left out, and the bytes that it took.
fn text(input: &[u8]) -> (String, usize) {
    let mut out = String::new();
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = input.get(at).copied() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            b'\\' => {
                let rest = input.get(at..).unwrap_or_default();
                let control = control_word(rest);
                match (control.name, control.number) {
                    (b"u", Some(number)) => {
                        // Negative numbers are those above 32,767; the replacement follows.
                        let unit = (number & 0xffff) as u32;
                        out.extend(char::from_u32(unit));
                        let skip = usize::from(!matches!(
                            rest.get(control.length),
                            Some(b'\\' | b'{' | b'}')
                        ));
                        at += control.length + skip;
                        continue;
                    }
                    ([], _) => match rest.get(1) {
                        Some(b'\'') => {
                            let digit = |at: usize| {
                                rest.get(at).and_then(|byte| char::from(*byte).to_digit(16))
                            };
                            let code = digit(2).zip(digit(3)).map(|(high, low)| high * 16 + low);
                            out.extend(code.and_then(char::from_u32));
                        }
                        Some(symbol @ (b'\\' | b'{' | b'}')) => out.push(char::from(*symbol)),
                        _ => {}
                    },
                    (b"par" | b"line" | b"tab" | b"cell", _) => out.push(' '),
                    _ => {}
                }
                at += control.length.max(1);
                continue;
            }
            b'\r' | b'\n' => {}
            _ => out.push(char::from(byte)),
        }
        at += 1;
    }
    (out, at)
}
