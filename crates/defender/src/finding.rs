//! What a decider found in an event: an incident, or a part of one.

use palisade_model::event::{Cause, IncidentSeverity, Technique};

/// Something in one event that a person may have to look at. Which incident it belongs to is decided
/// by `incidents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What found it.
    pub cause: Cause,
    /// One line for people, the same for every finding of this cause: "Shell spawned by a service".
    pub title: String,
    /// One line about this very event: a rule's output, a deviation in words.
    pub detail: String,
    /// How bad.
    pub severity: IncidentSeverity,
    /// MITRE ATT&CK techniques that it shows.
    pub techniques: Vec<Technique>,
}
