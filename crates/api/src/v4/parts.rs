use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An upload in parts that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadBegun {
    /// Send the parts to `POST /file/multipart/{data_id}`; later it names the scan.
    pub data_id: String,
}

/// What has come of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartsReceived {
    /// Which bytes are there: `first-last`, both included, joined by `, `.
    #[schema(example = "0-1999999, 4000000-10485759")]
    pub ranges_received: String,
    /// Whether every byte is there: then the scan has begun.
    pub completed: bool,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadStatus {
    /// Which.
    pub data_id: String,
    /// Which bytes are there: `first-last`, both included, joined by `, `.
    pub ranges_received: String,
    /// `uploading`, `timed out`, or `completed`: then `GET /file/{data_id}` has the result.
    pub status: String,
    /// Bytes of the whole file.
    pub total_length: u64,
    /// When it is forgotten unless it is complete; absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}
