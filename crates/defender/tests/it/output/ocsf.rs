use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use palisade_defender::output::{Encoder, Item, LineLimits, Phase};
use palisade_model::UnixMillis;
use palisade_model::event::{Activity, Blind, BlindCause, Effect, Kind, KindSet, Record};
use proptest::prelude::*;
use serde_json::Value;

use super::samples::{device, event, everything, golden, incident, item, seen};

fn encoder() -> Encoder {
    Encoder::new(device(), LineLimits::default())
}

fn parsed(item: &Item) -> Value {
    serde_json::from_str(&encoder().line(item, 7)).unwrap()
}

#[test]
fn lines_are_those_that_were_committed() {
    for (name, item) in everything() {
        golden(&format!("{name}.json"), &encoder().line(&item, 1_700_000_000_000_001));
    }
}

/// What version 1.7.0 requires, written by hand from its pages: class, category, activities, required
/// fields, fields of which one is required.
type Requirement = (u64, u64, &'static [u64], &'static [&'static str], &'static [&'static str]);

const REQUIREMENTS: [Requirement; 8] = [
    (0, 0, &[0, 99], &[], &[]),
    (
        1001,
        1,
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 99],
        &["actor", "device", "file"],
        &[],
    ),
    (1002, 1, &[1, 2, 99], &["actor", "device", "driver"], &[]),
    (1003, 1, &[1, 2, 3, 4, 99], &["actor", "device", "kernel"], &[]),
    (1007, 1, &[1, 2, 3, 4, 5, 99], &["actor", "device", "process"], &[]),
    (2004, 2, &[1, 2, 3, 99], &["finding_info"], &[]),
    (4001, 4, &[1, 2, 3, 4, 5, 6, 7, 99], &[], &["src_endpoint", "dst_endpoint"]),
    (4003, 4, &[1, 2, 6, 99], &[], &["src_endpoint", "dst_endpoint"]),
];

/// Required fields of objects, wherever they stand.
const OBJECTS: [(&str, &[&str], &[&str]); 14] = [
    ("metadata", &["version", "product", "uid"], &[]),
    ("product", &["name", "vendor_name"], &[]),
    ("device", &["type_id"], &["hostname", "uid"]),
    ("actor", &[], &["process"]),
    ("process", &[], &["pid", "uid"]),
    ("parent_process", &[], &["pid", "uid"]),
    ("file", &["name", "type_id"], &[]),
    ("file_result", &["name", "type_id"], &[]),
    ("driver", &["file"], &[]),
    ("kernel", &["name", "type_id"], &[]),
    ("container", &[], &["uid", "name"]),
    ("finding_info", &["uid", "title"], &[]),
    ("analytic", &["type_id"], &["name", "uid"]),
    ("connection_info", &["direction_id"], &[]),
];

fn check(name: &str, line: &Value) {
    let number = |key: &str| line[key].as_u64().unwrap_or_else(|| panic!("{name}: no {key}"));
    let class = number("class_uid");
    let (_, category, activities, all, any) = *REQUIREMENTS
        .iter()
        .find(|requirement| requirement.0 == class)
        .unwrap_or_else(|| panic!("{name}: class {class}"));
    assert_eq!(number("category_uid"), category, "{name}");
    let activity = number("activity_id");
    assert!(activities.contains(&activity), "{name}: {activity}");
    assert_eq!(number("type_uid"), class * 100 + activity, "{name}");
    assert_eq!(activity == 99, line["activity_name"].is_string(), "{name}");
    assert!((1..=6).contains(&number("severity_id")), "{name}");
    assert!(number("time") >= 1_700_000_000_000, "{name}: milliseconds");
    for key in all.iter().chain(&["metadata", "type_name", "unmapped", "device"]) {
        assert!(!line[*key].is_null(), "{name}: no {key}");
    }
    assert!(any.is_empty() || any.iter().any(|key| line[*key].is_object()), "{name}: {any:?}");
    assert_eq!(line["metadata"]["version"], "1.7.0");
    let profiles: BTreeSet<_> =
        line["metadata"]["profiles"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(profiles.contains("container"), line["container"].is_object(), "{name}");
    assert_eq!(profiles.contains("security_control"), line["action_id"].is_u64(), "{name}");
    let mut own = line.clone();
    // What is ours alone follows no schema.
    own.as_object_mut().unwrap().remove("unmapped");
    objects(name, "", &own);
}

fn objects(name: &str, key: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (_, all, any) in OBJECTS.iter().filter(|(object, ..)| *object == key) {
                assert!(
                    all.iter().all(|field| fields.contains_key(*field)),
                    "{name}: {key} {value}"
                );
                let one = any.is_empty() || any.iter().any(|field| fields.contains_key(*field));
                assert!(one, "{name}: {key} {value}");
            }
            fields.iter().for_each(|(key, value)| objects(name, key, value));
        }
        Value::Array(values) => values.iter().for_each(|value| objects(name, "", value)),
        Value::Null => panic!("{name}: {key} is null"),
        _ => {}
    }
}

#[test]
fn every_line_has_what_its_class_requires() {
    for (name, item) in everything() {
        check(&name, &parsed(&item));
    }
}

#[test]
fn the_outcome_of_a_connection_is_its_activity() {
    let outcome = |error, effect| {
        let mut event = seen(Kind::Connect, 1);
        (event.error, event.effect) = (error, effect);
        let line = parsed(&item(event));
        (line["activity_id"].as_u64(), line["status_id"].as_u64(), line["action_id"].as_u64())
    };
    assert_eq!(outcome(0, Effect::Seen), (Some(1), Some(1), None));
    assert_eq!(outcome(115, Effect::Seen), (Some(1), Some(1), None));
    assert_eq!(outcome(110, Effect::Seen), (Some(4), Some(2), None));
    assert_eq!(outcome(111, Effect::Seen), (Some(5), Some(2), None));
    assert_eq!(outcome(1, Effect::Refused), (Some(5), Some(2), Some(2)));
    assert_eq!(outcome(0, Effect::Killed), (Some(1), Some(1), Some(2)));
}

#[test]
fn an_incident_names_its_events_by_the_uid_they_were_told_under() {
    let mut story = incident();
    let event = seen(Kind::Exec, 42);
    let told = parsed(&item(event.clone()));
    story.add(event);
    story.evidence.push(Record::Blind(Blind::unseen(
        UnixMillis(1),
        UnixMillis(2),
        BlindCause::Detached,
        KindSet::all(),
    )));
    let line = parsed(&Item::Incident(Arc::new(story), Phase::Updated));
    check("incident", &line);
    let related = line["finding_info"]["related_events"].as_array().unwrap();
    assert_eq!(related.last().unwrap()["uid"], told["metadata"]["uid"]);
    assert_eq!(related.last().unwrap()["type_uid"], told["type_uid"]);
    assert_eq!(line["evidences"].as_array().unwrap().len(), related.len() + 1);
}

#[test]
fn no_two_lines_have_the_same_uid() {
    let uid = |item: &Item, number| {
        let line: Value = serde_json::from_str(&encoder().line(item, number)).unwrap();
        line["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    let mut all = HashSet::new();
    let story = Item::Incident(Arc::new(incident()), Phase::Updated);
    for number in 0..50 {
        let mut other = seen(Kind::Exec, number);
        other.source.cpu = 2;
        let mut later = seen(Kind::Exec, number);
        later.boot_ns = 5_000;
        let mut hook = seen(Kind::Exec, number);
        hook.source.hook = "cgroup/connect4".into();
        for event in [seen(Kind::Exec, number), other, later, hook] {
            assert!(all.insert(uid(&item(event), number)));
        }
        assert!(all.insert(uid(&story, number)));
        assert!(all.insert(uid(&super::samples::dropped(), number)));
    }
    // The same event told twice is the same.
    assert_eq!(uid(&item(seen(Kind::Exec, 1)), 1), uid(&item(seen(Kind::Exec, 1)), 2));
}

const HOSTILE: &str =
    "a\u{1b}[2J\u{9b}31m\r\n\0\"\\</script>\u{202e}gpj\u{2028}\u{200b}\u{7f}\u{85}\u{feff}ü𝔘";

fn is_one_plain_line(line: &str) {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    assert!(!line.contains(bad), "{line:?}");
}

#[test]
fn hostile_names_come_through_whole_and_harmless() {
    let mut event = seen(Kind::Exec, 1);
    let process = Arc::make_mut(&mut event.process);
    process.name = HOSTILE.to_owned();
    process.args = vec!["x".to_owned(), HOSTILE.to_owned()];
    process.executable.file.path = format!("/tmp/{HOSTILE}");
    let container = Arc::make_mut(event.container.as_mut().unwrap());
    container.name = HOSTILE.to_owned();
    container.labels.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    let line = encoder().line(&item(event), 1);
    is_one_plain_line(&line);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["process"]["name"], HOSTILE);
    assert_eq!(line["container"]["name"], HOSTILE);
    assert_eq!(line["process"]["file"]["path"], format!("/tmp/{HOSTILE}"));
    let command = line["process"]["cmd_line"].as_str().unwrap();
    assert!(command.starts_with("x '") && command.contains(HOSTILE), "{command}");
}

#[test]
fn different_arguments_are_different_lines() {
    let line = |args: &[&str]| {
        let mut event = seen(Kind::Exec, 1);
        Arc::make_mut(&mut event.process).args = args.iter().map(|&a| a.to_owned()).collect();
        parsed(&item(event))["process"]["cmd_line"].as_str().unwrap().to_owned()
    };
    assert_eq!(line(&["sh", "-c", "id"]), "sh -c id");
    assert_eq!(line(&["sh", "-c id"]), "sh '-c id'");
    assert_eq!(line(&["sh", "", "it's"]), r"sh '' 'it'\''s'");
}

#[test]
fn a_long_line_is_cut_and_says_so() {
    let mut event = seen(Kind::Exec, 1);
    let process = Arc::make_mut(&mut event.process);
    process.args = vec!["\u{1}".repeat(3_000); 200];
    process.environment = vec!["A=".to_owned() + &"b".repeat(100_000); 100];
    let container = Arc::make_mut(event.container.as_mut().unwrap());
    for number in 0..10_000 {
        container.labels.insert(format!("label-{number}"), "v".repeat(1_000));
    }
    let whole = parsed(&item(seen(Kind::Exec, 1)));
    assert!(whole["metadata"]["is_truncated"].is_null() && whole["unmapped"]["cut"].is_null());
    for line_bytes in [1_024, 2_048, 4_096, 8_192, 65_536] {
        let limits = LineLimits { line_bytes, ..LineLimits::default() };
        let line = Encoder::new(device(), limits).line(&item(event.clone()), 1);
        assert!(line.len() <= line_bytes, "{} > {line_bytes}", line.len());
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["metadata"]["is_truncated"], true, "{line_bytes}");
        assert!(!line["unmapped"]["cut"].is_null(), "{line_bytes}");
        assert_eq!(line["metadata"]["uid"], whole["metadata"]["uid"], "{line_bytes}");
        if line_bytes >= 4_096 {
            check("cut", &line);
        }
    }
}

#[test]
fn the_largest_incident_fits_a_datagram() {
    let mut story = incident();
    story.title = "\u{1b}".repeat(10_000);
    for number in 0..100_u32 {
        let mut event = seen(Kind::Exec, number.into());
        let process = Arc::make_mut(&mut event.process);
        process.key = palisade_model::event::ProcessKey::new(number, 1);
        process.args = vec!["\u{1b}".repeat(500); 100];
        story.add(event);
    }
    let limits = LineLimits { line_bytes: 8_000, ..LineLimits::default() };
    let item = Item::Incident(Arc::new(story), Phase::Created);
    let line = Encoder::new(device(), limits).line(&item, 1);
    assert!(line.len() <= 8_000);
    let line: Value = serde_json::from_str(&line).unwrap();
    check("large", &line);
    assert_eq!(line["class_uid"], 2004, "{line}");
}

#[test]
fn no_name_of_a_host_or_hook_breaks_the_bound() {
    let mut event = seen(Kind::Exec, u64::MAX);
    event.boot_ns = u64::MAX;
    event.source.hook = HOSTILE.repeat(50).into();
    event.source.cpu = u32::MAX;
    Arc::make_mut(&mut event.process).args = vec!["\u{1}".repeat(3_000); 200];
    let name = format!("{}{HOSTILE}", "h".repeat(1_000));
    let device =
        palisade_defender::output::Device { hostname: name.clone(), uid: name.clone(), boot: name };
    let limits = LineLimits { line_bytes: 1_024, ..LineLimits::default() };
    let line = Encoder::new(device, limits).line(&item(event), u64::MAX);
    assert!(line.len() <= 1_024, "{}", line.len());
    is_one_plain_line(&line);
    assert!(serde_json::from_str::<Value>(&line).is_ok());
}

proptest! {
    #[test]
    fn any_text_makes_one_line_of_json_in_bounds(
        text in "\\PC*|[\\x00-\\x7f\u{80}-\u{a0}\u{202e}]{0,200}",
        bound in 1_024_usize..4_096,
    ) {
        let mut event = event(Kind::Rename);
        if let Activity::Rename { from, to, .. } = &mut event.activity {
            from.path = text.repeat(3);
            to.clone_from(&text);
        }
        Arc::make_mut(&mut event.process).cwd = text;
        let limits = LineLimits { line_bytes: bound, ..LineLimits::default() };
        let line = Encoder::new(device(), limits).line(&item(event), 1);
        prop_assert!(line.len() <= bound);
        prop_assert!(!line.contains(char::is_control));
        prop_assert!(serde_json::from_str::<Value>(&line).is_ok());
    }
}
