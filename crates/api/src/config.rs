use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whose form answers have where MetaDefender's two products differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// MetaDefender Cloud's.
    #[default]
    Cloud,
    /// MetaDefender Core's.
    Core,
}

/// A person or program that signs in with a password (`POST /login`). What it does counts for a key
/// that stands for it, whose id follows from its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Argon2 in the PHC string format: `$argon2id$v=19$m=19456,t=2,p=1$…`. Not printed with the
    /// other settings.
    #[serde(serialize_with = "not_shown")]
    pub password_hash: String,
    /// Whether it is an administrator. Default false.
    #[serde(default)]
    pub admin: bool,
    /// The workflow of its requests that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
}

fn not_shown<S: serde::Serializer>(_: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(not shown)")
}

impl std::fmt::Debug for UserConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UserConfig").field("admin", &self.admin).finish_non_exhaustive()
    }
}

/// Settings of the HTTP face. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Whose form answers have: `cloud` (default) or `core`.
    pub dialect: Dialect,
    /// Requests a minute for the whole server, over all keys; `None` (default) for no limit.
    pub requests_per_minute: Option<u32>,
    /// Requests a minute for a key that has no limit of its own; `None` (default) for no limit.
    pub key_requests_per_minute: Option<u32>,
    /// Scans a day (UTC) for a key that has no limit of its own; `None` (default) for no limit.
    pub key_scans_per_day: Option<u32>,
    /// Open connections; more wait in the kernel's queue. Default 2,048.
    pub max_connections: usize,
    /// Request line and headers together, at least 8,192. Default 65,536. Also the most that is
    /// read of a body at once.
    pub max_header_bytes: usize,
    /// Header lines. Default 100.
    pub max_headers: usize,
    /// For the whole head of a request, and how long a connection may be idle between two. Default
    /// 60,000.
    pub header_timeout_ms: u64,
    /// How long a body may give nothing at all. Default 30,000.
    pub body_idle_ms: u64,
    /// The least average rate of a body, in bytes a second, counted once the first
    /// `body_idle_ms` are over; 0 for none. Default 512.
    pub min_body_rate: u64,
    /// How long an answer may stay unacknowledged by the client's kernel. Default 60,000.
    pub write_timeout_ms: u32,
    /// How long `POST /file/sync` waits at most. Default 90,000.
    pub sync_timeout_ms: u64,
    /// The longest `?wait=` of `GET /file/{data_id}`. Default 60,000.
    pub long_poll_max_ms: u64,
    /// How often an event stream tells of progress. Default 500.
    pub progress_ms: u64,
    /// Entries of `tree` and of `files_in_archive` on a page that names no size. Default 1,000.
    pub page_size: usize,
    /// The largest page. Default 20,000.
    pub max_page_size: usize,
    /// Rendered results that are kept because clients ask again. Default 32 MiB.
    pub rendered_bytes: u64,
    /// How long a looked-up key is kept: a key that another process takes back works so much
    /// longer. 0 looks every request's key up. Default 1,000.
    pub key_cache_ms: u64,
    /// Whether `/metrics` needs a key of role admin. Default false.
    pub metrics_need_admin: bool,
    /// Whether `/readyz` is 503 while an engine is down. Default true. Where engines are deployed
    /// by themselves, false keeps the gateways in service; reports are partial then.
    pub engines_required: bool,
    /// How long an upload in parts may take from its beginning to its last part. Default
    /// 3,600,000; it must be less than artifacts are kept (`retention.artifacts_hours`).
    pub upload_ms: u64,
    /// Parts of one upload. Default 1,000.
    pub max_parts: u32,
    /// Uploads in parts that a key may have under way. Default 100.
    pub max_uploads_per_key: u32,
    /// How long a session of `POST /login` lasts after its last use. Default 300,000.
    pub session_idle_ms: u64,
    /// Who may sign in. Default nobody.
    pub users: BTreeMap<String, UserConfig>,
    /// How long the end of the process waits for requests that are being answered. Default 10,000.
    pub drain_ms: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            dialect: Dialect::Cloud,
            requests_per_minute: None,
            key_requests_per_minute: None,
            key_scans_per_day: None,
            max_connections: 2_048,
            max_header_bytes: 64 << 10,
            max_headers: 100,
            header_timeout_ms: 60_000,
            body_idle_ms: 30_000,
            min_body_rate: 512,
            write_timeout_ms: 60_000,
            sync_timeout_ms: 90_000,
            long_poll_max_ms: 60_000,
            progress_ms: 500,
            page_size: 1_000,
            max_page_size: 20_000,
            rendered_bytes: 32 << 20,
            key_cache_ms: 1_000,
            metrics_need_admin: false,
            engines_required: true,
            upload_ms: 3_600_000,
            max_parts: 1_000,
            max_uploads_per_key: 100,
            session_idle_ms: 300_000,
            users: BTreeMap::new(),
            drain_ms: 10_000,
        }
    }
}
