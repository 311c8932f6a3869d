//! What is read of a line of `palisade scan --format jsonl`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One file with everything in it.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) file_info: FileInfo,
    /// Why it could not be read at all.
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) scan_results: ScanResults,
    #[serde(default)]
    pub(super) partial: bool,
    #[serde(default)]
    pub(super) tree: Vec<Node>,
    #[serde(default)]
    pub(super) tree_total: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileInfo {
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) file_size: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ScanResults {
    #[serde(default)]
    pub(super) scan_all_result_a: String,
}

/// An artifact: the file, or a file in it.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) path: String,
    #[serde(default)]
    pub(super) file_type_description: String,
    pub(super) scan_details: BTreeMap<String, Engine>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Engine {
    pub(super) state: State,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) threat_found: String,
    #[serde(default)]
    pub(super) findings: Vec<Finding>,
    #[serde(default)]
    pub(super) problems: Vec<Problem>,
}

/// What an engine's answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    NoThreat,
    Unknown,
    Suspicious,
    Malicious,
    Failed,
    TimedOut,
    Encrypted,
    NotScanned,
    Cancelled,
    NotApplicable,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Severity {
    Info,
    Suspicious,
    Malicious,
}

#[derive(Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) id: String,
    pub(super) severity: Severity,
    #[serde(default)]
    pub(super) explanation: String,
    #[serde(default)]
    pub(super) evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Evidence {
    #[serde(default)]
    pub(super) offset: u64,
    #[serde(default)]
    pub(super) excerpt: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) detail: String,
}

/// Something in an artifact that a person has to know of.
#[derive(Debug)]
pub(super) struct Remark {
    /// `engine/finding`, `engine/problem/kind`, `engine/failure/state`, or `scan/…`.
    pub(super) what: String,
    pub(super) kind: Kind,
    /// Explanation and evidence, for whoever looks at the file.
    pub(super) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Malicious,
    Suspicious,
    /// It was not read, or not whole.
    Unread,
    /// Needs no reason: `docs/findings.md` and the rules say what it is.
    Info,
}

impl Node {
    /// Everything that the engines remark.
    pub(super) fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for (name, engine) in &self.scan_details {
            remarks.extend(engine.findings.iter().map(|finding| Remark {
                what: format!("{name}/{}", finding.id),
                kind: match finding.severity {
                    Severity::Info => Kind::Info,
                    Severity::Suspicious => Kind::Suspicious,
                    Severity::Malicious => Kind::Malicious,
                },
                detail: finding.detail(),
            }));
            remarks.extend(engine.problems.iter().map(|problem| Remark {
                what: format!("{name}/problem/{}", problem.kind),
                kind: Kind::Unread,
                detail: [problem.name.as_str(), &problem.detail].join(" "),
            }));
            remarks.extend(engine.failure().map(|failure| Remark {
                what: format!("{name}/{failure}"),
                kind: match engine.state {
                    State::Malicious => Kind::Malicious,
                    State::Suspicious => Kind::Suspicious,
                    _ => Kind::Unread,
                },
                detail: engine.reason.clone().unwrap_or_default(),
            }));
        }
        remarks
    }
}

impl Engine {
    /// An answer that findings and problems do not tell of.
    fn failure(&self) -> Option<String> {
        let least = match self.state {
            State::Malicious => Severity::Malicious,
            State::Suspicious => Severity::Suspicious,
            _ => Severity::Info,
        };
        match self.state {
            State::NoThreat | State::Unknown | State::NotApplicable => None,
            // An engine that gives a name and no findings.
            State::Suspicious | State::Malicious => {
                let told = self.findings.iter().any(|finding| finding.severity >= least);
                (!told).then(|| format!("threat/{}", self.threat_found))
            }
            State::Encrypted | State::NotScanned if !self.problems.is_empty() => None,
            State::Failed => Some("failure/failed".to_owned()),
            State::TimedOut => Some("failure/timed-out".to_owned()),
            State::Encrypted => Some("failure/encrypted".to_owned()),
            State::NotScanned => Some("failure/not-scanned".to_owned()),
            State::Cancelled => Some("failure/cancelled".to_owned()),
            State::Down => Some("failure/down".to_owned()),
        }
    }
}

impl Finding {
    fn detail(&self) -> String {
        let mut text = self.explanation.clone();
        for evidence in &self.evidence {
            let excerpt: String = evidence.excerpt.chars().take(120).collect();
            text.push_str(&format!(" [at {}: {excerpt}]", evidence.offset));
        }
        text
    }
}
