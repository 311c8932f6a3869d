//! Files that are packed into documents: what their names and bytes say.

use palisade_formats::filetype::{self, Category};

/// Extensions that Windows runs, or that lead straight to running.
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

/// Types that run without being programs.
const RUN_TYPES: &[&str] =
    &["lnk", "hta", "batch", "powershell", "vbscript", "wsf", "sct", "msi", "chm", "iso9660"];

/// What a packed file is.
pub(crate) struct PackedFile {
    /// Its name without control characters.
    pub(crate) name: String,
    /// The type of its bytes, for people.
    pub(crate) description: &'static str,
    /// A double click runs something.
    pub(crate) runs: bool,
    /// Its name pretends to be that of a document.
    pub(crate) disguised: bool,
}

/// The extension of a name, in lower case.
pub(crate) fn extension(name: &str) -> String {
    let name = name.trim_end_matches(['.', ' ']);
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map_or("", |(_, extension)| extension.trim()).to_lowercase()
}

/// Whether Windows runs a file of this name.
pub(crate) fn runs(name: &str) -> bool {
    RUN.contains(&extension(name).as_str())
}

/// Judges a packed file by its name and its first bytes.
pub(crate) fn judge(name: &str, bytes: &[u8]) -> PackedFile {
    let clean: String = name.chars().filter(|c| !c.is_control()).collect();
    let extension = extension(&clean);
    let stem = clean.trim_end_matches(['.', ' ']).rsplit_once('.').map_or("", |(stem, _)| stem);
    let before = self::extension(stem);
    let ty = filetype::detect(bytes).ty;
    let program = matches!(ty.category, Category::Executable);
    let by_name = RUN.contains(&extension.as_str());
    let turned =
        name.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let padded = clean.contains("     ") && by_name;
    let double = by_name && DOCUMENTS.contains(&before.as_str());
    // Bytes of a program under the name of a document.
    let lies = program
        && DOCUMENTS.contains(&extension.as_str())
        && !matches!(extension.as_str(), "html" | "htm" | "txt");
    PackedFile {
        name: clean,
        description: ty.description,
        runs: by_name || program || RUN_TYPES.contains(&ty.id),
        disguised: turned || padded || double || lies,
    }
}
