use palisade_model::UnpackLimits;
use serde::{Deserialize, Serialize};

/// Settings of the gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Largest artifact, in bytes. Default 2 GiB.
    pub max_upload_bytes: u64,
    /// Milliseconds to the report of an interactive request. Default 60,000.
    pub deadline_ms: u64,
    /// Milliseconds to the report of a batch request. Default 600,000.
    pub batch_deadline_ms: u64,
    /// The longest deadline that a caller may ask for, in milliseconds. Default 3,600,000.
    pub max_deadline_ms: u64,
    /// Requests that may wait before the extractor; above it the gateway says 503. Default 2,000.
    pub max_waiting: u64,
    /// Requests of this gateway that may be without a report; above it the gateway says 503. A request
    /// that waits longer than its deadline is of no use to anyone. Default 1,000.
    pub max_open: usize,
    /// What `Retry-After` says then, in seconds. Default 2.
    pub retry_after_s: u32,
    /// How often the backlog is measured, in milliseconds. Default 50.
    pub measure_ms: u64,
    /// How old a report may be to answer for the same bytes, in milliseconds; 0 turns the report
    /// cache off. Default 24 h. A change of definitions always makes a report stale.
    pub cache_ms: u64,
    /// Files of one batch. Default 10,000.
    pub max_batch_files: u32,
    /// Bounds of unpacking for requests that name none.
    pub unpack: UnpackLimits,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            max_upload_bytes: 2 << 30,
            deadline_ms: 60_000,
            batch_deadline_ms: 600_000,
            max_deadline_ms: 3_600_000,
            max_waiting: 2_000,
            max_open: 1_000,
            retry_after_s: 2,
            measure_ms: 50,
            cache_ms: 24 * 3_600_000,
            max_batch_files: 10_000,
            unpack: UnpackLimits::default(),
        }
    }
}
