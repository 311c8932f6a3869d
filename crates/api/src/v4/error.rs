use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error, in the form of the Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// Always false.
    pub success: bool,
    /// What is wrong.
    pub error: ErrorDetail,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Six digits; the first three are the HTTP status.
    #[schema(example = 404004)]
    pub code: u32,
    /// For people: what happened and what to do.
    pub messages: Vec<String>,
}

/// An error, in the form of Core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoreErrorBody {
    /// For people: what happened and what to do.
    pub err: String,
    /// A scan that goes on, when a synchronous one took too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_id: Option<String>,
}
