//! The file form. A golden file is never changed: an old model must stay readable for ever.
//! `PALISADE_GOLDEN=write` writes one that is not there.

use std::path::PathBuf;

use palisade_behaviour::{Fact, Frame, ImportError, Model, Outcome, Settings, VERSION};

use palisade_model::event::{Activity, FileRef, OpenFlags};

use crate::events::*;

fn everything() -> Model {
    let events = [
        exec(NGINX, None),
        hashed("/bin/sh", "/docker-entrypoint.sh", 0x11),
        write(NGINX, "/var/log/nginx/access.log"),
        write(NGINX, "/var/cache/nginx/0000000001"),
        write(NGINX, "/tmp/\u{fc}\"quoted\".txt"),
        listen(80),
        listen(40_000),
        connect("10.0.0.5", 5432),
        connect("2001:db8::5", 5432),
        ask("api.example.com"),
        answer("api.example.com", "192.0.2.9"),
        connect("192.0.2.9", 443),
    ];
    let mut model = model();
    let mut frame = Frame::default();
    for calls in [[0, 1, 3], [1, 3, 0]] {
        model.sequence(NGINX, &mut frame, calls, START);
    }
    for event in &events {
        model.observe(event, START);
    }
    model.advance(after(25));
    model.observe(&write(NGINX, "/var/log/nginx/error.log"), after(26));
    model
}

#[test]
fn a_model_survives_its_file() {
    let mut learning = model();
    learning.observe(&exec(NGINX, None), START.plus(60_000));
    let mut archived = everything();
    archived.archive(after(40));
    for model in [learning, everything(), archived] {
        let text = model.export();
        let read = Model::import(&text, Settings::default(), after(30)).unwrap();
        assert_eq!(read.export(), text);
        assert_eq!((read.phase(), read.archived()), (model.phase(), model.archived()));
        assert_eq!(read.learned_kinds(), model.learned_kinds());
    }
}

#[test]
fn an_imported_model_compares_as_the_first_did() {
    let mut read = Model::import(&everything().export(), Settings::default(), after(30)).unwrap();
    for event in
        [listen(80), connect("10.0.0.5", 5432), write(NGINX, "/var/cache/nginx/0000000077")]
    {
        assert_eq!(read.observe(&event, after(31)), Outcome::Known);
    }
    assert!(matches!(read.observe(&listen(81), after(31)), Outcome::Deviation(_)));
    read.observe(&answer("api.example.com", "203.0.113.77"), after(31));
    assert_eq!(read.observe(&connect("203.0.113.77", 443), after(31)), Outcome::Known);
}

#[test]
fn the_golden_files_stay_readable() {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "v1", "nginx.toml"].iter().collect();
    let written = everything().export();
    if !path.exists() && std::env::var_os("PALISADE_GOLDEN").is_some_and(|mode| mode == "write") {
        std::fs::write(&path, &written).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let read = Model::import(&committed, Settings::default(), after(30)).unwrap();
    assert_eq!(read.export(), committed, "it is read as something else");
    assert_eq!(written, committed, "it is written differently");
}

#[test]
fn a_person_may_edit_it() {
    let text = everything().export().replace("/var/log/nginx/access.log", "/var/log/**");
    let mut read = Model::import(&text, Settings::default(), after(30)).unwrap();
    assert_eq!(read.observe(&write(NGINX, "/var/log/a/b/c"), after(31)), Outcome::Known);
}

#[test]
fn what_means_nothing_is_refused_with_a_reason() {
    let good = everything().export();
    let import = |text: &str| Model::import(text, Settings::default(), START);
    assert!(import(&good).is_ok());
    for (from, to) in [
        ("\"tcp/80\"", "\"tcp/x\""),
        ("\"tcp/80\"", "\"80\""),
        ("10.0.0.5", "10.0.0"),
        ("\"/var/cache", "\"var/cache"),
        ("\"exec\"", "\"exek\""),
        ("\"active\"", "\"asleep\""),
        ("api.example.com", "api/example"),
        ("1111111111", "111111111x"),
        ("\"0-1-3\"", "\"0-1\""),
        ("/bin/sh", "/bin/\\u0000"),
    ] {
        assert!(good.contains(from), "{from}");
        let refused = import(&good.replace(from, to));
        assert!(matches!(refused, Err(ImportError::Value { .. })), "{from}: {refused:?}");
    }
    for (from, to) in [
        ("version = 1\n", ""),
        ("version = 1\n", "version = 1\nsurprise = true\n"),
        ("sha256:", "md5:"),
        ("[phase]", "[phase"),
    ] {
        assert!(good.contains(from), "{from}");
        let refused = import(&good.replacen(from, to, 1));
        assert!(matches!(refused, Err(ImportError::Form(_))), "{from}: {refused:?}");
    }
    let newer = format!("version = {}\nunheard = \"of\"\n", VERSION + 1);
    assert!(matches!(import(&newer), Err(ImportError::TooNew(2))));
    let small = Settings { max_document: 100, ..Settings::default() };
    let refused = Model::import(&good, small, START);
    assert!(matches!(refused, Err(ImportError::TooLarge(..))));
}

#[test]
fn a_file_is_held_to_the_bounds() {
    let many: Vec<String> = (1..=5_000).map(|port| format!("\"tcp/{port}\"")).collect();
    let text = format!(
        "version = 1\nimage = \"{}\"\n[phase]\nstate = \"active\"\nsince = 0\n[learned]\nlistening = [{}]\n",
        image(),
        many.join(", ")
    );
    let read = Model::import(&text, Settings::default(), START).unwrap();
    assert!(read.export().matches("tcp/").count() == Settings::default().max_listening);
    assert!(read.bounds().contains_key(&palisade_behaviour::Bound::Listening));
}

#[test]
fn whatever_was_seen_can_be_written_and_read_again() {
    let mut model = model();
    // The kernel could not tell the path, nor the parent's.
    let mut nameless = process("", Some(""));
    nameless.executable.fileless = true;
    for event in [
        exec_of(nameless.clone()),
        exec("/bin/x", Some("")),
        event(nameless, Activity::Open { file: FileRef::at("/var/x\\x0a"), flags: OpenFlags(1) }),
        write("", "/var/log/a"),
        write(NGINX, "/var/*/**"),
        ask("a/b.*.example.com"),
        ask(&"x".repeat(5_000)),
        exec(&format!("/{}", "y".repeat(9_000)), None),
    ] {
        model.observe(&event, START);
    }
    let text = model.export();
    let again = Model::import(&text, Settings::default(), START).unwrap();
    assert_eq!(again.export(), text);
}

#[test]
fn a_fact_has_one_form_in_json_and_must_be_sound_to_be_known() {
    let fact = |text: &str| serde_json::from_str::<Fact>(text);
    let mut model = active(&[listen(80)]);
    for text in [
        r#"{"listening":"tcp/81"}"#,
        r#"{"user":0}"#,
        r#"{"name":"api.example.com"}"#,
        r#"{"outbound":["tcp/443",{"name":["192.0.2.1","api.example.com"]}]}"#,
        r#"{"outbound":["udp/ephemeral",{"address":"2001:db8::1"}]}"#,
        r#"{"file":{"executable":"/bin/a","path":"/var/x"}}"#,
        r#"{"process":{"path":"/bin/b","hash":null,"parent":"","fileless":false}}"#,
    ] {
        let fact = fact(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(serde_json::to_string(&fact).unwrap(), text);
        assert!(model.extend(&fact), "{text}");
        assert!(!model.extend(&fact), "{text}");
    }
    for text in [
        r#"{"name":""}"#,
        r#"{"name":"a/b"}"#,
        r#"{"file":{"executable":"/bin/a","path":"var"}}"#,
        r#"{"file":{"executable":"/bin/a","path":"/var\n"}}"#,
        r#"{"process":{"path":"","hash":null,"parent":"","fileless":false}}"#,
    ] {
        assert!(!model.extend(&fact(text).unwrap()), "{text}");
    }
    for bad in [r#"{"listening":"tcp"}"#, r#"{"listening":81}"#, "{}", r#"{"user":-1}"#] {
        assert!(fact(bad).is_err(), "{bad}");
    }
    Model::import(&model.export(), Settings::default(), START).unwrap();
}

#[test]
fn what_is_allowed_follows_answers_and_bounds() {
    let settings = Settings { max_listening: 1, ..Settings::default() };
    let learned = [
        answer("api.example.com", "192.0.2.7"),
        answer("other.example.org", "192.0.2.8"),
        ask("api.example.com"),
        connect("192.0.2.7", 443),
        connect("10.0.0.5", 5432),
        exec(NGINX, None),
        listen(80),
        listen(81),
    ];
    let mut model = active_with(settings, &learned);
    let now = after(26);
    let allowed = model.allowed(now);
    assert!(allowed.active);
    // A section that was full cannot be a list of all that may be.
    assert_eq!(allowed.listening, None);
    assert_eq!(allowed.names, Some(vec!["api.example.com".to_owned()]));
    let outbound = allowed.outbound.unwrap();
    assert_eq!(outbound.len(), 2);
    assert!(outbound[0].by_name && outbound[0].resolved.is_empty(), "the answer is a day old");
    // A new answer for a known name counts; for another one it does not.
    model.observe(&answer("api.example.com", "192.0.2.9"), now);
    model.observe(&answer("other.example.org", "192.0.2.8"), now);
    let outbound = model.allowed(now).outbound.unwrap();
    let known = ("192.0.2.9".parse().unwrap(), "api.example.com".to_owned());
    assert_eq!(outbound[0].resolved, [known]);
    assert!(!outbound[1].by_name && outbound[1].resolved.is_empty());
    model.archive(now);
    assert!(!model.allowed(now).active);
}
