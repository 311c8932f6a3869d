use palisade_formats::program::elf::{Elf, Section, Segment, tag};
use palisade_model::ProblemKind;

use super::{Program, kinds};
use crate::Examination;

/// Bytes below which a program without sections is no more than a stub.
const STUB: usize = 16 << 10;

/// Notes what is odd about the headers.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let elf = &program.elf;
    truncated(elf, examination);
    tables(elf, examination);
    if elf.kind != 1 {
        segments(elf, examination);
        entry(elf, examination);
        appended_code(elf, examination);
        dynamic(program, examination);
        interpreter(elf, examination);
    }
}

fn truncated(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let length = elf.data().len() as u64;
    let end = elf.segments.iter().filter(|segment| segment.file_size > 0).map(Segment::end).max();
    if let Some(end) = end.filter(|&end| end > length) {
        examination.problem(
            ProblemKind::Truncated,
            format!("a segment ends at {end}, the file at {length}"),
        );
    }
    let outside = elf.sections.iter().find(|section| {
        section.kind != Section::NOBITS && section.offset.saturating_add(section.size) > length
    });
    if let Some(section) = outside {
        let name = section.name.escape_debug();
        examination.find(
            &kinds::SECTION_OUTSIDE_FILE,
            format!("section {name} ends behind the file's end of {length} bytes"),
        );
    }
}

fn tables(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let header = if elf.wide { 64 } else { 52 };
    if !elf.segments.is_empty() && elf.segment_table < header {
        examination
            .find(
                &kinds::HEADERS_OVERLAP,
                format!(
                    "the program headers begin at {}, inside the file header",
                    elf.segment_table
                ),
            )
            .at("program headers", elf.segment_table as usize, 32);
    }
    let loadable = matches!(elf.kind, 2 | 3) && elf.segments.iter().any(Segment::is_code);
    if loadable && elf.sections.is_empty() {
        let explanation = if elf.section_table == 0 {
            "the section headers were removed".to_owned()
        } else {
            format!("the section headers, at {}, cannot be read", elf.section_table)
        };
        examination.find(&kinds::NO_SECTIONS, explanation);
        let loads = elf.segments.iter().filter(|segment| segment.kind == Segment::LOAD);
        let all_writable = loads.clone().all(|load| load.is_code() && load.is_writable());
        if all_writable && loads.count() == 1 && elf.data().len() < STUB {
            examination.find(
                &kinds::SHELLCODE_STUB,
                format!(
                    "{} bytes in one segment that is writable and executable, no sections",
                    elf.data().len()
                ),
            );
        }
    }
}

fn segments(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    for segment in &elf.segments {
        if segment.is_code() && segment.is_writable() {
            examination
                .find(
                    &kinds::WRITABLE_CODE,
                    format!("the segment at {:#x} is writable and executable", segment.address),
                )
                .at("segment", usize::try_from(segment.offset).unwrap_or(usize::MAX), 64);
        }
    }
    if elf.segments.iter().any(|segment| segment.kind == Segment::STACK && segment.flags & 1 != 0) {
        examination.find(&kinds::EXECUTABLE_STACK, "the stack is asked to be executable");
    }
}

fn entry(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    // Libraries need none.
    if elf.entry == 0 || elf.segments.is_empty() {
        return;
    }
    let holder = elf
        .segments
        .iter()
        .find(|segment| segment.kind == Segment::LOAD && segment.holds(elf.entry));
    let Some(segment) = holder else {
        if elf.kind == 2 || elf.segment_of(Segment::INTERP).is_some() {
            examination.find(
                &kinds::ENTRY_OUTSIDE_CODE,
                format!("the entry point {:#x} is in no segment", elf.entry),
            );
        }
        return;
    };
    let at = usize::try_from(segment.offset.saturating_add(elf.entry - segment.address))
        .unwrap_or(usize::MAX);
    if segment.flags & 1 == 0 {
        examination
            .find(
                &kinds::ENTRY_OUTSIDE_CODE,
                format!("the entry point {:#x} is in a segment that is not executable", elf.entry),
            )
            .at("entry point", at, 16);
    }
    let has_code = elf.sections.iter().any(|section| section.is_code() && section.size > 0);
    if has_code && !elf.sections.iter().any(|section| section.is_code() && section.holds(elf.entry))
    {
        examination
            .find(
                &kinds::ENTRY_OUTSIDE_SECTIONS,
                format!(
                    "the entry point {:#x} is in no code section, though there are some",
                    elf.entry
                ),
            )
            .at("entry point", at, 16);
    }
}

/// Code behind everything that the linker wrote: what a `PT_NOTE` turned into `PT_LOAD` leads to.
fn appended_code(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    if elf.section_table == 0 || elf.sections.is_empty() {
        return;
    }
    let size = u64::from(elf.stated_sections) * u64::from(elf.section_size);
    let end = elf.section_table.saturating_add(size);
    let found = elf
        .segments
        .iter()
        .find(|segment| segment.is_code() && segment.file_size > 0 && segment.offset >= end);
    let Some(segment) = found else { return };
    // A tool that moves sections moves their headers with them.
    let described = elf
        .sections
        .iter()
        .any(|section| section.is_code() && section.size > 0 && segment.holds(section.address));
    if !described {
        examination
            .find(
                &kinds::APPENDED_CODE,
                format!(
                    "an executable segment at offset {:#x}, behind the section headers, that no section describes",
                    segment.offset
                ),
            )
            .at("segment", usize::try_from(segment.offset).unwrap_or(usize::MAX), 64);
    }
}

fn dynamic(program: &Program<'_>, examination: &mut Examination<'_>) {
    let Some(dynamic) = &program.dynamic else { return };
    let moves_code = dynamic.value(tag::TEXTREL).is_some()
        || dynamic.value(tag::FLAGS).is_some_and(|flags| flags & 4 != 0);
    if moves_code {
        examination.find(&kinds::TEXT_RELOCATIONS, "relocations change the code when it is loaded");
    }
    for text in dynamic.texts(tag::RPATH).chain(dynamic.texts(tag::RUNPATH)) {
        for path in text.split(|&byte| byte == b':') {
            search_path(path, examination);
        }
    }
    for library in dynamic.texts(tag::NEEDED) {
        if is_temporary(library) {
            let shown = library.escape_ascii();
            examination
                .find(&kinds::WRITABLE_LIBRARY_PATH, format!("needs the library {shown}"))
                .quoting("needed library", library);
        }
    }
    let outside = program.elf.initialisers(dynamic).into_iter().find(|&address| {
        !program.elf.segments.iter().any(|segment| segment.is_code() && segment.holds(address))
    });
    if let Some(address) = outside {
        examination.find(
            &kinds::CONSTRUCTOR_OUTSIDE_CODE,
            format!("the initialiser {address:#x} is in no executable segment"),
        );
    }
}

fn search_path(path: &[u8], examination: &mut Examination<'_>) {
    let shown = path.escape_ascii();
    if is_temporary(path) {
        examination
            .find(&kinds::WRITABLE_LIBRARY_PATH, format!("looks for libraries in {shown}"))
            .quoting("search path", path);
    } else if !path.is_empty() && !path.starts_with(b"/") && !path.starts_with(b"$") {
        examination
            .find(&kinds::RELATIVE_LIBRARY_PATH, format!("looks for libraries in {shown}"))
            .quoting("search path", path);
    }
}

/// A folder that every user of the machine can write.
fn is_temporary(path: &[u8]) -> bool {
    [b"/tmp/".as_slice(), b"/var/tmp/", b"/dev/shm/", b"/run/shm/"]
        .iter()
        .any(|folder| path.starts_with(folder) || path == &folder[..folder.len() - 1])
}

fn interpreter(elf: &Elf<'_>, examination: &mut Examination<'_>) {
    let Some(path) = elf.interpreter() else { return };
    let shown = path.escape_ascii();
    let odd = !path.starts_with(b"/") || is_temporary(path);
    // The kernel refuses an empty path; anything else relative is taken from the current folder.
    if odd && !path.is_empty() {
        examination
            .find(&kinds::ODD_INTERPRETER, format!("is started by the interpreter {shown}"))
            .quoting("interpreter", path);
    }
}
