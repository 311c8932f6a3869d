use serde::{Deserialize, Serialize};

/// Settings of the HTTP face. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
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
    /// Names that `rule` and `workflow` may have besides `default`, `multiscan` and `unarchive`,
    /// which all mean the default workflow. Default none.
    pub workflows: Vec<String>,
    /// How long the end of the process waits for requests that are being answered. Default 10,000.
    pub drain_ms: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
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
            workflows: Vec::new(),
            drain_ms: 10_000,
        }
    }
}
