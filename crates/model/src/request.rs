use serde::{Deserialize, Serialize};

use crate::{EngineName, Hashes, Inline, KeyId, NodeId, Policy, Sha256, UnixMillis};

/// Who waits: a person or a program in front of a screen, or nobody.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Served first.
    #[default]
    Interactive,
    /// Served when nothing interactive waits, with a guaranteed share.
    Batch,
}

impl Priority {
    /// Both, first the one served first.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Batch];
}

/// An artifact in the object store, with everything that was computed when it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Its names.
    pub hashes: Hashes,
    /// Bytes.
    pub size: u64,
}

impl ArtifactRef {
    /// Its name in the object store.
    pub fn sha256(&self) -> Sha256 {
        self.hashes.sha256
    }
}

/// Where to tell that a report is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// An `http` or `https` URL.
    pub url: String,
}

/// Bounds of unpacking for a whole request (law 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackLimits {
    /// Levels of nesting below the root.
    pub max_depth: u32,
    /// Children in the whole tree.
    pub max_files: u32,
    /// Bytes of one child.
    pub max_file_bytes: u64,
    /// Bytes of all children in the whole tree.
    pub max_total_bytes: u64,
    /// Unpacked bytes for each packed byte of one container.
    pub max_ratio: u32,
}

impl Default for UnpackLimits {
    /// 16 levels, 20,000 files, 1 GiB each, 4 GiB together, ratio 1,000.
    fn default() -> Self {
        Self {
            max_depth: 16,
            max_files: 20_000,
            max_file_bytes: 1 << 30,
            max_total_bytes: 4 << 30,
            max_ratio: 1_000,
        }
    }
}

/// Where a child came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The node that it was unpacked from.
    pub parent: NodeId,
    /// Levels below the root: 1 for a child of the root.
    pub depth: u32,
    /// The artifacts above it, root first: a child that is one of them is a quine.
    pub ancestors: Vec<Sha256>,
}

/// What somebody asks of one artifact, or what unpacking asks of a child. Topic
/// `palisade.requests`, keyed by the root's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose request it is.
    pub node: NodeId,
    /// For a child, where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The bytes.
    pub artifact: ArtifactRef,
    /// They themselves, where they are few and the object store is far away: then nobody has to fetch
    /// them, and those of a child are nowhere else. On the log only, never in a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// The name that the caller, or the container, gives it. Never a path on our side.
    pub name: String,
    /// Names from the root's child down to this node, joined by `/`; empty for the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The workflow (which stages, which engines) by name.
    pub workflow: String,
    /// The engines asked for; `None` for the workflow's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engines: Option<Vec<EngineName>>,
    /// Passwords to try on encrypted content, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<String>,
    /// The bounds of unpacking.
    pub limits: UnpackLimits,
    /// When the root was accepted.
    pub accepted: UnixMillis,
    /// When the report is due (law 3). The same for the whole tree.
    pub deadline: UnixMillis,
    /// Who waits.
    #[serde(default)]
    pub priority: Priority,
    /// Whose key it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The caller's program, as it names itself; at most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The caller's own data, given back in the report; JSON, at most 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
    /// Where to tell that the report is ready. Only in requests of earlier programs: a report can be
    /// read by any key, and this address is nobody's business. See [`crate::Delivery`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// What its workflow advises beyond the verdict; `None` for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What besides the bytes decides the answer (name, workflow and its policy, engines, passwords,
    /// bounds): half of
    /// the report cache's key, see [`crate::cache_key`]. `None` for children and for requests that
    /// must not be answered from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facets: Option<Sha256>,
}

impl Request {
    /// Takes out what people who read it later are not to have: secrets, and hostile bytes.
    pub fn redact(&mut self) {
        self.passwords.clear();
        self.inline = None;
    }
}
