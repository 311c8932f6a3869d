use serde::{Deserialize, Serialize};

use crate::{
    CommandId, EngineName, Failure, Finding, NodeId, Request, RequestSummary, Severity, Sha256,
    UnixMillis, Verdict,
};

/// What an artifact is, by content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileType {
    /// Short stable id: `zip`, `pe`, `docx`; `binary` and `empty` when nothing more is known.
    pub id: String,
    /// For people.
    pub description: String,
    /// Media type.
    pub mime: String,
    /// The usual extension, without the dot; may be empty.
    pub extension: String,
    /// `archive`, `executable`, `script`, `document`, `pdf`, `mail`, `image`, `media`, `text`,
    /// `other`.
    pub category: String,
}

/// An engine's rules, signatures or model: results carry it, and the report cache is keyed by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Definitions {
    /// Changes whenever the answer to the same bytes may change.
    pub version: String,
    /// When they were made.
    pub time: UnixMillis,
}

/// What is planned for an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Planned {
    /// It has a command.
    Run,
    /// It has none, because it does not read this type. No failure.
    NotApplicable(String),
    /// It has none, because no host of it is alive, for this reason. A failure: the report is
    /// partial (law 3).
    Down(String),
}

/// One engine in a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEngine {
    /// Which.
    pub engine: EngineName,
    /// Whether it runs.
    pub planned: Planned,
    /// The definitions that the extractor saw in force: part of the report cache's key for an engine
    /// that has no result of its own.
    pub definitions: Definitions,
}

/// Which results to expect for one node. Written by the extractor beside the commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The request as it came.
    pub request: Request,
    /// What the artifact is.
    pub file_type: FileType,
    /// One entry for every engine that the report will show.
    pub engines: Vec<PlannedEngine>,
}

/// Verdict or the reason for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Outcome {
    /// The engine looked and says this.
    Verdict(Verdict),
    /// The engine has no verdict.
    Failure(Failure),
}

/// What could not be read of a container, in a word: each has its own outcome code (law 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// An encrypted archive or member: no password, or none that fits.
    EncryptedArchive,
    /// A password-protected document.
    EncryptedDocument,
    /// Nested deeper than the limit, or a file that contains itself.
    TooDeep,
    /// More files than the limit.
    TooManyFiles,
    /// More bytes than the limit, a ratio above it, or overlapping members.
    TooLarge,
    /// Unpacking did not end by the deadline.
    TimedOut,
    /// Ends early.
    Truncated,
    /// Contradicts itself.
    Corrupt,
    /// A method, version or format that we do not read.
    Unsupported,
}

/// Something in the artifact that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// In a word.
    pub kind: ProblemKind,
    /// The member; empty for the container itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// One line for people.
    pub detail: String,
}

/// What kind of thing an [`Observable`] is. The names are those of STIX 2.1's cyber-observable objects
/// (section 6), with `file-hash` for the hashes of its file object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObservableKind {
    /// A URL with its scheme.
    Url,
    /// A host name.
    DomainName,
    /// An IPv4 address.
    #[serde(rename = "ipv4-addr")]
    Ipv4,
    /// An IPv6 address.
    #[serde(rename = "ipv6-addr")]
    Ipv6,
    /// A mail address.
    EmailAddr,
    /// An MD5, SHA-1 or SHA-256 in hexadecimal that stands in the artifact's content.
    FileHash,
}

/// Something in an artifact that can be looked up elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observable {
    /// What it is.
    pub kind: ObservableKind,
    /// As it would be looked up: a host name in lower case, a URL without the white space around it.
    pub value: String,
    /// Where it was found: `relationship`, `macro`, `header From`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
}

/// A fact about an artifact that is no finding: `imphash`, `compiler`, `signer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its stable name, in kebab case.
    pub name: String,
    /// Its value, as text.
    pub value: String,
}

/// A child found by unpacking, now a request of the same root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRef {
    /// Its node.
    pub node: NodeId,
    /// Its name in the container.
    pub name: String,
    /// The bytes' name in the object store. The other hashes come with the child's own plan: a
    /// container may have many thousand children, and this list is one message.
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
    /// Whether it was stored encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// When set, no request was made for it, and this says why (too deep, a quine).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<ProblemKind>,
}

/// What one engine says of one node. Topic `palisade.results`, keyed by the root's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineResult {
    /// Whose work it is.
    pub command: CommandId,
    /// What it says.
    pub outcome: Outcome,
    /// The name of the threat, for a verdict above [`Verdict::Unknown`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    /// Why, for a failure: one line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What it could not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Addresses and hashes in the artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observables: Vec<Observable>,
    /// Facts about the artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// What it unpacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildRef>,
    /// With which definitions.
    pub definitions: Definitions,
    /// Microseconds from the command's issue to its start.
    pub wait_us: u64,
    /// Microseconds of the scan itself.
    pub scan_us: u64,
}

impl EngineResult {
    /// One that found nothing and took no time: what is known otherwise is put into it.
    pub fn new(command: CommandId, definitions: Definitions) -> Self {
        Self {
            command,
            outcome: Outcome::Verdict(Verdict::NoThreat),
            threat: None,
            reason: None,
            findings: Vec::new(),
            problems: Vec::new(),
            observables: Vec::new(),
            properties: Vec::new(),
            children: Vec::new(),
            definitions,
            wait_us: 0,
            scan_us: 0,
        }
    }

    /// The gravest severity among the findings.
    pub fn gravest(findings: &[Finding]) -> Severity {
        findings.iter().map(|finding| finding.severity).max().unwrap_or_default()
    }
}

/// What the aggregator folds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum NodeEvent {
    /// What to expect for a node.
    Plan(Box<Plan>),
    /// What an engine says of a node.
    Result(Box<EngineResult>),
    /// Whoever asked takes the request back: its report is made now, of what is there.
    Cancel(Box<RequestSummary>),
}

impl NodeEvent {
    /// Which node it is about.
    pub fn node(&self) -> NodeId {
        match self {
            Self::Plan(plan) => plan.request.node,
            Self::Result(result) => result.command.node,
            Self::Cancel(summary) => summary.node,
        }
    }
}

/// A message that could not be worked on. Topic `palisade.dead-letters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Stable: the topic and what the message was about, so that a repeat is the same letter.
    pub id: String,
    /// The topic that it was taken from.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// Why it is here, for people.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it came here.
    pub time: UnixMillis,
    /// The message itself, as it was on the topic (a wire form, UTF-8 JSON).
    pub payload: String,
}
