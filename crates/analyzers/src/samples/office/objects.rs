//! Samples of objects and packed files.

use palisade_formats::document::samples::{
    Entry, compound, compound_tree, ole10native, onenote, package as ole_package, pe_overlay,
    rtf_object as rtf_package,
};

use super::super::Case;
use super::build::{document, equation, ole1, package, rtf_object, wide};
use super::case;
use crate::office::class_bytes;

/// An object of this class without content.
fn object(class: &str) -> Vec<u8> {
    compound_tree(class_bytes(class), &[Entry::Stream("contents", b"nothing")])
}

fn page(text: &str, file: &[u8]) -> Vec<u8> {
    let mut section = onenote(&[file]);
    section.extend(wide(text));
    section
}

const SCRIPT: &[u8] = b"@echo off\r\necho hello\r\n";
const TEXT: &[u8] = b"Figures of March: 1, 2, 3. Nothing else is in this file.\r\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "embedded-executable",
            "a.ole",
            || compound(&[("\u{1}Ole10Native", &ole10native("tool.exe", &pe_overlay(b"")))]),
            || compound(&[("\u{1}Ole10Native", &ole10native("figures.txt", TEXT))]),
        ),
        case(
            "embedded-disguised",
            "a.rtf",
            || rtf_package("invoice.pdf.js", TEXT),
            || rtf_package("invoice.2024.txt", TEXT),
        ),
        case(
            "equation-object",
            "a.ole",
            || compound(&[("Equation Native", &equation(b"Times New Roman"))]),
            || compound(&[("Workbook", &equation(b"Times New Roman"))]),
        ),
        case(
            "equation-exploit",
            "a.rtf",
            || rtf_object("{\\rtf1", "", &ole1("Equation.3", &equation(&[b'A'; 48])), ""),
            || rtf_object("{\\rtf1", "", &ole1("Equation.3", &equation(b"Times New Roman")), ""),
        ),
        case(
            "exploit-class",
            "a.ole",
            || object("06290BD3-48AA-11D2-8432-006008C3FBFC"),
            // A workbook.
            || object("00020820-0000-0000-C000-000000000046"),
        ),
        case(
            "activex-control",
            "a.docx",
            || {
                let control = b"<ax:ocx ax:classid=\"{8BD21D10-EC42-11CE-9E0D-00AA006002F3}\"/>";
                package(&[
                    ("word/document.xml", &document("Text")),
                    ("word/activeX/activeX1.xml", control),
                ])
            },
            || package(&[("word/document.xml", &document("Text"))]),
        ),
        case(
            "rtf-control",
            "a.rtf",
            || rtf_object("{\\rtf1", "", &ole1("MSComctlLib.ListViewCtrl.2", b"data"), ""),
            || rtf_object("{\\rtf1", "", &ole1("Excel.Sheet.8", b"data"), ""),
        ),
        case(
            "rtf-object",
            "a.rtf",
            || rtf_object("{\\rtf1", "", &ole1("Excel.Sheet.8", b"data"), ""),
            || b"{\\rtf1\\ansi a text that has the word objdata and {\\pict 00ff}}".to_vec(),
        ),
        case(
            "rtf-obfuscated",
            "a.rtf",
            || rtf_object("{\\rtf1", "", &ole1("Package", &ole_package("a.txt", TEXT)), "{\\par}"),
            // Lines of digits, as Word writes them.
            || rtf_object("{\\rtf1", "", &ole1("Package", &ole_package("a.txt", TEXT)), "\r\n"),
        ),
        case(
            "rtf-auto-update",
            "a.rtf",
            || rtf_object("{\\rtf1", "\\objupdate", &ole1("Excel.Sheet.8", b"data"), ""),
            || rtf_object("{\\rtf1", "\\objw100", &ole1("Excel.Sheet.8", b"data"), ""),
        ),
        case(
            "note-lure",
            "a.one",
            || page("Double click to view the document", SCRIPT),
            || page("Double click to view the document", TEXT),
        ),
    ]
}
