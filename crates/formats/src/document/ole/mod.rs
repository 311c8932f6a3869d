//! Compound files: Office documents of 1997 to 2003, and objects embedded in documents of any age.
//!
//! Children are what somebody put into the document: package objects, embedded documents, and the
//! files in an installer package. The document's own streams, macros too, are left to the engines
//! that read them.

pub mod compound;
pub mod decrypt;
mod installer;
pub mod native;
mod powerpoint;
#[cfg(test)]
mod tests;

use crate::bytes::{u16_le, u32_le};
use crate::filetype::{self, Category};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};
use compound::{Compound, Entry, EntryKind};

/// Directory entries that are read.
pub const MAX_ENTRIES: usize = 50_000;

/// Reads a document or object in a compound file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(compound) = open(input, unpacking) else { return Ok(()) };
    let limit = memory(unpacking);
    for (number, entry) in compound.numbered() {
        if entry.kind != EntryKind::Stream {
            continue;
        }
        unpacking.keep_going()?;
        stream(&compound, number, entry, limit, unpacking)?;
    }
    Ok(())
}

/// Reads an installer package: the files in it, under their real names.
pub(crate) fn unpack_installer(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(compound) = open(input, unpacking) else { return Ok(()) };
    let limit = memory(unpacking);
    for (_, entry) in compound.numbered().filter(|(_, entry)| entry.kind == EntryKind::Stream) {
        unpacking.keep_going()?;
        let Some(name) = installer::file_name(&entry.name) else { continue };
        hand_out(&compound, entry, name, ChildKind::Member, limit, unpacking)?;
    }
    Ok(())
}

/// Reads an encrypted Office document: the package in it, when a password opens it, or one that
/// Office tries by itself.
pub(crate) fn unpack_encrypted(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(compound) = open(input, unpacking) else { return Ok(()) };
    let limit = memory(unpacking);
    match decrypt::document(&compound, unpacking.passwords(), limit) {
        Some(opened) => {
            let extension = filetype::detect(&opened.bytes).ty.extensions.first().copied();
            let name = format!("document.{}", extension.unwrap_or("bin"));
            let child = Child::new(ChildKind::Embedded, name).encrypted();
            unpacking.child_bytes(&child, &opened.bytes)
        }
        None => state_encrypted(unpacking),
    }
}

/// States that the document is encrypted.
fn state_encrypted(unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    unpacking.problem(None, Problem::ProtectedDocument, "an encrypted Office document");
    Ok(())
}

/// The compound file, or a stated problem.
pub(crate) fn open<'a>(input: &'a [u8], unpacking: &mut Unpacking<'_>) -> Option<Compound<'a>> {
    let compound = Compound::open(input, MAX_ENTRIES);
    match &compound {
        None => unpacking.problem(None, Problem::Corrupt, "a compound file without a directory"),
        Some(compound) if compound.entries.len() >= MAX_ENTRIES => {
            unpacking.problem(None, Problem::TooManyChildren, "too many directory entries");
        }
        Some(_) => {}
    }
    compound
}

/// Bytes of a stream that are read into memory.
pub(crate) fn memory(unpacking: &Unpacking<'_>) -> u64 {
    unpacking.limits().max_memory_bytes
}

/// Hands out a stream as it is.
pub(crate) fn hand_out(
    compound: &Compound<'_>,
    entry: &Entry,
    name: String,
    kind: ChildKind,
    limit: u64,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let stream = compound.read(entry, limit);
    let child = Child::new(kind, name).packed(stream.bytes.len() as u64);
    unpacking.child_bytes(&child, &stream.bytes)?;
    if !stream.whole {
        unpacking.problem(Some(&child.name), Problem::Truncated, "a stream is cut short");
    }
    Ok(())
}

/// What one stream of a document holds.
pub(crate) fn stream(
    compound: &Compound<'_>,
    number: u32,
    entry: &Entry,
    limit: u64,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let is = |name: &str| entry.name.eq_ignore_ascii_case(name);
    if is("\u{1}Ole10Native") || is("Ole10Native") {
        return native_stream(compound, number, entry, limit, unpacking);
    }
    if is("PowerPoint Document") {
        let stream = compound.read(entry, limit);
        return powerpoint::objects(&stream.bytes, unpacking);
    }
    if is("EncryptedPackage") {
        return state_encrypted(unpacking);
    }
    if is("WordDocument") {
        // Bit 8 of the flags: encrypted ([MS-DOC] 2.5.2).
        let start = compound.read(entry, 64);
        if u16_le(&start.bytes, 10).is_some_and(|flags| flags & 0x0100 != 0) {
            return state_encrypted(unpacking);
        }
        return Ok(());
    }
    if is("Workbook") || is("Book") {
        if workbook_is_encrypted(&compound.read(entry, 4096).bytes) {
            return state_encrypted(unpacking);
        }
        return Ok(());
    }
    if is("EncryptedSummary") {
        return state_encrypted(unpacking);
    }
    // Whole documents that an object keeps in a stream.
    if is("Package") || is("CONTENTS") || is("\u{1}CONTENTS") {
        let stream = compound.read(entry, limit);
        let ty = filetype::detect(&stream.bytes).ty;
        if !matches!(ty.category, Category::Other | Category::Text) {
            let extension = ty.extensions.first().copied().unwrap_or("bin");
            let name = format!("{}.{extension}", printable(&compound.path(number)));
            let child = Child::new(ChildKind::Embedded, name);
            unpacking.child_bytes(&child, &stream.bytes)?;
        }
    }
    Ok(())
}

fn native_stream(
    compound: &Compound<'_>,
    number: u32,
    entry: &Entry,
    limit: u64,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let stream = compound.read(entry, limit);
    let Some(package) = native::ole10native(&stream.bytes) else {
        unpacking.problem(None, Problem::Corrupt, "a package object without a size");
        return Ok(());
    };
    let name = if package.name.is_empty() {
        format!("{}.bin", printable(&compound.path(number)))
    } else {
        package.name.clone()
    };
    unpacking.child_bytes(&Child::new(ChildKind::Embedded, name.clone()), package.bytes)?;
    if !package.whole || !stream.whole {
        unpacking.problem(Some(&name), Problem::Truncated, "package shorter than it says");
    }
    Ok(())
}

/// A path without the control characters that stream names begin with.
fn printable(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).collect()
}

/// A FILEPASS record among the first ones (\[MS-XLS\] 2.4.117).
fn workbook_is_encrypted(start: &[u8]) -> bool {
    let mut at = 0usize;
    for _ in 0..64 {
        let (Some(kind), Some(length)) = (u16_le(start, at), u16_le(start, at + 2)) else {
            return false;
        };
        if kind == 0x2f {
            // "VelvetSweatshop" is a password that Excel tries by itself; the content is
            // encrypted all the same.
            return u32_le(start, at).is_some();
        }
        at += 4 + usize::from(length);
    }
    false
}
