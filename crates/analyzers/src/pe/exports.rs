use palisade_formats::program::pe::Exports;

use super::{Program, kinds};
use crate::Examination;

/// Forwarders that make a library a stand-in.
const MIN_FORWARDED: usize = 3;
/// Exported names that are listed.
const MAX_LISTED: usize = 24;

/// Libraries of Windows that programs load from their own folder first, and that attackers put there
/// (MITRE ATT&CK T1574.002).
const SIDELOADED: [&str; 18] = [
    "version",
    "winmm",
    "dbghelp",
    "dwmapi",
    "uxtheme",
    "wtsapi32",
    "userenv",
    "profapi",
    "cryptsp",
    "cryptbase",
    "propsys",
    "secur32",
    "iphlpapi",
    "msimg32",
    "wininet",
    "winhttp",
    "dxgi",
    "d3d9",
];

/// Notes what the exports tell.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let Some(exports) = &program.exports else { return };
    if !exports.library.is_empty() {
        examination.property("export-name", String::from_utf8_lossy(exports.library));
    }
    let names: Vec<String> = exports
        .symbols
        .iter()
        .filter(|symbol| !symbol.name.is_empty())
        .take(MAX_LISTED)
        .map(|symbol| String::from_utf8_lossy(symbol.name).into_owned())
        .collect();
    if !names.is_empty() {
        examination.property("exports", format!("{}: {}", exports.symbols.len(), names.join(" ")));
    }
    let loader = exports
        .symbols
        .iter()
        .find(|symbol| memchr::memmem::find(symbol.name, b"ReflectiveLoader").is_some());
    if let Some(loader) = loader {
        examination
            .find(
                &kinds::REFLECTIVE_LOADER,
                format!(
                    "exports {}, which loads the library from memory",
                    loader.name.escape_ascii()
                ),
            )
            .quoting("export", loader.name);
    }
    stand_in(program, exports, examination);
}

/// A library that has the name and the functions of one of Windows and passes the calls on to it.
fn stand_in(program: &Program<'_>, exports: &Exports<'_>, examination: &mut Examination<'_>) {
    let forwarded: Vec<&[u8]> = exports
        .symbols
        .iter()
        .filter_map(|symbol| symbol.forwarded_to().map(|(library, _)| library))
        .collect();
    if forwarded.len() < MIN_FORWARDED || forwarded.len() * 2 < exports.symbols.len() {
        return;
    }
    let target = forwarded.first().copied().unwrap_or_default();
    let own = String::from_utf8_lossy(exports.library).to_ascii_lowercase();
    let own = own.strip_suffix(".dll").unwrap_or(&own);
    let lower = String::from_utf8_lossy(target).to_ascii_lowercase();
    let by_path = target.contains(&b'\\') || target.contains(&b'/');
    // The real one renamed, beside its stand-in.
    let renamed = SIDELOADED.contains(&own)
        && lower != own
        && (lower.contains(own) || lower.contains("orig"));
    if (by_path || renamed) && program.is_unsigned() {
        let shown = target.escape_ascii();
        examination
            .find(
                &kinds::STAND_IN_LIBRARY,
                format!(
                    "{own} passes {} of its {} functions on to {shown}",
                    forwarded.len(),
                    exports.symbols.len()
                ),
            )
            .quoting("forwarder", target);
    }
}
