use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_defender::containers::sockets::SocketOutcome;
use palisade_defender::containers::{
    Api, CgroupKey, Container, ContainerChange, Discovery, Finder, Hierarchy, Registry, Settings,
    SocketSettings, first_look,
};
use palisade_model::UnixMillis;
use palisade_sensor::{CgroupChange, CgroupWhat};
use tokio::time::timeout;

use super::server::{Server, json};
use super::{Root, id};

/// Where no engine of this machine has one: a socket that the host lacks is looked for in our own root.
const SOCKET: &str = "/run/made-up/docker.sock";

fn hierarchy(root: &Root) -> Hierarchy {
    root.folder("/sys/fs/cgroup");
    Hierarchy {
        root: root.path("/sys/fs/cgroup"),
        key: CgroupKey::Unified,
        number: 0,
        whole: true,
        certain: true,
    }
}

fn settings(root: &Root) -> Settings {
    Settings {
        sockets: vec![SocketSettings { path: SOCKET.into(), api: Api::Docker }],
        reconcile_ms: 50,
        settle_ms: 0,
        backoff_ms: 20,
        ask_ms: 300,
        ..root.settings()
    }
}

fn now() -> UnixMillis {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    UnixMillis(u64::try_from(now.as_millis()).expect("a time"))
}

/// Takes in what is found until one of the changes is the one that is waited for.
async fn until(
    finder: &mut Finder,
    registry: &mut Registry,
    mut wanted: impl FnMut(&ContainerChange) -> bool,
) -> ContainerChange {
    let search = async {
        loop {
            let found = finder.next().await.expect("the discovery goes on");
            if let Some(change) = registry.learn(found, now()).into_iter().find(&mut wanted) {
                return change;
            }
        }
    };
    timeout(Duration::from_secs(5), search).await.expect("found in time")
}

fn named(name: &str) -> impl FnMut(&ContainerChange) -> bool {
    move |change| match change {
        ContainerChange::Started(one) | ContainerChange::Known(one) => one.identity.name == name,
        ContainerChange::Stopped(_) => false,
    }
}

fn inspection(id: &str, name: &str) -> Vec<u8> {
    json(&format!(r#"{{"Id":"{id}","Name":"/{name}","State":{{"Running":true}}}}"#))
}

#[test]
fn the_first_look_names_what_is_on_disk() {
    let root = Root::new();
    let hierarchy = hierarchy(&root);
    let cgroup = root.cgroup(&format!("/sys/fs/cgroup/docker/{}", id('a')));
    root.write(
        &format!("/var/lib/docker/containers/{}/config.v2.json", id('a')),
        &format!(r#"{{"ID":"{}","Name":"/web"}}"#, id('a')),
    );
    let mut registry = Registry::new(settings(&root), 0);
    for found in first_look(&root.host(), &hierarchy, &settings(&root)) {
        registry.learn(found, now());
    }
    assert_eq!(registry.by_cgroup(cgroup).expect("found").name, "web");
}

#[tokio::test]
async fn a_new_cgroup_is_named_from_disk_and_then_by_its_runtime() {
    let root = Root::new();
    let server = Server::start(&root, SOCKET);
    server.say("GET /version", json(r#"{"Version":"1"}"#));
    server.say("GET /containers/json", json("[]"));
    let (discovery, mut finder) = Discovery::start(
        Settings { reconcile_ms: 60_000, ..settings(&root) },
        Arc::new(root.host()),
        hierarchy(&root),
    );
    let mut registry = Registry::new(settings(&root), 0);
    let change = CgroupChange {
        id: 10,
        parent: 1,
        what: CgroupWhat::Created,
        hierarchy: 0,
        path: format!("/docker/{}", id('a')),
        boot_ns: 1,
    };
    assert_eq!(registry.change(&change, now()).len(), 1);
    discovery.changed(&change);
    // The file comes a moment later than the cgroup, the runtime's answer after that.
    tokio::time::sleep(Duration::from_millis(5)).await;
    root.write(
        &format!("/var/lib/docker/containers/{}/config.v2.json", id('a')),
        &format!(r#"{{"ID":"{}","Name":"/disk","Config":{{"Image":"nginx"}}}}"#, id('a')),
    );
    until(&mut finder, &mut registry, named("disk")).await;
    server.say(&format!("GET /containers/{}/json", id('a')), inspection(&id('a'), "api"));
    until(&mut finder, &mut registry, named("api")).await;
    assert_eq!(registry.by_cgroup(10).expect("known").image, "nginx");
}

#[tokio::test]
async fn the_walk_finds_what_came_and_went_without_the_sensor() {
    let root = Root::new();
    let hierarchy = hierarchy(&root);
    let (_discovery, mut finder) =
        Discovery::start(settings(&root), Arc::new(root.host()), hierarchy);
    let mut registry = Registry::new(settings(&root), 0);
    let path = format!("/sys/fs/cgroup/docker/{}", id('a'));
    let cgroup = root.cgroup(&path);
    let began = Instant::now();
    let started = until(
        &mut finder,
        &mut registry,
        |change| matches!(change, ContainerChange::Started(one) if one.identity.cgroup == cgroup),
    );
    started.await;
    assert!(began.elapsed() < Duration::from_secs(1));
    std::fs::remove_dir_all(root.path(&path)).expect("removed");
    let stopped =
        until(&mut finder, &mut registry, |change| matches!(change, ContainerChange::Stopped(_)));
    let ContainerChange::Stopped(Container { identity, .. }) = stopped.await else { panic!() };
    assert_eq!(identity.cgroup, cgroup);
}

#[tokio::test]
async fn a_runtime_that_comes_late_and_goes_is_used_while_it_is_there() {
    let root = Root::new();
    let hierarchy = hierarchy(&root);
    root.cgroup(&format!("/sys/fs/cgroup/docker/{}", id('a')));
    let (discovery, mut finder) =
        Discovery::start(settings(&root), Arc::new(root.host()), hierarchy);
    let mut registry = Registry::new(settings(&root), 0);
    until(&mut finder, &mut registry, |change| matches!(change, ContainerChange::Started(_))).await;
    let wait = async |wanted: fn(&SocketOutcome) -> bool| {
        let search = async {
            while !wanted(&discovery.statuses()[0].outcome) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), search).await.expect("in time");
    };
    wait(|outcome| *outcome == SocketOutcome::Absent).await;

    let server = Server::start(&root, SOCKET);
    server.say("GET /version", json(r#"{"Version":"1"}"#));
    server.say("GET /containers/json", json("[]"));
    server.say(&format!("GET /containers/{}/json", id('a')), inspection(&id('a'), "web"));
    // Renamed afterwards, which only the event stream tells.
    let event = format!("{{\"Action\":\"rename\",\"Actor\":{{\"ID\":\"{}\"}}}}\n", id('b'));
    let stream = format!(
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{event}\r\nHANG",
        event.len()
    );
    let events = "GET /events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22rename%22%2C%22destroy%22%5D%7D";
    server.say(events, stream.into_bytes());
    until(&mut finder, &mut registry, named("web")).await;
    let asked = format!("GET /containers/{}/json", id('b'));
    let search = async {
        while server.was_asked(&asked) == 0 {
            if let Ok(Some(found)) = timeout(Duration::from_millis(5), finder.next()).await {
                registry.learn(found, now());
            }
        }
    };
    timeout(Duration::from_secs(5), search).await.expect("the event is acted on");
    assert!(matches!(discovery.statuses()[0].outcome, SocketOutcome::Answers(_)));
}

#[tokio::test]
async fn a_storm_of_starts_is_counted_and_does_not_wait() {
    let root = Root::new();
    let settings = Settings { max_waiting: 4, reconcile_ms: 60_000, ..settings(&root) };
    let (discovery, _finder) = Discovery::start(settings, Arc::new(root.host()), hierarchy(&root));
    for number in 0..100 {
        discovery.changed(&CgroupChange {
            id: number,
            parent: 1,
            what: CgroupWhat::Created,
            hierarchy: 0,
            path: format!("/docker/{number:064}"),
            boot_ns: 1,
        });
    }
    assert_eq!(discovery.missed(), 96);
}
