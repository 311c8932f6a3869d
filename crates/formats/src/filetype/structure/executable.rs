//! Native executables: PE and its ancestors, ELF, Mach-O, COFF.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{Cursor, u16_be, u16_le, u32_be, u32_le};

/// What the header behind `MZ` says (PE format, "MS-DOS Stub" and "COFF File Header").
pub(in crate::filetype) fn mz(data: &[u8]) -> Option<&'static Type> {
    // A DOS header has 28 bytes; less is text that begins with MZ.
    let dos = const { named("dos_exe") };
    if data.len() < 28 {
        return None;
    }
    let Some(offset) = u32_le(data, 0x3c).and_then(|offset| usize::try_from(offset).ok()) else {
        return plausible_dos(data).then_some(dos);
    };
    match data.get(offset..).unwrap_or_default() {
        [b'P', b'E', 0, 0, ..] => Some(portable(data, offset)),
        [b'N', b'E', ..] => Some(const { named("ne") }),
        [b'L', b'E', 0, 0, ..] => Some(const { named("le") }),
        [b'L', b'X', 0, 0, ..] => Some(const { named("lx") }),
        _ => plausible_dos(data).then_some(dos),
    }
}

/// A header of zeros and low values, or any byte that text does not have.
fn plausible_dos(data: &[u8]) -> bool {
    data[..28].iter().any(|byte| *byte < 9)
}

fn portable(data: &[u8], offset: usize) -> &'static Type {
    let exe = const { named("pe") };
    let optional = offset + 24;
    let Some(characteristics) = u16_le(data, offset + 22) else { return exe };
    let Some(magic) = u16_le(data, optional) else { return exe };
    let subsystem = u16_le(data, optional + 68).unwrap_or(0);
    let directories = optional + if magic == 0x20b { 112 } else { 96 };
    let declared = u32_le(data, directories - 4).unwrap_or(0);
    // Directory 14 is the CLR header.
    let clr = declared > 14 && u32_le(data, directories + 14 * 8).is_some_and(|rva| rva != 0);
    match subsystem {
        10..=13 => const { named("pe_efi") },
        _ if clr => const { named("pe_dotnet") },
        1 => const { named("pe_driver") },
        _ if characteristics & 0x2000 != 0 => const { named("pe_dll") },
        _ => exe,
    }
}

/// A UEFI terse image: machine, section count, subsystem (PI specification, volume 1, 15.1).
pub(in crate::filetype) fn terse(data: &[u8]) -> Option<&'static Type> {
    let machine = u16_le(data, 2)?;
    let subsystem = *data.get(5)?;
    (matches!(machine, 0x14c | 0x8664 | 0xaa64 | 0x1c2) && (10..=12).contains(&subsystem))
        .then_some(const { named("te_efi") })
}

/// A COFF object: no optional header, symbols after the section table.
pub(in crate::filetype) fn coff(data: &[u8]) -> Option<&'static Type> {
    let sections = u16_le(data, 2)?;
    let symbols = usize::try_from(u32_le(data, 8)?).ok()?;
    let optional = u16_le(data, 16)?;
    let flags = u16_le(data, 18)?;
    let table_end = 20 + usize::from(sections) * 40;
    let consistent = symbols == 0 || (symbols >= table_end && symbols <= data.len());
    (sections > 0
        && sections < 1_000
        && optional == 0
        && flags & 0x2000 == 0
        && table_end <= data.len()
        && consistent)
        .then_some(const { named("coff") })
}

/// The kind of ELF (System V gABI, "ELF Header"): a shared object with an interpreter is a
/// position-independent executable.
pub(in crate::filetype) fn elf(data: &[u8]) -> Option<&'static Type> {
    let exe = const { named("elf") };
    let wide = data.get(4) == Some(&2);
    let big = data.get(5) == Some(&2);
    let half = |at| if big { u16_be(data, at) } else { u16_le(data, at) };
    let word = |at| if big { u32_be(data, at) } else { u32_le(data, at) };
    Some(match half(16) {
        Some(1) => const { named("elf_object") },
        Some(4) => const { named("elf_core") },
        Some(3) => {
            let (table, size, count) = if wide {
                (word(if big { 36 } else { 32 }), half(54), half(56))
            } else {
                (word(28), half(42), half(44))
            };
            let interpreter = (|| {
                let table = usize::try_from(table?).ok()?;
                let size = usize::from(size?);
                (0..usize::from(count?.min(64)))
                    .map(|number| word(table.saturating_add(number * size)))
                    .any(|kind| kind == Some(3))
                    .then_some(())
            })();
            // Without program headers to ask, it is at least loadable.
            if interpreter.is_some() { exe } else { const { named("elf_so") } }
        }
        _ => exe,
    })
}

/// The kind of Mach-O, by the file type field.
pub(in crate::filetype) fn macho(data: &[u8]) -> Option<&'static Type> {
    let mut cursor = Cursor::at(data, 12)?;
    let big = data.first() == Some(&0xfe);
    let kind = if big { cursor.u32_be() } else { cursor.u32_le() }?;
    Some(match kind {
        1 => const { named("macho_object") },
        4 => const { named("macho_core") },
        6 | 9 => const { named("macho_dylib") },
        8 => const { named("macho_bundle") },
        11 => const { named("macho_kext") },
        _ => const { named("macho") },
    })
}

/// `CAFEBABE` begins both Java classes and universal binaries. A class has its version there,
/// 45 or more; a universal binary the number of its architectures, never that many.
pub(in crate::filetype) fn cafebabe(data: &[u8]) -> Option<&'static Type> {
    let second = u32_be(data, 4)?;
    let major = second & 0xffff;
    if data.get(3) == Some(&0xbf) || (1..40).contains(&second) {
        Some(const { named("macho_fat") })
    } else if (45..=150).contains(&major) {
        Some(const { named("java_class") })
    } else {
        None
    }
}

/// XCOFF: section count and the size of the optional header are small.
pub(in crate::filetype) fn xcoff(data: &[u8]) -> Option<&'static Type> {
    let sections = u16_be(data, 2)?;
    let optional = u16_be(data, 16)?;
    (sections < 256 && matches!(optional, 0 | 28 | 72 | 110 | 120))
        .then_some(const { named("xcoff") })
}
