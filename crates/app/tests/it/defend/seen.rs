//! What the Defender told.

use std::collections::BTreeSet;

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

/// OCSF's Detection Finding.
const FINDING: u64 = 2004;

/// Which causes incidents had, by container.
#[derive(Debug, Default)]
pub(super) struct Seen {
    causes: BTreeSet<(String, String)>,
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
        if value["class_uid"] != FINDING {
            return;
        }
        let container = value["container"]["uid"].as_str().unwrap_or_default();
        let first = &value["finding_info"]["analytic"]["name"];
        let causes = value["unmapped"]["causes"].as_array().into_iter().flatten();
        for name in causes.map(|cause| &cause["rule"]).chain([first]).filter_map(Value::as_str) {
            self.causes.insert((container.to_owned(), name.to_owned()));
        }
    }

    /// Whether this rule found something in this container.
    pub(super) fn has(&self, container: &str, rule: &str) -> bool {
        self.causes.contains(&(container.to_owned(), rule.to_owned()))
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
    seen.take(r#"{"class_uid":1007,"container":{"uid":"a"}}"#);
    seen.take(
        r#"{"class_uid":2004,"finding_info":{"analytic":{"name":"One"}},"container":{"uid":"a"},
            "unmapped":{"causes":[{"rule":"One"},{"deviation":"x"},{"rule":"Scenario marker"}]}}"#,
    );
    seen.take("Error: no");
    assert!(seen.has("a", "One") && seen.has("a", MARKER));
    assert!(!seen.has("b", "One"));
    assert_eq!(seen.rules("a"), ["One"]);
    assert_eq!(seen.garbled, ["Error: no"]);
}
