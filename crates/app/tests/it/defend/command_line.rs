//! What `palisade defend`, `policy` and `models` say, and how they end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_model::event::{
    Activity, Ancestors, Capabilities, Credentials, Effect, Event, Executable, FileRef, Namespaces,
    Process, ProcessKey, Record, Rung, Source,
};
use palisade_model::{UnixMillis, wire};
use serde_json::Value;
use tempfile::TempDir;

use super::alone;
use crate::support::{palisade, stderr, stdout};

/// A folder with one file in it.
fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

const GOOD: &str = "\
[[rule]]
name = \"no netcat\"

[rule.process]
effect = \"alert\"
deny_effect = \"prevent\"
deny = [\"/usr/bin/nc*\", \"/usr/bin/id\"]
";

#[test]
fn a_check_prints_every_section_in_order_and_leaves_nothing_behind() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let output = palisade(&["defend", "--check", "--state", text(&state)]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    let sections: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|word| {
            let names = "SENSOR EVENTS PREVENTION CAPABILITIES CONTAINERS RULES POLICY";
            names.split(' ').any(|name| name == *word)
        })
        .collect();
    let wanted =
        ["SENSOR", "EVENTS", "PREVENTION", "CAPABILITIES", "CONTAINERS", "RULES", "POLICY"];
    assert_eq!(sections, wanted, "{said}");
    assert!(said.contains("fanotify") && said.contains("process__exec"), "{said}");
    assert!(!state.exists(), "a check keeps no state");
}

#[test]
fn wrong_settings_are_refused_with_their_line_and_key() {
    for (settings, line, word) in [
        ("host = true\n\n[sensor]\nratte = 3\n", "line 4", "ratte"),
        ("[sensor]\nrate = \"many\"\n", "line 2", "rate"),
        ("[models.learning]\nlearning_ms = -1\n", "line 2", "learning_ms"),
        ("[output.sinks.x]\nto = { fle = { path = \"/x\" } }\n", "line 2", "fle"),
        ("host = \n", "line 1", "host"),
    ] {
        let (_folder, path) = file("defend.toml", settings);
        let state = path.with_extension("state");
        let output = palisade(&["defend", "--config", text(&path), "--state", text(&state)]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{settings}: {said}");
        for wanted in ["defend.toml", line, word] {
            assert!(said.contains(wanted), "{settings}: no {wanted} in: {said}");
        }
        assert!(!state.exists(), "nothing was started");
    }
    let output = palisade(&["defend", "--config", "/nonexistent/defend.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nonexistent/defend.toml"), "{}", stderr(&output));
    let output = palisade(&["defend", "--events", "exec,dances"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`dances`"), "{}", stderr(&output));
}

#[test]
fn a_policy_is_checked() {
    let (_folder, good) = file("policy.toml", GOOD);
    let output = palisade(&["policy", "check", "--any-host", text(&good)]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    for wanted in ["no netcat", "denied: prevent", "asked in user space", "/usr/bin/nc*"] {
        assert!(said.contains(wanted), "no {wanted} in: {said}");
    }
    let output = palisade(&["policy", "check", "--any-host", "--json", text(&good)]);
    let check: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(check["rules"][0]["name"], "no netcat", "{check}");
    let version = check["version"].as_str().expect("a version");
    assert!(said.contains(version), "{version} is not in: {said}");

    for (policy, place, word) in [
        ("[[rule]]\nname = \"a\"\n[rule.process]\neffect = \"prevnt\"\n", ":4:10", "prevent"),
        ("[[rule]]\nname = \"a\"\nprocess = { denny = [\"/x\"] }\n", ":3:13", "denny"),
        ("fial = \"open\"\n", ":1:1", "fial"),
        ("[[rule]]\nprocess = { deny = [\"/x\"] }\n", ":1:1", "name"),
    ] {
        let (_folder, bad) = file("policy.toml", policy);
        let output = palisade(&["policy", "check", "--any-host", text(&bad)]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{policy}: {said}");
        assert!(said.contains(&format!("policy.toml{place}")), "{policy}: {said}");
        assert!(said.contains(word), "{policy}: {said}");
        assert_eq!(stdout(&output), "", "{policy}");
        // A Defender does not start with it either.
        let state = bad.with_extension("state");
        let output = palisade(&["defend", "--policy", text(&bad), "--state", text(&state)]);
        assert_eq!(output.status.code(), Some(2), "{policy}: {}", stderr(&output));
        assert!(stderr(&output).contains(place), "{policy}: {}", stderr(&output));
    }
}

/// A program that ran, as a line.
fn line(path: &str) -> String {
    let process = Process {
        key: ProcessKey::new(1_234, 56_789),
        inner_pid: 7,
        name: "program".to_owned(),
        executable: Executable { file: FileRef::at(path), hash: None, fileless: false },
        args: Vec::new(),
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials::default(),
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: 8_812,
        session: 0,
        terminal: 0,
        started: UnixMillis(1_700_000_000_000),
        ancestors: Ancestors::default(),
    };
    let event = Event {
        time: UnixMillis(1_700_000_000_000),
        boot_ns: 1,
        source: Source { rung: Rung::Tracepoint, hook: "test".into(), cpu: 0, sequence: 1 },
        process: Arc::new(process),
        thread: 1_234,
        // Of the host: the rule for it is the one without a container.
        container: None,
        activity: Activity::Exec { script: None, previous: String::new(), gained: 0 },
        error: 0,
        call: None,
        effect: Effect::Seen,
    };
    String::from_utf8(wire::encode(&Record::Event(Box::new(event)))).expect("JSON")
}

#[test]
fn a_policy_explains_what_it_would_do_about_events() {
    let host = GOOD.replace("name = \"no netcat\"", "name = \"host\"\nmatch = { host = true }");
    let (_folder, policy) = file("policy.toml", &host);
    let events = format!("{}\n\nnonsense\n{}\n", line("/usr/bin/nc.openbsd"), line("/bin/true"));
    let (_other, events) = file("events.jsonl", &events);
    let output = palisade(&["policy", "explain", "--any-host", text(&policy), text(&events)]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("exec by /usr/bin/nc.openbsd in the host"), "{said}");
    assert!(said.contains("`/usr/bin/nc*` (line 8)"), "{said}");
    assert!(said.contains("exec by /bin/true in the host: allowed"), "{said}");
    let said = stderr(&output);
    assert!(said.contains("events.jsonl line 3: not a record"), "{said}");

    let summary = ["policy", "explain", "--any-host", "--summary", text(&policy), text(&events)];
    let output = palisade(&summary);
    let said = stdout(&output);
    assert!(said.starts_with("2 events, 1 lines that are none\n"), "{said}");
    assert!(said.contains("process.deny `/usr/bin/nc*` (line 8)"), "{said}");
    assert!(!said.contains("/bin/true"), "{said}");

    let output = palisade(&["policy", "explain", text(&policy), "/nonexistent/events.jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nonexistent/events.jsonl"), "{}", stderr(&output));
}

#[test]
fn models_are_none_where_nothing_was_learned() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let models =
        |arguments: &[&str]| palisade(&[&["models", "--state", text(&state)], arguments].concat());
    for command in [&["list"][..], &["show", "nginx:1.27"]] {
        let output = models(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let said = stderr(&output);
        assert!(said.contains("there is no state directory"), "{said}");
        assert!(!state.exists(), "to look makes nothing");
    }
    std::fs::create_dir(&state).expect("a directory");
    let output = models(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.starts_with("DIGEST ") && said.lines().count() == 1, "{said}");
    let output = models(&["--json", "list"]);
    let reply: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(reply["models"], Value::Array(Vec::new()));
    for command in ["show", "export", "relearn", "finish", "accept", "archive", "remove"] {
        let output = models(&[command, "nginx:1.27"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).contains("no model `nginx:1.27`"), "{}", stderr(&output));
    }
    let output = models(&["import", "/nonexistent/model.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nonexistent/model.toml"), "{}", stderr(&output));
}
