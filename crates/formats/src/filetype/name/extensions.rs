//! What extensions mean to people and to desktops.

/// Extensions that Windows, macOS or Linux desktops run when a user opens the file.
#[rustfmt::skip] // A list is read as a paragraph.
pub(super) const RUNS: [&str; 60] = [
    "exe", "scr", "com", "pif", "cpl", "msi", "msp", "mst", "bat", "cmd", "ps1", "psm1", "vbs",
    "vbe", "js", "jse", "wsf", "wsh", "wsc", "sct", "hta", "lnk", "url", "scf", "inf", "reg", "jar",
    "jnlp", "dll", "ocx", "sys", "drv", "app", "command", "run", "sh", "bash", "py", "pyw", "pl",
    "rb", "php", "apk", "appimage", "desktop", "msc", "gadget", "application", "appref-ms",
    "settingcontent-ms", "library-ms", "search-ms", "chm", "xll", "wll", "iqy", "slk", "diagcab",
    "msix", "appx",
];

/// Extensions that people take for harmless content.
#[rustfmt::skip] // A list is read as a paragraph.
pub(super) const DECOYS: [&str; 46] = [
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "csv", "odt", "ods", "odp",
    "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "svg", "mp3", "mp4", "avi", "mov",
    "mkv", "wav", "wmv", "htm", "html", "xml", "json", "log", "eml", "msg", "zip", "rar", "7z",
    "ico", "heic", "flac", "m4a", "epub", "pages", "one",
];

/// Extensions that say nothing about the content. `sig`: signatures of files, of any form, and the
/// JDK's class files without code.
#[rustfmt::skip] // A list is read as a paragraph.
pub(super) const NEUTRAL: [&str; 23] = [
    "bin", "dat", "data", "tmp", "temp", "bak", "old", "orig", "file", "raw", "dump", "cache",
    "part", "partial", "download", "crdownload", "000", "001", "backup", "save", "unknown", "vir",
    "sig",
];

/// Extensions of text of any kind.
#[rustfmt::skip] // A list is read as a paragraph.
pub(super) const ANY_TEXT: [&str; 40] = [
    "txt", "text", "log", "md", "markdown", "rst", "conf", "cfg", "cnf", "ini", "properties", "env",
    "csv", "tsv", "in", "out", "err", "list", "lst", "asc", "nfo", "me", "readme", "1st", "diff",
    "patch", "yml", "yaml", "toml", "json", "xml", "c", "h", "cpp", "hpp", "template", "tpl",
    "tmpl", "sample", "example",
];

/// Extensions of types that are one thing under several names: for each row any extension fits any
/// type whose own extensions are in the row.
#[rustfmt::skip] // A list is read as a paragraph.
pub(super) const SAME: [&[&str]; 14] = [
    &[
        "exe", "dll", "sys", "scr", "ocx", "cpl", "drv", "com", "ax", "efi", "mui", "pyd", "xll",
        "node", "winmd",
    ],
    &["so", "o", "ko", "elf", "bin", "out", "run", "axf", "a", "dylib", "bundle", "macho", "node"],
    &["docx", "dotx", "docm", "dotm"],
    &["xlsx", "xltx", "xlsm", "xltm", "xlam", "xlsb"],
    &["pptx", "ppsx", "potx", "pptm", "ppsm", "potm", "ppam"],
    &["doc", "dot", "rtf", "wiz"],
    &[
        "zip", "jar", "war", "ear", "apk", "xpi", "whl", "nupkg", "vsix", "epub", "cbz", "egg",
        "kmz", "aar", "ipa", "crx", "jmod",
    ],
    &["mp4", "m4v", "mov", "m4a", "m4b", "3gp", "3g2", "f4v", "heic", "heif", "avif", "qt"],
    &["ogg", "oga", "ogv", "opus", "spx", "ogx"],
    &["mkv", "webm", "mka", "mks"],
    &["htm", "html", "xhtml", "shtml", "xht", "mht", "mhtml", "hta"],
    &["js", "mjs", "cjs", "jsx", "ts", "tsx", "vue"],
    &["tif", "tiff", "dng", "nef", "arw", "cr2", "pef", "nrw", "sr2"],
    &["iso", "img", "udf", "ima", "raw", "dd", "vfd"],
];
