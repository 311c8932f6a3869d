use super::{Directory, Image, directory};
use crate::bytes::{Cursor, u32_le, u64_le};

/// Rows of the debug directory that are read.
const MAX_ROWS: usize = 32;
/// Bytes of a path.
const MAX_PATH: usize = 1_024;
/// TLS callbacks that are read.
const MAX_CALLBACKS: usize = 64;

/// A row of the debug directory.
#[derive(Debug, Clone)]
pub struct DebugEntry<'a> {
    /// `IMAGE_DEBUG_TYPE_*`: 2 is CodeView, 16 marks a reproducible build.
    pub kind: u32,
    /// Its own time stamp.
    pub timestamp: u32,
    /// Its bytes, as far as the file has them.
    pub bytes: &'a [u8],
}

impl<'a> DebugEntry<'a> {
    /// The path of the program database that the linker wrote (CodeView `RSDS` and `NB10`).
    pub fn pdb_path(&self) -> Option<&'a [u8]> {
        let path = match self.bytes {
            [b'R', b'S', b'D', b'S', ..] => self.bytes.get(24..)?,
            [b'N', b'B', b'1', b'0', ..] => self.bytes.get(16..)?,
            _ => return None,
        };
        let end = path.iter().take(MAX_PATH).position(|&byte| byte == 0);
        path.get(..end.unwrap_or(path.len().min(MAX_PATH))).filter(|path| !path.is_empty())
    }
}

/// The thread-local storage directory.
#[derive(Debug, Clone, Default)]
pub struct TlsDirectory {
    /// Addresses, relative to the image base, of the functions that run before the entry point;
    /// `None` for one that lies below the image base.
    pub callbacks: Vec<Option<u32>>,
    /// Where they are listed.
    pub table: Option<Directory>,
}

impl<'a> Image<'a> {
    /// The rows of the debug directory.
    pub fn debug_entries(&self) -> Vec<DebugEntry<'a>> {
        let Some(at) = self.directory(directory::DEBUG) else { return Vec::new() };
        let table = self.at(at.address).unwrap_or_default();
        let rows = (at.size as usize / 28).min(MAX_ROWS);
        let mut cursor = Cursor::new(table);
        let mut row = || {
            let row = cursor.array::<28>()?;
            let field = |place| u32_le(&row, place).unwrap_or(0);
            let rest = self.data.get(field(24) as usize..).unwrap_or_default();
            let bytes = rest.get(..rest.len().min(field(16) as usize)).unwrap_or_default();
            Some(DebugEntry { kind: field(12), timestamp: field(4), bytes })
        };
        (0..rows).map_while(|_| row()).collect()
    }

    /// The thread-local storage directory, when there is one.
    pub fn tls(&self) -> Option<TlsDirectory> {
        let at = self.directory(directory::TLS)?;
        let table = self.at(at.address)?;
        let width = if self.wide { 8 } else { 4 };
        let value = |bytes: &[u8], place: usize| {
            if self.wide { u64_le(bytes, place) } else { u32_le(bytes, place).map(u64::from) }
        };
        let relative =
            |address: u64| address.checked_sub(self.base).and_then(|at| u32::try_from(at).ok());
        let list = value(table, width * 3).filter(|&address| address != 0).and_then(relative);
        let Some(list) = list else { return Some(TlsDirectory::default()) };
        let entries = self.at(list).unwrap_or_default();
        let callbacks: Vec<Option<u32>> = (0..MAX_CALLBACKS)
            .map_while(|number| value(entries, number * width).filter(|&address| address != 0))
            .map(relative)
            .collect();
        let size = (callbacks.len() * width) as u32;
        Some(TlsDirectory { callbacks, table: Some(Directory { address: list, size }) })
    }
}
