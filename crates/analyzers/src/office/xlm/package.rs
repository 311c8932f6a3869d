//! Macro sheets of packages: XML of xlsm, records of xlsb (\[MS-XLSB\]).

use palisade_formats::bytes::{Cursor, u32_le};

use super::super::parts::{Part, Parts};
use super::super::{fields, wide};
use super::Sheet;
use super::tokens::{Layout, text};
use crate::Examination;
use crate::xml::{Token, Tokens, decode, utf8};

/// Records of one part.
const MAX_RECORDS: usize = 4_000_000;

/// Looks at the macro sheets of a package.
pub(in super::super) fn examine(examination: &mut Examination<'_>, parts: &Parts) {
    let mut sheet = Sheet::default();
    let mut hidden = false;
    let mut sheets = 0;
    for part in parts.parts.iter().filter(|part| part.name.contains("/macrosheets/")) {
        if examination.should_stop() {
            return;
        }
        if part.name.ends_with(".xml") {
            sheets += 1;
            formulas(part, &mut sheet);
        } else if part.name.ends_with(".bin") {
            sheets += 1;
            binary_formulas(&part.bytes, &mut sheet);
        }
    }
    if let Some(workbook) = parts.get("xl/workbook.xml") {
        hidden |= names(workbook, &mut sheet);
    }
    if let Some(workbook) = parts.get("xl/workbook.bin") {
        hidden |= binary_names(&workbook.bytes, &mut sheet);
    }
    for part in parts
        .parts
        .iter()
        .filter(|part| part.name.contains("/externallinks/") && part.name.ends_with(".bin"))
    {
        binary_link(examination, part);
    }
    if sheets > 0 {
        sheet.conclude(examination, "The macro sheet", hidden);
    }
}

/// `<f>EXEC("calc")</f>`
fn formulas(part: &Part, sheet: &mut Sheet) {
    let utf8 = utf8(&part.bytes);
    let mut inside = false;
    for token in Tokens::new(&utf8) {
        match token {
            Token::Open(element) => inside = element.local() == b"f",
            Token::Text(text) if inside => sheet.formula(&decode(text)),
            Token::Text(_) => {}
            Token::Close(_) => inside = false,
        }
    }
}

fn note_name(name: &str, sheet: &mut Sheet) {
    let lower = name.trim_start_matches("_xlnm.").to_lowercase();
    let runs =
        ["auto_open", "auto_close", "auto_activate"].iter().any(|auto| lower.starts_with(auto));
    if runs && sheet.auto_run.len() < 16 {
        sheet.auto_run.push(name.to_owned());
    }
}

/// Names that Excel runs; whether a sheet is hidden (which of them is a macro sheet stands in the
/// relationships, and workbooks with macro sheets have few others that are hidden).
fn names(workbook: &Part, sheet: &mut Sheet) -> bool {
    let utf8 = utf8(&workbook.bytes);
    let mut hidden = false;
    for token in Tokens::new(&utf8) {
        let Token::Open(element) = token else { continue };
        match element.local() {
            b"definedName" => {
                if let Some(name) = element.attribute(b"name") {
                    note_name(&name, sheet);
                }
            }
            b"sheet" => {
                let state = element.attribute(b"state").unwrap_or_default().to_lowercase();
                hidden |= matches!(state.as_str(), "hidden" | "veryhidden");
            }
            _ => {}
        }
    }
    hidden
}

/// The records of a part: kind and length in bytes of seven bits (2.1.4).
fn records(part: &[u8], mut see: impl FnMut(u16, &[u8])) {
    let mut cursor = Cursor::new(part);
    for _ in 0..MAX_RECORDS {
        let Some(first) = cursor.u8() else { return };
        let mut kind = u16::from(first);
        if first & 0x80 != 0 {
            let Some(second) = cursor.u8() else { return };
            kind = u16::from(first & 0x7f) | u16::from(second & 0x7f) << 7;
        }
        let mut length = 0usize;
        for shift in 0..4 {
            let Some(byte) = cursor.u8() else { return };
            length |= usize::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let rest = cursor.rest();
        let Some(body) = cursor.take(length.min(rest.len())) else { return };
        see(kind, body);
    }
}

fn binary_formulas(part: &[u8], sheet: &mut Sheet) {
    records(part, |kind, body| {
        // Cell, then the value, then flags of two bytes, then the expression with its length.
        let value = match kind {
            8 => 4 + 2 * u32_le(body, 8).map_or(0, |length| length as usize),
            9 => 8,
            10 | 11 => 1,
            _ => return,
        };
        let Some(at) = value.checked_add(8 + 2) else { return };
        let Some(size) = u32_le(body, at).map(|size| size as usize) else { return };
        let Some(rgce) = body.get(at + 4..) else { return };
        sheet.formula(&text(rgce.get(..size.min(rgce.len())).unwrap_or_default(), Layout::Binary));
    });
}

/// A string with its length in letters in front.
fn string(body: &[u8], at: usize) -> Option<String> {
    let length = u32_le(body, at)? as usize;
    let end = length.checked_mul(2)?.checked_add(at + 4)?;
    body.get(at + 4..end).map(wide)
}

fn binary_names(part: &[u8], sheet: &mut Sheet) -> bool {
    let mut hidden = false;
    records(part, |kind, body| match kind {
        // BrtName: flags, a key, the sheet, the name.
        39 => {
            if let Some(name) = string(body, 9) {
                note_name(&name, sheet);
            }
        }
        // BrtBundleSh: its state first.
        156 => hidden |= u32_le(body, 0).is_some_and(|state| state & 3 != 0),
        _ => {}
    });
    hidden
}

/// BrtBeginSupBook of dynamic data exchange (2.4.241): kind 1, server, topic.
fn binary_link(examination: &mut Examination<'_>, part: &Part) {
    records(&part.bytes, |kind, body| {
        if kind != 360 || body.first() != Some(&1) {
            return;
        }
        let Some(server) = string(body, 2) else { return };
        let topic = string(body, 6 + server.encode_utf16().count() * 2).unwrap_or_default();
        fields::dde(examination, &part.name, &format!("{server}|{topic}"));
    });
}
