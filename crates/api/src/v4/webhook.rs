use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a callback went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookStatus {
    /// The scan or batch that it tells of.
    pub data_id: String,
    /// The URL as it was given.
    pub url: String,
    /// When it was tried last; when it was asked for if it was not tried yet.
    pub request_time: String,
    /// The HTTP status of the last answer; 0 when there was none.
    pub status_code: u16,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, at the earliest; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_time: Option<String>,
    /// What went wrong last; absent when nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
