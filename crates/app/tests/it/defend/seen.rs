//! What the Defender told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The rule that tells of [`palisade_services::Image::MARKER`]: its incident shows that a container is
/// watched, and that what happened before has been looked at.
pub(super) const MARKER: &str = "Scenario marker";

/// That rule, in a file of its own.
pub(super) const MARKER_RULES: &str = "\
- rule: Scenario marker
  desc: The program that marks a place in the stream was run.
  condition: evt.type in (execve, execveat) and proc.name = busybox-marker
  output: The marker was run (container=%container.id)
  priority: NOTICE
";

/// OCSF's Base Event: what was not seen, or not told.
const BASE: u64 = 0;

/// OCSF's Detection Finding.
const FINDING: u64 = 2004;

/// Which causes incidents had, by container.
#[derive(Debug, Default)]
pub(super) struct Seen {
    causes: BTreeSet<(String, String)>,
    /// Deviations, by container and section.
    deviations: BTreeSet<(String, String)>,
    /// What known-bad programs are called that ran, by container.
    malware: BTreeSet<(String, String)>,
    /// Of how many of its last system-call sequences a container's latest word says that they are strange.
    strange: BTreeMap<String, u64>,
    /// How many events, by container and kind.
    events: BTreeMap<(String, String), u64>,
    /// Events that are said to be lost, by container; empty for the host.
    lost: BTreeMap<String, u64>,
    /// Lines that are said to be left out.
    pub(super) dropped: u64,
    /// Lines that are no JSON object.
    pub(super) garbled: Vec<String>,
}

impl Seen {
    /// Takes in a line: an incident's beginning or any later word on it.
    pub(super) fn take(&mut self, line: &str) {
        let value: Value = match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => value,
            _ => return self.garbled.push(line.to_owned()),
        };
        let container = value["container"]["uid"].as_str().unwrap_or_default();
        let unmapped = &value["unmapped"];
        if value["class_uid"] == BASE {
            let count = value["count"].as_u64().unwrap_or_default();
            if unmapped["blind"].is_object() {
                *self.lost.entry(container.to_owned()).or_default() += count;
            }
            self.dropped += unmapped["dropped"]["lines"].as_u64().unwrap_or_default();
        }
        if value["class_uid"] != FINDING {
            if let Some(kind) = unmapped["kind"].as_str() {
                let key = (container.to_owned(), kind.to_owned());
                *self.events.entry(key).or_default() += 1;
            }
            return;
        }
        let causes = || unmapped["causes"].as_array().into_iter().flatten();
        for name in causes().filter_map(|cause| cause["malware"].as_str()) {
            self.malware.insert((container.to_owned(), name.to_owned()));
        }
        for section in causes().filter_map(|cause| cause["deviation"].as_str()) {
            self.deviations.insert((container.to_owned(), section.to_owned()));
        }
        if let Some(mismatches) = unmapped["sequences"]["mismatches"].as_u64() {
            self.strange.insert(container.to_owned(), mismatches);
        }
        let first = &value["finding_info"]["analytic"]["name"];
        for name in causes().map(|cause| &cause["rule"]).chain([first]).filter_map(Value::as_str) {
            self.causes.insert((container.to_owned(), name.to_owned()));
        }
    }

    /// Whether this rule found something in this container.
    pub(super) fn has(&self, container: &str, rule: &str) -> bool {
        self.causes.contains(&(container.to_owned(), rule.to_owned()))
    }

    /// Whether a program that is known to be bad by this name ran in this container.
    pub(super) fn has_malware(&self, container: &str, name: &str) -> bool {
        self.malware.contains(&(container.to_owned(), name.to_owned()))
    }

    /// In which sections of its image's model this container departed.
    pub(super) fn deviations(&self, container: &str) -> Vec<&str> {
        let of_it = self.deviations.iter().filter(|(id, _)| id == container);
        of_it.map(|(_, section)| section.as_str()).collect()
    }

    /// How many of this container's last system-call sequences are strange to its image; `None` where no
    /// incident said.
    pub(super) fn strange_sequences(&self, container: &str) -> Option<u64> {
        self.strange.get(container).copied()
    }

    /// How many events of this kind came from this container.
    pub(super) fn events(&self, container: &str, kind: &str) -> u64 {
        let key = (container.to_owned(), kind.to_owned());
        self.events.get(&key).copied().unwrap_or_default()
    }

    /// What is known of a container of which something is missing.
    pub(super) fn account(&self, container: &str) -> String {
        let of_it = self.events.iter().filter(|((id, _), _)| id == container);
        let events: Vec<String> =
            of_it.map(|((_, kind), count)| format!("{kind} {count}")).collect();
        let rules = self.rules(container).join(", ");
        let (lost, host) = (self.lost(container), self.lost(""));
        format!(
            "its events: [{}], its rules: [{rules}], lost: {lost} of it, {host} of the host",
            events.join(", ")
        )
    }

    /// How many of this container's events are said to be lost.
    pub(super) fn lost(&self, container: &str) -> u64 {
        self.lost.get(container).copied().unwrap_or_default()
    }

    /// The rules that found something in this container, but the marker.
    pub(super) fn rules(&self, container: &str) -> Vec<&str> {
        let of_it = self.causes.iter().filter(|(id, rule)| id == container && rule != MARKER);
        of_it.map(|(_, rule)| rule.as_str()).collect()
    }
}

#[test]
fn all_causes_of_an_incident_count_and_of_its_container_only() {
    let mut seen = Seen::default();
    seen.take(r#"{"class_uid":1007,"container":{"uid":"a"},"unmapped":{"kind":"exec"}}"#);
    seen.take(r#"{"class_uid":0,"count":7,"container":{"uid":"a"},"unmapped":{"blind":{}}}"#);
    seen.take(
        r#"{"class_uid":2004,"finding_info":{"analytic":{"name":"One"}},"container":{"uid":"a"},
            "unmapped":{"causes":[{"rule":"One"},{"deviation":"x"},{"malware":"M"},{"rule":"Scenario marker"}]}}"#,
    );
    seen.take("Error: no");
    assert!(seen.has("a", "One") && seen.has("a", MARKER));
    assert!(!seen.has("b", "One"));
    assert!(seen.has_malware("a", "M") && !seen.has_malware("b", "M"));
    assert_eq!(seen.rules("a"), ["One"]);
    assert_eq!(seen.deviations("a"), ["x"]);
    assert_eq!((seen.events("a", "exec"), seen.events("b", "exec"), seen.lost("a")), (1, 0, 7));
    assert_eq!(seen.garbled, ["Error: no"]);
}
