use palisade_model::{Evidence, Finding, Severity};
use yara_x::{MetaValue, Rule};

/// Rules reported for one artifact.
pub(super) const MAX_RULES: usize = 100;

/// Matches that the scanner collects for one pattern.
pub(super) const MAX_MATCHES_PER_PATTERN: usize = 100;

/// Places reported for one rule.
const MAX_EVIDENCE: usize = 16;

/// Bytes of an excerpt.
const EXCERPT_BYTES: usize = 32;

/// A matching rule as a finding.
pub(super) fn finding(rule: &Rule<'_, '_>, default: Severity) -> Finding {
    let mut explanation = String::new();
    let mut severity = default;
    let mut attack = Vec::new();
    for (key, value) in rule.metadata() {
        let MetaValue::String(text) = value else { continue };
        match key {
            "description" => text.clone_into(&mut explanation),
            "severity" => severity = parse_severity(text).unwrap_or(default),
            "attack" | "mitre_attack" | "mitre" => {
                let ids = text.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty());
                attack.extend(ids.take(16).map(str::to_owned));
            }
            _ => {}
        }
    }
    if explanation.is_empty() {
        explanation = format!("matches the YARA rule {}", rule.identifier());
    }
    Finding {
        id: rule.identifier().to_owned(),
        severity,
        explanation,
        tags: rule.tags().map(|tag| tag.identifier().to_owned()).collect(),
        attack,
        evidence: evidence(rule),
    }
}

fn parse_severity(text: &str) -> Option<Severity> {
    match text.to_ascii_lowercase().as_str() {
        "info" | "informational" | "none" => Some(Severity::Info),
        "suspicious" | "low" | "medium" => Some(Severity::Suspicious),
        "malicious" | "high" | "critical" => Some(Severity::Malicious),
        _ => None,
    }
}

fn evidence(rule: &Rule<'_, '_>) -> Vec<Evidence> {
    rule.patterns()
        .flat_map(|pattern| {
            let label = pattern.identifier().to_owned();
            pattern.matches().take(MAX_EVIDENCE).map(move |found| {
                let range = found.range();
                Evidence {
                    label: label.clone(),
                    offset: range.start as u64,
                    length: range.len() as u64,
                    excerpt: found
                        .data()
                        .iter()
                        .take(EXCERPT_BYTES)
                        .flat_map(|byte| std::ascii::escape_default(*byte))
                        .map(char::from)
                        .collect(),
                }
            })
        })
        .take(MAX_EVIDENCE)
        .collect()
}
