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
///
/// # Errors
/// A path that cannot be read, a file that is too large or no UTF-8, too many files.
pub fn read_rules(path: &Path) -> io::Result<Vec<RuleFile>> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let context =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let metadata = std::fs::metadata(&path).map_err(context)?;
        if metadata.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(context)? {
                let entry = entry.map_err(context)?;
                let is_rule = entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "yar" || extension == "yara");
                // A link to a directory may point upwards; only links to files are followed.
                if is_rule || entry.file_type().map_err(context)?.is_dir() {
                    waiting.push(entry.path());
                }
            }
            continue;
        }
        if metadata.len() > MAX_RULE_BYTES {
            return Err(context(io::Error::other("a rule file may have 16 MiB at most")));
        }
        if files.len() >= MAX_RULE_FILES {
            return Err(context(io::Error::other("more than 20,000 rule files")));
        }
        let source = std::fs::read_to_string(&path).map_err(context)?;
        files.push(RuleFile { name: path.display().to_string(), source });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
