//! What the sensor gives out: events with whole processes, and what only the Defender needs to know.

use std::sync::Arc;

use palisade_model::event::{Event, Process, ProcessKey};

/// One thing that the sensor saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// An activity. Its container is not filled in: [`Process::cgroup`] tells it.
    Event {
        /// The event.
        event: Box<Event>,
        /// The rule of the [`Plan`](crate::Plan) that refused it, when one did.
        rule: Option<u32>,
        /// The program was started among the host's mounts: in a container's cgroup, that is the runtime on
        /// its way in, or somebody of the host's.
        outside: bool,
        /// The cgroup of the process that the act was aimed at (a signal, a trace, its memory), where it is
        /// known.
        target: Option<u64>,
    },
    /// A cgroup was made, removed or joined.
    Cgroup(CgroupChange),
    /// A process that was there when the sensor started.
    Existing(Arc<Process>),
    /// Three system calls that a thread made in a row, told once for each container and program. Only where
    /// [`SensorConfig::sequences`](crate::SensorConfig) asks for them.
    Sequence {
        /// Whose.
        process: Arc<Process>,
        /// Numbers, the oldest first; those of the 32-bit table with 0x8000.
        calls: [u16; 3],
    },
    /// A canary was stopped: prevention is live in this cgroup.
    Canary {
        /// Which.
        cgroup: u64,
    },
}

/// A change of the cgroup tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupChange {
    /// Its id, in its hierarchy.
    pub id: u64,
    /// The one above.
    pub parent: u64,
    /// What happened.
    pub what: CgroupWhat,
    /// 0 is the unified hierarchy (v2); others are v1's.
    pub hierarchy: u32,
    /// Path in the hierarchy, from its root.
    pub path: String,
    /// ns since boot.
    pub boot_ns: u64,
}

/// What happened to a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupWhat {
    /// Made.
    Created,
    /// Removed.
    Removed,
    /// A process was put into it.
    Joined(ProcessKey),
}
