use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who signs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The name, as in the settings.
    pub user: String,
    /// The password, at most 1,024 bytes.
    pub password: String,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Chance: Palisade has no cookies, so it asks for no such token.
    #[serde(rename = "oms-csrf-token")]
    pub oms_csrf_token: String,
    /// What goes into the header `apikey`.
    pub session_id: String,
}
