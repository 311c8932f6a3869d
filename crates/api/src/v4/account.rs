use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may do. Sizes are in MiB, as the vendor's are; 0 means that there is no such service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Always 0: artifacts are not given out.
    pub max_file_download: u64,
    /// Largest upload, MiB.
    pub max_upload_file_size: u64,
    /// Levels of nesting that are unpacked.
    pub max_archive_file_depth: u64,
    /// Unpacked bytes of one request, MiB.
    pub max_archive_file_size: u64,
    /// Files of one request.
    pub max_archive_file_number: u64,
    /// Always 0: nothing is sanitized yet.
    pub limit_prevention: u64,
    /// Look-ups a day; the largest 32-bit number stands for no limit.
    pub limit_reputation: u64,
    /// Scans a day; the largest 32-bit number stands for no limit.
    pub limit_analysis: u64,
    /// Always 0.
    pub limit_sandbox: u64,
    /// Always 0.
    pub limit_feed: u64,
    /// Always `normal`.
    pub qos_scan: String,
    /// Always `Daily`.
    pub time_interval: String,
    /// The workflow of requests that name none.
    pub workflow_rule: String,
    /// Always true: nothing leaves this installation.
    pub enforce_private_scan: bool,
    /// Requests a minute; the largest 32-bit number stands for no limit.
    pub throttling_limit: u64,
    /// The key's name.
    pub nickname: String,
    /// When it was made.
    pub created_at: String,
    /// When it was made.
    pub updated_at: String,
    /// The key's id, as logs show it.
    pub key_id: String,
    /// `user` or `admin`.
    pub role: String,
}

/// Services of a key, used up or left; the largest 32-bit number stands for no limit, 0 for no such
/// service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Look-ups a day.
    pub reputation_api: u64,
    /// Scans a day.
    pub analysis_api: u64,
    /// Always 0.
    pub prevention_api: u64,
    /// Always 0.
    pub feed_api: u64,
    /// Always 0.
    pub download_file: u64,
    /// Always 0.
    pub sandbox_api: u64,
}

/// What is left of the limits now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsStatus {
    /// Scans left today and the other services.
    #[serde(flatten)]
    pub left: Limits,
    /// Requests left this minute.
    pub throttling_limit: u64,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminKey {
    /// Names it in lists and logs.
    #[schema(example = "a1b2c3d4e5f6")]
    pub id: String,
    /// Given by whoever made it.
    pub name: String,
    /// `user` or `admin`.
    pub role: String,
    /// Requests a minute; absent for the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Scans a day; absent for the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scans_per_day: Option<u32>,
    /// The workflow of its requests that name none; absent for the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

/// Every key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminKeys {
    /// Oldest first.
    pub keys: Vec<AdminKey>,
}

/// A key to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// 1 to 128 bytes.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// `user` (default) or `admin`.
    #[serde(default)]
    pub role: Option<String>,
    /// Requests a minute, at least 1; absent for the server's default.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Scans a day; absent for the server's default.
    #[serde(default)]
    pub scans_per_day: Option<u32>,
    /// The workflow of its requests that name none; absent for the default one.
    #[serde(default)]
    pub workflow: Option<String>,
}

/// A key that was just made: the only time that its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: AdminKey,
    /// What goes into the header `apikey`: 64 hexadecimal digits. It is not kept and cannot be
    /// shown again.
    pub apikey: String,
}
