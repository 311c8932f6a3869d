//! Items to tell: the model's own committed examples, one of each kind.

use std::path::PathBuf;
use std::sync::Arc;

use palisade_defender::output::{Device, Dropped, Item, Phase};
use palisade_model::UnixMillis;
use palisade_model::event::{Blind, Effect, Event, Incident, Kind, Record, SequenceScore};
use palisade_model::wire;

fn read(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "model", "src", "event", "golden", "v1"]
        .iter()
        .collect();
    std::fs::read(path.join(format!("{name}.json"))).unwrap()
}

pub(super) fn event(kind: Kind) -> Event {
    match wire::decode(&read(&format!("event-{kind}"))).unwrap() {
        Record::Event(event) => *event,
        Record::Blind(_) => unreachable!("it is an event"),
    }
}

/// The same, seen and succeeded.
pub(super) fn seen(kind: Kind, sequence: u64) -> Event {
    let mut event = event(kind);
    event.error = 0;
    event.effect = Effect::Seen;
    event.source.sequence = sequence;
    event
}

pub(super) fn item(event: Event) -> Item {
    Item::Event(Arc::new(event))
}

pub(super) fn blind() -> Blind {
    match wire::decode(&read("blind")).unwrap() {
        Record::Blind(blind) => blind,
        Record::Event(_) => unreachable!("it is an interval"),
    }
}

pub(super) fn incident() -> Incident {
    let sequences = Some(SequenceScore { mismatches: 12, of: 100 });
    Incident { sequences, ..wire::decode(&read("incident")).unwrap() }
}

pub(super) fn dropped() -> Item {
    Item::Dropped(Arc::new(Dropped {
        sink: "siem".to_owned(),
        lines: 12,
        from: UnixMillis(1_700_000_000_000),
        until: UnixMillis(1_700_000_000_500),
        reason: "slow",
    }))
}

/// One of everything, by name.
pub(super) fn everything() -> Vec<(String, Item)> {
    let mut all: Vec<_> =
        Kind::ALL.into_iter().map(|kind| (kind.to_string(), item(event(kind)))).collect();
    let host = Event { container: None, effect: Effect::Seen, error: 0, ..event(Kind::Exec) };
    all.push(("exec-host".to_owned(), item(host)));
    all.push(("connect-seen".to_owned(), item(seen(Kind::Connect, 9))));
    let killed = Event { effect: Effect::Killed, error: 0, ..event(Kind::Open) };
    all.push(("open-killed".to_owned(), item(killed)));
    all.push(("blind".to_owned(), Item::Blind(Arc::new(blind()))));
    all.push(("incident".to_owned(), Item::Incident(Arc::new(incident()), Phase::Created)));
    all.push(("dropped".to_owned(), dropped()));
    all
}

pub(super) fn device() -> Device {
    Device {
        hostname: "host-1".to_owned(),
        uid: "4c4c4544004b".to_owned(),
        boot: "0f1e2d3c-0000-4000-8000-000000000000".to_owned(),
    }
}

/// Compares with a committed file; `PALISADE_GOLDEN=write` writes one that is not there.
pub(super) fn golden(name: &str, text: &str) {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "it", "output", "golden", name].iter().collect();
    // A release changes the product's version, and nothing else.
    let version = format!("\"version\":\"{}\"}}}}", env!("CARGO_PKG_VERSION"));
    let text = text.replace(&version, "\"version\":\"0\"}}");
    if !path.exists() && std::env::var_os("PALISADE_GOLDEN").is_some_and(|mode| mode == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(text, committed, "{name} is told differently");
}

/// Waits for something that another thread does.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !holds() {
        assert!(std::time::Instant::now() < end, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Says that a test cannot be done on this machine.
pub(super) fn not_shown(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "not shown here: {why}");
}
