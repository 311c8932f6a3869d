//! SARIF 2.1.0 (OASIS Standard, 27 March 2020): one result for each finding and for each thing that
//! could not be scanned.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palisade_model::{EngineEntry, Evidence, NodeReport, Outcome, Report, Severity};
use serde_json::{Value, json};

use crate::scan::Scanned;

#[derive(Default)]
pub(in crate::scan) struct Sarif {
    rules: BTreeMap<String, Value>,
    results: Vec<Value>,
    notifications: Vec<Value>,
}

impl Sarif {
    pub(super) fn add(&mut self, scanned: &Scanned) {
        match scanned {
            Scanned::Unreadable { name, reason } => self.notify(name, "", reason),
            Scanned::Report(report) => {
                for node in &report.nodes {
                    for (engine, entry) in &node.engines {
                        self.entry(report, node, engine.as_str(), entry);
                    }
                }
            }
        }
    }

    fn entry(&mut self, report: &Report, node: &NodeReport, engine: &str, entry: &EngineEntry) {
        let name = &report.request.name;
        let result = match entry {
            EngineEntry::NotApplicable(_) => return,
            EngineEntry::Down(reason) => return self.notify(name, &node.path, reason),
            EngineEntry::TimedOut => {
                return self.notify(name, &node.path, &format!("{engine} did not answer in time"));
            }
            EngineEntry::Done(result) => result,
        };
        for finding in &result.findings {
            let level = match finding.severity {
                Severity::Info => "note",
                Severity::Suspicious => "warning",
                Severity::Malicious => "error",
            };
            let rule = format!("{engine}/{}", finding.id);
            self.rules.entry(rule.clone()).or_insert_with(|| {
                json!({
                    "id": rule,
                    "shortDescription": { "text": finding.explanation },
                    "properties": { "tags": finding.tags, "attack": finding.attack },
                })
            });
            let inside =
                if node.path.is_empty() { String::new() } else { format!(" in {}", node.path) };
            self.results.push(json!({
                "ruleId": rule,
                "level": level,
                "message": { "text": format!("{}{inside}", finding.explanation) },
                "locations": [location(name, &node.path, finding.evidence.first())],
                "fingerprints": { "sha256": node.artifact.sha256() },
            }));
        }
        if let Outcome::Failure(_) = result.outcome {
            let reason = result.reason.clone().unwrap_or_else(|| "not scanned".to_owned());
            self.notify(name, &node.path, &format!("{engine}: {reason}"));
        } else if let Some(problem) = result.problems.first() {
            self.notify(name, &node.path, &format!("{engine}: {}", problem.detail));
        }
    }

    fn notify(&mut self, name: &str, path: &str, text: &str) {
        self.notifications.push(json!({
            "level": "error",
            "message": { "text": text },
            "locations": [location(name, path, None)],
        }));
    }

    pub(super) fn document(self) -> Value {
        json!({
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "Palisade",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": self.rules.into_values().collect::<Vec<_>>(),
                }},
                "invocations": [{
                    "executionSuccessful": self.notifications.is_empty(),
                    "toolExecutionNotifications": self.notifications,
                }],
                "results": self.results,
            }],
        })
    }
}

/// A file is the artifact; what is inside it is a logical location, because no file has its place.
fn location(name: &str, path: &str, evidence: Option<&Evidence>) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(name) } });
    if let Some(evidence) = evidence.filter(|_| path.is_empty()) {
        physical["region"] =
            json!({ "byteOffset": evidence.offset, "byteLength": evidence.length });
    }
    let mut location = json!({ "physicalLocation": physical });
    if !path.is_empty() {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": path, "kind": "member" }]);
    }
    location
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and `/` is encoded.
fn uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
        uri
    })
}
