use palisade_formats::program::pe::{Image, MAX_SECTIONS, Section, directory};
use palisade_model::ProblemKind;

use super::kinds;
use crate::Examination;

/// Sections above which something other than a linker made the file.
const MANY_SECTIONS: usize = 40;
/// Where the DOS header ends.
const DOS_HEADER: usize = 0x40;
/// IMAGE_DEBUG_TYPE_REPRO: time stamps are hashes.
const REPRODUCIBLE: u32 = 16;
/// Bytes above which the checksum of a program that is no driver is not computed.
const MAX_SUMMED: usize = 64 << 20;

/// Notes what is odd about the headers.
pub(super) fn look(image: &Image<'_>, examination: &mut Examination<'_>) {
    dos_header(image, examination);
    sections(image, examination);
    overlaps(image, examination);
    entry(image, examination);
    directories(image, examination);
    checksum(image, examination);
    timestamps(image, examination);
    callbacks(image, examination);
}

fn dos_header(image: &Image<'_>, examination: &mut Examination<'_>) {
    if !matches!(image.magic, 0x10b | 0x20b) {
        examination.problem(
            ProblemKind::Corrupt,
            format!("the optional header has the unknown magic number {:#x}", image.magic),
        );
    }
    if image.header < DOS_HEADER {
        examination
            .find(
                &kinds::HEADERS_OVERLAP,
                format!("the PE header begins at {}, inside the DOS header", image.header),
            )
            .at("PE header", image.header, 24);
    }
}

fn sections(image: &Image<'_>, examination: &mut Examination<'_>) {
    let length = image.data().len();
    for section in &image.sections {
        let name = section.name();
        if section.is_executable() && section.is_writable() && section.span() > 0 {
            examination
                .find(&kinds::WRITABLE_CODE, format!("section {name:?} is writable and executable"))
                .at(format!("section {name:?}"), image.raw_offset(section), 64);
        }
        let end = image.raw_offset(section).saturating_add(section.size as usize);
        if section.size > 0 && end > length {
            examination.problem(
                ProblemKind::Truncated,
                format!("section {name:?} ends at {end}, the file at {length}"),
            );
            examination.find(
                &kinds::SECTION_OUTSIDE_FILE,
                format!("section {name:?} ends at {end}, behind the file's end at {length}"),
            );
        }
        if section.raw_name.iter().any(|&byte| byte != 0 && !(0x20..0x7f).contains(&byte)) {
            examination
                .find(&kinds::ODD_SECTION_NAME, format!("a section is called {name:?}"))
                .quoting("section name", &section.raw_name);
        }
    }
    if image.sections.len() > MANY_SECTIONS || image.stated_sections > MAX_SECTIONS {
        examination.find(
            &kinds::MANY_SECTIONS,
            format!("the header states {} sections", image.stated_sections),
        );
    }
    if image.sections.is_empty() && image.stated_sections == 0 {
        examination
            .find(&kinds::NO_SECTIONS, "there are no sections: everything is in the headers");
    }
}

/// Sorted by where they begin, only neighbours can overlap first.
fn overlaps(image: &Image<'_>, examination: &mut Examination<'_>) {
    let mut placed: Vec<(usize, usize, &Section)> = image
        .sections
        .iter()
        .filter(|section| section.size > 0)
        .map(|section| {
            let start = image.raw_offset(section);
            (start, start.saturating_add(section.size as usize), section)
        })
        .collect();
    placed.sort_by_key(|&(start, ..)| start);
    for pair in placed.windows(2) {
        let [(_, end, first), (start, _, second)] = pair else { continue };
        if start < end {
            examination
                .find(
                    &kinds::SECTIONS_OVERLAP,
                    format!(
                        "sections {:?} and {:?} share bytes of the file",
                        first.name(),
                        second.name()
                    ),
                )
                .at("shared bytes", *start, end - start);
            return;
        }
    }
}

fn entry(image: &Image<'_>, examination: &mut Examination<'_>) {
    // Libraries of resources have none; managed programs of old linkers have one that is not used.
    if image.entry == 0 || image.directory(directory::CLR).is_some() || image.sections.is_empty() {
        return;
    }
    let at = image.offset(image.entry).unwrap_or(0);
    let Some(section) = image.section_at(image.entry) else {
        examination
            .find(
                &kinds::ENTRY_OUTSIDE_CODE,
                format!("the entry point {:#x} is in no section", image.entry),
            )
            .at("entry point", at, 16);
        return;
    };
    let name = section.name();
    if !section.is_executable() && !section.has_code() {
        examination
            .find(
                &kinds::ENTRY_NOT_EXECUTABLE,
                format!("the entry point is in section {name:?}, which is not executable"),
            )
            .at("entry point", at, 16);
    }
    let last = image.sections.iter().max_by_key(|section| section.address);
    let is_last = last.is_some_and(|last| last.address == section.address);
    let has_code_before =
        image.sections.iter().any(|other| other.address < section.address && other.is_executable());
    if is_last && has_code_before && section.is_writable() && section.is_executable() {
        examination
            .find(
                &kinds::ENTRY_IN_LAST_SECTION,
                format!("the entry point is in the last section, {name:?}, which is writable, and other code stands before it"),
            )
            .at("entry point", at, 16);
    }
}

fn directories(image: &Image<'_>, examination: &mut Examination<'_>) {
    for (number, name) in [
        (directory::EXPORT, "export"),
        (directory::IMPORT, "import"),
        (directory::RESOURCE, "resource"),
        (directory::TLS, "thread-local storage"),
        (directory::CLR, "CLI header"),
    ] {
        if let Some(at) = image.directory(number)
            && image.offset(at.address).is_none()
        {
            examination.find(
                &kinds::DIRECTORY_OUTSIDE_FILE,
                format!(
                    "the {name} table is at address {:#x}, which the file does not have",
                    at.address
                ),
            );
        }
    }
}

fn checksum(image: &Image<'_>, examination: &mut Examination<'_>) {
    if image.checksum == 0 || (image.data().len() > MAX_SUMMED && !image.is_native()) {
        return;
    }
    let computed = image.computed_checksum();
    if computed == image.checksum {
        return;
    }
    let explanation =
        format!("the header states the checksum {:#x}, the file has {computed:#x}", image.checksum);
    // The loader of the kernel refuses a driver for it.
    let kind = if image.is_native() { &kinds::DRIVER_CHECKSUM } else { &kinds::CHECKSUM };
    examination.find(kind, explanation).at("checksum", image.header + 88, 4);
}

fn timestamps(image: &Image<'_>, examination: &mut Examination<'_>) {
    let entries = image.debug_entries();
    if entries.iter().any(|entry| entry.kind == REPRODUCIBLE) {
        examination.property("reproducible-build", "yes");
        return;
    }
    let differing = entries
        .iter()
        .filter(|entry| entry.timestamp != 0 && image.timestamp != 0)
        .find(|entry| entry.timestamp.abs_diff(image.timestamp) > 86_400);
    if let Some(entry) = differing {
        examination
            .find(
                &kinds::TIMESTAMPS_DISAGREE,
                format!(
                    "linked {} seconds after 1970 by its header, {} by its debug directory",
                    image.timestamp, entry.timestamp
                ),
            )
            .at("time stamp", image.header + 8, 4);
    }
}

fn callbacks(image: &Image<'_>, examination: &mut Examination<'_>) {
    let Some(tls) = image.tls().filter(|tls| !tls.callbacks.is_empty()) else { return };
    examination.find(
        &kinds::TLS_CALLBACKS,
        format!("{} functions run before the entry point", tls.callbacks.len()),
    );
    let outside = tls.callbacks.iter().find(|callback| {
        callback
            .and_then(|address| image.section_at(address))
            .is_none_or(|section| !section.is_executable() && !section.has_code())
    });
    if outside.is_some() {
        examination.find(
            &kinds::TLS_CALLBACK_OUTSIDE_CODE,
            "a function that runs before the entry point is in no executable section",
        );
    }
}
