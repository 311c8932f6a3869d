use super::{Image, directory};
use crate::bytes::{Cursor, u16_le, u32_le};

/// Exported names that are read.
const MAX_EXPORTS: u32 = 65_536;
/// Bytes of a name or of a forwarder.
const MAX_NAME: usize = 4_096;

/// An exported symbol.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// Its name; empty when it is exported by number only.
    pub name: &'a [u8],
    /// Its number.
    pub ordinal: u32,
    /// Address relative to the image base.
    pub address: u32,
    /// `LIBRARY.Name` when another library has it.
    pub forwarder: Option<&'a [u8]>,
}

/// The export table.
#[derive(Debug, Clone, Default)]
pub struct Exports<'a> {
    /// The name that the library had when it was linked.
    pub library: &'a [u8],
    /// Those with a name, in the order of the file, then those by number only.
    pub symbols: Vec<Export<'a>>,
    /// Whether a table leads out of the file or past a bound.
    pub damaged: bool,
}

impl<'a> Image<'a> {
    /// Reads the export table, when there is one.
    pub fn exports(&self) -> Option<Exports<'a>> {
        let at = self.directory(directory::EXPORT)?;
        let mut exports = Exports { damaged: true, ..Exports::default() };
        let Some(table) = self.at(at.address) else { return Some(exports) };
        let field = |place| u32_le(table, place).unwrap_or(0);
        exports.library = self.text(field(12), MAX_NAME).unwrap_or_default();
        let (base, functions, names) = (field(16), field(20), field(24));
        let addresses = self.at(field(28)).unwrap_or_default();
        let name_table = self.at(field(32)).unwrap_or_default();
        let ordinals = self.at(field(36)).unwrap_or_default();
        exports.damaged = functions > MAX_EXPORTS || names > MAX_EXPORTS;
        let symbol = |name: &'a [u8], index: u32| {
            let address = u32_le(addresses, index as usize * 4)?;
            let inside = address.checked_sub(at.address).is_some_and(|place| place < at.size);
            let forwarder = if inside { self.text(address, MAX_NAME) } else { None };
            Some(Export { name, ordinal: base.wrapping_add(index), address, forwarder })
        };
        let mut named = vec![false; functions.min(MAX_EXPORTS) as usize];
        for number in 0..names.min(MAX_EXPORTS) as usize {
            let row = u32_le(name_table, number * 4)
                .and_then(|at| self.text(at, MAX_NAME))
                .zip(u16_le(ordinals, number * 2));
            let Some(found) = row.and_then(|(name, index)| symbol(name, u32::from(index))) else {
                exports.damaged = true;
                break;
            };
            let index = found.ordinal.wrapping_sub(base) as usize;
            if let Some(seen) = named.get_mut(index) {
                *seen = true;
            }
            exports.symbols.push(found);
        }
        for (index, _) in named.iter().enumerate().filter(|(_, named)| !**named) {
            match symbol(b"", index as u32) {
                Some(found) if found.address != 0 => exports.symbols.push(found),
                Some(_) => {}
                None => break,
            }
        }
        Some(exports)
    }
}

impl<'a> Export<'a> {
    /// Library and symbol of a forwarder: the part before its last dot and the part behind it.
    pub fn forwarded_to(&self) -> Option<(&'a [u8], &'a [u8])> {
        let text = self.forwarder?;
        let dot = text.iter().rposition(|&byte| byte == b'.')?;
        let mut cursor = Cursor::new(text);
        let library = cursor.take(dot)?;
        Some((library, text.get(dot + 1..)?))
    }
}
