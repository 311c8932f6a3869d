use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::UnixMillis;
use crate::event::{ContainerId, Kind, KindSet};

/// Why nothing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlindCause {
    /// The kernel's buffer was full.
    BufferFull,
    /// A queue of the agent was full.
    QueueFull,
    /// A container made more events than its share.
    RateLimited,
    /// A sensor was not attached: at start, after a failure, or released by the watchdog.
    Detached,
    /// The agent was stopped or stalled.
    Stalled,
    /// An event could not be read.
    Unreadable,
}

/// A time in which events were lost (law 7). What did not happen cannot be told from what was not seen
/// then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// From.
    pub from: UnixMillis,
    /// Until; never before `from`.
    pub until: UnixMillis,
    /// Why.
    pub cause: BlindCause,
    /// The container that it is about; `None` for all of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Kinds that may have been missed.
    pub kinds: KindSet,
    /// How many of each were lost, where they could be counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<Kind, u64>,
}

impl Blind {
    /// Events that were counted as lost; every kind lost is among the kinds missed.
    pub fn counted(
        from: UnixMillis,
        until: UnixMillis,
        cause: BlindCause,
        container: Option<ContainerId>,
        lost: BTreeMap<Kind, u64>,
    ) -> Self {
        let kinds = lost.keys().copied().collect();
        Self { from, until: until.max(from), cause, container, kinds, lost }
    }

    /// A time in which nothing of these kinds could be seen, nor counted.
    pub fn unseen(from: UnixMillis, until: UnixMillis, cause: BlindCause, kinds: KindSet) -> Self {
        Self { from, until: until.max(from), cause, container: None, kinds, lost: BTreeMap::new() }
    }

    /// Its length in milliseconds.
    pub fn length_ms(&self) -> u64 {
        self.until.since(self.from)
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.lost.values().fold(0, |sum, &count| sum.saturating_add(count))
    }
}
