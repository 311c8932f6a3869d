use serde::{Deserialize, Serialize};

use crate::{KeyId, RequestId, Sha256, UnixMillis};

/// A file that comes in parts. Once every byte is there it becomes the request of the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Which: the id of the request that it becomes.
    pub id: RequestId,
    /// Whose key it was begun with: only that key sends parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// When it was begun.
    pub created: UnixMillis,
    /// When it is forgotten if it is not complete.
    pub expires: UnixMillis,
    /// Bytes of the whole file.
    pub total: u64,
    /// What was asked with it, in the gateway's own form. It may hold passwords: it goes when the
    /// upload is complete, given up or forgotten.
    pub asked: String,
}

/// A piece of an upload, an object of its own in the object store until the upload is complete.
/// Parts may overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// Its place in the file, in bytes.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// Its name in the object store.
    pub sha256: Sha256,
}
