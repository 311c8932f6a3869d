use serde::{Deserialize, Serialize};

use crate::Verdict;

/// How grave a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; says nothing about intent.
    #[default]
    Info,
    /// Legitimate files rarely have it.
    Suspicious,
    /// Conclusive by itself.
    Malicious,
}

impl Severity {
    /// The verdict that a finding of this severity supports.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Info => Verdict::NoThreat,
            Self::Suspicious => Verdict::Suspicious,
            Self::Malicious => Verdict::Malicious,
        }
    }
}

/// Something an engine noticed, named and explained.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name within the engine: `double-extension`, or the name of a YARA rule.
    pub id: String,
    /// How grave.
    pub severity: Severity,
    /// One line for people.
    pub explanation: String,
    /// Rule tags, capability groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// MITRE ATT&CK technique ids, for example `T1059.001`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A place in the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is called there: a rule's string (`$a`), a section, a header.
    pub label: String,
    /// Bytes from the start of the artifact.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// The first bytes there, printable ASCII as it is and the rest as `\xNN`; at most 64 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}
