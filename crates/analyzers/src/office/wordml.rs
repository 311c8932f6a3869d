//! Documents in one XML file: Word and Excel 2003, flat packages.

use palisade_formats::document::decode::base64;
use palisade_formats::document::pdf::filter;

use super::vba::{self, Surroundings};
use super::{fields, kinds, lure, metadata, ole, relationships};
use crate::Examination;
use crate::xml::{Element, Token, Tokens, decode, utf8};

/// Bytes of base64 of one part.
const MAX_BINARY: usize = 64 << 20;

/// Looks at a document in one XML file.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let utf8 = utf8(examination.bytes());
    metadata::part(examination, utf8.get(..utf8.len().min(64 << 10)).unwrap_or_default());
    let mut text = String::new();
    let mut instruction = String::new();
    let mut in_instruction = false;
    let mut part = String::new();
    let mut projects = Vec::new();
    let mut in_binary = false;
    for (at, token) in Tokens::new(&utf8).enumerate() {
        if at % 4096 == 0 && examination.should_stop() {
            return;
        }
        match token {
            Token::Open(element) => {
                in_instruction |= element.local() == b"instrText";
                in_binary = matches!(element.local(), b"binData" | b"binaryData" | b"docOleData");
                open(examination, &element, &mut part, &mut instruction);
            }
            Token::Text(raw) if in_binary => {
                // `editdata.mso` is an ActiveMime file around the project; flat packages have it bare.
                if raw.len() < MAX_BINARY && projects.len() < 64 {
                    projects.push((part.clone(), base64::decode(raw)));
                }
            }
            Token::Text(raw) if in_instruction => {
                if instruction.len() < 64 << 10 {
                    instruction.push_str(&decode(raw));
                }
            }
            Token::Text(raw) => {
                if text.len() < 1 << 20 {
                    text.push_str(&decode(raw));
                    text.push(' ');
                }
            }
            Token::Close(b"instrText") => in_instruction = false,
            Token::Close(_) => {}
        }
    }
    if !instruction.trim().is_empty() {
        fields::judge(examination, &instruction);
    }
    let lure = lure::find(&text);
    if let Some(phrase) = lure {
        examination.find(&kinds::LURE_TEXT, format!("The text says \"{phrase}\""));
    }
    let surroundings = Surroundings { lure: lure.map(str::to_owned), ..Surroundings::default() };
    for (name, bytes) in projects {
        let unpacked = active_mime(&bytes);
        // A bare compound file is a child already, and its sources come from there.
        let hand_out = unpacked.is_some();
        let plain = unpacked.unwrap_or(bytes);
        if let Some(compound) = ole::compound_at(&plain) {
            ole::objects(examination, &compound, &name);
            vba::examine(examination, &compound, &surroundings, hand_out);
        }
    }
}

fn open(
    examination: &mut Examination<'_>,
    element: &Element<'_>,
    part: &mut String,
    instruction: &mut String,
) {
    match element.local() {
        b"part" | b"binData" => {
            if let Some(name) = element.attribute(b"name") {
                *part = name;
            }
        }
        b"Relationship" => {
            if let Some(external) = relationships::read(element) {
                relationships::judge(examination, part, &external);
            }
        }
        b"fldSimple" => {
            if let Some(simple) = element.attribute(b"instr") {
                fields::judge(examination, &simple);
            }
        }
        b"fldChar" => {
            let kind = element.attribute(b"fldCharType").unwrap_or_default();
            if matches!(kind.as_str(), "separate" | "end") && !instruction.trim().is_empty() {
                fields::judge(examination, instruction);
                instruction.clear();
            }
        }
        // Word 2003: `w:attachedTemplate w:val="http://…"`.
        b"attachedTemplate" => {
            if let Some(target) = element.attribute(b"val") {
                relationships::link(examination, "the document", "template", &target);
            }
        }
        // Excel 2003: a cell's formula or link.
        b"Cell" => {
            if let Some(target) = element.attribute(b"HRef") {
                relationships::link(examination, "a cell", "hyperlink", &target);
            }
        }
        _ => {}
    }
}

/// The compound file in an ActiveMime file: zlib behind a header of 50 bytes, or a little more.
fn active_mime(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"ActiveMime") {
        return None;
    }
    let at = memchr::memmem::find(bytes.get(..256.min(bytes.len()))?, b"\x78\x9c")?;
    let decoded = filter::inflate(bytes.get(at..)?, MAX_BINARY);
    (!decoded.bytes.is_empty()).then_some(decoded.bytes)
}
