//! Names with escapes in them (7.3.5): `/J#61vaScript`.

use palisade_formats::document::decode::hex;

use super::kinds;
use crate::Examination;

/// Names that make something happen.
const ACTIVE: &[&[u8]] = &[
    b"JavaScript",
    b"JS",
    b"OpenAction",
    b"AA",
    b"Launch",
    b"EmbeddedFile",
    b"EmbeddedFiles",
    b"EF",
    b"URI",
    b"SubmitForm",
    b"ImportData",
    b"RichMedia",
    b"XFA",
    b"AcroForm",
    b"ObjStm",
    b"GoToE",
    b"GoToR",
    b"Action",
    b"Names",
    b"FlateDecode",
    b"ASCIIHexDecode",
    b"ASCII85Decode",
    b"LZWDecode",
    b"JBIG2Decode",
    b"Filespec",
];
/// Longest name that is looked at, with its escapes.
const MAX_NAME: usize = 96;

/// Looks at every escape in a file or object stream.
pub(super) fn in_file(examination: &mut Examination<'_>, bytes: &[u8]) {
    let mut after = 0;
    for at in memchr::memchr_iter(b'#', bytes) {
        if at < after {
            continue;
        }
        let digit = |at: usize| bytes.get(at).copied().and_then(hex::digit);
        // Escapes are for what cannot stand in a name: letters can.
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else { continue };
        if !(high << 4 | low).is_ascii_alphanumeric() {
            continue;
        }
        let from = at.saturating_sub(MAX_NAME);
        let before = bytes.get(from..at).unwrap_or_default();
        let Some(slash) = before
            .iter()
            .rposition(|byte| !regular(*byte))
            .filter(|slash| before.get(*slash) == Some(&b'/'))
        else {
            continue;
        };
        let start = from + slash + 1;
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().take(MAX_NAME).take_while(|byte| regular(**byte)).count();
        let raw = rest.get(..length).unwrap_or_default();
        after = start + length;
        let name = decode(raw);
        if ACTIVE.contains(&name.as_slice()) {
            let name = String::from_utf8_lossy(&name).into_owned();
            let said = format!("The name {name} is written {}", raw.escape_ascii());
            examination.find(&kinds::ESCAPED_NAME, said).quoting(name, raw);
        }
    }
}

fn regular(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>[]{}/%".contains(&byte)
}

fn decode(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at).copied() {
        let digit = |at: usize| raw.get(at).copied().and_then(hex::digit);
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'#', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
