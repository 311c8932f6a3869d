//! Bytes that are a valid file of more than one format.

use super::structure::{image, zip};
use super::tables::named;
use super::{Category, Type, head, tail};
use crate::bytes::find;

/// Readers of PDF accept the header anywhere in the first bytes (implementation note 13 of the
/// PDF reference 1.7).
const PDF_HEADER_WITHIN: usize = 1024;

/// The formats besides `ty` that `data` is also valid in. Conservative: a wrong entry here makes
/// an ordinary file look like an attack.
pub(super) fn also(data: &[u8], ty: &'static Type) -> Vec<&'static Type> {
    let mut found = Vec::new();
    let inside_archive = matches!(ty.category, Category::Archive | Category::Mail)
        || ty.mime.ends_with("+zip")
        || zip_based(data);
    if !inside_archive && ty.category != Category::Document && trailing_zip(data) {
        found.push(const { named("zip") });
    }
    let carrier = matches!(ty.category, Category::Image | Category::Media | Category::Executable);
    if carrier || (zip_based(data) && ty.category != Category::Pdf) {
        found.extend(late_pdf(data));
    }
    if matches!(ty.category, Category::Image | Category::Pdf | Category::Media) {
        found.extend(appended_archive(data));
    }
    if ty.category == Category::Image && ty.id != "svg" {
        found.extend(script_in_image(data, ty));
    }
    if ty.id == "lnk" && markup(tail(data)) {
        found.push(const { named("hta") });
    }
    if ty.id != "iso9660" && ty.id != "udf" && iso9660(data, ty) {
        found.push(const { named("iso9660") });
    }
    found
}

/// A PDF whose header does not stand at the very start.
pub(super) fn late_pdf(data: &[u8]) -> Option<&'static Type> {
    let near = &data[..data.len().min(PDF_HEADER_WITHIN)];
    let at = find(near, b"%PDF-", 1)?;
    let version = data.get(at + 5..at + 8)?;
    let numbered = version[0].is_ascii_digit() && version[1] == b'.' && version[2].is_ascii_digit();
    let objects = find(head(data), b" obj", at).is_some();
    let ended = memchr::memmem::rfind(tail(data), b"startxref").is_some()
        || memchr::memmem::rfind(tail(data), b"%%EOF").is_some();
    // A PDF that a zip merely stores begins right behind the header of its entry.
    let stored = zip_based(data) && stored_first_at(data) == Some(at);
    (numbered && objects && ended && !stored).then_some(const { named("pdf") })
}

fn zip_based(data: &[u8]) -> bool {
    data.starts_with(b"PK\x03\x04")
}

fn stored_first_at(data: &[u8]) -> Option<usize> {
    let name = usize::from(crate::bytes::u16_le(data, 26)?);
    let extra = usize::from(crate::bytes::u16_le(data, 28)?);
    Some(30 + name + extra)
}

/// An end record that leads to a central directory whose first entry leads to a local header.
fn trailing_zip(data: &[u8]) -> bool {
    let Some(directory) = zip::central_directory(data) else { return false };
    let Some(local) = crate::bytes::u32_le(data, directory + 42) else { return false };
    let is_local = |at: usize| data.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x03\x04"));
    if is_local(local as usize) {
        return true;
    }
    // Offsets that count from the start of the archive: the shift is that of the directory.
    let window = tail(data);
    let Some(end) = memchr::memmem::rfind(window, b"PK\x05\x06") else { return false };
    let stated = crate::bytes::u32_le(window, end + 16).unwrap_or(0) as usize;
    directory
        .checked_sub(stated)
        .is_some_and(|shift| is_local(shift.saturating_add(local as usize)))
}

/// RAR and 7-Zip find their archive behind other bytes.
fn appended_archive(data: &[u8]) -> Option<&'static Type> {
    for window in [head(data), tail(data)] {
        if find(window, b"Rar!\x1a\x07", 1).is_some() {
            return Some(const { named("rar") });
        }
        if find(window, b"7z\xbc\xaf\x27\x1c\0", 1).is_some() {
            return Some(const { named("7z") });
        }
    }
    None
}

/// Scripts in pictures: PHP runs wherever its tag stands; a browser or mshta takes the markup; a
/// GIF or bitmap whose size field opens a comment is also JavaScript.
fn script_in_image(data: &[u8], ty: &Type) -> Option<&'static Type> {
    let comment = match ty.id {
        "gif" => data.get(6..8) == Some(b"/*"),
        "bmp" => data.get(2..4) == Some(b"/*"),
        _ => false,
    };
    if comment
        && let Some(end) = image::comment_end(data)
        && data[end + 2..]
            .trim_ascii_start()
            .first()
            .is_some_and(|b| matches!(b, b'=' | b';' | b'.'))
    {
        return Some(const { named("javascript") });
    }
    for window in [head(data), tail(data)] {
        if find(window, b"<?php ", 1).is_some() || find(window, b"<?php\n", 1).is_some() {
            return Some(const { named("php") });
        }
        if markup(window) {
            return Some(const { named("html") });
        }
    }
    None
}

/// A whole script element.
fn markup(window: &[u8]) -> bool {
    let opens = |needle: &[u8]| find(window, needle, 1);
    opens(b"<script").or_else(|| opens(b"<SCRIPT")).is_some_and(|at| {
        find(window, b"</script>", at).is_some() || find(window, b"</SCRIPT>", at).is_some()
    })
}

/// A volume descriptor in a file that begins as something else. Boot records in front of an image
/// are usual.
fn iso9660(data: &[u8], ty: &Type) -> bool {
    let boot = matches!(ty.id, "mbr" | "gpt" | "fat" | "hfsplus" | "dmg");
    !boot && data.get(0x8001..0x8006) == Some(b"CD001") && matches!(data.get(0x8000), Some(0..=3))
}
