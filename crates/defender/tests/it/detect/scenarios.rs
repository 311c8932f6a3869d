//! The scenarios: one for every rule and counter, in the form that the harness reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use palisade_defender::detect::counters::COUNTERS;
use palisade_model::event::Kind;
use serde::Deserialize;

use super::rules::detector;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    rule: String,
    image: String,
    act: Act,
    near_miss: Act,
    #[serde(default)]
    needs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    run: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    mounts: Vec<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    network: Option<String>,
    #[serde(default)]
    service: bool,
}

fn scenarios() -> BTreeMap<String, Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), scenario)
        })
        .collect()
}

/// A rule's name as a file's: lower case, hyphens for everything but letters and digits.
fn slug(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[test]
fn every_rule_and_counter_has_its_scenario_and_every_scenario_its_rule() {
    let detector = detector();
    let rules = detector.rules().rules().map(|(_, rule)| rule.name());
    let names: BTreeSet<&str> = rules.chain(COUNTERS.iter().map(|counter| counter.name)).collect();
    let scenarios = scenarios();
    let named: BTreeSet<&str> = scenarios.values().map(|scenario| scenario.rule.as_str()).collect();
    assert_eq!(names, named);
    assert_eq!(names.len(), scenarios.len());
    for (file, scenario) in &scenarios {
        assert_eq!(*file, slug(&scenario.rule));
    }
}

#[test]
fn scenarios_ask_for_nothing_that_the_harness_does_not_give() {
    let images = ["debian", "busybox", "nginx", "redis", "postgres"];
    for (file, scenario) in scenarios() {
        assert!(images.contains(&scenario.image.as_str()), "{file}");
        for need in &scenario.needs {
            let kind = Kind::ALL.iter().any(|kind| kind.as_str() == need);
            assert!(kind || need.starts_with("rung:") || need == "cpu", "{file}: {need}");
        }
        for act in [&scenario.act, &scenario.near_miss] {
            assert!(!act.run.is_empty() && !act.service, "{file}");
            assert!(act.user.as_deref().is_none_or(|user| !user.is_empty()), "{file}");
            let network = act.network.as_deref().unwrap_or("none");
            assert!(["none", "bridge", "host"].contains(&network), "{file}");
            for capability in &act.capabilities {
                assert!(!capability.starts_with("CAP_") && capability != "ALL", "{file}");
            }
            for mount in &act.mounts {
                assert!(mount.starts_with("tmpfs:/") || mount.starts_with("bind:/"), "{file}");
            }
        }
        assert_ne!(scenario.act.run, scenario.near_miss.run, "{file}");
    }
}
