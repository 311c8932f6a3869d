use std::fmt;

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, Event, ProcessKey};
use serde::Serialize;

use super::decide::{Decision, Respond};
use super::effect::Reason;
use super::version::PolicyVersion;

/// What was done because of a policy, or was to be done and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audited {
    /// The act was refused.
    Refused,
    /// The process was killed.
    Killed,
    /// The container was stopped.
    Stopped,
    /// It was to be refused and took place.
    Missed,
    /// It was to be done and could not be.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One line of the audit log: who was kept from what, when, and by which rule of which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub time: UnixMillis,
    /// What was done.
    pub what: Audited,
    /// In which container; `None` for the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// The container's image, as it was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// To which process; `None` when only its number was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessKey>,
    /// What it ran, or was to run.
    pub path: String,
    /// The policy's text: the first 12 digits of its SHA-256.
    pub policy: PolicyVersion,
    /// The rule's name.
    pub rule: String,
    /// What of it spoke; the gravest first.
    pub reasons: Vec<Reason>,
}

impl AuditEntry {
    /// Of a decision about an event; `None` when nothing was to be refused. What is still to be done
    /// counts as done: where that fails, set [`AuditEntry::what`].
    pub fn of(event: &Event, decision: &Decision, policy: PolicyVersion) -> Option<Self> {
        let what = match decision.respond {
            Respond::Stop => Audited::Stopped,
            Respond::Kill => Audited::Killed,
            Respond::Nothing if decision.missed => Audited::Missed,
            Respond::Nothing if !decision.allowed => match event.effect {
                palisade_model::event::Effect::Killed => Audited::Killed,
                _ => Audited::Refused,
            },
            Respond::Nothing => return None,
        };
        let container = event.container.as_ref();
        Some(Self {
            time: event.time,
            what,
            container: container.map(|container| container.id.clone()),
            image: container.map(|container| container.image.clone()).unwrap_or_default(),
            process: Some(event.process.key),
            path: event.process.path().to_owned(),
            policy,
            rule: decision.why.rule.clone(),
            reasons: decision.why.reasons.clone(),
        })
    }
}

impl fmt::Display for Audited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => formatter.write_str("refused"),
            Self::Killed => formatter.write_str("killed"),
            Self::Stopped => formatter.write_str("stopped"),
            Self::Missed => formatter.write_str("not refused in time"),
            Self::Failed { reason } => write!(formatter, "could not be refused: {reason}"),
        }
    }
}
