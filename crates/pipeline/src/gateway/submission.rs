use palisade_model::{
    BatchId, EngineName, KeyId, Policy, Priority, RequestId, Sha256, UnpackLimits,
};
use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::DEFAULT_WORKFLOW;

/// What a caller asks of an artifact, apart from its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The file name that the caller gives.
    pub name: String,
    /// The workflow's name.
    pub workflow: String,
    /// The engines asked for; `None` for all of the workflow.
    pub engines: Option<Vec<EngineName>>,
    /// Passwords for encrypted content.
    pub passwords: Vec<String>,
    /// Bounds of unpacking; `None` for the gateway's own.
    pub limits: Option<UnpackLimits>,
    /// Milliseconds to the report; `None` for the priority's own.
    pub deadline_ms: Option<u64>,
    /// Who waits.
    pub priority: Priority,
    /// Whose key it came with.
    pub key: Option<KeyId>,
    /// The caller's program.
    pub user_agent: Option<String>,
    /// The caller's own data.
    pub metadata: Option<serde_json::Value>,
    /// The URL to tell when the report is ready.
    pub tell: Option<String>,
    /// The batch that it belongs to.
    pub batch: Option<BatchId>,
    /// The id that it must have; `None` for a fresh one.
    pub id: Option<RequestId>,
    /// Whether an earlier report on the same bytes will do.
    pub cache: bool,
}

impl Submission {
    /// A plain interactive request for a file of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            workflow: DEFAULT_WORKFLOW.to_owned(),
            engines: None,
            passwords: Vec::new(),
            limits: None,
            deadline_ms: None,
            priority: Priority::Interactive,
            key: None,
            user_agent: None,
            metadata: None,
            tell: None,
            batch: None,
            id: None,
            cache: true,
        }
    }

    /// What of this decides the answer, besides the bytes and the definitions: with the bounds, the
    /// engines and the policy that are in force, which may be the workflow's.
    pub(super) fn facets(
        &self,
        limits: &UnpackLimits,
        engines: Option<&[EngineName]>,
        policy: Option<&Policy>,
    ) -> Sha256 {
        let mut digest = sha2::Sha256::new();
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        // The name counts: the file type engine compares it with the content.
        field(self.name.as_bytes());
        field(self.workflow.as_bytes());
        let mut engines: Vec<&str> =
            engines.unwrap_or_default().iter().map(EngineName::as_str).collect();
        engines.sort_unstable();
        field(engines.join(",").as_bytes());
        for password in &self.passwords {
            field(password.as_bytes());
        }
        field(format!("{limits:?}").as_bytes());
        if let Some(policy) = policy {
            field(format!("{policy:?}").as_bytes());
        }
        Sha256(digest.finalize().into())
    }
}
