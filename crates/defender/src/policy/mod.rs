//! Policy: which acts are told of, refused, or end a container. Written by hand as TOML; the language is
//! in `docs/policy.md`.
//!
//! ```text
//! text ─ parse ─► Policy ─ for_container ─► RuleSet ─► decide        an event: what to raise and do
//!                                                   ├► decide_exec   a program that waits
//!                                                   └► plan          what the kernel refuses by itself
//! ```
//!
//! - The first rule that is for a container holds, and no other.
//! - What is allowed is what the behaviour model knows, and what a rule allows, less what it denies.
//! - What [`RuleSet::plan`] has the kernel refuse, [`RuleSet::decide`] refuses: the reverse is broken
//!   only by what a plan states ([`Planned::asked`], [`Planned::gaps`]).
//! - No I/O and no clock.

mod allowed;
mod audit;
mod check;
mod cidr;
mod decide;
mod detect;
mod dns;
mod effect;
mod enforce;
mod explain;
mod file;
mod from_model;
mod judge;
mod kernel;
mod lease;
mod limits;
mod matching;
mod network;
mod network_plan;
mod parse;
mod pattern;
mod plan;
mod ports;
mod problem;
mod process;
mod raise;
mod reader;
mod rule_set;
mod version;

use std::path::PathBuf;

use palisade_model::event::ContainerIdentity;

pub use allowed::Allowed;
pub use audit::{AuditEntry, Audited};
pub use check::{Check, Checked};
pub use cidr::Network;
pub use decide::{Act, Decision, ExecAnswer, Explanation, Respond};
pub use effect::{Clause, Effect, Entry, Fail, Reason, Section};
pub use enforce::Enforce;
pub use explain::{ExplainError, Explained, ImageModel, KnownError, Trial};
pub use lease::{Leases, Refusal};
pub use limits::Limits;
pub use network_plan::MAX_PLANNED_NETWORKS;
pub use plan::{MAX_PLANNED_EXECUTABLES, Planned, RuleNumbers};
pub use problem::{Problem, Problems, Severity};
pub use process::{ExecQuestion, HashVerdict};
pub use rule_set::RuleSet;
pub use version::PolicyVersion;

/// What holds for all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What happens when an answer does not come in time. Default: open.
    pub fail: Fail,
    /// Milliseconds that a program waits for our answer at most. Default 500.
    pub deadline_ms: u64,
    /// What becomes of detections that no rule speaks of. Default: alert.
    pub detections: Effect,
    /// What becomes of programs that are known to be bad. Default: alert.
    pub malware: Effect,
    /// A file of hashes that are known to be bad.
    pub malware_hashes: Option<PathBuf>,
    /// Milliseconds that an address stays refused after it was the answer for a refused name. Default
    /// 300,000.
    pub dns_hold_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fail: Fail::Open,
            deadline_ms: 500,
            detections: Effect::Alert,
            malware: Effect::Alert,
            malware_hashes: None,
            dns_hold_ms: 300_000,
        }
    }
}

/// A policy: rules for containers and the host. The default one only alerts.
#[derive(Debug, Clone)]
pub struct Policy {
    version: PolicyVersion,
    name: String,
    settings: Settings,
    rules: Vec<RuleSet>,
    rest: RuleSet,
    host: RuleSet,
    warnings: Vec<Problem>,
}

impl Default for Policy {
    fn default() -> Self {
        let version = PolicyVersion::of("");
        parse::assemble(version, "default", Settings::default(), Vec::new(), Vec::new())
    }
}

impl Policy {
    /// Reads a policy. `name` is the file's, for messages.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its place. A policy with an error is refused whole: a
    /// part of it could be worse than the one before.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problems> {
        parse::policy(text, name, Limits::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    ///
    /// As [`Policy::parse`].
    pub fn parse_within(text: &str, name: &str, limits: Limits) -> Result<Self, Problems> {
        parse::policy(text, name, limits)
    }

    /// What holds for a container, or for the host (`None`): the first rule that is for it. What a
    /// runtime has not told yet fits no pattern; ask again once it has.
    pub fn for_container(&self, container: Option<&ContainerIdentity>) -> &RuleSet {
        let rest = if container.is_some() { &self.rest } else { &self.host };
        self.rules.iter().find(|rule| rule.0.matching.matches(container)).unwrap_or(rest)
    }

    /// Which text it was read from.
    pub fn version(&self) -> PolicyVersion {
        self.version
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What holds for all rules.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[RuleSet] {
        &self.rules
    }

    /// What its author should know.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether anything in it refuses anything.
    pub fn refuses(&self) -> bool {
        self.rules.iter().chain([&self.rest]).any(|rule| rule.gravest().refuses())
    }
}
