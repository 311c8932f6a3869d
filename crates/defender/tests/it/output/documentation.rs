//! `docs/events.md` says what is true.

use std::collections::BTreeSet;
use std::time::Duration;

use palisade_defender::metrics::EndpointSettings;
use palisade_defender::metrics::Metrics;
use palisade_defender::output::{Encoder, LineLimits, OutputSettings, QueueSettings};
use palisade_model::event::Kind;
use serde_json::Value;

use super::samples::{blind, device, everything, incident};

fn documentation() -> String {
    let path = [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "events.md"];
    std::fs::read_to_string(path.iter().collect::<std::path::PathBuf>()).unwrap()
}

/// Cells of the table rows that begin with a name in back quotes, below this heading.
fn rows(heading: &str) -> Vec<(String, Vec<String>)> {
    let text = documentation();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| {
        let line = line.strip_prefix("| `")?;
        let (name, rest) = line.split_once('`')?;
        Some((name.to_owned(), rest.split('|').skip(1).map(|c| c.trim().to_owned()).collect()))
    });
    rows.collect()
}

#[test]
fn every_kind_has_its_class_there() {
    let rows = rows("Events and their classes");
    let encoder = Encoder::new(device(), LineLimits::default());
    for (name, item) in everything() {
        let Some(row) = rows.iter().find(|(kind, _)| *kind == name) else {
            assert!(!Kind::ALL.iter().any(|kind| kind.as_str() == name), "{name} has no row");
            continue;
        };
        let line: Value = serde_json::from_str(&encoder.line(&item, 1)).unwrap();
        assert_eq!(row.1[0], line["class_uid"].to_string(), "{name}");
        let activity = line["activity_id"].to_string();
        let activities: Vec<_> =
            row.1[1].split(", ").map(|a| a.split(' ').next().unwrap()).collect();
        assert!(activities.contains(&activity.as_str()), "{name}: {activity}");
    }
}

#[test]
fn its_lines_are_real_ones() {
    let encoder = Encoder::new(device(), LineLimits::default());
    let told: BTreeSet<_> = everything()
        .iter()
        .map(|(_, item)| {
            let line = encoder.line(item, 1_700_000_000_000_001);
            let version = format!("\"version\":\"{}\"}}}}", env!("CARGO_PKG_VERSION"));
            line.replace(&version, "\"version\":\"0\"}}")
        })
        .collect();
    let text = documentation();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("{\"time\"")).collect();
    assert!(lines.len() >= 8, "{}", lines.len());
    for line in lines {
        assert!(told.contains(line), "nobody tells {line}");
    }
}

#[test]
fn every_metric_is_there_and_none_that_is_not() {
    let metrics = Metrics::new();
    metrics.event(Kind::Exec);
    metrics.blind(&blind());
    metrics.incident(&incident(), Duration::from_millis(1));
    metrics.suppressed("exception");
    metrics.response("refused");
    metrics.canary("passed");
    metrics.models("active", 1);
    metrics.fanotify("allow");
    metrics.trouble("early-events", 1);
    metrics.sink_lines("a", 1);
    metrics.sink_dropped("a", "slow", 1);
    metrics.sink_failed("a");
    metrics.sink_damaged("a", 1);
    metrics.sink_queue("a", 1);
    let exposed: BTreeSet<String> = metrics
        .expose()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE palisade_defender_"))
        .map(|line| {
            let (name, sort) = line.split_once(' ').unwrap();
            format!("palisade_defender_{name}{}", if sort == "counter" { "_total" } else { "" })
        })
        .collect();
    let documented: BTreeSet<String> = rows("Metrics").into_iter().map(|(name, _)| name).collect();
    assert_eq!(exposed, documented);
}

#[test]
fn its_settings_can_be_used_and_its_defaults_are_those() {
    #[derive(serde::Deserialize)]
    struct File {
        output: OutputSettings,
    }
    let text = documentation();
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file: File = toml::from_str(example).unwrap();
    file.output.check().unwrap();
    assert_eq!(file.output.sinks.len(), 3);

    let rows = rows("Sinks");
    let default = |setting: &str| {
        let row = rows.iter().find(|(name, _)| name == setting);
        row.unwrap_or_else(|| panic!("no {setting}")).1[0].clone()
    };
    let (settings, queue) = (OutputSettings::default(), QueueSettings::default());
    assert_eq!(default("waiting_items"), settings.waiting_items.to_string());
    assert_eq!(default("queues"), format!("`{}`", settings.queues.display()));
    assert_eq!(default("sinks.NAME.queue.disk_bytes"), queue.disk_bytes.to_string());
    assert_eq!(default("sinks.NAME.queue.segment_bytes"), queue.segment_bytes.to_string());
    assert_eq!(default("sinks.NAME.queue.memory_bytes"), queue.memory_bytes.to_string());
    let LineLimits { line_bytes, text_bytes, list_items } = settings.lines;
    assert_eq!(default("lines.line_bytes"), format!("{line_bytes}, {text_bytes}, {list_items}"));
    let endpoint = EndpointSettings::default();
    assert!(text.contains(&format!("`listen` is `{}`", endpoint.listen)));
    assert!(text.contains(&format!("after {} s without", endpoint.stalled_after_seconds)));
}
