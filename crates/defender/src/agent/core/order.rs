//! What the decider wants done, and what it is asked.

use std::sync::Arc;

use palisade_model::event::{ContainerId, ContainerIdentity, Event, ProcessKey};
use palisade_sensor::{CgroupChange, Plan};

use crate::Finding;
use crate::models::Snapshot;
use crate::output::Item;
use crate::policy::{Allowed, AuditEntry, ExecAnswer, PolicyVersion, RuleSet};

/// What the decider wants done.
#[derive(Debug)]
pub enum Order {
    /// Give this out.
    Tell(Item),
    /// Write this into the audit log.
    Audit(Box<AuditEntry>),
    /// Watch a container, with this refused.
    Enforce {
        /// Its own cgroup: what the plan is kept by.
        container: u64,
        /// Further cgroups of it.
        inside: Vec<u64>,
        /// What is refused.
        plan: Arc<Plan>,
    },
    /// A cgroup is gone.
    Forget {
        /// Which.
        cgroup: u64,
    },
    /// Ask us before a program runs in this container; `None`: no more.
    Ask {
        /// Which.
        container: Arc<ContainerIdentity>,
        /// All its cgroups.
        cgroups: Vec<u64>,
        /// By which rules.
        asked: Option<Asked>,
    },
    /// Kill a process.
    Kill {
        /// Which.
        process: ProcessKey,
        /// In which container.
        container: Option<Arc<ContainerIdentity>>,
    },
    /// Stop a container.
    Stop {
        /// Which.
        container: Arc<ContainerIdentity>,
    },
    /// A cgroup was made: it may be a container.
    Look(CgroupChange),
    /// A program ran in a container: it may have to be hashed.
    Ran(Arc<Event>),
    /// The mounts of a container's process changed: programs in them are to be asked about.
    Mounted {
        /// Which container.
        container: ContainerId,
        /// A process that is in them.
        process: ProcessKey,
        /// Their namespace.
        namespace: u32,
    },
    /// The kernel side has stopped a canary.
    Proof {
        /// In which cgroup.
        cgroup: u64,
    },
    /// Write these models, and say what came of each ([`Core::saved`](super::Core::saved)).
    Save(Vec<Snapshot>),
    /// Say this to the operator.
    Warn(String),
}

/// What a program that waits is judged by.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The container's rules.
    pub rules: RuleSet,
    /// What its model knows.
    pub model: Option<Arc<Allowed>>,
    /// Which text the rules are from.
    pub version: PolicyVersion,
}

/// What a program was answered that is not to run.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer.
    pub answer: ExecAnswer,
    /// Which text the rules are from.
    pub version: PolicyVersion,
    /// Its bytes are known to be bad.
    pub malware: Option<Finding>,
}
