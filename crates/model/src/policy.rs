use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::FileType;

/// An outcome that a workflow may let pass. It stays what it is in the report; only the advice
/// (`Allowed` or `Blocked`) changes. What is malicious, block-listed, failed or cancelled cannot be
/// let pass: nobody looked at the end of it, or somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerated {
    /// Something that legitimate files rarely have.
    Suspicious,
    /// Engines looked, and none knows.
    Unknown,
    /// An encrypted archive or member.
    EncryptedArchive,
    /// A password-protected document.
    EncryptedDocument,
    /// Nested deeper than the limit.
    TooDeep,
    /// More files than the limit.
    TooManyFiles,
    /// More bytes than the limit.
    TooLarge,
    /// Unpacking did not end by the deadline.
    TimedOut,
    /// A method, version or format that is not read.
    Unsupported,
    /// Left out for a stated reason.
    NotScanned,
}

/// What a workflow advises to let pass and to block, beyond the verdict. It travels with the request,
/// so that a report means for ever what it meant when it was made.
///
/// A type is named by its id (`pe`), its usual extension (`exe`), its media type or its category
/// (`executable`), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Outcomes that pass.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tolerate: BTreeSet<Tolerated>,
    /// Types of which every file is blocked, at any level.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub block_types: BTreeSet<String>,
    /// If not empty, the types that the scanned file itself may have. What is inside it is not held to
    /// this list: a text document is made of files of many types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub allow_types: BTreeSet<String>,
}

impl Policy {
    /// Why a file of this type is blocked; `None` when its type is no reason. `root` says that it is
    /// the scanned file itself. A type that could not be told is blocked by any list of allowed types.
    pub fn blocks_type(&self, file_type: Option<&FileType>, root: bool) -> Option<&'static str> {
        let named = |list: &BTreeSet<String>| {
            file_type.is_some_and(|file_type| {
                [&file_type.id, &file_type.extension, &file_type.mime, &file_type.category]
                    .into_iter()
                    .any(|name| !name.is_empty() && list.contains(name.as_str()))
            })
        };
        if named(&self.block_types) {
            return Some("Blocked File Type");
        }
        (root && !self.allow_types.is_empty() && !named(&self.allow_types))
            .then_some("File Type Not Allowed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, category: &str) -> FileType {
        FileType {
            id: id.to_owned(),
            description: String::new(),
            mime: format!("application/{id}"),
            extension: String::new(),
            category: category.to_owned(),
        }
    }

    fn list(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn types_are_blocked_anywhere_and_allowed_at_the_root() {
        let policy = Policy {
            block_types: list(&["executable"]),
            allow_types: list(&["application/docx", "pdf"]),
            ..Policy::default()
        };
        let (docx, pe, png) = (of("docx", "document"), of("pe", "executable"), of("png", "image"));
        for (file_type, root, blocked) in [
            (Some(&docx), true, false),
            (Some(&pe), true, true),
            (Some(&pe), false, true),
            (Some(&png), true, true),
            (Some(&png), false, false),
            (None, true, true),
            (None, false, false),
        ] {
            let reason = policy.blocks_type(file_type, root);
            assert_eq!(reason.is_some(), blocked, "{file_type:?} {root}");
        }
        assert_eq!(Policy::default().blocks_type(None, true), None);
    }
}
