//! Workbook streams (\[MS-XLS\]): sheets and their state, names, formulas of macro sheets, links.

use palisade_formats::bytes::{Cursor, u16_le};

use super::super::fields;
use super::Sheet;
use super::tokens::{Layout, letters, text};
use crate::Examination;

/// Records of one workbook.
const MAX_RECORDS: usize = 4_000_000;
/// Substream of a macro sheet.
const MACRO_SHEET: u16 = 0x0040;

/// Built-in names that Excel runs (2.5.114).
const BUILT_IN: [(char, &str); 4] = [
    ('\u{1}', "Auto_Open"),
    ('\u{2}', "Auto_Close"),
    ('\u{a}', "Auto_Activate"),
    ('\u{b}', "Auto_Deactivate"),
];

/// Looks at a `Workbook` or `Book` stream, which may be encrypted.
pub(in super::super) fn examine(examination: &mut Examination<'_>, stream: &[u8]) {
    read(examination, stream, true);
}

/// Looks at a stream whose records were decrypted.
pub(in super::super) fn examine_plain(examination: &mut Examination<'_>, stream: &[u8]) {
    read(examination, stream, false);
}

fn read(examination: &mut Examination<'_>, stream: &[u8], encrypted: bool) {
    let mut cursor = Cursor::new(stream);
    let mut sheet = Sheet::default();
    let mut layout = Layout::Wide;
    let mut in_macro = false;
    let mut macro_hidden = false;
    let mut macro_sheets = Vec::new();
    for step in 0..MAX_RECORDS {
        if step % 4096 == 0 && examination.should_stop() {
            break;
        }
        let (Some(kind), Some(length)) = (cursor.u16_le(), cursor.u16_le()) else { break };
        let rest = cursor.rest();
        let Some(body) = cursor.take(usize::from(length).min(rest.len())) else { break };
        match kind {
            // BOF
            0x0809 => {
                layout =
                    if u16_le(body, 0) == Some(0x0500) { Layout::Narrow } else { Layout::Wide };
                in_macro = u16_le(body, 2) == Some(MACRO_SHEET);
            }
            // FILEPASS: what follows is encrypted.
            0x002f if encrypted => {
                super::super::encryption::workbook(examination, stream, body);
                return;
            }
            // BOUNDSHEET: place, state, kind, name.
            0x0085 if body.get(5) == Some(&1) => {
                let state = body.get(4).copied().unwrap_or(0) & 3;
                macro_hidden |= state != 0;
                let name = short_name(body.get(6..).unwrap_or_default(), layout);
                let state = ["visible", "hidden", "very hidden", "hidden"][usize::from(state)];
                macro_sheets.push(format!("{} ({state})", name.unwrap_or_default()));
            }
            0x0018 => name(body, layout, &mut sheet),
            0x0006 if in_macro => {
                let size = u16_le(body, 20).map_or(0, usize::from);
                if let Some(rgce) = body.get(22..).map(|rest| &rest[..size.min(rest.len())]) {
                    sheet.formula(&text(rgce, layout));
                }
            }
            0x01ae => supporting_book(examination, body),
            _ => {}
        }
    }
    let place = match macro_sheets.is_empty() {
        true => "A macro sheet".to_owned(),
        false => format!("Macro sheet {}", macro_sheets.join(", ")),
    };
    sheet.conclude(examination, &place, macro_hidden);
}

/// A name with its length in a byte, and from BIFF8 on, a byte of flags.
fn short_name(bytes: &[u8], layout: Layout) -> Option<String> {
    let mut cursor = Cursor::new(bytes);
    let length = usize::from(cursor.u8()?);
    let wide = layout == Layout::Wide && cursor.u8()? & 1 != 0;
    letters(&mut cursor, length, wide)
}

/// A defined name (LBL): one that Excel runs by itself.
fn name(body: &[u8], layout: Layout, sheet: &mut Sheet) {
    let Some(found) = (|| {
        let flags = u16_le(body, 0)?;
        let length = usize::from(*body.get(3)?);
        let mut cursor = Cursor::at(body, 14)?;
        let wide = layout == Layout::Wide && cursor.u8()? & 1 != 0;
        let name = letters(&mut cursor, length, wide)?;
        let built_in = flags & 0x20 != 0;
        if built_in {
            let id = name.chars().next()?;
            return BUILT_IN
                .iter()
                .find(|(known, _)| *known == id)
                .map(|(_, name)| (*name).to_owned());
        }
        // Excel compares the start only, and skips letters that it cannot see.
        let plain: String = name.chars().filter(|c| c.is_ascii_graphic()).collect();
        let lower = plain.to_ascii_lowercase();
        ["auto_open", "auto_close", "auto_activate"]
            .iter()
            .any(|auto| lower.starts_with(auto))
            .then_some(name)
    })() else {
        return;
    };
    if sheet.auto_run.len() < 16 {
        sheet.auto_run.push(found);
    }
}

/// A link to another book or program (SUPBOOK): `program \u{3} topic` is dynamic data exchange.
fn supporting_book(examination: &mut Examination<'_>, body: &[u8]) {
    let Some(path) = (|| {
        let length = usize::from(u16_le(body, 2)?);
        // 0x0401 and 0x3a01 are this book and add-in functions.
        if length == 0 || length > 0xff {
            return None;
        }
        let mut cursor = Cursor::at(body, 4)?;
        let wide = cursor.u8()? & 1 != 0;
        letters(&mut cursor, length, wide)
    })() else {
        return;
    };
    let Some((server, topic)) = path.split_once('\u{3}') else { return };
    // Control characters stand for separators of paths in links to books.
    if server.starts_with('\u{1}') {
        return;
    }
    fields::dde(examination, "a link of the workbook", &format!("{server}|{topic}"));
}
