use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A rung of the capability ladder: how much of the kernel a sensor can use. What each needs, sees and
/// can prevent is in `docs/architecture.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// 0: `/proc` and the runtimes' sockets.
    Snapshot,
    /// 1: the process connector and audit.
    Connector,
    /// 2: fanotify.
    Fanotify,
    /// 3: BPF tracepoints, iterators and cgroup programs.
    Tracepoint,
    /// 4: kprobes and fentry.
    Probe,
    /// 5: BPF-LSM.
    Lsm,
}

impl Rung {
    /// Its number, 0 to 5.
    pub fn number(self) -> u8 {
        match self {
            Self::Snapshot => 0,
            Self::Connector => 1,
            Self::Fanotify => 2,
            Self::Tracepoint => 3,
            Self::Probe => 4,
            Self::Lsm => 5,
        }
    }
}

/// Who saw an event. Numbers of one `(hook, cpu)` grow by one: a gap is a loss.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// On which rung.
    pub rung: Rung,
    /// The hook, as its kernel names it: `sched_process_exec`, `cgroup/connect4`.
    pub hook: Cow<'static, str>,
    /// The processor that it ran on.
    pub cpu: u32,
    /// The sensor's running number on that processor.
    pub sequence: u64,
}
