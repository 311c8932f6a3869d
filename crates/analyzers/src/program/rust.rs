use std::io::Read;

use flate2::read::ZlibDecoder;
use memchr::memmem;

use crate::Examination;

/// Bytes that are searched for the compiler's path.
const MAX_SEARCHED: usize = 64 << 20;
/// Bytes of the unpacked list of dependencies.
const MAX_LIST: u64 = 4 << 20;
/// Dependencies that are listed.
const MAX_CRATES: usize = 40;

/// Notes the compiler's commit, as panic messages hold it, and the dependencies that `cargo auditable`
/// writes (its `.dep-v0` section: JSON, deflated). Gives whether Rust made this program.
pub(crate) fn note_rust(examination: &mut Examination<'_>, audit: Option<&[u8]>) -> bool {
    let bytes = examination.bytes();
    let searched = bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default();
    let commit = memmem::find(searched, b"/rustc/").and_then(|at| {
        let commit = searched.get(at + 7..at + 47)?;
        commit.iter().all(u8::is_ascii_hexdigit).then(|| String::from_utf8_lossy(commit))
    });
    let crates = audit.and_then(dependencies);
    if commit.is_none() && crates.is_none() {
        return false;
    }
    examination.property("compiler", "Rust");
    if let Some(commit) = commit {
        examination.property("rustc-commit", commit);
    }
    if let Some(crates) = crates {
        examination.property("rust-dependencies", crates);
    }
    true
}

fn dependencies(packed: &[u8]) -> Option<String> {
    let mut list = Vec::new();
    ZlibDecoder::new(packed).take(MAX_LIST).read_to_end(&mut list).ok()?;
    let list: serde_json::Value = serde_json::from_slice(&list).ok()?;
    let names: Vec<String> = list
        .get("packages")?
        .as_array()?
        .iter()
        .take(MAX_CRATES)
        .filter_map(|package| {
            let (name, version) = (package.get("name")?, package.get("version")?);
            Some(format!("{}@{}", name.as_str()?, version.as_str()?))
        })
        .collect();
    Some(names.join(" "))
}
