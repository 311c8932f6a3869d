//! Floods: nothing grows without bound, and what was left out is said.

use std::collections::BTreeSet;

use palisade_defender::incidents::{Closing, Incidents, Settings, Update};
use palisade_model::event::{
    ContainerId, IncidentId, IncidentSeverity as Severity, MAX_EVIDENCE, MAX_TREE,
};
use proptest::prelude::*;

use crate::incidents_stories::*;

#[test]
fn a_flood_of_one_finding_over_many_processes_is_one_incident_with_a_count() {
    let mut incidents = Incidents::new(Settings::default());
    let init = entered(&container("web", "app:1"), 100, "/app", 0);
    let mut updates = Vec::new();
    for number in 0..10_000_u32 {
        let seconds = 100 + u64::from(number) / 1_000;
        let child = init.child(1_000 + number, "/tmp/miner", seconds);
        let finding = rule("Miner", Severity::High, "T1496");
        updates.extend(incidents.take(&child.execs(seconds), vec![finding], at(seconds)));
    }
    assert!(updates.len() <= 11, "{} updates", updates.len());
    assert_eq!(incidents.counters().opened, 1);
    let incident = incidents.open().next().unwrap();
    assert_eq!(incident.count, 10_000);
    assert_eq!((incident.evidence.len(), incident.tree.len()), (MAX_EVIDENCE, MAX_TREE));
    assert!(incidents.bytes() < 1 << 20, "{}", incidents.bytes());
    assert_eq!(incidents.counters().members_forgotten, 10_000 - 256);
}

#[test]
fn a_flood_of_acts_leaves_room_for_findings() {
    let mut incidents = Incidents::new(Settings::default());
    let shell = entered(&container("web", "app:1"), 100, "/bin/sh", 20);
    incidents.take(&shell.execs(20), vec![rule("Shell", Severity::Low, "T1059")], at(20));
    let mut told = 0;
    for number in 0..50_000_u32 {
        let event = shell.opens(&format!("/tmp/{number}"), 21);
        told += incidents.take(&event, vec![], START.plus(21_000 + u64::from(number))).len();
    }
    // The acts that are shown, once; then only the count grows.
    assert_eq!(told, 1);
    let event = shell.opens("/etc/shadow", 80);
    let updates = incidents.take(&event, vec![rule("Shadow", Severity::High, "T1003")], at(80));
    let incident = updates[0].incident();
    assert_eq!(incident.count, 50_002);
    assert_eq!(incident.evidence.len(), 1 + Settings::default().max_acts + 1);
}

#[test]
fn one_container_cannot_fill_the_list_with_incidents() {
    let mut incidents = Incidents::new(Settings::default());
    let init = entered(&container("web", "app:1"), 100, "/app", 0);
    for number in 0..200_u32 {
        let child = init.child(1_000 + number, &format!("/bin/x{number}"), 100);
        let finding = rule(&format!("Rule {number}"), Severity::Low, "T1059");
        incidents.take(&child.execs(100), vec![finding], at(100));
    }
    let counters = incidents.counters();
    assert_eq!((counters.opened, counters.rate_limited), (10, 190));
    // 31 more causes fit into the latest one.
    assert_eq!(counters.causes_left_out, 190 - 31);
    // A graver one is not lost among them.
    let child = init.child(5_000, "/bin/worst", 101);
    let worst = rule("Worst", Severity::Critical, "T1611");
    let updates = incidents.take(&child.execs(101), vec![worst], at(101));
    assert!(updates.iter().any(|update| update.incident().title == "Worst"), "{updates:?}");
    // A minute later it may open again.
    let child = init.child(5_001, "/bin/y", 160);
    incidents.take(&child.execs(160), vec![rule("New", Severity::Low, "T1059")], at(160));
    assert_eq!(incidents.counters().opened, 11);
}

#[test]
fn when_there_is_no_room_the_least_severe_goes_first() {
    let settings = Settings { max_open: 3, ..Settings::default() };
    let mut incidents = Incidents::new(settings);
    let mut open = |name: &str, severity, seconds| {
        let program = entered(&container(name, name), 100, "/bin/sh", 0);
        incidents.take(&program.execs(seconds), vec![rule(name, severity, "T1059")], at(seconds))
    };
    open("a", Severity::High, 20);
    open("b", Severity::Low, 21);
    open("c", Severity::Low, 22);
    let closed = |updates: Vec<Update>| {
        let mut titles = Vec::new();
        for update in updates {
            if let Update::Closed(incident, why) = update {
                assert_eq!(why, Closing::Room);
                titles.push(incident.title.clone());
            }
        }
        titles
    };
    assert_eq!(closed(open("d", Severity::Medium, 23)), ["b"]);
    assert_eq!(closed(open("e", Severity::Low, 24)), ["c"]);
    assert_eq!(closed(open("f", Severity::High, 25)), ["e"]);
    assert_eq!(incidents.counters().closed_for_room, 3);
    assert_eq!(incidents.open().count(), 3);
}

#[test]
fn bytes_are_bounded_whatever_the_processes_carry() {
    let settings = Settings { max_bytes: 300_000, ..Settings::default() };
    let mut incidents = Incidents::new(settings);
    for number in 0..100_u32 {
        let mut actor =
            entered(&container(&format!("c{number}"), &format!("i{number}")), 100, "/bin/sh", 0);
        let mut process = (*actor.process).clone();
        process.args = vec!["x".repeat(20_000)];
        actor.process = process.into();
        incidents.take(&actor.execs(20), vec![rule("R", Severity::Low, "T1059")], at(20));
        assert!(incidents.bytes() <= 300_000, "{}", incidents.bytes());
    }
    assert!(incidents.counters().closed_for_room > 80);
}

proptest! {
    /// Every incident that opens closes once, nothing is told of one that is closed, and the bounds hold.
    #[test]
    fn any_stream_keeps_the_bounds(
        steps in proptest::collection::vec((0_u8..5, 0_u32..8, 0_u32..8, 0_u8..6, 0_u64..40), 1..200)
    ) {
        let settings = Settings {
            max_open: 4,
            max_members: 3,
            max_causes: 3,
            max_bytes: 40_000,
            max_opened_per_minute: 3,
            quiet_ms: 30_000,
            longest_ms: 100_000,
            ..Settings::default()
        };
        let mut incidents = Incidents::new(settings);
        let mut seconds = 0;
        let (mut open, mut closed) = (BTreeSet::<IncidentId>::new(), BTreeSet::new());
        let mut check = |updates: Vec<Update>| {
            for update in updates {
                let id = update.incident().id;
                prop_assert!(!closed.contains(&id));
                prop_assert!(update.incident().evidence.len() <= MAX_EVIDENCE);
                prop_assert!(update.incident().causes.len() <= 3);
                match update {
                    Update::Opened(_) => prop_assert!(open.insert(id)),
                    Update::Grown(_) => prop_assert!(open.contains(&id)),
                    Update::Closed(..) => {
                        prop_assert!(open.remove(&id));
                        closed.insert(id);
                    }
                }
            }
            Ok(())
        };
        for (place, parent, pid, what, wait) in steps {
            seconds += wait;
            let parent = match place {
                0 => on_host(1 + parent, "/bin/h", parent % 3, 0),
                place => entered(&container(&format!("c{place}"), "same:1"), 1 + parent, "/bin/p", 0),
            };
            let actor = parent.child(100 + pid, "/bin/x", 30);
            let findings = match what {
                0 | 1 => vec![],
                2 => vec![rule("A", Severity::Low, "T1059"), rule("B", Severity::High, "T1611")],
                what => vec![rule(&what.to_string(), Severity::Medium, "T1059")],
            };
            check(incidents.take(&actor.execs(seconds), findings, at(seconds)))?;
            prop_assert!(incidents.open().count() <= 4);
            if what == 1 {
                let id: ContainerId = format!("c{place}").parse().unwrap();
                incidents.container_removed(&id);
                check(incidents.tick(at(seconds)))?;
            }
        }
        check(incidents.stop(at(seconds)))?;
        prop_assert!(open.is_empty());
        prop_assert_eq!(incidents.bytes(), 0);
    }
}
