//! ISO 9660 (ECMA-119) with Joliet and Rock Ridge names.

mod record;

use std::collections::HashSet;
use std::io::{self, Read};

use super::reading::truncated;
use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};
use record::Record;

const SECTOR: usize = 2_048;
/// Descriptors looked at.
const MAX_DESCRIPTORS: usize = 64;
/// Longest path that is put together from folder names.
const MAX_PATH: usize = 4_096;

/// A tree of folders: the primary one or Joliet's.
struct Tree {
    root: (u32, u32),
    joliet: bool,
}

/// Unpacks an image. Files that only one of two trees names come out too.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut trees = Vec::new();
    for sector in 16..16 + MAX_DESCRIPTORS {
        let Some(descriptor) = input.get(sector * SECTOR..).filter(|rest| rest.len() >= 190) else {
            break;
        };
        if descriptor.get(1..6) != Some(b"CD001") {
            break;
        }
        let root = || {
            let mut cursor = Cursor::at(descriptor, 156 + 2)?;
            let extent = cursor.u32_le()?;
            cursor.skip(4)?;
            Some((extent, cursor.u32_le()?))
        };
        match descriptor.first() {
            Some(255) => break,
            Some(kind @ (1 | 2)) => {
                let joliet = *kind == 2;
                trees.extend(root().map(|root| Tree { root, joliet }));
            }
            _ => {}
        }
    }
    if trees.is_empty() {
        let udf = crate::bytes::find(input.get(..1 << 20).unwrap_or(input), b"NSR0", 0).is_some();
        let (problem, detail) = if udf {
            (Problem::Unsupported, "UDF without ISO 9660")
        } else {
            (Problem::Corrupt, "no volume descriptor")
        };
        return unpacking.stop(problem, detail);
    }
    // Joliet's names are better than plain ones, Rock Ridge's better than Joliet's.
    let rock_ridge = trees.iter().any(|tree| !tree.joliet && has_rock_ridge(input, tree.root));
    trees.sort_by_key(|tree| tree.joliet == rock_ridge);
    let mut seen = HashSet::new();
    for (number, tree) in trees.iter().enumerate() {
        // In the first tree several names may share their bytes; each is a file.
        walk(input, tree, number > 0, &mut seen, unpacking)?;
    }
    Ok(())
}

fn has_rock_ridge(input: &[u8], root: (u32, u32)) -> bool {
    let Some(data) = extent(input, root) else { return false };
    // The root's own record states the use of the System Use Sharing Protocol.
    Record::parse(data, input, false).is_some_and(|record| record.has_system_use)
}

/// The bytes of an extent, cut at the end of the image; `None` beyond it.
fn extent(input: &[u8], (block, length): (u32, u32)) -> Option<&[u8]> {
    let start = (block as usize).checked_mul(SECTOR)?;
    let rest = input.get(start..)?;
    Some(rest.get(..length as usize).unwrap_or(rest))
}

fn walk(
    input: &[u8],
    tree: &Tree,
    only_unseen: bool,
    seen: &mut HashSet<(u32, u32)>,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let mut folders = vec![(tree.root, String::new())];
    let mut visited: HashSet<u32> = HashSet::from([tree.root.0]);
    // Folders may overlap in a hostile image; all together they are no larger than it.
    let mut budget = (input.len() as u64).saturating_mul(2);
    while let Some((place, path)) = folders.pop() {
        unpacking.keep_going()?;
        let Some(data) = extent(input, place) else {
            let detail = "a folder beyond the end of the image";
            unpacking.problem(Some(&path), Problem::Truncated, detail);
            continue;
        };
        if data.len() < place.1 as usize {
            let detail = "a folder is cut by the end of the image";
            unpacking.problem(Some(&path), Problem::Truncated, detail);
        }
        match budget.checked_sub(data.len() as u64) {
            Some(left) => budget = left,
            None => return unpacking.stop(Problem::Overlap, "folders share their bytes"),
        }
        // Extents of a file that has several, up to its last record.
        let mut extents: Vec<(u32, u32)> = Vec::new();
        let mut position = 0;
        while let Some(rest) = data.get(position..).filter(|rest| !rest.is_empty()) {
            let length = usize::from(rest[0]);
            if length == 0 {
                // Records do not cross sectors.
                position = (position + 1).next_multiple_of(SECTOR);
                continue;
            }
            position += length;
            let Some(record) = Record::parse(rest, input, tree.joliet) else {
                unpacking.problem(Some(&path), Problem::Corrupt, "a broken folder record");
                continue;
            };
            if record.is_self_or_parent {
                continue;
            }
            let mut name = if path.is_empty() {
                record.name.clone()
            } else {
                format!("{path}/{}", record.name)
            };
            if name.len() > MAX_PATH {
                name.clone_from(&record.name);
            }
            if record.is_folder {
                if visited.insert(record.extent.0) {
                    folders.push((record.extent, name));
                }
                continue;
            }
            extents.push(record.extent);
            if record.continues {
                continue;
            }
            let extents = std::mem::take(&mut extents);
            let is_new = seen.insert(*extents.first().unwrap_or(&record.extent));
            if record.is_link || (only_unseen && !is_new) {
                unpacking.keep_going()?;
                continue;
            }
            if record.is_interleaved {
                let detail = "an interleaved file: gaps are taken for data";
                unpacking.problem(Some(&name), Problem::Unsupported, detail);
            }
            let size = extents.iter().map(|extent| u64::from(extent.1)).sum();
            let child = Child::new(ChildKind::Member, name).packed(size);
            unpacking.child(
                &child,
                &mut Extents { input, extents: extents.into_iter(), current: &[], cut: false },
            )?;
        }
    }
    Ok(())
}

/// A file's extents, one after the other.
struct Extents<'a> {
    input: &'a [u8],
    extents: std::vec::IntoIter<(u32, u32)>,
    current: &'a [u8],
    cut: bool,
}

impl Read for Extents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !buffer.is_empty() {
            if self.cut {
                return Err(truncated("data beyond the end of the image"));
            }
            let Some(next) = self.extents.next() else { return Ok(0) };
            self.current = extent(self.input, next).unwrap_or_default();
            self.cut = self.current.len() < next.1 as usize;
        }
        self.current.read(buffer)
    }
}

#[cfg(test)]
mod tests;
