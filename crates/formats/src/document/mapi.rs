//! Properties of Outlook items (\[MS-OXCDATA\] 2.11, \[MS-OXTNEF\] 2.1.3.4), as far as they hold
//! files.

use crate::bytes::Cursor;

/// Property ids (\[MS-OXPROPS\]).
pub(super) const SUBJECT: u16 = 0x0037;
pub(super) const SENT_REPRESENTING_NAME: u16 = 0x0042;
pub(super) const TRANSPORT_HEADERS: u16 = 0x007d;
pub(super) const SENDER_NAME: u16 = 0x0c1a;
pub(super) const SENDER_ADDRESS: u16 = 0x0c1f;
pub(super) const SENDER_SMTP: u16 = 0x5d01;
pub(super) const BODY: u16 = 0x1000;
pub(super) const RTF_COMPRESSED: u16 = 0x1009;
pub(super) const BODY_HTML: u16 = 0x1013;
pub(super) const ATTACH_DATA: u16 = 0x3701;
pub(super) const ATTACH_FILENAME: u16 = 0x3704;
pub(super) const ATTACH_LONG_FILENAME: u16 = 0x3707;
pub(super) const DISPLAY_NAME: u16 = 0x3001;

/// Properties of one list that are read.
const MAX_PROPERTIES: u32 = 10_000;

/// A property whose value is bytes or text.
pub(super) struct Property<'a> {
    pub(super) id: u16,
    pub(super) kind: u16,
    pub(super) value: &'a [u8],
}

/// Text in the property's own encoding.
pub(super) fn text(kind: u16, value: &[u8]) -> String {
    let text = if kind == 0x1f {
        let units: Vec<u16> =
            value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(value).into_owned()
    };
    text.trim_end_matches('\0').to_owned()
}

/// The properties of variable length in a TNEF list; those of fixed length are skipped. Ends at
/// the first that cannot be read.
pub(super) fn properties(list: &[u8]) -> Vec<Property<'_>> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(list);
    let count = cursor.u32_le().unwrap_or(0).min(MAX_PROPERTIES);
    for _ in 0..count {
        if property(&mut cursor, &mut found).is_none() {
            break;
        }
    }
    found
}

fn property<'a>(cursor: &mut Cursor<'a>, found: &mut Vec<Property<'a>>) -> Option<()> {
    let kind = cursor.u16_le()?;
    let id = cursor.u16_le()?;
    if id >= 0x8000 {
        // A named property: its set, then a number or a name.
        cursor.skip(16)?;
        if cursor.u32_le()? == 0 {
            cursor.skip(4)?;
        } else {
            let length = cursor.u32_le()? as usize;
            cursor.skip(length.checked_next_multiple_of(4)?)?;
        }
    }
    let many = kind & 0x1000 != 0;
    let base = kind & 0x0fff;
    let fixed = match base {
        0x02..=0x04 | 0x0a | 0x0b => Some(4),
        0x05..=0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        0x0d | 0x1e | 0x1f | 0x102 => None,
        0x01 => Some(0),
        _ => return None,
    };
    let values = if many || fixed.is_none() { cursor.u32_le()? } else { 1 };
    for _ in 0..values.min(MAX_PROPERTIES) {
        match fixed {
            Some(size) => cursor.skip(size)?,
            None => {
                let length = cursor.u32_le()? as usize;
                let value = cursor.take(length)?;
                // The padding of the last value may be missing.
                let padding = length.checked_next_multiple_of(4)? - length;
                cursor.skip(padding.min(cursor.rest().len()))?;
                found.push(Property { id, kind: base, value });
            }
        }
    }
    Some(())
}
