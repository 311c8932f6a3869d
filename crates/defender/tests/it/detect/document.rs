//! `docs/detection-rules.md` says what the rules, fields and counters say. `PALISADE_UPDATE=1` writes
//! its tables anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use palisade_defender::detect::SENSITIVE_NAMES;
use palisade_defender::detect::counters::COUNTERS;
use palisade_defender::detect::fields::{OWN_ARGUMENTS, catalogue, event_arguments};
use palisade_model::event::IncidentSeverity;
use palisade_rules::{Argument, FieldId};

use super::rules::detector;

/// Classes of fields of which some are filled: which are, and which are not.
fn fields() -> String {
    let mut classes: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    let catalogue = catalogue();
    for field in FieldId::all() {
        let name = field.name();
        let class = name.split('.').next().unwrap();
        let row = classes.entry(class).or_default();
        let filled = catalogue.fills(field, Argument::None);
        if filled { row.0.push(name) } else { row.1.push(name) }
    }
    let list =
        |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let mut out =
        "| class | filled | not filled: a rule that needs it is left out |\n|---|---|---|\n"
            .to_owned();
    for (class, (filled, not)) in classes {
        let _ = writeln!(out, "| `{class}` | {} | {} |", list(&filled), list(&not));
    }
    out
}

fn arguments() -> String {
    let own = |name: &&str| OWN_ARGUMENTS.iter().any(|(own, _)| own == name);
    let names: Vec<String> = event_arguments()
        .iter()
        .filter(|name| !own(name))
        .map(|name| format!("`{name}`"))
        .collect();
    let mut out = format!(
        "As Falco's: {}.\n\nPalisade's own:\n\n| argument | |\n|---|---|\n",
        names.join(" ")
    );
    for (name, what) in OWN_ARGUMENTS {
        let _ = writeln!(out, "| `{name}` | {what} |");
    }
    out
}

fn severity(severity: IncidentSeverity) -> &'static str {
    match severity {
        IncidentSeverity::Informational => "informational",
        IncidentSeverity::Low => "low",
        IncidentSeverity::Medium => "medium",
        IncidentSeverity::High => "high",
        IncidentSeverity::Critical => "critical",
    }
}

fn rules() -> String {
    let detector = detector();
    let mut out = String::new();
    let mut file = None;
    for (_, rule) in detector.rules().rules() {
        if file.as_ref() != Some(rule.file()) {
            let name = rule.file().rsplit('/').next().unwrap();
            let _ = writeln!(
                out,
                "\n`{name}`:\n\n| rule | priority | ATT&CK | what it looks for |\n|---|---|---|---|"
            );
            file = Some(rule.file().clone());
        }
        let techniques: Vec<&str> =
            rule.tags().iter().filter(|tag| tag.starts_with('T')).map(String::as_str).collect();
        let (name, priority) = (rule.name(), rule.priority().name().to_lowercase());
        let _ = writeln!(
            out,
            "| {name} | {priority} | {} | {} |",
            techniques.join(", "),
            rule.description().trim()
        );
    }
    out.trim_start().to_owned()
}

fn counters() -> String {
    let mut out =
        "| finding | severity | ATT&CK | what is counted |\n|---|---|---|---|\n".to_owned();
    for counter in COUNTERS {
        let (name, what, technique) = (counter.name, counter.description, counter.technique);
        let _ = writeln!(out, "| {name} | {} | {technique} | {what} |", severity(counter.severity));
    }
    out
}

fn names() -> String {
    let names: Vec<String> = SENSITIVE_NAMES.iter().map(|name| format!("`{name}`")).collect();
    format!("{}\n", names.join(" "))
}

#[test]
fn the_document_says_what_is_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detection-rules.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let mut made = written.clone();
    for (mark, table) in [
        ("fields", fields()),
        ("arguments", arguments()),
        ("names", names()),
        ("rules", rules()),
        ("counters", counters()),
    ] {
        let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
        let from = made.find(&start).unwrap_or_else(|| panic!("{start}")) + start.len();
        let until = made.find(&end).unwrap_or_else(|| panic!("{end}"));
        made.replace_range(from..until, &format!("\n{table}\n"));
    }
    if std::env::var_os("PALISADE_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    } else {
        assert!(
            made == written,
            "docs/detection-rules.md is not what the rules say: run this test with PALISADE_UPDATE=1"
        );
    }
}

#[test]
fn names_fit_the_sensor_and_the_rules_that_ask_for_them() {
    for name in SENSITIVE_NAMES {
        assert!((1..=31).contains(&name.len()) && !name.contains('/'), "{name}");
    }
    let mut sorted = SENSITIVE_NAMES.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), SENSITIVE_NAMES.len());
}
