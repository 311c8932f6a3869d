//! Attachments: what their names and beginnings say.

use palisade_formats::document::eml::MessagePart;
use palisade_formats::filetype::{self, Category};

/// Extensions that run when opened, and disk images that carry them past the mark of the web.
const RUNS: [&str; 42] = [
    "exe",
    "scr",
    "com",
    "pif",
    "cpl",
    "msi",
    "bat",
    "cmd",
    "ps1",
    "vbs",
    "vbe",
    "js",
    "jse",
    "wsf",
    "wsh",
    "sct",
    "hta",
    "lnk",
    "url",
    "scf",
    "jar",
    "jnlp",
    "dll",
    "msc",
    "application",
    "settingcontent-ms",
    "library-ms",
    "search-ms",
    "chm",
    "xll",
    "iqy",
    "slk",
    "iso",
    "img",
    "vhd",
    "vhdx",
    "appx",
    "msix",
    "one",
    "rdp",
    "ace",
    "daa",
];
/// Extensions that people take for documents.
const DECOYS: [&str; 18] = [
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "csv", "jpg", "jpeg", "png",
    "gif", "htm", "html", "zip", "mp3",
];
/// Blanks in a row that push the end of a name out of sight.
const MIN_BLANKS: usize = 10;

/// Why an attachment is dangerous, if it is.
pub(super) fn dangerous(part: &MessagePart) -> Option<String> {
    let name = part.file_name.as_deref().unwrap_or_default();
    let ty = filetype::detect(&part.bytes).ty;
    let native = ty.category == Category::Executable && !matches!(ty.id, "com");
    if native && !part.bytes.is_empty() {
        return Some(format!("{name:?} is a program ({})", ty.description));
    }
    let extension = extension(name);
    RUNS.contains(&extension.as_str()).then(|| format!("{name:?} runs when it is opened"))
}

/// How the name of an attachment hides what it is, if it does.
pub(super) fn disguised(part: &MessagePart) -> Option<String> {
    let name = part.file_name.as_deref()?;
    if name.chars().any(|c| matches!(c, '\u{202e}' | '\u{202d}' | '\u{2066}'..='\u{2069}')) {
        return Some("its name turns the direction of writing".to_owned());
    }
    let blanks = name.split(|c: char| !c.is_whitespace() && c != '\u{a0}').map(str::len).max();
    if blanks.is_some_and(|blanks| blanks >= MIN_BLANKS) {
        return Some("its name holds a long row of blanks".to_owned());
    }
    let last = extension(name);
    let before = name.trim_end().rsplit('.').nth(1).unwrap_or_default().trim().to_ascii_lowercase();
    if RUNS.contains(&last.as_str()) && DECOYS.contains(&before.as_str()) {
        return Some(format!("its name ends with .{before}.{last}, of which .{before} is shown"));
    }
    let ty = filetype::detect(&part.bytes).ty;
    let native = ty.category == Category::Executable && ty.id != "com";
    if native && DECOYS.contains(&last.as_str()) {
        return Some(format!("it is called .{last} and is a program ({})", ty.description));
    }
    None
}

fn extension(name: &str) -> String {
    let name = name.trim_end_matches([' ', '.', '\u{a0}']);
    name.rsplit_once('.').map_or(String::new(), |(_, last)| last.trim().to_ascii_lowercase())
}

/// Whether this is an archive that asks for a password: a zip whose first entry is encrypted (APPNOTE
/// 4.4.4), a RAR whose header is (RAR 5.0, technical note), a 7z of that name's encoder.
pub(super) fn is_locked(part: &MessagePart) -> bool {
    let bytes = part.bytes.as_slice();
    match bytes {
        [b'P', b'K', 3, 4, _, _, flags, ..] => flags & 1 == 1,
        [b'R', b'a', b'r', b'!', 0x1a, 7, 1, 0, _, _, _, _, _, 4, ..] => true,
        [b'R', b'a', b'r', b'!', 0x1a, 7, 0, _, _, 0x73, flags, ..] => flags & 0x80 != 0,
        // The id of the AES coder stands in the header, which is at the end of small archives.
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => {
            memchr::memmem::find(bytes, &[0x06, 0xf1, 0x07, 0x01]).is_some()
        }
        _ => false,
    }
}
