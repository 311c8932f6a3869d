//! A VBA project: its modules and references (\[MS-OVBA\] 2.3.4.2).

use palisade_formats::bytes::{Cursor, u16_le, u32_le};
use palisade_formats::document::ole::compound::{Compound, EntryKind};

use super::decompress::{decompress, is_module};
use super::pcode;

/// Bytes of a stream that are read.
const MAX_STREAM_BYTES: u64 = 32 << 20;
/// Modules of a project.
pub(crate) const MAX_MODULES: usize = 1_000;
/// References of a project.
const MAX_REFERENCES: usize = 200;

/// Forms of a project, bytes of each, texts of each, and the shortest of those that is kept.
const MAX_FORMS: usize = 200;
const MAX_FORM_BYTES: u64 = 1 << 20;
const MAX_FORM_TEXTS: usize = 2_000;
const MIN_FORM_TEXT: usize = 6;

/// A module.
pub(crate) struct Module {
    /// Its name in the `dir` stream, or that of its stream.
    pub(crate) name: String,
    /// A class, form or document module rather than a plain one.
    pub(crate) class: bool,
    /// The source, without the part of it that the editor hides; empty when there is none.
    pub(crate) source: String,
    /// Whether a source container stands where `dir` says.
    pub(crate) has_source: bool,
    /// What the compiled form says.
    pub(crate) pcode: pcode::PCode,
    /// Whether the project's list in the `PROJECT` stream names it.
    pub(crate) listed: bool,
}

/// A project.
#[derive(Default)]
pub(crate) struct Project {
    pub(crate) modules: Vec<Module>,
    /// Type libraries and projects that it refers to.
    pub(crate) references: Vec<String>,
    /// Captions, tags and other text of forms, where the code may fetch text from.
    pub(crate) form_strings: Vec<String>,
}

/// Every project in a compound file: those folders with a `dir` and a `_VBA_PROJECT` stream.
pub(crate) fn projects(compound: &Compound<'_>) -> Vec<Project> {
    let mut found = Vec::new();
    for (number, entry) in compound.numbered() {
        if found.len() >= 16 {
            break;
        }
        if entry.kind == EntryKind::Stream {
            continue;
        }
        let code = compound.stream_in(number, "_VBA_PROJECT");
        let dir = compound.stream_in(number, "dir");
        if code.is_none() && dir.is_none() {
            continue;
        }
        // A folder of another kind may have a stream called `dir`.
        if code.is_none() && !entry.name.eq_ignore_ascii_case("VBA") {
            continue;
        }
        found.push(read(compound, number));
    }
    found
}

fn read(compound: &Compound<'_>, folder: u32) -> Project {
    let stream = |name: &str| {
        compound.stream_in(folder, name).map(|entry| compound.read(entry, MAX_STREAM_BYTES).bytes)
    };
    let directory = stream("dir").and_then(|packed| decompress(&packed)).unwrap_or_default();
    let mut project = Project::default();
    let listing = Listing::read(&directory, &mut project.references);
    let parent = compound.entry(folder).and_then(|entry| entry.parent);
    let settings = parent
        .and_then(|parent| compound.stream_in(parent, "PROJECT"))
        .map(|entry| compound.read(entry, 1 << 20).bytes);
    let names = settings.as_deref().map(listed_names);
    let version = pcode::Version::of(&stream("_VBA_PROJECT").unwrap_or_default(), listing.wide);
    let mut seen = Vec::new();
    for entry in listing.entries.iter().take(MAX_MODULES) {
        let Some(bytes) = stream(&entry.stream).or_else(|| stream(&entry.name)) else { continue };
        seen.push(entry.stream.to_lowercase());
        let listed = names.as_ref().is_none_or(|names| names.contains(&entry.name.to_lowercase()));
        project.modules.push(module(&bytes, entry, listing.code_page, version, listed));
    }
    // A directory that hides modules does not hide their streams.
    for (_, entry) in compound.children(folder) {
        let name = entry.name.to_lowercase();
        let known = seen.contains(&name) || matches!(name.as_str(), "dir" | "_vba_project");
        if entry.kind != EntryKind::Stream
            || known
            || name.starts_with("__srp_")
            || project.modules.len() >= MAX_MODULES
        {
            continue;
        }
        let bytes = compound.read(entry, MAX_STREAM_BYTES).bytes;
        let Some(offset) = find_source(&bytes) else { continue };
        let listing_entry = ListingEntry {
            name: entry.name.clone(),
            stream: entry.name.clone(),
            offset,
            class: false,
        };
        let listed = names.as_ref().is_none_or(|names| names.contains(&name));
        project.modules.push(module(&bytes, &listing_entry, listing.code_page, version, listed));
    }
    project.form_strings = forms(compound, parent, folder);
    project
}

/// Printable runs in the streams of forms (\[MS-OFORMS\] 2.1.2), which lie in folders beside the code.
fn forms(compound: &Compound<'_>, parent: Option<u32>, code: u32) -> Vec<String> {
    let mut out = Vec::new();
    let Some(parent) = parent else { return out };
    for (folder, entry) in compound.children(parent).take(MAX_FORMS) {
        if entry.kind != EntryKind::Storage || folder == code {
            continue;
        }
        for name in ["o", "f"] {
            let Some(stream) = compound.stream_in(folder, name) else { continue };
            let bytes = compound.read(stream, MAX_FORM_BYTES).bytes;
            let runs = bytes
                .split(|byte| !(0x20..0x7f).contains(byte))
                .filter(|run| run.len() >= MIN_FORM_TEXT)
                .map(|run| String::from_utf8_lossy(run).into_owned());
            out.extend(runs.take(MAX_FORM_TEXTS));
        }
    }
    out
}

fn find_source(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(bytes, b"\0Attribut")
        .take(16)
        .filter_map(|at| at.checked_sub(3))
        .find(|at| bytes.get(*at..).is_some_and(is_module))
}

fn module(
    bytes: &[u8],
    entry: &ListingEntry,
    code_page: u16,
    version: pcode::Version,
    listed: bool,
) -> Module {
    let packed = bytes.get(entry.offset..).unwrap_or_default();
    let source = decompress(packed).or_else(|| {
        // The offset lies: readers trust it, but the text is worth a look.
        find_source(bytes).and_then(|at| decompress(bytes.get(at..)?))
    });
    let has_source = source.is_some();
    let cache = bytes.get(..entry.offset.min(bytes.len())).unwrap_or_default();
    Module {
        name: entry.name.clone(),
        class: entry.class,
        source: text(&source.unwrap_or_default(), code_page),
        has_source,
        pcode: pcode::read(cache, version),
        listed,
    }
}

/// Source is in the project's code page; what matters in it is ASCII.
fn text(bytes: &[u8], code_page: u16) -> String {
    if code_page == 65001 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Names of modules in the `PROJECT` stream (2.3.1): `Module=`, `Class=`, `Document=`, `BaseClass=`.
fn listed_names(settings: &[u8]) -> Vec<String> {
    let text: String = settings.iter().map(|byte| char::from(*byte)).collect();
    text.lines()
        .take(10_000)
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            let known = ["Module", "Class", "Document", "BaseClass"].contains(&key.trim());
            known.then(|| value.split('/').next().unwrap_or(value).trim().to_lowercase())
        })
        .collect()
}

struct ListingEntry {
    name: String,
    stream: String,
    offset: usize,
    class: bool,
}

/// What the `dir` stream says.
struct Listing {
    entries: Vec<ListingEntry>,
    code_page: u16,
    /// Written by a 64-bit host.
    wide: bool,
}

impl Listing {
    /// Reads the records: an id, a size, and as many bytes.
    fn read(directory: &[u8], references: &mut Vec<String>) -> Self {
        let mut listing = Self { entries: Vec::new(), code_page: 1252, wide: false };
        let mut cursor = Cursor::new(directory);
        while let (Some(id), Some(size)) = (cursor.u16_le(), cursor.u32_le()) {
            // PROJECTVERSION says 4 and has 6 (2.3.4.2.1.11).
            let size = if id == 0x0009 { 6 } else { usize::try_from(size).unwrap_or(usize::MAX) };
            let Some(data) = cursor.take(size) else { break };
            match id {
                // SysKind 3: 64-bit Windows.
                0x0001 => listing.wide = u32_le(data, 0) == Some(3),
                0x0003 => listing.code_page = u16_le(data, 0).unwrap_or(1252),
                0x000d | 0x002f | 0x000e | 0x0033 if references.len() < MAX_REFERENCES => {
                    references.extend(reference(data));
                }
                0x0019 if listing.entries.len() < MAX_MODULES => {
                    let name = text(data, listing.code_page);
                    let stream = name.clone();
                    listing.entries.push(ListingEntry { name, stream, offset: 0, class: false });
                }
                _ => {
                    if let Some(entry) = listing.entries.last_mut() {
                        entry.add(id, data, listing.code_page);
                    }
                }
            }
        }
        listing
    }
}

impl ListingEntry {
    fn add(&mut self, id: u16, data: &[u8], code_page: u16) {
        match id {
            0x001a => self.stream = text(data, code_page),
            0x0032 | 0x0047 => {
                let units = data.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
                let wide: String =
                    char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
                if id == 0x0032 && !wide.is_empty() {
                    self.stream = wide;
                } else if !wide.is_empty() {
                    self.name = wide;
                }
            }
            0x0031 => {
                self.offset = u32_le(data, 0).unwrap_or(0) as usize;
            }
            0x0022 => self.class = true,
            _ => {}
        }
    }
}

/// The printable run of a reference's record: its library id or path.
fn reference(data: &[u8]) -> Option<String> {
    let run = data.split(|byte| !(0x20..0x7f).contains(byte)).find(|run| run.len() >= 4)?;
    Some(String::from_utf8_lossy(run).into_owned())
}
