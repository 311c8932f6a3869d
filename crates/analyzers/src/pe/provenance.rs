//! Facts about where a program comes from: tools, paths, version information.

use palisade_formats::bytes::find;
use palisade_formats::program::pe::Image;
use palisade_model::encode_hex;

use super::{Program, kinds};
use crate::Examination;
use crate::program::{md5_hex, note_go, note_rust, sha256_short};

/// Sections whose hashes are noted.
const MAX_HASHED: usize = 24;
/// Bytes of a section that is hashed.
const MAX_SECTION: usize = 64 << 20;
/// Bytes that are searched for a compiler's mark.
const MAX_SEARCHED: usize = 16 << 20;
/// The time stamp that Delphi's linker wrote for twenty years: 19 June 1992.
const DELPHI: u32 = 0x2a42_5e19;

/// Words in the path of a program database that name a purpose nobody gives an honest program.
/// After "Definitive Dossier of Devilish Debug Details" (Mandiant, 2019).
const TELLING_PATHS: [&str; 10] = [
    "keylogger",
    "ransomware",
    "rootkit",
    "backdoor",
    "botnet",
    "shellcode",
    "stealer",
    "crypter",
    "trojan",
    "reverse_shell",
];

/// Programs of Windows that run from its own folder under these names only.
const SYSTEM_NAMES: [&str; 12] = [
    "svchost.exe",
    "lsass.exe",
    "csrss.exe",
    "smss.exe",
    "wininit.exe",
    "winlogon.exe",
    "services.exe",
    "taskhostw.exe",
    "spoolsv.exe",
    "dllhost.exe",
    "conhost.exe",
    "rundll32.exe",
];

/// Strings of the version information that are noted.
const VERSION_STRINGS: [(&str, &str); 6] = [
    ("CompanyName", "company"),
    ("ProductName", "product"),
    ("FileDescription", "file-description"),
    ("OriginalFilename", "original-name"),
    ("InternalName", "internal-name"),
    ("FileVersion", "file-version"),
];

/// Notes what the headers say.
pub(super) fn note_header(image: &Image<'_>, examination: &mut Examination<'_>) {
    let machine = match image.machine {
        0x14c => "x86",
        0x8664 => "x86_64",
        0xaa64 => "aarch64",
        0x1c0 | 0x1c4 => "arm",
        0x200 => "ia64",
        0x5064 => "riscv64",
        0xebc => "EFI byte code",
        _ => "other",
    };
    let subsystem = match image.subsystem {
        1 => "native",
        2 => "windows",
        3 => "console",
        10 => "EFI application",
        11 => "EFI boot driver",
        12 => "EFI runtime driver",
        _ => "other",
    };
    examination.property("architecture", machine);
    examination.property("subsystem", subsystem);
    examination.property("linker-version", format!("{}.{}", image.linker.0, image.linker.1));
    examination.property("link-timestamp", image.timestamp.to_string());
}

/// Notes what tables and sections say.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    rich(program, examination);
    database_path(program, examination);
    version(program, examination);
    compiler(program, examination);
    let image = &program.image;
    let hashes: Vec<String> = image
        .sections
        .iter()
        .map(|section| (section, image.section_bytes(section)))
        .filter(|(_, bytes)| (1..MAX_SECTION).contains(&bytes.len()))
        .take(MAX_HASHED)
        .map(|(section, bytes)| {
            format!("{} {}", section.name().escape_debug(), sha256_short(bytes))
        })
        .collect();
    if !hashes.is_empty() {
        examination.property("section-hashes", hashes.join(", "));
    }
}

fn rich(program: &Program<'_>, examination: &mut Examination<'_>) {
    let Some(rich) = program.image.rich() else { return };
    examination.property("rich-hash", md5_hex(&rich.clear));
    let tools: Vec<String> = rich
        .entries
        .iter()
        .take(16)
        .map(|entry| format!("{}.{}x{}", entry.product, entry.build, entry.count))
        .collect();
    examination.property("rich-tools", tools.join(" "));
    if !rich.checksum_fits {
        examination
            .find(
                &kinds::RICH_CHANGED,
                "the linker's record does not fit the file: it was copied from another one, or the stub was changed",
            )
            .at("linker's record", rich.start, rich.clear.len());
    }
}

fn database_path(program: &Program<'_>, examination: &mut Examination<'_>) {
    let entries = program.image.debug_entries();
    let Some(path) = entries.iter().find_map(|entry| entry.pdb_path()) else { return };
    let text = String::from_utf8_lossy(path).into_owned();
    let lower = text.to_ascii_lowercase();
    if let Some(word) = TELLING_PATHS.iter().find(|word| lower.contains(**word)) {
        examination
            .find(
                &kinds::TELLING_PATH,
                format!("its author built it as {text:?}, which says {word}"),
            )
            .quoting("path of the program database", path);
    }
    examination.property("pdb-path", text);
}

fn version(program: &Program<'_>, examination: &mut Examination<'_>) {
    let name = examination.name().to_ascii_lowercase();
    let company = program.version.as_ref().and_then(|version| version.get("CompanyName"));
    let microsoft =
        company.is_some_and(|company| company.to_ascii_lowercase().contains("microsoft"));
    if let Some(version) = &program.version {
        for (key, property) in VERSION_STRINGS {
            if let Some(value) = version.get(key) {
                examination.property(property, value);
            }
        }
        if microsoft && program.is_unsigned() {
            examination.find(
                &kinds::VENDOR_UNSIGNED,
                "its version information says Microsoft, and it has no intact signature of its own",
            );
        }
        original_name(version.get("OriginalFilename"), &name, examination);
    }
    if SYSTEM_NAMES.contains(&name.as_str()) && !microsoft && program.is_unsigned() {
        examination.find(
            &kinds::IMPERSONATES_SYSTEM,
            format!("is called {name}, like a program of Windows, and neither its version information nor a signature says Microsoft"),
        );
    }
}

fn original_name(original: Option<&str>, name: &str, examination: &mut Examination<'_>) {
    let Some(original) = original.map(str::to_ascii_lowercase) else { return };
    let stem = |name: &str| {
        // Translations of a library are called after it: name.dll.mui.
        let name = name.strip_suffix(".mui").unwrap_or(name);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim().to_owned()
    };
    let (was, is) = (stem(&original), stem(name));
    if !was.is_empty() && !is.is_empty() && !is.contains(&was) && !was.contains(&is) {
        examination
            .find(&kinds::RENAMED, format!("was built as {:?} and is called {:?}", original, name));
    }
}

fn compiler(program: &Program<'_>, examination: &mut Examination<'_>) {
    let image = &program.image;
    let bytes = image.data();
    if program.is_managed {
        examination.property("compiler", ".NET");
        return;
    }
    let is_go = image
        .sections
        .iter()
        .filter(|section| !section.is_executable())
        .any(|section| note_go(examination, image.section_bytes(section)));
    let audit = image
        .sections
        .iter()
        .find(|section| section.name() == ".dep-v0")
        .map(|section| image.section_bytes(section));
    if is_go || note_rust(examination, audit) {
        return;
    }
    let head = bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default();
    let imports = |library: &[u8]| {
        program.imports.libraries.iter().any(|known| known.name.eq_ignore_ascii_case(library))
    };
    let name = if imports(b"msvbvm60.dll") || imports(b"msvbvm50.dll") {
        "Visual Basic 5 or 6"
    } else if image.timestamp == DELPHI || find(head, b"Embarcadero Delphi", 0).is_some() {
        "Delphi"
    } else if find(head, b"Mingw-w64 runtime failure", 0).is_some()
        || find(head, b"GCC: (", 0).is_some()
    {
        "MinGW"
    } else if image.rich().is_some() {
        "Microsoft Visual C++"
    } else {
        return;
    };
    examination.property("compiler", name);
    if let Some(entry) = image.debug_entries().iter().find(|entry| entry.bytes.starts_with(b"RSDS"))
        && let Some(id) = entry.bytes.get(4..20)
    {
        examination.property("pdb-id", encode_hex(id));
    }
}
