use serde::{Deserialize, Serialize};

use crate::{
    ChildRef, EngineName, EngineResult, Failure, FileType, KeyId, NodeId, Priority, ProblemKind,
    Request, UnixMillis, Verdict,
};

/// The verdict of a whole node or tree. Failures stand beside it: they never turn into clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportVerdict {
    /// The gravest verdict that any engine gave.
    pub verdict: Verdict,
    /// The first failure in order of [`Failure`], when any engine failed on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What kept it from being read whole, in order of [`ProblemKind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemKind>,
}

impl ReportVerdict {
    /// Whether it may be called clean: looked at, whole, and nothing found.
    pub fn is_clean(&self) -> bool {
        self.verdict == Verdict::NoThreat && self.failure.is_none() && self.problem.is_none()
    }

    /// Of two parts, the verdict of both.
    pub fn join(self, other: Self) -> Self {
        fn first<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        Self {
            verdict: self.verdict.max(other.verdict),
            failure: first(self.failure, other.failure),
            problem: first(self.problem, other.problem),
        }
    }
}

/// One engine's entry in a node of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "value")]
pub enum EngineEntry {
    /// It answered.
    Done(Box<EngineResult>),
    /// It was not asked, because it does not read this type.
    NotApplicable(String),
    /// It was not asked, because no host of it was alive, for this reason.
    Down(String),
    /// It did not answer by the deadline.
    TimedOut,
}

/// Unpacking's sum over a whole tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnpackSummary {
    /// Nodes below the root.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Levels below the root.
    pub depth: u32,
}

/// One artifact of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Which.
    pub node: NodeId,
    /// `None` for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<NodeId>,
    /// Its name, as its container gives it.
    pub name: String,
    /// Names from the root's child down to this node, joined by `/`; empty for the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The bytes.
    pub artifact: crate::ArtifactRef,
    /// What it is; `None` when it was left out or never planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_type: Option<FileType>,
    /// Whether it was stored encrypted in its container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Every engine's entry, in the plan's order.
    pub engines: Vec<(EngineName, EngineEntry)>,
    /// Its children, in the container's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildRef>,
    /// Of this node alone.
    pub own: ReportVerdict,
    /// Of this node and all below it.
    pub whole: ReportVerdict,
}

/// The answer to a request. Topic `palisade.reports`, and the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The request as it was accepted (passwords are never kept here).
    pub request: Request,
    /// Of the whole tree.
    pub verdict: ReportVerdict,
    /// Whether something that was planned did not end by the deadline (law 3).
    pub partial: bool,
    /// Every node, root first, parents before children.
    pub nodes: Vec<NodeReport>,
    /// Sums.
    pub unpacked: UnpackSummary,
    /// When the extractor first saw the request.
    pub started: UnixMillis,
    /// When the report was made.
    pub finished: UnixMillis,
}

impl Report {
    /// The entry of a node.
    pub fn node(&self, node: NodeId) -> Option<&NodeReport> {
        self.nodes.iter().find(|entry| entry.node == node)
    }

    /// The root's entry. A report always has one.
    pub fn root(&self) -> Option<&NodeReport> {
        self.nodes.first()
    }
}

/// Tells that a request is finished. Topic `palisade.reports`; the report itself is in the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNotice {
    /// Whose.
    pub request: crate::RequestId,
    /// Of the whole tree.
    pub verdict: ReportVerdict,
    /// Whether something planned did not end.
    pub partial: bool,
    /// When the report was made.
    pub finished: UnixMillis,
}

/// The key of the report cache: the bytes, what was asked of them, and every engine's definitions.
/// A change of any of them is another key (the order of `definitions` does not matter).
pub fn cache_key<'a>(
    artifact: crate::Sha256,
    facets: crate::Sha256,
    definitions: impl IntoIterator<Item = (&'a EngineName, &'a str)>,
) -> crate::Sha256 {
    use sha2::Digest;
    let mut sorted: Vec<_> = definitions.into_iter().collect();
    sorted.sort_unstable();
    let mut digest = sha2::Sha256::new();
    digest.update(artifact.0);
    digest.update(facets.0);
    for (engine, version) in sorted {
        // Neither contains a NUL: names are `[a-z0-9-]`, versions are text.
        digest.update(engine.as_str());
        digest.update([0]);
        digest.update(version);
        digest.update([0]);
    }
    crate::Sha256(digest.finalize().into())
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Results that are in.
    pub done: u32,
    /// Results that are known to be coming; grows while containers are unpacked.
    pub expected: u32,
}

impl Progress {
    /// 0 to 99: 100 is only for a report.
    pub fn percent(self) -> u8 {
        if self.expected == 0 {
            return 0;
        }
        u8::try_from(u64::from(self.done) * 100 / u64::from(self.expected)).unwrap_or(99).min(99)
    }
}

/// What is known of a request before its report, and in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Whose.
    pub node: NodeId,
    /// The name that the caller gave it.
    pub name: String,
    /// The bytes.
    pub artifact: crate::ArtifactRef,
    /// When it was accepted.
    pub accepted: UnixMillis,
    /// When its report is due.
    pub deadline: UnixMillis,
    /// Who waits.
    pub priority: Priority,
    /// Whose key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The caller's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The caller's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
    /// The workflow's name.
    pub workflow: String,
}

impl RequestSummary {
    /// Of a root request.
    pub fn of(request: &Request) -> Self {
        Self {
            node: request.node,
            name: request.name.clone(),
            artifact: request.artifact.clone(),
            accepted: request.accepted,
            deadline: request.deadline,
            priority: request.priority,
            key: request.key,
            user_agent: request.user_agent.clone(),
            metadata: request.metadata.clone(),
            workflow: request.workflow.clone(),
        }
    }
}
