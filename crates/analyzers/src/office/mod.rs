//! Office documents: macros, links to elsewhere, packed files, exploits, in every form that Office,
//! LibreOffice and OneNote read.
//!
//! Objects and packed files are children of the document already (`unpack` hands them out); this
//! analyser says what the document does with them. Its own children are macro sources.

mod classes;
mod embedded;
mod encryption;
mod equation;
mod fields;
mod kinds;
mod lure;
mod metadata;
mod odf;
mod ole;
mod onenote;
mod ooxml;
mod parts;
mod powerpoint;
mod relationships;
mod rtf;
mod sheets;
mod vba;
mod wordml;
mod xlm;

#[cfg(any(test, feature = "samples"))]
pub(crate) use classes::bytes as class_bytes;

use crate::{Examination, StaticAnalyzer};

/// The analyser of Office documents.
pub const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "office",
    description: "Macros, remote content, packed files and exploits in Office documents",
    types: &[
        "ole",
        "doc",
        "xls",
        "ppt",
        "pub",
        "vsd",
        "mpp",
        "works",
        "ooxml_encrypted",
        "docx",
        "docm",
        "xlsx",
        "xlsm",
        "xlsb",
        "pptx",
        "pptm",
        "vsdx",
        "odt",
        "ods",
        "odp",
        "odg",
        "odf",
        "odb",
        "sxw",
        "fodt",
        "word_xml",
        "excel_xml",
        "flat_opc",
        "rtf",
        "onenote",
        "excel_biff",
        "csv",
        "tsv",
        "slk",
        "iqy",
    ],
    kinds: kinds::ALL,
    gives_children: true,
    examine,
};

fn examine(examination: &mut Examination<'_>) {
    match examination.type_id() {
        "docx" | "docm" | "xlsx" | "xlsm" | "xlsb" | "pptx" | "pptm" | "vsdx" => {
            ooxml::examine(examination);
        }
        "odt" | "ods" | "odp" | "odg" | "odf" | "odb" | "sxw" => odf::examine(examination),
        "fodt" => odf::examine_flat(examination),
        "word_xml" | "excel_xml" | "flat_opc" => wordml::examine(examination),
        "rtf" => rtf::examine(examination),
        "onenote" => onenote::examine(examination),
        "ooxml_encrypted" => encryption::package(examination),
        "excel_biff" => xlm::biff::examine(examination, examination.bytes()),
        "csv" | "tsv" => sheets::separated(examination),
        "slk" => sheets::symbolic(examination),
        "iqy" => sheets::query(examination),
        _ => ole::examine(examination),
    }
}

/// Text of UTF-16, little-endian.
fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
}
