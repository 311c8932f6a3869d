use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ErrorDetail;

/// The answer to an upload: the request is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Uploaded {
    /// Ask with it for the result.
    #[schema(example = "019a4f0c2b7be3d1a4c59f3d2e1b0a99")]
    pub data_id: String,
    /// `inqueue`, or `completed` when an earlier report on the same bytes answers it.
    pub status: String,
    /// Always 0: Palisade does not number its queue.
    pub in_queue: u32,
    /// `normal` for interactive requests, `low` for batch.
    pub queue_priority: String,
    /// Lower-case hexadecimal.
    pub md5: String,
    /// Lower-case hexadecimal.
    pub sha1: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Bytes received.
    pub file_size: u64,
}

/// The answer to a synchronous upload that was not scanned in time: the scan goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncTimeout {
    /// Always false.
    pub success: bool,
    /// Code 408000.
    pub error: ErrorDetail,
    /// Ask with it for the result.
    pub data_id: String,
}
