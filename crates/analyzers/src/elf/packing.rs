use palisade_formats::bytes::find;
use palisade_formats::program::elf::Elf;

use super::{Program, kinds};
use crate::Examination;
use crate::program::{
    COMPILED_SCRIPT, HIDDEN_EXECUTABLE, bundler, entropy, hidden_executable, note_overlay,
};

/// Bits per byte above which code is compressed or encrypted; compiled code has 5.5 to 6.8.
const RANDOM: f64 = 7.3;
/// Bytes below which entropy says little.
const MIN_MEASURED: usize = 4_096;
/// Bytes at the end of a file in which UPX's own header stands.
const UPX_TRAILER: usize = 64;

/// Notes how the program is packed and what is appended to it.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let elf = &program.elf;
    if matches!(elf.kind, 2 | 3) && !upx(elf, examination) {
        unknown_packer(program, examination);
    }
    let (start, overlay) = program.overlay();
    if overlay.len() > 16 {
        note_overlay(examination, start, overlay);
    }
    if let Some((name, is_script)) = bundler(elf.data(), overlay) {
        examination.property("bundler", name);
        if is_script && !overlay.is_empty() || name == "shc" {
            examination.find(&COMPILED_SCRIPT, format!("packed with {name}"));
        }
    }
    if let Some((disguise, at)) = hidden_executable(elf.data()) {
        examination.find(&HIDDEN_EXECUTABLE, format!("holds a Windows executable {disguise}")).at(
            "hidden executable",
            at,
            64,
        );
    }
}

/// What UPX writes behind the program headers: `l_info`, then `p_info` (UPX, `src/stub`).
struct UpxInfo {
    at: usize,
    magic: [u8; 4],
    file_size: u32,
    block_size: u32,
}

fn upx_info(elf: &Elf<'_>) -> Option<UpxInfo> {
    let table = u64::from(elf.stated_segments) * u64::from(elf.segment_size);
    let at = usize::try_from(elf.segment_table.checked_add(table)?).ok()?;
    let head = elf.data().get(at..at.checked_add(24)?)?;
    let magic = [head[4], head[5], head[6], head[7]];
    let word = |place: usize| {
        let bytes = [head[place], head[place + 1], head[place + 2], head[place + 3]];
        if elf.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    // Version of the format and its number, then the program id, which is 0.
    let plausible =
        (10..=20).contains(&head[10]) && (10..=160).contains(&head[11]) && word(12) == 0;
    plausible.then(|| UpxInfo { at, magic, file_size: word(16), block_size: word(20) })
}

fn upx(elf: &Elf<'_>, examination: &mut Examination<'_>) -> bool {
    let data = elf.data();
    let trailer = data.get(data.len().saturating_sub(UPX_TRAILER)..).unwrap_or_default();
    let info = upx_info(elf);
    let marked = info.as_ref().is_some_and(|info| &info.magic == b"UPX!");
    let in_trailer = find(trailer, b"UPX!", 0).is_some();
    // Other tools write their own tables there: without UPX's marks the rest has to fit well.
    let shaped = elf.sections.is_empty()
        && info.as_ref().is_some_and(|info| {
            let sizes = info.file_size == info.block_size || info.file_size == 0;
            sizes && (info.file_size == 0 || info.file_size as usize > data.len())
        });
    if !marked && !in_trailer && !shaped {
        return false;
    }
    // A program that has UPX in it as a word has its sections too.
    if !shaped && !elf.sections.is_empty() {
        return false;
    }
    examination.property("packer", "UPX");
    examination.find(&kinds::PACKED_KNOWN, "packed with UPX");
    let Some(info) = info else { return true };
    let changed = if info.magic != *b"UPX!" {
        Some(format!("its mark reads \"{}\"", info.magic.escape_ascii()))
    } else if info.file_size == 0 || info.block_size == 0 {
        Some("the sizes in its header are 0".to_owned())
    } else if !in_trailer {
        Some("its trailer is missing".to_owned())
    } else {
        None
    };
    if let Some(changed) = changed {
        examination
            .find(
                &kinds::TAMPERED_UPX,
                format!("packed with UPX and changed so that it cannot be unpacked: {changed}"),
            )
            .at("UPX header", info.at, 24);
    }
    true
}

fn unknown_packer(program: &Program<'_>, examination: &mut Examination<'_>) {
    let elf = &program.elf;
    let code = elf.segments.iter().find(|segment| segment.is_code() && segment.holds(elf.entry));
    let Some(code) = code else { return };
    // Data of a normal program stands in sections that say so: measure its code only.
    let (bytes, place) = match elf.section(".text").filter(|section| section.size > 0) {
        Some(text) => (elf.section_bytes(text), text.offset),
        None => (elf.segment_bytes(code), code.offset),
    };
    if bytes.len() < MIN_MEASURED {
        return;
    }
    let bits = entropy(bytes);
    let few = program.imports().count() <= 10;
    if bits > RANDOM && few {
        examination
            .find(
                &kinds::PACKED_UNKNOWN,
                format!(
                    "its code has {bits:.2} bits of entropy a byte and it imports almost nothing"
                ),
            )
            .at("code", usize::try_from(place).unwrap_or(usize::MAX), 64);
    }
}
