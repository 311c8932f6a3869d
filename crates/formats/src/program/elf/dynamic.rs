use super::{Elf, Section, Segment};
use crate::bytes::Cursor;

/// Entries of the dynamic table that are read.
const MAX_ENTRIES: usize = 4_096;
/// Bytes of a string.
const MAX_TEXT: usize = 4_096;
/// Entries of an array of functions that are read.
const MAX_FUNCTIONS: usize = 1_024;
/// Relocations that are searched for one value.
const MAX_RELOCATIONS: usize = 65_536;

/// Tags of the dynamic table (gABI, "Dynamic Section").
pub mod tag {
    /// A library that is needed.
    pub const NEEDED: u64 = 1;
    /// Address of the string table.
    pub const STRTAB: u64 = 5;
    /// Address of the symbol table.
    pub const SYMTAB: u64 = 6;
    /// Address of the relocations with addends.
    pub const RELA: u64 = 7;
    /// Bytes of them.
    pub const RELASZ: u64 = 8;
    /// Address of the initialisation function.
    pub const INIT: u64 = 12;
    /// The library's own name.
    pub const SONAME: u64 = 14;
    /// Search path, the older form.
    pub const RPATH: u64 = 15;
    /// Relocations may change the code.
    pub const TEXTREL: u64 = 22;
    /// Address of the initialisation functions.
    pub const INIT_ARRAY: u64 = 25;
    /// Bytes of them.
    pub const INIT_ARRAYSZ: u64 = 27;
    /// Search path.
    pub const RUNPATH: u64 = 29;
    /// `DF_*` flags; 4 says that relocations may change the code.
    pub const FLAGS: u64 = 30;
}

/// The dynamic table of a file.
#[derive(Debug, Clone, Default)]
pub struct Dynamic<'a> {
    /// Tag and value, in the order of the file, up to the end mark.
    pub entries: Vec<(u64, u64)>,
    strings: &'a [u8],
}

impl<'a> Dynamic<'a> {
    /// The first value of a tag.
    pub fn value(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|entry| entry.0 == tag).map(|entry| entry.1)
    }

    /// The strings of a tag that holds offsets into the string table.
    pub fn texts(&self, tag: u64) -> impl Iterator<Item = &'a [u8]> {
        let strings = self.strings;
        self.entries.iter().filter(move |entry| entry.0 == tag).filter_map(move |entry| {
            Cursor::at(strings, usize::try_from(entry.1).ok()?)?.c_string(MAX_TEXT)
        })
    }

    /// The string table.
    pub fn strings(&self) -> &'a [u8] {
        self.strings
    }
}

impl<'a> Elf<'a> {
    /// The dynamic table, found by its segment as a loader does, else by its section.
    pub fn dynamic(&self) -> Option<Dynamic<'a>> {
        let bytes = match self.segment_of(Segment::DYNAMIC) {
            Some(segment) => {
                let by_address = self.at(segment.address).unwrap_or_default();
                let size = usize::try_from(segment.memory_size).unwrap_or(usize::MAX);
                by_address
                    .get(..size.min(by_address.len()))
                    .filter(|bytes| !bytes.is_empty())
                    .unwrap_or_else(|| self.segment_bytes(segment))
            }
            None => self.section_bytes(self.sections.iter().find(|section| section.kind == 6)?),
        };
        let mut fields = self.fields_of(bytes);
        let entries: Vec<(u64, u64)> = (0..MAX_ENTRIES)
            .map_while(|_| Some((fields.address()?, fields.address()?)))
            .take_while(|entry| entry.0 != 0)
            .collect();
        let mut dynamic = Dynamic { entries, strings: &[] };
        dynamic.strings = dynamic
            .value(tag::STRTAB)
            .and_then(|address| self.at(address))
            .or_else(|| self.section(".dynstr").map(|section| self.section_bytes(section)))
            .unwrap_or_default();
        Some(dynamic)
    }

    /// The interpreter's path, without its NUL.
    pub fn interpreter(&self) -> Option<&'a [u8]> {
        let bytes = self.segment_bytes(self.segment_of(Segment::INTERP)?);
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        bytes.get(..end.min(MAX_TEXT))
    }

    /// The functions that run before the entry point: `DT_INIT` and `DT_INIT_ARRAY`, the addends of
    /// relocations applied. Entries that a relocation fills by symbol are left out.
    pub fn initialisers(&self, dynamic: &Dynamic<'_>) -> Vec<u64> {
        let mut found: Vec<u64> =
            dynamic.value(tag::INIT).filter(|&at| at != 0).into_iter().collect();
        let (Some(array), Some(size)) =
            (dynamic.value(tag::INIT_ARRAY), dynamic.value(tag::INIT_ARRAYSZ))
        else {
            return found;
        };
        let width = if self.wide { 8 } else { 4 };
        let count = usize::try_from(size / width).unwrap_or(usize::MAX).min(MAX_FUNCTIONS);
        let mut fields = self.fields_of(self.at(array).unwrap_or_default());
        let mut values: Vec<u64> = (0..count).map_while(|_| fields.address()).collect();
        if self.wide {
            self.relocate(dynamic, array, &mut values);
        }
        let unset = |&value: &u64| value != 0 && value != u64::MAX && value != 0xffff_ffff;
        found.extend(values.into_iter().filter(unset));
        found
    }

    /// Applies relocations without a symbol (`R_*_RELATIVE`) to a table of addresses.
    fn relocate(&self, dynamic: &Dynamic<'_>, array: u64, values: &mut [u64]) {
        let Some(table) = dynamic.value(tag::RELA).and_then(|at| self.at(at)) else { return };
        let size = dynamic.value(tag::RELASZ).and_then(|size| usize::try_from(size).ok());
        let table = table.get(..size.unwrap_or(0).min(table.len())).unwrap_or_default();
        let mut fields = self.fields_of(table);
        for _ in 0..MAX_RELOCATIONS {
            let (Some(offset), Some(info), Some(addend)) =
                (fields.address(), fields.address(), fields.address())
            else {
                return;
            };
            let Some(place) = offset.checked_sub(array).filter(|place| place % 8 == 0) else {
                continue;
            };
            let slot = usize::try_from(place / 8).ok().and_then(|index| values.get_mut(index));
            if let Some(slot) = slot {
                *slot = if info >> 32 == 0 { addend } else { 0 };
            }
        }
    }

    /// The notes of all note segments, or of all note sections: name, type and descriptor.
    pub fn notes(&self) -> Vec<(&'a [u8], u32, &'a [u8])> {
        const MAX_NOTES: usize = 256;
        let mut areas: Vec<&'a [u8]> = self
            .segments
            .iter()
            .filter(|segment| segment.kind == Segment::NOTE)
            .map(|segment| self.segment_bytes(segment))
            .collect();
        if areas.is_empty() {
            let notes = |section: &&Section| section.kind == 7;
            areas =
                self.sections.iter().filter(notes).map(|found| self.section_bytes(found)).collect();
        }
        let mut notes = Vec::new();
        for area in areas {
            let mut fields = self.fields_of(area);
            let mut note = || {
                let (name, size, kind) = (fields.word()?, fields.word()?, fields.word()?);
                let mut padded = |length: u32| {
                    let bytes = fields.cursor.take(length as usize)?;
                    // The last one may stand without its padding.
                    let _ = fields.cursor.skip((4 - length as usize % 4) % 4);
                    Some(bytes)
                };
                let name = padded(name)?;
                Some((name.strip_suffix(b"\0").unwrap_or(name), kind, padded(size)?))
            };
            while let Some(found) = note() {
                if notes.len() >= MAX_NOTES {
                    return notes;
                }
                notes.push(found);
            }
        }
        notes
    }
}
