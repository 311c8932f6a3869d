use palisade_formats::bytes::find;
use palisade_formats::program::pe::{Image, Imports};

use super::kinds;
use crate::Examination;
use crate::program::{
    COMPILED_SCRIPT, HIDDEN_EXECUTABLE, bundler, entropy, hidden_executable, note_overlay,
};

/// Bits per byte above which a section is compressed or encrypted.
const RANDOM: f64 = 7.2;
/// Bytes below which entropy says little.
const MIN_MEASURED: usize = 2_048;
/// Imports below which a loader fetches the others itself.
const FEW_IMPORTS: usize = 20;
/// Sections that are measured.
const MAX_MEASURED: usize = 48;
/// Bytes after the section table in which UPX's header stands.
const UPX_WITHIN: usize = 4 << 10;

/// Packers by the names of their sections. Names that a linker gives are not here.
#[rustfmt::skip] // One row a line: a table is read down its columns.
const PACKERS: &[(&str, &[&str])] = &[
    ("UPX", &["UPX0", "UPX1", "UPX2", "UPX!"]),
    ("MPRESS", &[".MPRESS1", ".MPRESS2"]),
    ("ASPack", &[".aspack", ".adata", "ASPack"]),
    ("ASProtect", &[".aspr"]),
    ("PECompact", &["PEC2", "pec1", "pec2", "PEC2TO", "PECompact2", "PEC2MO"]),
    ("Petite", &[".petite", "petite"]),
    ("NsPack", &[".nsp0", ".nsp1", ".nsp2", "nsp0", "nsp1", "nsp2"]),
    ("MEW", &["MEW", "MEWF"]),
    ("FSG", &["FSG!"]),
    ("Themida", &[".themida", "Themida", "WinLicen", ".winlice"]),
    ("VMProtect", &[".vmp0", ".vmp1", ".vmp2", "VProtect"]),
    ("Enigma", &[".enigma1", ".enigma2"]),
    ("Obsidium", &[".obsid"]),
    ("PESpin", &[".taz", "PESpin"]),
    ("Yoda", &[".yP", ".y0da", "yC"]),
    ("kkrunchy", &["kkrunchy"]),
    ("WWPACK", &["WWPACK", ".WWPACK", ".WWP32"]),
    ("Upack", &[".Upack", ".ByDwing"]),
    ("Neolite", &[".neolit", ".neolite"]),
    ("RLPack", &[".RLPack", ".packed"]),
    ("tElock", &["UPX!tE"]),
    ("Shrinker", &[".shrink1", ".shrink2", ".shrink3"]),
    ("Spack", &[".spack"]),
    ("SVKP", &[".svkp"]),
    ("Simple Pack", &[".MaskPE", ".perplex"]),
];

/// What is known of how a program is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Packing {
    /// By a known packer, or by one that is not known.
    pub(super) is_packed: bool,
}

/// Notes how the program is packed and what is appended to it.
pub(super) fn look(
    image: &Image<'_>,
    imports: &Imports<'_>,
    is_managed: bool,
    examination: &mut Examination<'_>,
) -> Packing {
    let known = known(image, examination);
    let unknown = !known && !is_managed && unknown(image, imports, examination);
    appended(image, examination);
    if let Some((disguise, at)) = hidden_executable(image.data()) {
        examination.find(&HIDDEN_EXECUTABLE, format!("holds a Windows executable {disguise}")).at(
            "hidden executable",
            at,
            64,
        );
    }
    Packing { is_packed: known || unknown }
}

fn known(image: &Image<'_>, examination: &mut Examination<'_>) -> bool {
    let names: Vec<String> = image.sections.iter().map(|section| section.name()).collect();
    let by_name =
        PACKERS.iter().find(|(_, known)| names.iter().any(|name| known.contains(&name.as_str())));
    let table = image.section_table..image.section_table.saturating_add(UPX_WITHIN);
    let head = image.data().get(table.start..table.end.min(image.data().len())).unwrap_or_default();
    let upx_mark = find(head, b"UPX!", 0).map(|at| at + table.start);
    let is_upx = by_name.is_some_and(|(packer, _)| *packer == "UPX");
    let shaped = upx_shape(image);
    if is_upx && upx_mark.is_none() {
        examination
            .find(&kinds::TAMPERED_UPX, "its sections are UPX's, and UPX's header was removed so that it cannot be unpacked")
            .at("section names", image.section_table, 80);
    } else if !is_upx && let Some(at) = upx_mark.filter(|_| shaped) {
        examination
            .find(
                &kinds::TAMPERED_UPX,
                format!("packed with UPX, and its sections renamed to {}", names.join(", ")),
            )
            .at("UPX header", at, 32);
    }
    let packer =
        by_name.map(|(packer, _)| *packer).or((upx_mark.is_some() && shaped).then_some("UPX"));
    if let Some(packer) = packer {
        examination.property("packer", packer);
        examination
            .find(
                &kinds::PACKED_KNOWN,
                format!("packed with {packer}: sections {}", names.join(", ")),
            )
            .at("section names", image.section_table, 80);
    }
    packer.is_some()
}

/// An empty section to unpack into, then the one with the entry point.
fn upx_shape(image: &Image<'_>) -> bool {
    match image.sections.as_slice() {
        [first, second, ..] => {
            first.size == 0
                && first.virtual_size > 0
                && first.is_executable()
                && second.holds(image.entry)
        }
        _ => false,
    }
}

fn unknown(image: &Image<'_>, imports: &Imports<'_>, examination: &mut Examination<'_>) -> bool {
    let mut is_packed = false;
    let mut table = Vec::new();
    for section in image.sections.iter().take(MAX_MEASURED) {
        let bytes = image.section_bytes(section);
        if bytes.len() < MIN_MEASURED {
            continue;
        }
        let bits = entropy(bytes);
        table.push(format!("{} {bits:.2}", section.name().escape_debug()));
        if bits <= RANDOM || !section.is_executable() {
            continue;
        }
        let name = section.name();
        examination
            .find(
                &kinds::HIGH_ENTROPY_CODE,
                format!("the code in section {name:?} has {bits:.2} bits of entropy a byte"),
            )
            .at(format!("section {name:?}"), image.raw_offset(section), 64);
        let few = imports.count() < FEW_IMPORTS;
        if few && section.holds(image.entry) {
            is_packed = true;
            examination
                .find(
                    &kinds::PACKED_UNKNOWN,
                    format!(
                        "it starts in section {name:?} with {bits:.2} bits of entropy a byte and imports {} functions",
                        imports.count()
                    ),
                )
                .at(format!("section {name:?}"), image.raw_offset(section), 64);
        }
    }
    // The code to run is not in the file: it is unpacked into an empty section. What unpacks it is in
    // the file, which tells a packed program from one whose debug information was split off.
    let starts_in_file = image.section_at(image.entry).is_some_and(|section| section.size > 0);
    let empty = image.sections.iter().find(|section| {
        section.is_executable() && section.size == 0 && section.virtual_size >= 0x1000
    });
    let packed_data = image.sections.iter().any(|section| {
        let bytes = image.section_bytes(section);
        bytes.len() >= MIN_MEASURED && entropy(bytes) > RANDOM
    });
    if let Some(section) = empty
        .filter(|_| starts_in_file && packed_data && imports.count() < FEW_IMPORTS && !is_packed)
    {
        is_packed = true;
        examination.find(
            &kinds::PACKED_UNKNOWN,
            format!(
                "section {:?} is code of {} bytes that is not in the file, and imports {} functions",
                section.name(),
                section.virtual_size,
                imports.count()
            ),
        );
    }
    if !table.is_empty() {
        examination.property("section-entropy", table.join(", "));
    }
    is_packed
}

fn appended(image: &Image<'_>, examination: &mut Examination<'_>) {
    let overlays = image.overlays();
    let mut first = &[][..];
    for (start, overlay) in overlays {
        // Alignment before the certificate table.
        if overlay.iter().all(|&byte| byte == 0) {
            continue;
        }
        if first.is_empty() {
            first = overlay;
        }
        let kind = note_overlay(examination, start, overlay);
        if kind.starts_with("pe") {
            examination
                .find(
                    &kinds::EXECUTABLE_APPENDED,
                    format!("another program of {} bytes is appended to it", overlay.len()),
                )
                .at("overlay", start, 64);
        }
    }
    if let Some((name, is_script)) = bundler(image.data(), first) {
        examination.property("bundler", name);
        let in_resource = matches!(name, "AutoIt" | "AutoHotkey" | "py2exe");
        if is_script && (in_resource || !first.is_empty()) {
            examination.find(&COMPILED_SCRIPT, format!("packed with {name}"));
        }
    }
}
