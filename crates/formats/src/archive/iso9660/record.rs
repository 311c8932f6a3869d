use super::super::text;
use super::SECTOR;
use crate::bytes::{Cursor, u32_le};

/// Continuations of a system use area that are followed (SUSP 5.1, "CE").
const MAX_CONTINUATIONS: u32 = 8;

/// A directory record (ECMA-119 9.1) with what Rock Ridge adds (RRIP 1.12).
pub(super) struct Record {
    pub(super) name: String,
    /// First block, bytes.
    pub(super) extent: (u32, u32),
    pub(super) is_folder: bool,
    pub(super) is_self_or_parent: bool,
    pub(super) is_link: bool,
    pub(super) is_interleaved: bool,
    /// The file goes on with the next record's extent.
    pub(super) continues: bool,
    pub(super) has_system_use: bool,
}

impl Record {
    /// The record at the start of `data`; `input` is the image, for continuations.
    pub(super) fn parse(data: &[u8], input: &[u8], joliet: bool) -> Option<Self> {
        let record = data.get(..usize::from(*data.first()?))?;
        let mut cursor = Cursor::new(record);
        let attributes = *record.get(1)?;
        cursor.skip(2)?;
        let block = cursor.u32_le()?;
        cursor.skip(4)?;
        let size = cursor.u32_le()?;
        cursor.skip(4 + 7)?;
        let flags = cursor.u8()?;
        let unit = cursor.u8()?;
        let gap = cursor.u8()?;
        cursor.skip(4)?;
        let length = usize::from(cursor.u8()?);
        let stored = cursor.take(length)?;
        if length.is_multiple_of(2) {
            // A byte of padding; a record that ends here has none.
            let _ = cursor.skip(1);
        }
        let mut name = if joliet { text::utf16_be(stored) } else { text::dos(stored) };
        // The version, ";1", is no part of the name for anybody.
        if let Some((plain, version)) = name.rsplit_once(';')
            && version.bytes().all(|byte| byte.is_ascii_digit())
        {
            name = plain.strip_suffix('.').unwrap_or(plain).to_owned();
        }
        let system_use = SystemUse::read(cursor.rest(), input);
        if !joliet && !system_use.name.is_empty() {
            name = String::from_utf8_lossy(&system_use.name).into_owned();
        }
        Some(Self {
            name,
            // The extended attributes stand in front of the data.
            extent: (block.saturating_add(u32::from(attributes)), size),
            is_folder: flags & 2 != 0,
            is_self_or_parent: matches!(stored, [0 | 1]),
            is_link: system_use.is_link,
            is_interleaved: unit != 0 || gap != 0,
            continues: flags & 0x80 != 0,
            has_system_use: system_use.announced,
        })
    }
}

#[derive(Default)]
struct SystemUse {
    name: Vec<u8>,
    is_link: bool,
    announced: bool,
}

impl SystemUse {
    fn read(area: &[u8], input: &[u8]) -> Self {
        let mut found = Self::default();
        // CD-XA puts 14 bytes in front.
        let xa = area.get(6..8) == Some(b"XA");
        let mut area = area.get(if xa { 14 } else { 0 }..).unwrap_or_default();
        for _ in 0..MAX_CONTINUATIONS {
            match found.entries(area) {
                Some((block, offset, length)) => {
                    let start = (block as usize)
                        .checked_mul(SECTOR)
                        .and_then(|start| start.checked_add(offset as usize));
                    let rest = start.and_then(|start| input.get(start..)).unwrap_or_default();
                    area = rest.get(..(length as usize).min(SECTOR)).unwrap_or(rest);
                }
                None => break,
            }
        }
        found
    }

    /// Reads entries (signature, length, version, data); gives where they continue.
    fn entries(&mut self, mut area: &[u8]) -> Option<(u32, u32, u32)> {
        let mut continuation = None;
        while let Some(&[first, second, length, _]) = area.first_chunk::<4>() {
            let Some((entry, rest)) = area.split_at_checked(usize::from(length).max(4)) else {
                break;
            };
            area = rest;
            match &[first, second] {
                b"SP" | b"RR" | b"ER" | b"PX" => self.announced = true,
                // Bits 1 and 2 of the flags: "." and "..".
                b"NM" if entry.get(4).is_some_and(|flags| flags & 6 == 0) => {
                    self.name.extend_from_slice(entry.get(5..).unwrap_or_default());
                }
                b"SL" => self.is_link = true,
                b"CE" => {
                    continuation =
                        (|| Some((u32_le(entry, 4)?, u32_le(entry, 12)?, u32_le(entry, 20)?)))();
                }
                b"ST" => break,
                _ => {}
            }
        }
        continuation
    }
}
