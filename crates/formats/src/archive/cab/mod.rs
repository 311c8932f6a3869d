//! Microsoft cabinets ([MS-CAB]).

mod blocks;

use std::io::{self, Read};

use super::reading::{Checked, corrupt};
use super::text;
use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};
use blocks::{Blocks, Method};

const MAGIC: &[u8] = b"MSCF";
/// A folder is decoded once, in order; files that go back in it cost a new start each.
const MAX_RESTARTS: u32 = 16;

/// A folder: where its blocks are and how they are packed.
struct Folder {
    offset: usize,
    blocks: u16,
    method: u16,
}

struct File {
    name: String,
    size: u32,
    offset: u32,
    folder: u16,
}

struct Cabinet {
    folders: Vec<Folder>,
    files: Vec<File>,
    /// Reserved bytes in each block's header.
    reserved: usize,
    cut: bool,
}

/// Unpacks a cabinet that starts at the first signature (a self-extracting one has a stub before).
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let start = crate::bytes::find(input, MAGIC, 0).unwrap_or(0);
    let input = input.get(start..).unwrap_or_default();
    let bound = unpacking.limits().max_children as usize;
    let Some(cabinet) = parse(input, bound) else {
        return unpacking.stop(Problem::Truncated, "ends in the cabinet's header");
    };
    if cabinet.cut {
        unpacking.problem(None, Problem::Truncated, "ends in the list of files");
    }
    let Cabinet { folders, mut files, reserved, .. } = cabinet;
    // In the order of the data, so that each folder is decoded once.
    files.sort_by_key(|file| (file.folder, file.offset));
    let mut files = files.into_iter().peekable();
    let mut restarts = MAX_RESTARTS;
    while let Some(first) = files.peek() {
        let number = first.folder;
        unpacking.keep_going()?;
        let mut of_folder = Vec::new();
        while let Some(file) = files.next_if(|file| file.folder == number) {
            of_folder.push(file);
        }
        match folders.get(usize::from(number)) {
            Some(folder) => {
                deliver(input, folder, reserved, &of_folder, &mut restarts, unpacking)?;
            }
            None => {
                let (problem, detail) = match number {
                    0xfffd.. => (Problem::Unsupported, "continues in another cabinet"),
                    _ => (Problem::Corrupt, "in a folder that does not exist"),
                };
                for file in &of_folder {
                    unpacking.keep_going()?;
                    unpacking.problem(Some(&file.name), problem, detail);
                }
            }
        }
    }
    Ok(())
}

fn parse(input: &[u8], bound: usize) -> Option<Cabinet> {
    let mut cursor = Cursor::new(input);
    cursor.skip(16)?;
    let files_at = cursor.u32_le()? as usize;
    cursor.skip(6)?;
    let number_of_folders = cursor.u16_le()?;
    let number_of_files = cursor.u16_le()?;
    let flags = cursor.u16_le()?;
    cursor.skip(4)?;
    let (mut folder_reserve, mut reserved) = (0, 0);
    if flags & 4 != 0 {
        let header = usize::from(cursor.u16_le()?);
        folder_reserve = usize::from(cursor.u8()?);
        reserved = usize::from(cursor.u8()?);
        cursor.skip(header)?;
    }
    // Names of the previous and the next cabinet and their disks.
    for bit in [1, 1, 2, 2] {
        if flags & bit != 0 {
            cursor.c_string(256)?;
        }
    }
    let mut folders = Vec::new();
    for _ in 0..number_of_folders {
        let offset = cursor.u32_le()? as usize;
        let blocks = cursor.u16_le()?;
        let method = cursor.u16_le()?;
        cursor.skip(folder_reserve)?;
        folders.push(Folder { offset, blocks, method });
    }
    let mut cursor = Cursor::at(input, files_at)?;
    let mut files = Vec::new();
    let mut cut = false;
    for _ in 0..usize::from(number_of_files).min(bound.saturating_add(1)) {
        let Some(file) = file(&mut cursor) else {
            cut = true;
            break;
        };
        files.push(file);
    }
    Some(Cabinet { folders, files, reserved, cut })
}

fn file(cursor: &mut Cursor<'_>) -> Option<File> {
    let size = cursor.u32_le()?;
    let offset = cursor.u32_le()?;
    let folder = cursor.u16_le()?;
    cursor.skip(4)?;
    // Bit 7 of the attributes says UTF-8; the DOS reading tries that first anyway.
    cursor.skip(2)?;
    let name = text::dos(cursor.c_string(4_096)?);
    Some(File { name, size, offset, folder })
}

fn deliver(
    input: &[u8],
    folder: &Folder,
    reserved: usize,
    files: &[File],
    restarts: &mut u32,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let method = match Method::of(folder.method) {
        Ok(method) => method,
        Err(error) => {
            for file in files {
                unpacking.keep_going()?;
                unpacking.problem(Some(&file.name), Problem::Unsupported, &error.to_string());
            }
            return Ok(());
        }
    };
    let open = || Position { blocks: Blocks::new(input, folder, reserved, method), at: 0 };
    let mut position = open();
    for file in files {
        unpacking.keep_going()?;
        let offset = u64::from(file.offset);
        if offset < position.at {
            unpacking.problem(Some(&file.name), Problem::Overlap, "shares bytes with another file");
            if *restarts == 0 {
                continue;
            }
            *restarts -= 1;
            position = open();
        }
        let child = Child::new(ChildKind::Member, &*file.name);
        // A failure on the way to the file is the file's own.
        let mut body = At { skip: offset - position.at, position: &mut position };
        let size = u64::from(file.size);
        let mut body = Checked::new((&mut body).take(size), Some(size), None);
        unpacking.child(&child, &mut body)?;
    }
    if position.blocks.checksum_failed() {
        unpacking.problem(None, Problem::Corrupt, "a block's checksum does not match");
    }
    Ok(())
}

/// A folder being decoded and how far.
struct Position<'a> {
    blocks: Blocks<'a>,
    at: u64,
}

/// The folder from a place ahead.
struct At<'p, 'a> {
    position: &'p mut Position<'a>,
    skip: u64,
}

impl Read for At<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.skip > 0 {
            let mut scratch = [0; 4_096];
            let want = usize::try_from(self.skip).unwrap_or(usize::MAX).min(scratch.len());
            let count = self.position.blocks.read(&mut scratch[..want])? as u64;
            if count == 0 {
                return Err(corrupt("starts behind the end of its folder"));
            }
            self.position.at += count;
            self.skip -= count;
        }
        let count = self.position.blocks.read(buffer)?;
        self.position.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
