use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workflow that the header `rule` may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// What the header says.
    pub name: String,
    /// The largest file that it takes, in bytes.
    pub max_file_size: u64,
    /// For people; absent when the operator gives none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The engines that it runs; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engines: Option<Vec<String>>,
    /// Whether it is what this key's requests get when they name none.
    pub is_default: bool,
}
