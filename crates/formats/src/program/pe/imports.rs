use super::{Image, directory};
use crate::bytes::{Cursor, u32_le, u64_le};

/// Libraries that are read.
const MAX_LIBRARIES: usize = 1_024;
/// Functions of all libraries that are read.
const MAX_FUNCTIONS: usize = 65_536;
/// Bytes of a library's name.
const MAX_LIBRARY_NAME: usize = 260;
/// Bytes of a function's name; decorated C++ names are long.
const MAX_FUNCTION_NAME: usize = 4_096;

/// How an imported function is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol<'a> {
    /// By name.
    Name(&'a [u8]),
    /// By number.
    Ordinal(u16),
}

/// An imported function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name or number.
    pub symbol: Symbol<'a>,
}

/// A library and what is imported from it.
#[derive(Debug, Clone)]
pub struct Library<'a> {
    /// Its name, as the file has it.
    pub name: &'a [u8],
    /// Whether it is loaded when first used.
    pub delayed: bool,
    /// In the order of the file.
    pub functions: Vec<Function<'a>>,
}

/// Everything that an image imports.
#[derive(Debug, Clone, Default)]
pub struct Imports<'a> {
    /// In the order of the file, the delayed ones last.
    pub libraries: Vec<Library<'a>>,
    /// Whether a table leads out of the file or past a bound.
    pub damaged: bool,
}

impl Imports<'_> {
    /// Functions of all libraries.
    pub fn count(&self) -> usize {
        self.libraries.iter().map(|library| library.functions.len()).sum()
    }
}

impl<'a> Image<'a> {
    /// Reads the import and delay-import tables.
    pub fn imports(&self) -> Imports<'a> {
        let mut imports = Imports::default();
        let mut left = MAX_FUNCTIONS;
        if let Some(at) = self.directory(directory::IMPORT) {
            self.ordinary(at.address, &mut imports, &mut left);
        }
        if let Some(at) = self.directory(directory::DELAY_IMPORT) {
            self.delayed(at.address, &mut imports, &mut left);
        }
        imports
    }

    fn ordinary(&self, address: u32, imports: &mut Imports<'a>, left: &mut usize) {
        let Some(table) = self.at(address) else {
            imports.damaged = true;
            return;
        };
        let mut cursor = Cursor::new(table);
        for _ in 0..MAX_LIBRARIES {
            let Some(row) = cursor.array::<20>() else {
                // The loader stops at the end of the section too, where zeros follow.
                return;
            };
            let field = |place| u32_le(&row, place).unwrap_or(0);
            let (lookup, name, bound) = (field(0), field(12), field(16));
            // The loader stops at a row without name or without address table.
            if name == 0 || bound == 0 {
                return;
            }
            let Some(name) = self.text(name, MAX_LIBRARY_NAME) else {
                imports.damaged = true;
                return;
            };
            let thunks = if lookup != 0 && self.offset(lookup).is_some() { lookup } else { bound };
            let functions = self.functions(thunks, 0, imports, left);
            imports.libraries.push(Library { name, delayed: false, functions });
        }
        imports.damaged = true;
    }

    fn delayed(&self, address: u32, imports: &mut Imports<'a>, left: &mut usize) {
        let Some(table) = self.at(address) else {
            imports.damaged = true;
            return;
        };
        let mut cursor = Cursor::new(table);
        for _ in 0..MAX_LIBRARIES {
            let Some(row) = cursor.array::<32>() else { return };
            let field = |place| u32_le(&row, place).unwrap_or(0);
            // Before Visual C++ 7 the table had addresses with the image base added.
            let base = if field(0) & 1 == 0 { self.base as u32 } else { 0 };
            let relative = |value: u32| value.wrapping_sub(base);
            if field(4) == 0 || field(16) == 0 {
                return;
            }
            let Some(name) = self.text(relative(field(4)), MAX_LIBRARY_NAME) else {
                imports.damaged = true;
                return;
            };
            let functions = self.functions(relative(field(16)), base, imports, left);
            imports.libraries.push(Library { name, delayed: true, functions });
        }
        imports.damaged = true;
    }

    fn functions(
        &self,
        thunks: u32,
        base: u32,
        imports: &mut Imports<'a>,
        left: &mut usize,
    ) -> Vec<Function<'a>> {
        let mut functions = Vec::new();
        let Some(table) = self.at(thunks) else {
            imports.damaged = true;
            return functions;
        };
        let width = if self.wide { 8 } else { 4 };
        for number in 0..table.len() / width {
            let value = if self.wide {
                u64_le(table, number * width)
            } else {
                u32_le(table, number * width)
                    .map(|low| (u64::from(low >> 31) << 63) | u64::from(low & 0x7fff_ffff))
            };
            let Some(value) = value.filter(|&value| value != 0) else { break };
            if *left == 0 {
                imports.damaged = true;
                break;
            }
            *left -= 1;
            let symbol = if value >> 63 == 1 {
                Some(Symbol::Ordinal(value as u16))
            } else {
                // Hint, then name.
                u32::try_from(value)
                    .ok()
                    .and_then(|at| {
                        self.text(at.wrapping_sub(base).wrapping_add(2), MAX_FUNCTION_NAME)
                    })
                    .filter(|name| !name.is_empty())
                    .map(Symbol::Name)
            };
            let Some(symbol) = symbol else {
                imports.damaged = true;
                break;
            };
            functions.push(Function { symbol });
        }
        functions
    }
}
