use std::collections::HashSet;

use super::{Image, directory};
use crate::bytes::{Cursor, u16_le, u32_le};

/// Entries of resource directories that are walked.
const MAX_ENTRIES: usize = 16_384;
/// Type, name, language.
const DEPTH: usize = 3;
/// UTF-16 units of a name.
const MAX_NAME: u16 = 256;

/// The type, name or language of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceId {
    /// A number.
    Number(u32),
    /// A name.
    Name(String),
}

impl ResourceId {
    /// Whether it is this number.
    pub fn is(&self, number: u32) -> bool {
        *self == Self::Number(number)
    }
}

impl std::fmt::Display for ResourceId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

/// A resource.
#[derive(Debug, Clone)]
pub struct Resource<'a> {
    /// `RT_*` or a name of the program's own.
    pub kind: ResourceId,
    /// Its name.
    pub name: ResourceId,
    /// Windows language id; 0 when it is neutral or not stated.
    pub language: u32,
    /// Offset in the file.
    pub offset: usize,
    /// As much of it as the file has.
    pub bytes: &'a [u8],
}

impl<'a> Image<'a> {
    /// Every resource, at most some ten thousand. A directory that is named twice is read once.
    pub fn resources(&self) -> Vec<Resource<'a>> {
        let mut found = Vec::new();
        let Some(base) = self.directory(directory::RESOURCE).and_then(|at| self.at(at.address))
        else {
            return found;
        };
        let mut seen = HashSet::new();
        let mut left = MAX_ENTRIES;
        let mut open: Vec<(usize, Vec<ResourceId>)> = vec![(0, Vec::new())];
        while let Some((at, path)) = open.pop() {
            let named = u16_le(base, at.saturating_add(12)).unwrap_or(0);
            let numbered = u16_le(base, at.saturating_add(14)).unwrap_or(0);
            let Some(mut cursor) = Cursor::at(base, at.saturating_add(16)) else { continue };
            let mut deeper = Vec::new();
            for _ in 0..usize::from(named) + usize::from(numbered) {
                let (Some(id), Some(target), true) = (cursor.u32_le(), cursor.u32_le(), left > 0)
                else {
                    break;
                };
                left -= 1;
                let mut path = path.clone();
                path.push(resource_id(base, id));
                let place = (target & 0x7fff_ffff) as usize;
                if target >> 31 == 0 {
                    found.extend(self.leaf(base, place, path));
                } else if path.len() < DEPTH && seen.insert(place) {
                    deeper.push((place, path));
                }
            }
            // The last in is the first out: keep the order of the file.
            open.extend(deeper.into_iter().rev());
        }
        found
    }

    fn leaf(&self, base: &[u8], place: usize, path: Vec<ResourceId>) -> Option<Resource<'a>> {
        let address = u32_le(base, place)?;
        let size = u32_le(base, place.checked_add(4)?)? as usize;
        let offset = self.offset(address)?;
        let rest = self.data.get(offset..)?;
        let bytes = rest.get(..size.min(rest.len()))?;
        let mut path = path.into_iter();
        let kind = path.next()?;
        let name = path.next().unwrap_or(ResourceId::Number(0));
        let language = match path.next() {
            Some(ResourceId::Number(number)) => number,
            _ => 0,
        };
        Some(Resource { kind, name, language, offset, bytes })
    }
}

fn resource_id(base: &[u8], id: u32) -> ResourceId {
    if id >> 31 == 0 {
        return ResourceId::Number(id);
    }
    let at = (id & 0x7fff_ffff) as usize;
    let length = u16_le(base, at).unwrap_or(0).min(MAX_NAME);
    let units = (0..usize::from(length)).map_while(|unit| u16_le(base, at + 2 + unit * 2));
    ResourceId::Name(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
}
