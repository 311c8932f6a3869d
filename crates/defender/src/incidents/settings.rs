use serde::{Deserialize, Serialize};

use crate::recorder;

/// When stories begin, grow and end, and how much of them is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The host's name, as incidents carry it; empty: what the host calls itself.
    pub host: String,
    /// Least time between two updates of one incident that has new findings, milliseconds. A graver
    /// finding is told at once.
    pub update_ms: u64,
    /// Least time between two updates of one incident that has only new acts, milliseconds.
    pub acts_update_ms: u64,
    /// Time without a finding after which an incident is closed, milliseconds.
    pub quiet_ms: u64,
    /// Time after which an incident is closed although it still grows, milliseconds.
    pub longest_ms: u64,
    /// Time after a finding in which the same cause in the same container is the same story, whatever
    /// process it comes from, milliseconds.
    pub window_ms: u64,
    /// Incidents of one cause in different containers of one image, above which further ones join the
    /// last of them.
    pub max_replicas: u32,
    /// Time after the start of a container in which what starts belongs to its service, milliseconds.
    pub service_ms: u64,
    /// Open incidents; above, the least severe is closed, of equals the oldest.
    pub max_open: usize,
    /// Bytes of all open incidents, estimated; above, as with `max_open`.
    pub max_bytes: usize,
    /// Incidents that one container may open in a minute; above, findings join its latest one.
    pub max_opened_per_minute: u32,
    /// Processes of one story that are remembered, so that their children's acts join it; above, the
    /// oldest are forgotten.
    pub max_members: usize,
    /// Causes of one incident; further ones are counted.
    pub max_causes: usize,
    /// Responses of one incident; further ones are counted.
    pub max_responses: usize,
    /// Events of the container before the first finding that are shown.
    pub excerpt: usize,
    /// Acts without a finding that are shown; the rest of the evidence is kept for findings.
    pub max_acts: usize,
    /// Entries that allow something; further ones are refused.
    pub max_suppressions: usize,
    /// The flight recorder's.
    pub recorder: recorder::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: String::new(),
            update_ms: 1_000,
            acts_update_ms: 10_000,
            quiet_ms: 300_000,
            longest_ms: 6 * 3_600_000,
            window_ms: 60_000,
            max_replicas: 3,
            service_ms: 10_000,
            max_open: 128,
            max_bytes: 8 << 20,
            max_opened_per_minute: 10,
            max_members: 256,
            max_causes: 32,
            max_responses: 64,
            excerpt: 12,
            max_acts: 24,
            max_suppressions: 1_024,
            recorder: recorder::Settings::default(),
        }
    }
}
