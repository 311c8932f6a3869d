use palisade_formats::program::pe::{Imports, Symbol, ordinals};
use palisade_model::ProblemKind;

use super::Program;
use crate::Examination;
use crate::program::md5_hex;

/// Libraries that are listed.
const MAX_LISTED: usize = 40;

/// Notes hash and libraries of the imports.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let imports = &program.imports;
    if let Some(hash) = import_hash(imports) {
        examination.property("imphash", hash);
    }
    if imports.damaged {
        examination.problem(ProblemKind::Corrupt, "the import table leads out of the file");
    }
    let libraries: Vec<String> = imports
        .libraries
        .iter()
        .take(MAX_LISTED)
        .map(|library| String::from_utf8_lossy(library.name).into_owned())
        .collect();
    if !libraries.is_empty() {
        examination.property("imported-libraries", libraries.join(" "));
        examination.property("imports", imports.count().to_string());
    }
}

/// The import hash (Mandiant, "Tracking malware with import hashing", 2014), as pefile computes it:
/// MD5 of `library.function` in lower case, in the order of the file, joined by commas; the extensions
/// dll, ocx and sys left out; ordinals named where the library is known, else `ord` and the number.
/// Delay-loaded functions are not part of it.
pub(super) fn import_hash(imports: &Imports<'_>) -> Option<String> {
    let mut text = Vec::new();
    for library in imports.libraries.iter().filter(|library| !library.delayed) {
        let name = library.name.to_ascii_lowercase();
        let stem = match name.iter().rposition(|&byte| byte == b'.') {
            Some(dot) if matches!(name.get(dot + 1..), Some(b"dll" | b"ocx" | b"sys")) => {
                name.get(..dot).unwrap_or_default()
            }
            _ => &name,
        };
        for function in &library.functions {
            if !text.is_empty() {
                text.push(b',');
            }
            text.extend(stem);
            text.push(b'.');
            match function.symbol {
                Symbol::Name(function) => text.extend(function.to_ascii_lowercase()),
                Symbol::Ordinal(number) => match ordinals::name(&name, number) {
                    Some(function) => text.extend(function.to_ascii_lowercase().as_bytes()),
                    None => text.extend(format!("ord{number}").as_bytes()),
                },
            }
        }
    }
    (!text.is_empty()).then(|| md5_hex(&text))
}
