//! Which kind of compound file: by the class of its root and the names of its streams.

use super::super::Type;
use super::super::tables::named;
use crate::document::ole::compound::{Compound, Entry};

/// Directory entries that are looked at.
const MAX_ENTRIES: usize = 1_024;

/// The kind of compound file, or plain `ole`.
pub(in crate::filetype) fn refine(data: &[u8]) -> Option<&'static Type> {
    let plain = Some(const { named("ole") });
    let Some(compound) = Compound::open(data, MAX_ENTRIES) else { return plain };
    let class = compound.root().map(|root| root.class);
    let root = compound.root_number();
    let top: Vec<&Entry> = compound.children(root).map(|(_, entry)| entry).collect();
    // A file whose sibling tree is broken still has its entries.
    let all: Vec<&Entry> = compound.numbered().map(|(_, entry)| entry).collect();
    let names = if top.is_empty() { all } else { top };
    class.as_ref().and_then(by_class).or_else(|| by_name(&names)).or(plain)
}

/// Class ids as bytes stand in the file. Word, Excel and PowerPoint go by their streams, as an
/// embedded object's class may be that of a server for it.
fn by_class(class: &[u8; 16]) -> Option<&'static Type> {
    const INSTALLER_TAIL: [u8; 12] = [0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    if class[4..] == INSTALLER_TAIL {
        let first = u32::from_le_bytes([class[0], class[1], class[2], class[3]]);
        return match first {
            0x000c_1084 => Some(const { named("msi") }),
            0x000c_1086 => Some(const { named("msp") }),
            0x000c_1082 => Some(const { named("mst") }),
            0x0002_0d0b | 0x0006_f046 => Some(const { named("msg") }),
            0x0002_1a14 | 0x0002_1a13 => Some(const { named("vsd") }),
            0x0002_1201 => Some(const { named("pub") }),
            _ => None,
        };
    }
    // {56616700-C154-11CE-8553-00AA00A1F95B}
    const FLASHPIX: [u8; 16] =
        [0, 0x67, 0x61, 0x56, 0x54, 0xc1, 0xce, 0x11, 0x85, 0x53, 0, 0xaa, 0, 0xa1, 0xf9, 0x5b];
    (*class == FLASHPIX).then_some(const { named("fpx") })
}

fn by_name(names: &[&Entry]) -> Option<&'static Type> {
    let has = |wanted: &str| names.iter().any(|entry| entry.name.eq_ignore_ascii_case(wanted));
    let begins = |wanted: &str| names.iter().any(|entry| entry.name.starts_with(wanted));
    if has("EncryptedPackage") {
        return Some(const { named("ooxml_encrypted") });
    }
    if has("__properties_version1.0") || begins("__substg1.0_") {
        return Some(const { named("msg") });
    }
    if has("HwpSummaryInformation") || has("\u{5}HwpSummaryInformation") {
        return Some(const { named("hwp") });
    }
    if has("PowerPoint Document") || has("PP97_DUALSTORAGE") || has("PP40") {
        return Some(const { named("ppt") });
    }
    if has("Quill") || has("Contents") && has("Escher") {
        return Some(const { named("pub") });
    }
    if has("VisioDocument") {
        return Some(const { named("vsd") });
    }
    if has("WordDocument") {
        return Some(const { named("doc") });
    }
    if has("Workbook") || has("Book") {
        return Some(const { named("xls") });
    }
    if has("MatOST") || has("MM") && has("SPELLING") {
        return Some(const { named("works") });
    }
    if has("Props14") || has("Props12") || has("Props9") {
        return Some(const { named("mpp") });
    }
    // Installer names are squeezed two letters to a unit; these are `!_StringPool`, `!_Tables`.
    if begins("\u{4840}") {
        return Some(const { named("msi") });
    }
    if has("DestList") {
        return Some(const { named("jumplist") });
    }
    if has("Catalog") && names.len() > 1 {
        return Some(const { named("thumbs_db") });
    }
    None
}
