use memchr::memmem;

use crate::Examination;

/// What the linker writes before the build information (Go, `debug/buildinfo`).
const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
/// Bytes that are searched for it.
const MAX_SEARCHED: usize = 64 << 20;
/// Bytes of a version or of the module list.
const MAX_TEXT: u64 = 1 << 20;
/// Dependencies that are listed.
const MAX_MODULES: usize = 40;
/// Bytes of the mark before and after the module list.
const SENTINEL: usize = 16;

/// Notes version, module and dependencies of a program built by Go 1.18 or later, and the mark alone
/// of an older one. `area` is the section that holds it, or the whole file. Gives whether it is one.
pub(crate) fn note_go(examination: &mut Examination<'_>, area: &[u8]) -> bool {
    let area = area.get(..area.len().min(MAX_SEARCHED)).unwrap_or_default();
    let Some(at) = memmem::find(area, MAGIC) else { return false };
    let rest = area.get(at..).unwrap_or_default();
    let Some((version, modules)) = texts(rest) else {
        // Before 1.18 there are pointers in place of texts.
        examination.property("compiler", "Go before 1.18");
        return true;
    };
    examination.property("compiler", "Go");
    examination.property("go-version", version);
    let mut dependencies = Vec::new();
    for line in modules.lines() {
        let mut fields = line.split('\t');
        match (fields.next(), fields.next(), fields.next()) {
            (Some("path"), Some(path), _) => examination.property("go-package", path),
            (Some("mod"), Some(path), version) => {
                examination.property("go-module", join(path, version));
            }
            (Some("dep"), Some(path), version) if dependencies.len() < MAX_MODULES => {
                dependencies.push(join(path, version));
            }
            (Some("build"), Some(setting), _) if setting.starts_with("vcs.revision=") => {
                let revision = setting.trim_start_matches("vcs.revision=");
                examination.property("go-revision", revision);
            }
            _ => {}
        }
    }
    if !dependencies.is_empty() {
        examination.property("go-dependencies", dependencies.join(" "));
    }
    true
}

fn join(path: &str, version: Option<&str>) -> String {
    match version.filter(|version| !version.is_empty()) {
        Some(version) => format!("{path}@{version}"),
        None => path.to_owned(),
    }
}

/// Version and module list, where they stand behind the header with their lengths.
fn texts(info: &[u8]) -> Option<(String, String)> {
    if info.get(15)? & 2 == 0 {
        return None;
    }
    let mut rest = info.get(32..)?;
    let version = text(&mut rest)?;
    let modules = text(&mut rest).unwrap_or_default();
    let inner = modules.len().checked_sub(SENTINEL).and_then(|end| modules.get(SENTINEL..end));
    let modules = String::from_utf8_lossy(inner.unwrap_or_default()).into_owned();
    Some((String::from_utf8_lossy(version).into_owned(), modules))
}

/// A length in base 128, lowest digits first, then that many bytes.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0u64;
    for (number, &byte) in rest.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            let start = number + 1;
            let end = start + usize::try_from(length).ok().filter(|_| length <= MAX_TEXT)?;
            let found = rest.get(start..end)?;
            *rest = rest.get(end..)?;
            return Some(found);
        }
    }
    None
}
