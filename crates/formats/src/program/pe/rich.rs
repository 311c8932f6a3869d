use super::Image;
use crate::bytes::{find, u32_le};

/// Bytes before the PE header in which the record is looked for.
const MAX_STUB: usize = 4_096;

/// A tool and how often its objects were linked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RichEntry {
    /// The kind of tool.
    pub product: u16,
    /// Its build number.
    pub build: u16,
    /// Objects.
    pub count: u32,
}

/// The record that Microsoft's linker leaves between the DOS stub and the PE header, decoded.
/// Described in "Rich Headers: leveraging this mysterious artifact of the PE format" (Poslušný and
/// Kálnai, Virus Bulletin 2019).
#[derive(Debug, Clone)]
pub struct Rich {
    /// The mask, which is also a checksum of the stub and the entries.
    pub key: u32,
    /// Offset of the record.
    pub start: usize,
    /// The decoded bytes from `DanS` to before `Rich`: what the usual hash of it is made over.
    pub clear: Vec<u8>,
    /// The tools.
    pub entries: Vec<RichEntry>,
    /// Whether the checksum fits the stub and the entries: a copied record's does not.
    pub checksum_fits: bool,
}

impl Image<'_> {
    /// The linker's record, when there is one.
    pub fn rich(&self) -> Option<Rich> {
        let stub = self.data.get(..self.header.min(MAX_STUB))?;
        // The last mark: the stub's own text may hold the word.
        let mut mark = None;
        let mut from = 0;
        while let Some(at) = find(stub, b"Rich", from) {
            mark = Some(at);
            from = at + 4;
        }
        let mark = mark?;
        let key = u32_le(stub, mark + 4)?;
        let mut start = None;
        let mut at = mark;
        while let Some(before) = at.checked_sub(4) {
            at = before;
            if u32_le(stub, at)? ^ key == 0x536e_6144 {
                start = Some(at);
                break;
            }
        }
        let start = start?;
        let clear: Vec<u8> = stub
            .get(start..mark)?
            .chunks_exact(4)
            .zip(std::iter::repeat(key.to_le_bytes()))
            .flat_map(|(word, key)| [0, 1, 2, 3].map(|place| word[place] ^ key[place]))
            .collect();
        let entries: Vec<RichEntry> = clear
            .get(16..)
            .unwrap_or_default()
            .chunks_exact(8)
            .map(|row| RichEntry {
                build: u16::from_le_bytes([row[0], row[1]]),
                product: u16::from_le_bytes([row[2], row[3]]),
                count: u32::from_le_bytes([row[4], row[5], row[6], row[7]]),
            })
            .collect();
        let checksum_fits = checksum(stub.get(..start)?, &entries) == key;
        Some(Rich { key, start, clear, entries, checksum_fits })
    }
}

/// The sum of every byte before the record rotated by its offset (the header's address left out) and
/// of every entry rotated by its count.
fn checksum(stub: &[u8], entries: &[RichEntry]) -> u32 {
    let bytes = stub.iter().enumerate().filter(|(at, _)| !(0x3c..0x40).contains(at));
    let sum = bytes.fold(stub.len() as u32, |sum, (at, &byte)| {
        sum.wrapping_add(u32::from(byte).rotate_left(at as u32 & 31))
    });
    entries.iter().fold(sum, |sum, entry| {
        let id = (u32::from(entry.product) << 16) | u32::from(entry.build);
        sum.wrapping_add(id.rotate_left(entry.count & 31))
    })
}
