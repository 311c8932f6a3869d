//! Spreadsheets and queries of plain text: CSV, tab-separated, SYLK, web queries.

use palisade_model::ObservableKind;

use super::{fields, kinds, xlm};
use crate::Examination;
use crate::address::{Address, classify, web_host};

/// Bytes of text that are looked at.
const MAX_TEXT: usize = 16 << 20;

/// Looks at separated values: cells that Excel takes for formulas.
pub(super) fn separated(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    let window = input.get(..input.len().min(MAX_TEXT)).unwrap_or_default();
    // A dynamic data exchange has a bar and a bang: without them there is nothing to look at.
    if memchr::memchr(b'|', window).is_none() {
        return;
    }
    for (number, line) in window.split(|byte| *byte == b'\n').enumerate() {
        if number % 4096 == 0 && examination.should_stop() {
            return;
        }
        if memchr::memchr(b'|', line).is_none() || memchr::memchr(b'!', line).is_none() {
            continue;
        }
        for cell in line.split(|byte| matches!(byte, b',' | b';' | b'\t')) {
            let cell = cell.trim_ascii();
            let cell = cell.strip_prefix(b"\"").unwrap_or(cell);
            formula(examination, cell, &format!("line {}", number + 1));
        }
    }
}

/// `=cmd|'/c calc'!A0`
fn formula(examination: &mut Examination<'_>, cell: &[u8], place: &str) {
    if !matches!(cell.first(), Some(b'=' | b'+' | b'-' | b'@')) {
        return;
    }
    let text = String::from_utf8_lossy(cell);
    let body = text.trim_start_matches(['=', '+', '-', '@', ' ', '\t']);
    // Arithmetic in front of it is a known disguise: `=1+1+cmd|…`.
    let Some((before, rest)) = body.split_once('|') else { return };
    let server = before.rsplit(['+', '-', '*', '/', '(', ',', '&', '=']).next().unwrap_or(before);
    let server = server.trim().trim_matches('\'');
    let named = !server.is_empty()
        && server.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '\\' | ':'));
    if named && rest.contains('!') {
        let before = examination.has(&kinds::DDE_COMMAND);
        fields::dde(examination, place, &format!("{server}|{rest}"));
        if !before && examination.has(&kinds::DDE_COMMAND) {
            examination
                .find(&kinds::SHEET_COMMAND, format!("The cell in {place} starts {server}"))
                .quoting(place, cell);
        }
    }
}

/// Looks at symbolic links (SYLK): `C;…;E<expression>` records.
pub(super) fn symbolic(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    let window = input.get(..input.len().min(MAX_TEXT)).unwrap_or_default();
    let mut macro_sheet = false;
    let mut calls = xlm::Sheet::default();
    for (number, line) in window.split(|byte| *byte == b'\n').enumerate() {
        if number % 4096 == 0 && examination.should_stop() {
            return;
        }
        let line = line.trim_ascii_end();
        // `O;E`: the sheet is a macro sheet. `NN;NAuto_open;ER1C1`: a name.
        if line.starts_with(b"O;") {
            macro_sheet |= line.split(|byte| *byte == b';').any(|field| field == b"E");
        } else if line.starts_with(b"NN;") {
            let text = String::from_utf8_lossy(line).to_lowercase();
            if text.contains(";nauto_") {
                calls.auto_run.push("auto_open".to_owned());
            }
        } else if line.starts_with(b"C;") {
            for field in line.split(|byte| *byte == b';').skip(1) {
                if let Some(expression) = field.strip_prefix(b"E") {
                    let cell = [b"=", expression].concat();
                    formula(examination, &cell, &format!("line {}", number + 1));
                    if macro_sheet {
                        calls.formula(&String::from_utf8_lossy(expression));
                    }
                }
            }
        }
    }
    if macro_sheet {
        calls.conclude(examination, "the sheet", false);
    }
}

/// Looks at a web query: `WEB`, a version, the address.
pub(super) fn query(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    let window = input.get(..input.len().min(64 << 10)).unwrap_or_default();
    for line in window.split(|byte| *byte == b'\n').take(1_000) {
        let line = String::from_utf8_lossy(line.trim_ascii()).into_owned();
        let lower = line.to_lowercase();
        if web_host(&lower).is_none() {
            continue;
        }
        examination.observe(ObservableKind::Url, &line, "web query");
        if classify(&line) == Address::Web {
            examination
                .find(&kinds::WEB_QUERY, format!("Excel fetches {line} when the file is opened"))
                .quoting("address", line.as_bytes());
        }
    }
}
