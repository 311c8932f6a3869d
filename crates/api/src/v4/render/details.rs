use std::collections::BTreeMap;

use palisade_model::Report;
use serde_json::json;

use super::super::archive::{ImportedLibrary, PeInfo};
use super::engine;

/// The members of the vendor's form that stay empty.
const NOT_FILLED: [&str; 7] = [
    "pehash",
    "section_headers",
    "exported_functions",
    "resource_info",
    "vs_version_info",
    "optional_headers",
    "headers",
];

/// The facts of a program, from what the engine `pe` says of the root; `None` when it has not looked
/// at it.
pub(crate) fn pe_info(report: &Report) -> Option<PeInfo> {
    let engine = engine::pe(report.root()?)?;
    let first = |name: &str| {
        engine.properties.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
    };
    let libraries = first("imported-libraries");
    let library = |name: &str| ImportedLibrary { name: name.to_owned(), functions: Vec::new() };
    let version = [
        "original_filename",
        "comments",
        "product_version",
        "legal_copyright",
        "company_name",
        "internal_name",
        "product_name",
        "file_description",
    ];
    Some(PeInfo {
        imphash: first("imphash"),
        imported_dlls: libraries.split_whitespace().map(library).collect(),
        pehash: String::new(),
        section_headers: Vec::new(),
        exported_functions: Vec::new(),
        resource_info: Vec::new(),
        vs_version_info: version.map(|name| (name.to_owned(), String::new())).into(),
        optional_headers: json!({
            "subsystem": "", "subsystem_version": "", "linker_version": "", "image_version": "",
            "checksum": "", "os_version": "", "entry_point": "", "image_size": 0,
            "initialized_data_size": 0, "uninitialized_data_size": 0, "code_size": 0, "pe_type": ""
        }),
        headers: json!({
            "characteristics": [], "number_of_sections": 0, "pointer_to_symbol_table": "",
            "machine_type": "", "compilation_time": "", "number_of_symbols": 0
        }),
        properties: engine.properties.clone().into_iter().collect::<BTreeMap<_, _>>(),
        not_filled: NOT_FILLED.map(str::to_owned).to_vec(),
        engine,
    })
}
