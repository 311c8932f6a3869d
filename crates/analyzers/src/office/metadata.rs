//! Who wrote a document with what: property sets (\[MS-OLEPS\]) and the parts of packages.

use palisade_formats::bytes::{Cursor, u16_le, u32_le, u64_le};
use palisade_formats::document::ole::compound::Compound;

use super::{relationships, wide};
use crate::Examination;
use crate::xml::{Token, Tokens, decode, utf8};

/// Bytes of a property set.
const MAX_SET_BYTES: u64 = 1 << 20;
/// Properties of a set.
const MAX_PROPERTIES: usize = 200;

/// Ids of the summary information (\[MS-OLEPS\] 2.25.1) and the names of ours.
const SUMMARY: &[(u32, &str)] = &[
    (2, "title"),
    (3, "subject"),
    (4, "author"),
    (7, "template"),
    (8, "last-author"),
    (12, "created"),
    (13, "modified"),
    (18, "application"),
];
/// Ids of the document summary.
const DOCUMENT_SUMMARY: &[(u32, &str)] = &[(14, "manager"), (15, "company")];

/// Notes the properties of a compound file.
pub(super) fn property_sets(examination: &mut Examination<'_>, compound: &Compound<'_>) {
    let root = compound.root_number();
    for (stream, names) in [
        ("\u{5}SummaryInformation", SUMMARY),
        ("\u{5}DocumentSummaryInformation", DOCUMENT_SUMMARY),
    ] {
        if let Some(entry) = compound.stream_in(root, stream) {
            let bytes = compound.read(entry, MAX_SET_BYTES).bytes;
            let _ = property_set(examination, &bytes, names);
        }
    }
}

fn property_set(
    examination: &mut Examination<'_>,
    bytes: &[u8],
    names: &[(u32, &str)],
) -> Option<()> {
    let start = usize::try_from(u32_le(bytes, 44)?).ok()?;
    let section = bytes.get(start..)?;
    let mut cursor = Cursor::at(section, 4)?;
    let count = cursor.u32_le()?.min(MAX_PROPERTIES as u32);
    for _ in 0..count {
        let (id, offset) = (cursor.u32_le()?, cursor.u32_le()? as usize);
        let Some((_, name)) = names.iter().find(|(known, _)| *known == id) else { continue };
        if let Some(value) = value(section, offset).filter(|value| !value.is_empty()) {
            examination.property(name, value);
        }
    }
    Some(())
}

fn value(section: &[u8], offset: usize) -> Option<String> {
    let body = section.get(offset.checked_add(4)?..)?;
    match u16_le(section, offset)? {
        // VT_LPSTR, VT_LPWSTR: a length and text.
        0x1e => {
            let length = (u32_le(body, 0)? as usize).min(1024);
            let text = body.get(4..4 + length)?;
            let text: Vec<u8> = text.iter().copied().take_while(|byte| *byte != 0).collect();
            Some(match String::from_utf8(text) {
                Ok(text) => text,
                Err(error) => error.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
            })
        }
        0x1f => {
            let length = (u32_le(body, 0)? as usize).min(1024).checked_mul(2)?;
            let text = wide(body.get(4..4 + length)?);
            Some(text.trim_end_matches('\0').to_owned())
        }
        // VT_FILETIME: steps of 100 ns since 1601.
        0x40 => filetime(u64_le(body, 0)?),
        _ => None,
    }
}

/// A FILETIME as a date and time (proleptic Gregorian; the algorithm is H. Hinnant's
/// `civil_from_days`).
fn filetime(ticks: u64) -> Option<String> {
    let seconds = ticks / 10_000_000;
    if seconds == 0 {
        return None;
    }
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Day 0 of the algorithm is 1 March of year 0; 1601-01-01 is 584,694 days later.
    let z = days + 584_694;
    let era = z / 146_097;
    let of_era = z % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    (year < 10_000)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Elements of the property parts of packages (ECMA-376 part 2, 11; OpenDocument 4.3) and the names
/// of ours.
const ELEMENTS: &[(&[u8], &str)] = &[
    (b"title", "title"),
    (b"creator", "author"),
    (b"initial-creator", "author"),
    (b"lastModifiedBy", "last-author"),
    (b"created", "created"),
    (b"creation-date", "created"),
    (b"modified", "modified"),
    (b"Application", "application"),
    (b"generator", "application"),
    (b"Company", "company"),
    (b"Template", "template"),
];

/// Notes the properties in a part of a package.
pub(super) fn part(examination: &mut Examination<'_>, bytes: &[u8]) {
    let text = utf8(bytes);
    let mut name = None;
    for token in Tokens::new(&text) {
        match token {
            Token::Open(element) => {
                let known = ELEMENTS.iter().find(|(known, _)| *known == element.local());
                name = known.map(|(_, name)| *name);
                // `<meta:template xlink:href="…"/>`
                if element.local() == b"template"
                    && let Some(target) = element.attribute(b"href")
                {
                    relationships::link(examination, "meta.xml", "template", &target);
                }
            }
            Token::Text(text) => {
                if let Some(name) = name.take() {
                    examination.property(name, decode(text));
                }
            }
            Token::Close(_) => name = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::filetime;

    #[test]
    fn times_are_written_out() {
        // The epochs of Unix and of FILETIME, and a leap day.
        assert_eq!(filetime(116_444_736_000_000_000).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(filetime(10_000_000).as_deref(), Some("1601-01-01T00:00:01Z"));
        assert_eq!(filetime(133_536_528_450_000_000).as_deref(), Some("2024-02-29T04:00:45Z"));
        assert_eq!(filetime(0), None);
        assert_eq!(filetime(u64::MAX), None);
    }
}
