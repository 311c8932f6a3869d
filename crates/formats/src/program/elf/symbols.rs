use super::{Dynamic, Elf, tag};
use crate::bytes::Cursor;

/// Symbols of one table that are read.
const MAX_SYMBOLS: usize = 200_000;
/// Bytes of a name; mangled C++ and Rust names are long.
const MAX_NAME: usize = 4_096;

/// A symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Address or offset.
    pub value: u64,
    /// Bytes.
    pub size: u64,
    /// `STT_*`: 2 is a function.
    pub kind: u8,
    /// `STB_*`: 1 global, 2 weak.
    pub binding: u8,
    /// `STV_*`.
    pub visibility: u8,
    /// The section that it is in; 0 when it is imported.
    pub section: u16,
}

impl Symbol<'_> {
    /// Whether another file has to have it.
    pub fn is_imported(&self) -> bool {
        self.section == 0 && !self.name.is_empty()
    }

    /// Whether other files can use it: defined, and global or weak.
    pub fn is_exported(&self) -> bool {
        self.section != 0 && matches!(self.binding, 1 | 2 | 10) && !self.name.is_empty()
    }

    /// Whether it is a function (`STT_FUNC`, `STT_GNU_IFUNC`).
    pub fn is_function(&self) -> bool {
        matches!(self.kind, 2 | 10)
    }
}

/// Which of the two symbol tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolTable {
    /// Of the loader.
    Dynamic,
    /// Of the linker and debuggers.
    Static,
}

impl<'a> Elf<'a> {
    /// The symbols of a table, as far as the file has them. The dynamic ones are found by the section
    /// header, or without one by the dynamic table.
    pub fn symbols(&self, which: SymbolTable, dynamic: Option<&Dynamic<'a>>) -> Vec<Symbol<'a>> {
        let kind = if which == SymbolTable::Dynamic { 11 } else { 2 };
        if let Some(section) = self.sections.iter().find(|section| section.kind == kind) {
            let strings = self
                .sections
                .get(section.link as usize)
                .map(|strings| self.section_bytes(strings))
                .unwrap_or_default();
            return self.read_symbols(self.section_bytes(section), strings);
        }
        let Some(dynamic) = dynamic.filter(|_| which == SymbolTable::Dynamic) else {
            return Vec::new();
        };
        let table = dynamic.value(tag::SYMTAB).and_then(|at| self.at(at)).unwrap_or_default();
        // Nothing states its length, but the string table usually follows it.
        let before = dynamic.value(tag::STRTAB).zip(dynamic.value(tag::SYMTAB));
        let length = before
            .and_then(|(strings, symbols)| strings.checked_sub(symbols))
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(table.len());
        self.read_symbols(
            table.get(..length.min(table.len())).unwrap_or_default(),
            dynamic.strings(),
        )
    }

    fn read_symbols(&self, table: &'a [u8], strings: &'a [u8]) -> Vec<Symbol<'a>> {
        let mut fields = self.fields_of(table);
        let mut read = || {
            let name = fields.word()?;
            let (info, other, section, value, size);
            if self.wide {
                (info, other, section) = (fields.byte()?, fields.byte()?, fields.half()?);
                (value, size) = (fields.address()?, fields.address()?);
            } else {
                (value, size) = (fields.address()?, fields.address()?);
                (info, other, section) = (fields.byte()?, fields.byte()?, fields.half()?);
            }
            let name = Cursor::at(strings, name as usize)
                .and_then(|mut cursor| cursor.c_string(MAX_NAME))
                .unwrap_or_default();
            Some(Symbol {
                name,
                value,
                size,
                kind: info & 15,
                binding: info >> 4,
                visibility: other & 3,
                section,
            })
        };
        (0..MAX_SYMBOLS).map_while(|_| read()).collect()
    }
}
