//! Facts about where a program comes from: machine, compiler, package, build id.

use palisade_formats::program::elf::{Elf, machine_name, tag};
use palisade_model::encode_hex;

use super::Program;
use crate::Examination;
use crate::program::{note_go, note_rust, sha256_short};

/// Sections whose hashes are noted.
const MAX_HASHED: usize = 24;
/// Bytes of a section that is hashed.
const MAX_SECTION: usize = 64 << 20;
/// Compilers of one program.
const MAX_COMPILERS: usize = 6;
/// Libraries that are listed.
const MAX_LIBRARIES: usize = 40;

/// Notes what the file header says.
pub(super) fn note_header(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let machine =
        machine_name(elf.machine).map_or_else(|| format!("machine {}", elf.machine), str::to_owned);
    let bits = if elf.wide { 64 } else { 32 };
    let order = if elf.big { "big" } else { "little" };
    examination.property("architecture", format!("{machine}, {bits}-bit, {order}-endian"));
}

/// Notes what tables and sections say.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let elf = &program.elf;
    for (name, kind, descriptor) in elf.notes() {
        match (name, kind) {
            (b"GNU", 3) => examination.property("build-id", encode_hex(descriptor)),
            (b"Go", 4) => {
                examination.property("go-build-id", String::from_utf8_lossy(descriptor));
            }
            // Package metadata (systemd, "ELF package metadata"): JSON.
            (b"FDO", 0xcafe_1a7e) => {
                let text = String::from_utf8_lossy(descriptor);
                examination.property("package", text.trim_end_matches('\0'));
            }
            _ => {}
        }
    }
    dynamic(program, examination);
    let area = elf.section(".go.buildinfo").map(|section| elf.section_bytes(section));
    let is_go = area.is_some_and(|area| note_go(examination, area))
        || (elf.sections.is_empty() && note_go(examination, elf.data()));
    let audit = elf.section(".dep-v0").map(|section| elf.section_bytes(section));
    if !is_go && !note_rust(examination, audit) {
        compilers(elf, examination);
    }
    module_information(elf, examination);
    let hashes: Vec<String> = elf
        .sections
        .iter()
        .filter(|section| section.flags & 2 != 0)
        .map(|section| (section, elf.section_bytes(section)))
        .filter(|(_, bytes)| (64..MAX_SECTION).contains(&bytes.len()))
        .filter(|(section, _)| {
            section.is_code() || matches!(section.name.as_str(), ".rodata" | ".data")
        })
        .take(MAX_HASHED)
        .map(|(section, bytes)| format!("{} {}", section.name.escape_debug(), sha256_short(bytes)))
        .collect();
    if !hashes.is_empty() {
        examination.property("section-hashes", hashes.join(", "));
    }
}

fn dynamic(program: &Program<'_>, examination: &mut Examination<'_>) {
    if let Some(path) = program.elf.interpreter() {
        examination.property("interpreter", String::from_utf8_lossy(path));
    }
    let Some(dynamic) = &program.dynamic else {
        if program.elf.kind == 2 {
            examination.property("linking", "static");
        }
        return;
    };
    if let Some(name) = dynamic.texts(tag::SONAME).next() {
        examination.property("soname", String::from_utf8_lossy(name));
    }
    let needed: Vec<String> = dynamic
        .texts(tag::NEEDED)
        .take(MAX_LIBRARIES)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    if !needed.is_empty() {
        examination.property("needed-libraries", needed.join(" "));
    }
}

/// What compilers write into `.comment`: texts, each ended by NUL.
fn compilers(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let Some(section) = elf.section(".comment") else { return };
    let mut names: Vec<String> = Vec::new();
    for text in elf.section_bytes(section).split(|&byte| byte == 0) {
        let text = String::from_utf8_lossy(text).trim().to_owned();
        if !text.is_empty() && !names.contains(&text) && names.len() < MAX_COMPILERS {
            names.push(text);
        }
    }
    if !names.is_empty() {
        examination.property("compiler", names.join("; "));
    }
}

/// What a kernel module says of itself.
fn module_information(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let Some(section) = elf.section(".modinfo") else { return };
    for text in elf.section_bytes(section).split(|&byte| byte == 0) {
        let text = String::from_utf8_lossy(text);
        if let Some((key @ ("name" | "license" | "vermagic" | "author" | "description"), value)) =
            text.split_once('=')
        {
            examination.property(&format!("module-{key}"), value);
        }
    }
}
