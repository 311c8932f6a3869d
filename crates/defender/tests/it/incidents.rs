//! Which events become one incident, and what it shows.

use std::collections::BTreeMap;

use palisade_defender::incidents::{Closing, Incidents, Settings, Suppression, Update};
use palisade_model::event::{
    Activity, Blind, BlindCause, Cause, Effect, Event, IncidentSeverity as Severity, ModelSection,
    Record, Response,
};

use crate::incidents_stories::*;

fn incidents() -> Incidents {
    Incidents::new(Settings { host: "host-1".to_owned(), ..Settings::default() })
}

fn opened(updates: &[Update]) -> usize {
    updates.iter().filter(|update| matches!(update, Update::Opened(_))).count()
}

fn paths(events: &[Record]) -> Vec<String> {
    let path = |record: &Record| match record {
        Record::Event(event) => event.process.path().to_owned(),
        Record::Blind(_) => "blind".to_owned(),
    };
    events.iter().map(path).collect()
}

#[test]
fn a_shell_out_of_a_web_server_and_all_it_does_is_one_incident() {
    let mut incidents = incidents();
    let web = container("web", "nginx:1.27");
    let master = entered(&web, 100, "/usr/sbin/nginx", 0);
    let worker = master.child(101, "/usr/sbin/nginx", 1);
    incidents.take(&worker.opens("/var/log/nginx/access.log", 99), vec![], at(99));

    let shell = worker.child(200, "/bin/sh", 100);
    let finding = rule("Shell in a service", Severity::Medium, "T1059.004");
    let updates = incidents.take(&shell.execs(100), vec![finding], at(100));
    let [Update::Opened(incident)] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!(incident.host, "host-1");
    assert_eq!(incident.severity, Severity::Medium);
    assert_eq!(paths(&incident.evidence), ["/usr/sbin/nginx", "/bin/sh"]);

    // Its children's acts join without a finding, and are told with the next update.
    let id = shell.child(201, "/usr/bin/id", 101);
    assert!(incidents.take(&id.execs(101), vec![], at(101)).is_empty());
    let curl = shell.child(202, "/usr/bin/curl", 102);
    let tool = rule("Network tool in a container", Severity::Low, "T1105");
    let updates = incidents.take(&curl.execs(102), vec![tool], at(102));
    assert!(matches!(updates.as_slice(), [Update::Grown(_)]), "{updates:?}");
    // A graver one is told at once and gives the title.
    let reverse = rule("Reverse shell", Severity::Critical, "T1059.004");
    let event = curl.connects("203.0.113.9", 4444, 102);
    let updates = incidents.take(&event, vec![reverse], at(102));
    let [Update::Grown(incident)] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!((incident.title.as_str(), incident.severity), ("Reverse shell", Severity::Critical));
    assert_eq!(incident.causes.len(), 3);
    assert_eq!(incident.causes[0], Cause::Rule { name: "Reverse shell".to_owned() });
    let techniques: Vec<&str> = incident.attack.iter().map(|one| one.as_str()).collect();
    assert_eq!(techniques, ["T1059.004", "T1105"]);
    let tree: Vec<&str> = incident.tree.iter().map(|process| process.path()).collect();
    assert_eq!(tree, ["/bin/sh", "/usr/bin/id", "/usr/bin/curl"]);
    assert_eq!((incident.count, incident.left_out()), (5, 0));
    assert_eq!(incidents.open().count(), 1);
    // What the server does meanwhile is none of it.
    incidents.take(&worker.opens("/var/log/nginx/access.log", 103), vec![], at(103));
    assert_eq!(incidents.open().next().unwrap().count, 5);
}

#[test]
fn two_stories_of_one_container_are_two_incidents() {
    let mut incidents = incidents();
    let web = container("web", "nginx:1.27");
    let master = entered(&web, 100, "/usr/sbin/nginx", 0);
    let shell = master.child(101, "/usr/sbin/nginx", 1).child(200, "/bin/sh", 100);
    let somebody = entered(&web, 300, "/bin/bash", 101);
    let apt = somebody.child(301, "/usr/bin/apt", 102);
    let mut updates = Vec::new();
    let found = |name| vec![rule(name, Severity::Medium, "T1059")];
    updates.extend(incidents.take(&shell.execs(100), found("Shell in a service"), at(100)));
    updates.extend(incidents.take(&apt.execs(102), found("Package manager"), at(102)));
    // What the same person does next is the second story again: they came from outside together.
    let gcc = somebody.child(302, "/usr/bin/gcc", 103);
    updates.extend(incidents.take(&gcc.execs(103), found("Compiler"), at(103)));
    // The same of another container is a third.
    let other = entered(&container("db", "postgres:16"), 400, "/usr/bin/postgres", 0);
    let other = other.child(401, "/bin/sh", 104);
    updates.extend(incidents.take(&other.execs(104), found("Shell in a service"), at(104)));
    assert_eq!(opened(&updates), 3, "{updates:#?}");
    let causes: Vec<usize> = incidents.open().map(|incident| incident.causes.len()).collect();
    assert_eq!(causes, [1, 2, 1]);
}

#[test]
fn what_an_entrypoint_does_at_the_start_is_one_story() {
    let mut incidents = incidents();
    let init = entered(&container("job", "busybox:1"), 100, "/bin/sh", 0);
    let mut updates = Vec::new();
    for (pid, name) in [(101, "id"), (102, "wget"), (103, "nc")] {
        let child = init.child(pid, &format!("/bin/{name}"), 2);
        let finding = rule(name, Severity::Medium, "T1059");
        updates.extend(incidents.take(&child.execs(2), vec![finding], at(2)));
    }
    assert_eq!(opened(&updates), 1);
    assert_eq!(incidents.open().next().unwrap().causes.len(), 3);
}

#[test]
fn the_same_cause_graver_raises_the_incident() {
    let mut incidents = incidents();
    let web = container("web", "nginx:1.27");
    let worker = entered(&web, 100, "/usr/sbin/nginx", 0);
    let image = web.image_digest.unwrap();
    let deviation = |severity, title: &str| {
        let cause = Cause::Deviation { image, section: ModelSection::Processes };
        palisade_defender::Finding { cause, ..rule(title, severity, "-") }
    };
    incidents.take(&worker.execs(100), vec![deviation(Severity::Low, "low")], at(100));
    let event = worker.opens("/etc/x", 100);
    let updates = incidents.take(&event, vec![deviation(Severity::High, "high")], at(100));
    let [Update::Grown(incident)] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!((incident.severity, incident.title.as_str()), (Severity::High, "high"));
    assert_eq!(incident.causes.len(), 1);
}

#[test]
fn an_incident_is_told_at_most_once_a_second_and_closed_when_quiet() {
    let mut incidents = incidents();
    let shell = entered(&container("web", "nginx:1.27"), 100, "/bin/sh", 0);
    let found = || vec![rule("Shell", Severity::Medium, "T1059")];
    assert_eq!(opened(&incidents.take(&shell.execs(0), found(), at(0))), 1);
    let mut told = 0;
    for milliseconds in 1..=3_000 {
        let now = START.plus(milliseconds);
        told += incidents.take(&shell.opens("/tmp/x", 1), found(), now).len();
    }
    assert_eq!(told, 3);
    let last = incidents.tick(at(4));
    assert!(last.is_empty(), "{last:?}");
    assert!(incidents.tick(at(302)).is_empty());
    let closed = incidents.tick(at(303));
    let [Update::Closed(incident, Closing::Quiet)] = closed.as_slice() else {
        panic!("{closed:?}")
    };
    assert_eq!(incident.count, 3_001);
    assert_eq!((incidents.open().count(), incidents.bytes()), (0, 0));
    // The same again is a new story.
    assert_eq!(opened(&incidents.take(&shell.opens("/tmp/x", 400), found(), at(400))), 1);
}

#[test]
fn a_session_of_the_host_is_a_story_and_an_escape_belongs_to_its_container() {
    let mut incidents = incidents();
    let found = |name| vec![rule(name, Severity::High, "T1611")];
    // Two programs of one session that know of each other only by it.
    let (one, two) = (on_host(10, "/bin/a", 9, 5), on_host(11, "/bin/b", 9, 6));
    let mut updates = incidents.take(&one.execs(5), found("A"), at(5));
    updates.extend(incidents.take(&two.execs(6), found("B"), at(6)));
    assert_eq!(opened(&updates), 1);
    let other = on_host(12, "/bin/c", 10, 6);
    assert_eq!(opened(&incidents.take(&other.execs(6), found("C"), at(6))), 1);

    let shell = entered(&container("web", "nginx:1.27"), 100, "/bin/sh", 20);
    assert_eq!(opened(&incidents.take(&shell.execs(20), found("Shell"), at(20))), 1);
    let out = shell.child(101, "/usr/bin/nsenter", 21).escaped();
    let updates = incidents.take(&out.execs(21), found("Escape"), at(22));
    let grown: Vec<_> = updates
        .iter()
        .filter(|one| one.incident().causes.len() == 2 && one.incident().container.is_some())
        .collect();
    assert_eq!((opened(&updates), grown.len()), (0, 1), "{updates:?}");
    // But a container that a program of the host started is a story of its own.
    let docker = on_host(500, "/usr/bin/runc", 9, 30);
    incidents.take(&docker.execs(30), found("A"), at(30));
    let mut inside = docker.child(501, "/bin/sh", 31);
    inside.container = Some(container("new", "busybox:1"));
    assert_eq!(opened(&incidents.take(&inside.execs(31), found("Shell"), at(31))), 1);
}

#[test]
fn the_same_in_many_replicas_is_rolled_up() {
    let mut incidents = incidents();
    let mut updates = Vec::new();
    for number in 0..50 {
        let replica = container(&format!("web-{number}"), "nginx:1.28");
        let program = entered(&replica, 100 + number, "/usr/sbin/nginx", 0);
        let finding = rule("Unexpected listener", Severity::Medium, "T1571");
        updates.extend(incidents.take(&program.listens(81, 20), vec![finding], at(20)));
    }
    assert_eq!(opened(&updates), 3);
    let counts: Vec<u64> = incidents.open().map(|incident| incident.count).collect();
    assert_eq!(counts, [1, 1, 48]);
}

#[test]
fn what_is_allowed_is_counted_and_opens_nothing() {
    let mut incidents = incidents();
    let entry = Suppression {
        rule: "Shell".to_owned(),
        image: Some("nginx:*".to_owned()),
        process: Some("*/sh".to_owned()),
        reason: "the health check".to_owned(),
        until: Some(at(60)),
    };
    let unfounded = Suppression { reason: " ".to_owned(), ..entry.clone() };
    assert!(incidents.suppress(vec![unfounded]).is_err());
    incidents.suppress(vec![entry.clone()]).unwrap();
    let shell =
        |name: &str, image: &str, path: &str| entered(&container(name, image), 100, path, 0);
    let found = |name: &str| vec![rule(name, Severity::High, "T1059")];
    let mut take = |actor: Actor, finding, seconds| {
        opened(&incidents.take(&actor.execs(seconds), finding, at(seconds)))
    };
    assert_eq!(take(shell("a", "nginx:1", "/bin/sh"), found("Shell"), 20), 0);
    assert_eq!(take(shell("b", "redis:1", "/bin/sh"), found("Shell"), 20), 1);
    assert_eq!(take(shell("c", "nginx:1", "/bin/bash"), found("Shell"), 20), 1);
    assert_eq!(take(shell("d", "nginx:1", "/bin/sh"), found("Other"), 20), 1);
    assert_eq!(take(shell("e", "nginx:1", "/bin/sh"), found("Shell"), 60), 1);
    assert_eq!(incidents.counters().suppressed, 1);
    // Entries that stay keep their counts.
    incidents.suppress(vec![entry]).unwrap();
    assert_eq!(incidents.suppressions().map(|(_, count)| count).collect::<Vec<_>>(), [1]);
}

#[test]
fn malware_cannot_be_allowed() {
    let mut incidents = incidents();
    let any = |rule: &str| Suppression {
        rule: rule.to_owned(),
        image: None,
        process: None,
        reason: "all".to_owned(),
        until: None,
    };
    incidents.suppress(vec![any("bad"), any("malware"), any("*"), any("")]).unwrap();
    let program = entered(&container("web", "nginx:1"), 100, "/tmp/x", 0);
    let file = &program.process.executable.file;
    let finding = palisade_defender::hashes::malware(palisade_model::Sha256([1; 32]), "bad", file);
    assert_eq!(opened(&incidents.take(&program.execs(20), vec![finding], at(20))), 1);
}

#[test]
fn the_excerpt_shows_what_came_before_the_story_itself_first() {
    let mut incidents = incidents();
    let web = container("web", "nginx:1.27");
    let master = entered(&web, 100, "/usr/sbin/nginx", 0);
    let cron = master.child(102, "/usr/sbin/cron", 1);
    let shell = master.child(200, "/bin/sh", 90);
    incidents.take(&shell.opens("/tmp/first", 90), vec![], at(90));
    for number in 0..30 {
        incidents.take(&cron.opens(&format!("/tmp/{number}"), 91), vec![], at(91));
    }
    let found = vec![rule("Shell", Severity::High, "T1059")];
    let updates = incidents.take(&shell.opens("/etc/shadow", 95), found, at(95));
    let incident = updates[0].incident();
    let mut expected = vec!["/bin/sh"];
    expected.extend(["/usr/sbin/cron"; 11]);
    expected.push("/bin/sh");
    assert_eq!(paths(&incident.evidence), expected);
    let first = |record: &Record| match record {
        Record::Event(event) => file_of(event),
        Record::Blind(_) => String::new(),
    };
    assert_eq!(first(&incident.evidence[0]), "/tmp/first");
    assert_eq!(first(&incident.evidence[1]), "/tmp/19");
    // Only the story's own processes are in its tree.
    assert_eq!(incident.tree.len(), 1);
    assert_eq!((incident.count, incident.left_out()), (13, 0));
}

fn file_of(event: &Event) -> String {
    event.activity.file().map(|file| file.path.clone()).unwrap_or_default()
}

#[test]
fn what_was_done_and_what_was_not_seen_join_the_story() {
    let mut incidents = incidents();
    let web = container("web", "nginx:1.27");
    let shell = entered(&web, 200, "/bin/sh", 100);
    let mut refused = (*shell.execs(100)).clone();
    refused.effect = Effect::Refused;
    let found = vec![rule("Shell", Severity::High, "T1059")];
    let updates = incidents.take(&refused.into(), found, at(100));
    let prevented = Response::Prevented { process: shell.process.key };
    assert_eq!(updates[0].incident().responses, [prevented]);
    let (joined, updates) =
        incidents.responded(Some(&web.id), None, Response::ContainerStopped, at(100));
    assert!(joined && matches!(updates.as_slice(), [Update::Grown(_)]));
    let missed = "other".parse().ok();
    let lost = BTreeMap::from([(shell.execs(0).kind(), 3)]);
    let blind = |container| {
        Blind::counted(at(100), at(101), BlindCause::BufferFull, container, lost.clone())
    };
    incidents.blind(&blind(missed.clone()));
    incidents.blind(&blind(Some(web.id.clone())));
    let (joined, _) =
        incidents.responded(missed.as_ref(), None, Response::ContainerStopped, at(101));
    assert!(!joined);
    let closed = incidents.stop(at(102));
    let [Update::Closed(incident, Closing::Stopped)] = closed.as_slice() else { panic!() };
    assert_eq!(paths(&incident.evidence), ["/bin/sh", "blind"]);
    assert_eq!(incident.responses.len(), 2);
    let exit = shell.does(Activity::Exit { status: 0, signal: 0 }, 103);
    assert!(incidents.take(&exit, vec![], at(103)).is_empty());
}
