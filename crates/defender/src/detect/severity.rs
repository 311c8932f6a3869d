//! From a rule's own words to an incident's.

use palisade_model::event::{IncidentSeverity, Technique};
use palisade_rules::Priority;

/// Falco's eight priorities as five severities.
pub(super) fn of(priority: Priority) -> IncidentSeverity {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => IncidentSeverity::Critical,
        Priority::Error => IncidentSeverity::High,
        Priority::Warning => IncidentSeverity::Medium,
        Priority::Notice => IncidentSeverity::Low,
        Priority::Informational | Priority::Debug => IncidentSeverity::Informational,
    }
}

/// The techniques among the tags: `T1059`, `T1059.004`, `mitre_T1059`. Tactics (`mitre_execution`) are
/// none.
pub(super) fn techniques(tags: &[String]) -> Vec<Technique> {
    let ids = tags.iter().filter_map(|tag| tag.strip_prefix("mitre_").unwrap_or(tag).parse().ok());
    let mut techniques: Vec<Technique> = ids.collect();
    techniques.sort();
    techniques.dedup();
    techniques
}
