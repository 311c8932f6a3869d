//! Files that are packed into documents: what their names and bytes say.

use palisade_formats::filetype::{self, Category};

use super::kinds;
use crate::Examination;

/// Extensions that Windows runs or that lead straight to running.
const RUN: &[&str] = &[
    "exe",
    "com",
    "scr",
    "pif",
    "bat",
    "cmd",
    "ps1",
    "psm1",
    "vbs",
    "vbe",
    "js",
    "jse",
    "wsf",
    "wsh",
    "wsc",
    "hta",
    "lnk",
    "url",
    "cpl",
    "msi",
    "msp",
    "mst",
    "dll",
    "ocx",
    "jar",
    "reg",
    "inf",
    "scf",
    "sct",
    "chm",
    "iqy",
    "slk",
    "xll",
    "wll",
    "ppam",
    "application",
    "appref-ms",
    "settingcontent-ms",
    "library-ms",
    "search-ms",
    "gadget",
    "msc",
    "diagcab",
    "appx",
    "msix",
    "iso",
    "img",
    "vhd",
    "vhdx",
    "py",
    "pyw",
    "sh",
    "rdp",
    "theme",
    "website",
    "cdxml",
    "xbap",
];

/// Extensions that people take for documents.
const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "jpg", "jpeg", "png", "gif",
    "csv", "html", "htm", "zip", "mp3", "mp4",
];

/// Judges a packed file by its name and its bytes.
pub(super) fn judge(examination: &mut Examination<'_>, place: &str, name: &str, bytes: &[u8]) {
    let clean: String = name.chars().filter(|c| !c.is_control()).collect();
    let trimmed = clean.trim_end_matches(['.', ' ']);
    let mut pieces = trimmed.rsplit('.').map(|piece| piece.trim().to_lowercase());
    let extension = pieces.next().filter(|_| trimmed.contains('.')).unwrap_or_default();
    let before = pieces.next().unwrap_or_default();
    let ty = filetype::detect(bytes).ty;
    let executable = matches!(ty.category, Category::Executable)
        || matches!(
            ty.id,
            "lnk"
                | "hta"
                | "batch"
                | "powershell"
                | "vbscript"
                | "wsf"
                | "sct"
                | "msi"
                | "chm"
                | "iso9660"
        );
    let runs = RUN.contains(&extension.as_str());
    if runs || executable {
        let shown = if clean.is_empty() { "without a name" } else { &clean };
        examination
            .find(
                &kinds::EMBEDDED_EXECUTABLE,
                format!("{place} holds the file {shown}, {}", ty.description),
            )
            .quoting(place, name.as_bytes());
    }
    let turned =
        name.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let padded = clean.contains("     ");
    let double = runs && DOCUMENTS.contains(&before.as_str());
    // Bytes of a program under the name of a document.
    let lies = matches!(ty.category, Category::Executable)
        && DOCUMENTS.contains(&extension.as_str())
        && !matches!(extension.as_str(), "html" | "htm" | "txt");
    if turned || (padded && runs) || double || lies {
        examination
            .find(
                &kinds::EMBEDDED_DISGUISED,
                format!("{place} holds a file that is named {clean:?}"),
            )
            .quoting(place, name.as_bytes());
    }
}
