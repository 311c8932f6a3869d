//! Executables: what is appended to them (self-extracting archives, installers) and files among
//! the resources of Windows ones.

mod installer;
#[cfg(test)]
mod tests;

use crate::bytes::find;
use crate::filetype::{self, Category, Type};
use crate::program::elf::Elf;
use crate::program::pe::{Image, ResourceId};
use crate::unpack::{Child, ChildKind, Stop, Unpacking};

/// Fewest bytes behind an executable that can be a file.
const MIN_OVERLAY: usize = 16;
/// Signatures in an overlay that are tried.
const MAX_HITS: usize = 64;

/// Archives whose start is looked for in an overlay that begins with something else.
const SIGNATURES: [&[u8]; 6] = [
    b"PK\x03\x04",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"MSCF\0\0\0\0",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"!<arch>\n",
];

/// Resource types that hold files, besides those with a name of the program's own; the others are
/// cursors, icons, menus, dialogs, strings, versions, ….
const RT_RCDATA: u32 = 10;
const RT_HTML: u32 = 23;

/// Reads a Windows executable.
pub(crate) fn unpack_pe(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(image) = Image::read(input) else { return Ok(()) };
    for (_, piece) in image.overlays() {
        overlay(piece, unpacking)?;
    }
    for resource in image.resources() {
        let holds_files =
            matches!(resource.kind, ResourceId::Name(_) | ResourceId::Number(RT_RCDATA | RT_HTML));
        if holds_files && worth(resource.bytes).is_some() {
            let name =
                format!("resource-{}-{}-{}", resource.kind, resource.name, resource.language);
            let child = Child::new(ChildKind::Embedded, name).packed(resource.bytes.len() as u64);
            unpacking.child_bytes(&child, resource.bytes)?;
        }
    }
    Ok(())
}

/// Reads an ELF executable.
pub(crate) fn unpack_elf(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let end = Elf::read(input).and_then(|elf| usize::try_from(elf.end()).ok());
    match end.filter(|&end| end > 0).and_then(|end| input.get(end..)) {
        Some(piece) => overlay(piece, unpacking),
        None => Ok(()),
    }
}

/// Reads an InstallShield cabinet.
pub(crate) fn unpack_installshield(
    input: &[u8],
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    installer::cabinet(input, unpacking)
}

/// What stands behind an executable.
fn overlay(bytes: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    // Linkers and signers pad with zeros.
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let trimmed = &bytes[zeros..];
    if trimmed.len() < MIN_OVERLAY || installer::unpack(bytes, unpacking)? {
        return Ok(());
    }
    if let Some(ty) = worth(trimmed) {
        return hand_out(trimmed, ty, 1, unpacking);
    }
    let mut number = 0;
    for signature in SIGNATURES {
        let mut at = 0;
        while let Some(found) = find(trimmed, signature, at) {
            number += 1;
            if number > MAX_HITS {
                return Ok(());
            }
            at = found + signature.len();
            if let Some(ty) = worth(&trimmed[found..]) {
                hand_out(&trimmed[found..], ty, number, unpacking)?;
                // The archive's own members have the same signature.
                break;
            }
        }
    }
    Ok(())
}

fn hand_out(
    bytes: &[u8],
    ty: &Type,
    number: usize,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let extension = ty.extensions.first().copied().unwrap_or("bin");
    let child = Child::new(ChildKind::Overlay, format!("overlay-{number}.{extension}"));
    unpacking.child_bytes(&child.packed(bytes.len() as u64), bytes)
}

/// The type of bytes that are worth a look of their own.
fn worth(bytes: &[u8]) -> Option<&'static Type> {
    if bytes.len() < MIN_OVERLAY {
        return None;
    }
    let detection = filetype::detect(bytes);
    let weak = matches!(detection.ty.id, "zlib" | "lzma" | "pack" | "compress" | "arc" | "pdb");
    let kind = matches!(
        detection.ty.category,
        Category::Archive
            | Category::Executable
            | Category::Document
            | Category::Pdf
            | Category::Mail
    );
    (kind && !weak).then_some(detection.ty)
}
