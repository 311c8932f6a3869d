//! Compound files (\[MS-CFB\]): a file system of sectors. Tolerant: reads what it can of broken
//! ones, and never more steps than the file has sectors.

use crate::bytes::{Cursor, u16_le, u32_le};

/// The signature of a compound file, and that of its beta, which differs in nothing else we read.
const MAGIC: [[u8; 8]; 2] = [
    [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
    [0x0e, 0x11, 0xfc, 0x0d, 0xd0, 0xcf, 0x11, 0x0e],
];
/// Sector numbers from here on are marks, not sectors.
const LAST_SECTOR: u32 = 0xffff_fffa;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const NO_ENTRY: u32 = 0xffff_ffff;
const ENTRY_BYTES: usize = 128;
/// Deepest folder that is walked; deeper ones are listed as if they were there.
const MAX_DEPTH: usize = 64;

/// A stream, folder or the root.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name, as UTF-16 text with replaced halves; control characters are kept (`\x01Ole`).
    pub name: String,
    /// Stream, folder or root.
    pub kind: EntryKind,
    /// Class id as it stands in the file: the first three fields little-endian.
    pub class: [u8; 16],
    start: u32,
    /// Bytes that the entry claims.
    pub size: u64,
    left: u32,
    right: u32,
    child: u32,
    /// Number of the folder that holds it; `None` for the root and for entries of no folder.
    pub parent: Option<u32>,
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Storage,
    /// A file.
    Stream,
    /// The root folder.
    Root,
}

/// Bytes of a stream, and whether they are all that its entry claims.
pub struct Stream {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are all that the entry claims.
    pub whole: bool,
}

/// An opened compound file.
pub struct Compound<'a> {
    data: &'a [u8],
    sector_bytes: usize,
    /// Sectors that hold the allocation table, in order.
    table: Vec<u32>,
    /// Sectors that hold the allocation table of the small sectors.
    small_table: Vec<u32>,
    /// The stream that the small sectors are cut from.
    small_stream: Vec<u32>,
    small_bytes: usize,
    small_cutoff: u64,
    /// By number; unused and broken entries are `None`.
    pub entries: Vec<Option<Entry>>,
}

impl<'a> Compound<'a> {
    /// Opens `data`, reading at most `max_entries` of its directory. `None` when it is no compound
    /// file or its directory cannot be found.
    pub fn open(data: &'a [u8], max_entries: usize) -> Option<Self> {
        if !MAGIC.iter().any(|magic| data.starts_with(magic)) {
            return None;
        }
        // Sizes that no writer uses are taken for the usual ones, as Windows does.
        let sector_bytes = match u16_le(data, 30)? {
            shift @ 7..=16 => 1usize << shift,
            _ => 512,
        };
        let small_bytes = match u16_le(data, 32)? {
            shift @ 4..=9 => 1usize << shift,
            _ => 64,
        };
        let mut compound = Self {
            data,
            sector_bytes,
            table: Vec::new(),
            small_table: Vec::new(),
            small_stream: Vec::new(),
            small_bytes,
            small_cutoff: u64::from(u32_le(data, 56)?.clamp(1, 1 << 20)),
            entries: Vec::new(),
        };
        compound.read_table()?;
        let per_sector = (sector_bytes / ENTRY_BYTES).max(1);
        let directory = compound.chain(u32_le(data, 48)?, max_entries.div_ceil(per_sector));
        compound.read_directory(&directory, max_entries);
        compound.small_table = compound.chain(u32_le(data, 60)?, usize::MAX);
        let root = compound.root()?;
        compound.small_stream = compound.chain(root.start, usize::MAX);
        compound.place_entries();
        Some(compound)
    }

    /// The root entry.
    pub fn root(&self) -> Option<&Entry> {
        self.entries.iter().flatten().find(|entry| entry.kind == EntryKind::Root)
    }

    /// Number and entry of what the folder `parent` holds.
    pub fn children(&self, parent: u32) -> impl Iterator<Item = (u32, &Entry)> {
        self.numbered().filter(move |(_, entry)| entry.parent == Some(parent))
    }

    /// Every entry with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0u32..).zip(&self.entries).filter_map(|(number, entry)| Some((number, entry.as_ref()?)))
    }

    /// The stream with this name in the folder `parent`, whatever its case.
    pub fn stream_in(&self, parent: u32, name: &str) -> Option<&Entry> {
        self.children(parent)
            .map(|(_, entry)| entry)
            .find(|entry| entry.kind == EntryKind::Stream && entry.name.eq_ignore_ascii_case(name))
    }

    /// The number of the root.
    pub fn root_number(&self) -> u32 {
        self.numbered()
            .find(|(_, entry)| entry.kind == EntryKind::Root)
            .map_or(0, |(number, _)| number)
    }

    /// Names of folders from the root to the entry, joined by `/`.
    pub fn path(&self, number: u32) -> String {
        let mut parts = Vec::new();
        let mut at = Some(number);
        while let Some(entry) = at.and_then(|at| self.entry(at)) {
            if entry.kind == EntryKind::Root || parts.len() > MAX_DEPTH {
                break;
            }
            parts.push(entry.name.as_str());
            at = entry.parent;
        }
        parts.reverse();
        parts.join("/")
    }

    /// The entry of this number.
    pub fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// The bytes of a stream, at most `limit` of them.
    pub fn read(&self, entry: &Entry, limit: u64) -> Stream {
        let wanted = entry.size.min(limit);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.data.len());
        let mut bytes = Vec::new();
        if entry.size < self.small_cutoff {
            self.read_small(entry.start, wanted, &mut bytes);
        } else {
            for sector in self.chain(entry.start, wanted.div_ceil(self.sector_bytes)) {
                bytes.extend_from_slice(self.sector(sector).unwrap_or_default());
            }
        }
        bytes.truncate(wanted);
        let whole = bytes.len() as u64 == entry.size;
        Stream { bytes, whole }
    }

    fn read_small(&self, start: u32, wanted: usize, bytes: &mut Vec<u8>) {
        let mut at = start;
        // `wanted` bounds the steps, so a cycle ends.
        while at < LAST_SECTOR && bytes.len() < wanted {
            let Some(offset) = (at as usize).checked_mul(self.small_bytes) else { return };
            let Some(piece) = self
                .small_stream
                .get(offset / self.sector_bytes)
                .and_then(|sector| self.sector(*sector))
                .and_then(|sector| sector.get(offset % self.sector_bytes..))
            else {
                return;
            };
            bytes.extend_from_slice(&piece[..piece.len().min(self.small_bytes)]);
            let per_sector = self.sector_bytes / 4;
            let Some(next) = self
                .small_table
                .get(at as usize / per_sector)
                .and_then(|sector| self.sector(*sector))
                .and_then(|sector| u32_le(sector, at as usize % per_sector * 4))
            else {
                return;
            };
            at = next;
        }
    }

    /// The bytes of a sector; the last one may be short.
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        // The header takes the place of sector -1, and a whole sector also where those are larger.
        let start = (number as usize).checked_add(1)?.checked_mul(self.sector_bytes)?;
        let rest = self.data.get(start..)?;
        (!rest.is_empty()).then(|| &rest[..rest.len().min(self.sector_bytes)])
    }

    /// The sectors of a chain, at most `limit`, never more than the file has.
    fn chain(&self, start: u32, limit: usize) -> Vec<u32> {
        let bound = limit.min(self.data.len() / self.sector_bytes + 1);
        let mut sectors = Vec::new();
        let mut at = start;
        while at < LAST_SECTOR && sectors.len() < bound {
            sectors.push(at);
            at = self.next(at).unwrap_or(END_OF_CHAIN);
        }
        sectors
    }

    fn next(&self, sector: u32) -> Option<u32> {
        let per_sector = self.sector_bytes / 4;
        let holder = *self.table.get(sector as usize / per_sector)?;
        u32_le(self.sector(holder)?, sector as usize % per_sector * 4)
    }

    /// The list of table sectors: 109 in the header, the rest in a chain of their own.
    fn read_table(&mut self) -> Option<()> {
        let bound = self.data.len() / self.sector_bytes + 1;
        let mut header = Cursor::at(self.data, 76)?;
        for _ in 0..109 {
            match header.u32_le() {
                Some(sector) if sector < LAST_SECTOR && self.table.len() < bound => {
                    self.table.push(sector);
                }
                _ => break,
            }
        }
        let mut at = u32_le(self.data, 68)?;
        let mut steps = 0;
        while at < LAST_SECTOR && steps < bound && self.table.len() < bound {
            steps += 1;
            let Some(sector) = self.sector(at) else { break };
            let mut cursor = Cursor::new(sector);
            for _ in 0..(self.sector_bytes / 4 - 1) {
                match cursor.u32_le() {
                    Some(sector) if sector < LAST_SECTOR && self.table.len() < bound => {
                        self.table.push(sector);
                    }
                    _ => {}
                }
            }
            at = cursor.u32_le().unwrap_or(END_OF_CHAIN);
        }
        Some(())
    }

    fn read_directory(&mut self, sectors: &[u32], max_entries: usize) {
        for sector in sectors {
            let bytes = self.sector(*sector).unwrap_or_default();
            for raw in bytes.chunks_exact(ENTRY_BYTES) {
                if self.entries.len() >= max_entries {
                    return;
                }
                self.entries.push(parse_entry(raw));
            }
        }
    }

    /// Gives each entry its folder, walking each folder's tree of siblings without recursion.
    fn place_entries(&mut self) {
        let folders: Vec<(u32, u32)> = self
            .numbered()
            .filter(|(_, entry)| entry.kind != EntryKind::Stream)
            .map(|(number, entry)| (number, entry.child))
            .collect();
        for (folder, child) in folders {
            let mut open = vec![child];
            while let Some(number) = open.pop() {
                if number == NO_ENTRY || number == folder {
                    continue;
                }
                let slot = usize::try_from(number).ok().and_then(|at| self.entries.get_mut(at));
                // An entry that has a folder already is not walked again: cycles end.
                if let Some(Some(entry)) = slot
                    && entry.parent.is_none()
                    && entry.kind != EntryKind::Root
                {
                    entry.parent = Some(folder);
                    open.extend([entry.left, entry.right]);
                }
            }
        }
    }
}

fn parse_entry(raw: &[u8]) -> Option<Entry> {
    let kind = match raw[66] {
        1 => EntryKind::Storage,
        2 => EntryKind::Stream,
        5 => EntryKind::Root,
        _ => return None,
    };
    let name_bytes = usize::from(u16_le(raw, 64)?).min(64);
    let units = raw[..name_bytes]
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0);
    Some(Entry {
        name: char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect(),
        kind,
        class: raw[80..96].try_into().ok()?,
        start: u32_le(raw, 116)?,
        // The upper half is garbage in files with 512-byte sectors ([MS-CFB] 2.6.1).
        size: u64::from(u32_le(raw, 120)?),
        left: u32_le(raw, 68)?,
        right: u32_le(raw, 72)?,
        child: u32_le(raw, 76)?,
        parent: None,
    })
}
