//! The starter rules against their cases: every rule has something that it finds and a near miss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use palisade_engines::yara::built_in_rules;
use serde::Deserialize;

#[derive(Deserialize)]
struct Family {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    #[serde(default)]
    hit: Vec<String>,
    #[serde(default)]
    miss: Vec<String>,
}

fn cases() -> BTreeMap<String, Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    std::fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("text");
            let family: Family =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, family.case)
        })
        .collect()
}

fn rules() -> yara_x::Rules {
    let mut compiler = yara_x::Compiler::new();
    for file in built_in_rules() {
        compiler.new_namespace(&file.name);
        compiler
            .add_source(file.source.as_str())
            .unwrap_or_else(|error| panic!("{}: {error}", file.name));
    }
    let warnings: Vec<String> = compiler.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    compiler.build()
}

fn matching(scanner: &mut yara_x::Scanner<'_>, sample: &str) -> BTreeSet<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(sample).expect("base64");
    let results = scanner.scan(&bytes).expect("a scan");
    results.matching_rules().map(|rule| rule.identifier().to_owned()).collect()
}

#[test]
fn every_rule_finds_its_samples_and_not_their_near_misses() {
    let rules = rules();
    let mut scanner = yara_x::Scanner::new(&rules);
    let mut wrong = Vec::new();
    let mut tried = BTreeMap::<String, (usize, usize)>::new();
    for (family, cases) in cases() {
        for case in cases {
            let counts = tried.entry(case.rule.clone()).or_default();
            for (place, sample) in case.hit.iter().enumerate() {
                counts.0 += 1;
                if !matching(&mut scanner, sample).contains(&case.rule) {
                    wrong.push(format!("{family}: {} does not find hit {place}", case.rule));
                }
            }
            for (place, sample) in case.miss.iter().enumerate() {
                counts.1 += 1;
                if matching(&mut scanner, sample).contains(&case.rule) {
                    wrong.push(format!("{family}: {} finds miss {place}", case.rule));
                }
            }
        }
    }
    let known: BTreeSet<String> = rules.iter().map(|rule| rule.identifier().to_owned()).collect();
    for rule in &known {
        if !matches!(tried.get(rule), Some((1.., 1..))) {
            wrong.push(format!("{rule} needs a hit and a near miss"));
        }
    }
    wrong.extend(
        tried
            .keys()
            .filter(|rule| !known.contains(*rule))
            .map(|rule| format!("there are cases for {rule}, which is no rule")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_rule_says_what_it_means() {
    let mut wrong = Vec::new();
    for rule in rules().iter() {
        let metadata: BTreeMap<&str, String> = rule
            .metadata()
            .filter_map(|(key, value)| match value {
                yara_x::MetaValue::String(text) => Some((key, text.to_owned())),
                _ => None,
            })
            .collect();
        for key in ["description", "severity", "author", "reference"] {
            if metadata.get(key).is_none_or(String::is_empty) {
                wrong.push(format!("{} has no {key}", rule.identifier()));
            }
        }
        let severity = metadata.get("severity").map(String::as_str).unwrap_or_default();
        if !["info", "suspicious", "malicious"].contains(&severity) {
            wrong.push(format!("{}: severity `{severity}`", rule.identifier()));
        }
        if rule.tags().is_empty() {
            wrong.push(format!("{} has no tag", rule.identifier()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_rule_file_is_part_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/yara/rules");
    let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the rules")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yar"))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    let built_in: BTreeSet<String> = built_in_rules().into_iter().map(|file| file.name).collect();
    assert_eq!(on_disk, built_in);
    assert_eq!(on_disk, cases().into_keys().collect());
}
