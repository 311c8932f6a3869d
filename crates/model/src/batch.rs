use serde::{Deserialize, Serialize};

use crate::{BatchId, KeyId, UnixMillis};

/// Files that somebody sends one by one and wants one answer to. Its files are requests like any
/// other; the records know which are its.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Which.
    pub id: BatchId,
    /// When it was made.
    pub created: UnixMillis,
    /// Whose key it was made with: only that key adds files, closes or cancels it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The workflow of files that name none.
    pub workflow: String,
    /// The caller's program, as it names itself; at most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The caller's own text, given back; at most 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
}
