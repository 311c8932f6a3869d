use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ContainerIdentity};

use crate::containers::{Directory, Facts};

/// A container for everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Who it is, as far as known now.
    pub identity: Arc<ContainerIdentity>,
    /// Whether it only holds a Kubernetes pod's namespaces (pause): nothing of the workload runs in it.
    pub sandbox: bool,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerChange {
    /// It has a cgroup now: its first process comes, or was there when we started.
    Started(Container),
    /// More is known of it, or it was renamed. Its image's digest may be another one than before.
    Known(Container),
    /// Its cgroup is gone. Its identity is still found for the grace time.
    Stopped(Container),
}

/// What the discovery found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A cgroup that belongs to a container, met in a walk.
    Cgroup(Directory),
    /// Something about a container.
    Facts(Box<Facts>),
    /// A whole walk is over: a container that had its cgroup before and is not among these has ended.
    Walked {
        /// Containers met after this are not judged: the walk may have passed before.
        began: UnixMillis,
        /// Every container's cgroups that it met.
        cgroups: BTreeSet<u64>,
    },
    /// The runtime removed it.
    Removed(ContainerId),
}

/// What was left out, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Containers that there was no room for: their events have none.
    pub containers_refused: u64,
    /// Cgroups of containers that there was no room for: their events have none.
    pub cgroups_refused: u64,
    /// Labels that were too many or too long.
    pub labels_left_out: u64,
    /// Cgroups whose name claims to be a container that runs elsewhere.
    pub impostors: u64,
}
