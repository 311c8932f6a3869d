use std::collections::BTreeSet;

use palisade_defender::containers::{
    Container, ContainerChange, DigestKind, Directory, Facts, Found, Registry, Settings, Source,
};
use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ImageDigest, Kubernetes, ProcessKey, Runtime};
use palisade_sensor::{CgroupChange, CgroupWhat};

use super::id;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn registry() -> Registry {
    Registry::new(Settings::default(), 0)
}

fn change(what: CgroupWhat, cgroup: u64, parent: u64, path: &str) -> CgroupChange {
    CgroupChange { id: cgroup, parent, what, hierarchy: 0, path: path.to_owned(), boot_ns: 0 }
}

fn created(cgroup: u64, digit: char) -> CgroupChange {
    change(CgroupWhat::Created, cgroup, 1, &format!("/docker/{}", id(digit)))
}

fn removed(cgroup: u64) -> CgroupChange {
    change(CgroupWhat::Removed, cgroup, 1, "")
}

fn facts(digit: char, source: Source) -> Facts {
    Facts::new(id(digit).parse().expect("an id"), source, Runtime::Docker)
}

fn learn(registry: &mut Registry, facts: Facts) -> Vec<ContainerChange> {
    registry.learn(Found::Facts(Box::new(facts)), NOW)
}

fn digest(digit: char) -> ImageDigest {
    format!("sha256:{}", id(digit)).parse().expect("a digest")
}

fn only(changes: Vec<ContainerChange>) -> ContainerChange {
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes.into_iter().next().expect("one")
}

#[test]
fn a_container_is_there_with_its_cgroup_and_gone_after_the_grace() {
    let mut registry = registry();
    let ContainerChange::Started(Container { identity, sandbox }) =
        only(registry.change(&created(10, 'a'), NOW))
    else {
        panic!("not started")
    };
    assert_eq!(
        (identity.id.as_str(), identity.runtime, identity.cgroup),
        (id('a').as_str(), Runtime::Docker, 10)
    );
    assert_eq!((identity.started, sandbox), (Some(NOW), false));
    assert_eq!(registry.by_cgroup(10), Some(&identity));
    assert!(registry.change(&created(10, 'a'), NOW).is_empty(), "told twice");

    let stopped = only(registry.change(&removed(10), NOW.plus(5)));
    assert!(matches!(stopped, ContainerChange::Stopped(one) if one.identity == identity));
    assert_eq!(registry.running().count(), 0);
    registry.sweep(NOW.plus(60_004));
    assert!(registry.by_cgroup(10).is_some(), "late events have their name");
    registry.sweep(NOW.plus(60_005));
    assert!(registry.by_cgroup(10).is_none());
    assert!(registry.by_id(&id('a').parse().expect("an id")).is_none());
}

#[test]
fn what_is_known_gets_richer_and_never_poorer() {
    let mut registry = registry();
    registry.change(&created(10, 'a'), NOW);
    let mut disk = facts('a', Source::Disk);
    disk.name = "web".to_owned();
    disk.digest = Some((DigestKind::Config, digest('1')));
    disk.labels = [("tier".to_owned(), "front".to_owned())].into();
    assert!(matches!(only(learn(&mut registry, disk)), ContainerChange::Known(_)));
    let mut api = facts('a', Source::Runtime);
    api.image = "nginx:1.27".to_owned();
    api.digest = Some((DigestKind::Manifest, digest('2')));
    api.privileged = Some(false);
    api.started = Some(UnixMillis(999));
    learn(&mut registry, api);

    // Poorer, older and wrong ones change nothing.
    let mut late = facts('a', Source::Disk);
    late.image = "other".to_owned();
    late.digest = Some((DigestKind::Config, digest('3')));
    late.privileged = Some(true);
    late.runtime = Runtime::Unknown;
    assert!(learn(&mut registry, late).is_empty());
    assert!(learn(&mut registry, facts('a', Source::Runtime)).is_empty());

    let identity = registry.by_cgroup(10).expect("known");
    assert_eq!((identity.name.as_str(), identity.image.as_str()), ("web", "nginx:1.27"));
    assert_eq!((identity.image_digest, identity.privileged), (Some(digest('2')), Some(false)));
    assert_eq!(
        (identity.labels["tier"].as_str(), identity.started),
        ("front", Some(UnixMillis(999)))
    );
    assert_eq!(identity.runtime, Runtime::Docker);

    let mut renamed = facts('a', Source::Runtime);
    renamed.name = "shop".to_owned();
    let ContainerChange::Known(known) = only(learn(&mut registry, renamed)) else { panic!() };
    assert_eq!(known.identity.name, "shop");
}

#[test]
fn what_was_heard_before_the_start_is_there_at_the_start() {
    let mut registry = registry();
    let mut heard = facts('a', Source::Runtime);
    heard.name = "web".to_owned();
    assert!(learn(&mut registry, heard).is_empty(), "no cgroup yet");
    let container: ContainerId = id('a').parse().expect("an id");
    assert!(registry.by_id(&container).is_none());
    let ContainerChange::Started(one) = only(registry.change(&created(10, 'a'), NOW)) else {
        panic!()
    };
    assert_eq!(one.identity.name, "web");

    // One that is never started is forgotten.
    learn(&mut registry, facts('b', Source::Runtime));
    registry.learn(Found::Removed(id('b').parse().expect("an id")), NOW);
    let mut c = facts('c', Source::Runtime);
    c.name = "old".to_owned();
    learn(&mut registry, c);
    registry.sweep(NOW.plus(600_000));
    let ContainerChange::Started(one) = only(registry.change(&created(12, 'c'), NOW)) else {
        panic!()
    };
    assert_eq!(one.identity.name, "");
}

#[test]
fn cgroups_inside_are_the_container_whatever_they_are_called() {
    let mut registry = registry();
    registry.change(&created(10, 'a'), NOW);
    registry.change(&created(20, 'b'), NOW);
    // A name that claims to be another container, a new one, a plain one, and one below.
    let claims = format!("/docker/{}/docker/{}", id('a'), id('b'));
    let fresh = format!("/docker/{}/docker-{}.scope", id('a'), id('f'));
    for (cgroup, parent, path) in
        [(11, 10, claims.as_str()), (12, 10, &fresh), (13, 10, "cut"), (14, 13, "cut")]
    {
        assert!(
            registry.change(&change(CgroupWhat::Created, cgroup, parent, path), NOW).is_empty()
        );
        assert_eq!(registry.by_cgroup(cgroup).expect(path).id.as_str(), id('a'), "{path}");
    }
    assert!(registry.change(&removed(13), NOW).is_empty(), "the container goes on");
    registry.sweep(NOW.plus(60_000));
    assert!(registry.by_cgroup(13).is_none() && registry.by_cgroup(10).is_some());
    // The same outside of any container: the one that runs stays where it is.
    let elsewhere = format!("/other.slice/docker-{}.scope", id('b'));
    registry.change(&change(CgroupWhat::Created, 30, 1, &elsewhere), NOW);
    assert!(registry.by_cgroup(30).is_none());
    assert_eq!(registry.by_cgroup(20).expect("b").cgroup, 20);
    assert_eq!(registry.counters().impostors, 1);
}

#[test]
fn containers_in_containers_where_the_settings_say_so() {
    let mut registry = Registry::new(Settings { nested: true, ..Settings::default() }, 0);
    registry.change(&created(10, 'a'), NOW);
    registry.change(&created(20, 'b'), NOW);
    let inner = format!("/docker/{}/docker/{}", id('a'), id('c'));
    registry.change(&change(CgroupWhat::Created, 11, 10, &inner), NOW);
    assert_eq!(registry.by_cgroup(11).expect("inner").id.as_str(), id('c'));
    let claims = format!("/docker/{}/docker/{}", id('a'), id('b'));
    registry.change(&change(CgroupWhat::Created, 12, 10, &claims), NOW);
    assert_eq!(registry.by_cgroup(12).expect("impostor").id.as_str(), id('a'));
    registry.change(&change(CgroupWhat::Created, 13, 10, "/docker/x/plain"), NOW);
    assert_eq!(registry.by_cgroup(13).expect("plain").id.as_str(), id('a'));
}

#[test]
fn a_restart_is_a_start_with_a_new_cgroup_and_the_old_name() {
    let mut registry = registry();
    registry.change(&created(10, 'a'), NOW);
    let mut known = facts('a', Source::Runtime);
    known.name = "web".to_owned();
    known.started = Some(UnixMillis(5));
    learn(&mut registry, known);
    registry.change(&removed(10), NOW.plus(1));
    // The walk that began before the removal does not bring it back.
    let path = format!("/docker/{}", id('a'));
    let old = Found::Cgroup(Directory { id: 10, parent: 1, path });
    assert!(registry.learn(old, NOW.plus(2)).is_empty());
    let again = only(registry.change(&created(30, 'a'), NOW.plus(3)));
    let ContainerChange::Started(one) = again else { panic!("{again:?}") };
    assert_eq!((one.identity.cgroup, one.identity.name.as_str()), (30, "web"));
    assert_eq!(one.identity.started, Some(NOW.plus(3)), "not the start before");
    assert!(registry.by_cgroup(10).is_some(), "late events of the first run");
    registry.sweep(NOW.plus(100_000));
    assert!(registry.by_cgroup(10).is_none() && registry.by_cgroup(30).is_some());
}

#[test]
fn a_walk_ends_what_is_gone_and_nothing_that_came_meanwhile() {
    let mut registry = registry();
    registry.change(&created(10, 'a'), NOW);
    registry.change(&created(20, 'b'), NOW.plus(50));
    let walked = |began| Found::Walked { began, cgroups: BTreeSet::new() };
    let stopped = only(registry.learn(walked(NOW.plus(20)), NOW.plus(60)));
    assert!(matches!(stopped, ContainerChange::Stopped(one) if one.identity.cgroup == 10));
    assert_eq!(registry.running().count(), 1);
    let met = Found::Walked { began: NOW.plus(90), cgroups: [20].into() };
    assert!(registry.learn(met, NOW.plus(100)).is_empty());
    assert_eq!(registry.learn(walked(NOW.plus(110)), NOW.plus(120)).len(), 1);
}

#[test]
fn joining_a_cgroup_nobody_told_of_is_enough() {
    let mut registry = registry();
    let joined = CgroupWhat::Joined(ProcessKey::new(7, 1));
    let path = format!("/docker/{}", id('a'));
    let started = only(registry.change(&change(joined, 10, 1, &path), NOW));
    assert!(matches!(started, ContainerChange::Started(one) if one.identity.started.is_none()));
    assert!(registry.change(&change(joined, 10, 1, &path), NOW).is_empty());
}

#[test]
fn other_hierarchies_and_monitors_are_left_alone() {
    let mut registry = registry();
    let other = CgroupChange { hierarchy: 4, ..created(10, 'a') };
    assert!(registry.change(&other, NOW).is_empty() && registry.by_cgroup(10).is_none());
    let monitor = format!("/machine.slice/libpod-conmon-{}.scope", id('a'));
    assert!(registry.change(&change(CgroupWhat::Created, 11, 1, &monitor), NOW).is_empty());
    assert!(registry.by_cgroup(11).is_none());
    let mut v1 = Registry::new(Settings::default(), 4);
    assert_eq!(v1.change(&other, NOW).len(), 1);
}

#[test]
fn a_pod_s_sandbox_is_told_apart() {
    let mut registry = registry();
    let path = "/kubepods/pod0a1b2c3d-0000-1111-2222-0123456789ab";
    registry.change(&change(CgroupWhat::Created, 10, 1, &format!("{path}/{}", id('a'))), NOW);
    let mut pause = facts('a', Source::Disk);
    pause.sandbox = Some(true);
    pause.kubernetes = Some(Kubernetes {
        namespace: "shop".to_owned(),
        pod: "web-1".to_owned(),
        container: String::new(),
        pod_uid: String::new(),
    });
    let ContainerChange::Known(known) = only(learn(&mut registry, pause)) else { panic!() };
    assert!(known.sandbox);
    let kubernetes = known.identity.kubernetes.clone().expect("a place");
    assert_eq!(kubernetes.pod_uid, "0a1b2c3d-0000-1111-2222-0123456789ab", "from the path");
}

#[test]
fn bounds_hold_and_are_counted() {
    let settings =
        Settings { max_containers: 2, max_cgroups: 3, max_labels: 1, ..Settings::default() };
    let mut registry = Registry::new(settings, 0);
    learn(&mut registry, facts('e', Source::Runtime));
    registry.change(&created(10, 'a'), NOW);
    registry.change(&created(20, 'b'), NOW);
    assert_eq!(registry.running().count(), 2, "one that never started makes room");
    assert!(registry.change(&created(30, 'c'), NOW).is_empty());
    assert_eq!(registry.counters().containers_refused, 1);
    registry.change(&removed(10), NOW);
    assert_eq!(registry.change(&created(30, 'c'), NOW).len(), 1, "one that ended makes room");
    assert!(registry.by_cgroup(10).is_none() && registry.by_cgroup(30).is_some());

    for cgroup in 21..25 {
        registry.change(&change(CgroupWhat::Created, cgroup, 20, "x"), NOW);
    }
    assert_eq!(registry.counters().cgroups_refused, 2);
    let mut labelled = facts('b', Source::Runtime);
    labelled.labels = [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    learn(&mut registry, labelled);
    assert_eq!(registry.by_cgroup(20).expect("b").labels.len(), 1);
    assert_eq!(registry.counters().labels_left_out, 1);
}

#[test]
fn a_runtime_s_word_gives_a_cgroup_only_where_none_is_known() {
    let mut registry = registry();
    let mut told = facts('a', Source::Runtime);
    told.cgroup = Some(40);
    assert!(matches!(only(learn(&mut registry, told)), ContainerChange::Started(_)));
    // Not a second one, and not another's.
    let mut second = facts('a', Source::Runtime);
    second.cgroup = Some(41);
    learn(&mut registry, second);
    assert!(registry.by_cgroup(41).is_none());
    let mut theft = facts('b', Source::Runtime);
    theft.cgroup = Some(40);
    assert!(learn(&mut registry, theft).is_empty());
    assert_eq!(registry.by_cgroup(40).expect("a").id.as_str(), id('a'));
}
