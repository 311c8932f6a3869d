use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The largest rule file, in bytes.
const MAX_RULE_BYTES: u64 = 16 << 20;

/// Rule files in one directory tree.
const MAX_RULE_FILES: usize = 20_000;

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// For messages, and the namespace of its rules.
    pub name: String,
    /// Its text.
    pub source: String,
}

macro_rules! rule_files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("rules/", $name, ".yar")))),*]
    };
}

/// Our own starter rules.
pub fn built_in_rules() -> Vec<RuleFile> {
    const FILES: &[(&str, &str)] = rule_files![
        "executable",
        "extortion",
        "html",
        "linux",
        "office",
        "pdf",
        "script",
        "shortcut",
        "test_file",
        "webshell",
    ];
    FILES
        .iter()
        .map(|(name, source)| RuleFile { name: (*name).to_owned(), source: (*source).to_owned() })
        .collect()
}

/// Every `.yar` and `.yara` file of a directory tree, or the one file that the path names; sorted.
/// A directory or file that cannot be read, is too large or is no UTF-8 is a line in `problems`; the
/// others are used.
pub fn read_rules(path: &Path, problems: &mut Vec<String>) -> Vec<RuleFile> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        if files.len() >= MAX_RULE_FILES {
            problems.push(format!("{}: more than {MAX_RULE_FILES} rule files", path.display()));
            break;
        }
        match read_one(&path) {
            Ok(Found::Below(paths)) => waiting.extend(paths),
            Ok(Found::Rules(source)) => {
                files.push(RuleFile { name: path.display().to_string(), source });
            }
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

enum Found {
    Below(Vec<PathBuf>),
    Rules(String),
}

fn read_one(path: &Path) -> io::Result<Found> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_dir() {
        if metadata.len() > MAX_RULE_BYTES {
            return Err(io::Error::other("a rule file may have 16 MiB at most"));
        }
        return std::fs::read_to_string(path).map(Found::Rules);
    }
    let mut below = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_rule = entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "yar" || extension == "yara");
        // A link to a directory may point upwards; only links to files are followed.
        if is_rule || entry.file_type()?.is_dir() {
            below.push(entry.path());
        }
    }
    Ok(Found::Below(below))
}
