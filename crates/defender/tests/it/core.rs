//! The decider: what it orders, driven by observations.

use std::sync::Arc;

use palisade_defender::agent::core::{Answered, Core, Order, Parts};
use palisade_defender::containers::{self, DigestKind, Facts, Found, Registry, Source as Told};
use palisade_defender::detect::{DetectSettings, Detector};
use palisade_defender::hashes;
use palisade_defender::incidents::{self, Incidents};
use palisade_defender::models::{self, Keeper, ModelCommand, Selector, Settings, Store};
use palisade_defender::output::{Item, Phase};
use palisade_defender::policy::{
    AuditEntry, Audited, Clause, Enforce, ExecQuestion, HashVerdict, Policy,
};
use palisade_model::event::*;
use palisade_model::{Sha256, UnixMillis};
use palisade_sensor::{CgroupChange, CgroupWhat, Observation, Plan};

use crate::policy_support::{TIME, by, exec, exec_activity, parse, process, write};

const WEB: u64 = 8_812;
const SHOP: u64 = 9_000;

struct Decider {
    core: Core,
    now: UnixMillis,
    _directory: tempfile::TempDir,
}

fn id(digit: char) -> ContainerId {
    digit.to_string().repeat(64).parse().unwrap()
}

fn digest() -> ImageDigest {
    ImageDigest(Sha256([0xcd; 32]))
}

impl Decider {
    /// With two containers of one image.
    fn new(policy: &str, enforce: Enforce) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("models"), Settings::default()).unwrap();
        let parts = Parts {
            registry: Registry::new(containers::Settings::default(), 0),
            detector: Detector::load(&[], DetectSettings::default()).0,
            keeper: Keeper::new(store),
            policy: Arc::new(parse(policy)),
            enforce,
            incidents: Incidents::new(incidents::Settings::default()),
            live: KindSet::all(),
            own: None,
        };
        let core = Core::new(parts, TIME);
        let mut decider = Self { core, now: TIME, _directory: directory };
        for (digit, cgroup) in [('a', WEB), ('b', SHOP)] {
            decider.begins(digit, cgroup);
            decider.told_of(digit);
        }
        decider
    }

    /// A container's cgroup is made.
    fn begins(&mut self, digit: char, cgroup: u64) {
        let path = format!("/docker/{}", id(digit).as_str());
        let what = CgroupWhat::Created;
        let made = CgroupChange { id: cgroup, parent: 1, what, hierarchy: 0, path, boot_ns: 0 };
        self.core.observe(Observation::Cgroup(made), self.now, &mut Vec::new());
    }

    /// Its runtime says what it is.
    fn told_of(&mut self, digit: char) -> Vec<Order> {
        let mut facts = Facts::new(id(digit), Told::Runtime, Runtime::Docker);
        facts.image = "nginx:1.27".to_owned();
        facts.digest = Some((DigestKind::Manifest, digest()));
        let mut orders = Vec::new();
        self.core.found(Found::Facts(Box::new(facts)), self.now, &mut orders);
        orders
    }

    fn see(&mut self, event: Event, outside: bool, target: Option<u64>) -> Vec<Order> {
        let mut orders = Vec::new();
        let seen = Observation::Event { event: Box::new(event), rule: None, outside, target };
        self.core.observe(seen, self.now, &mut orders);
        orders
    }
}

impl Decider {
    fn command(&mut self, command: &ModelCommand) -> Vec<Order> {
        let mut orders = Vec::new();
        self.core.command(command, self.now, &mut orders).unwrap();
        orders
    }
}

fn told(orders: &[Order]) -> Vec<&Arc<Event>> {
    let one = |order| match order {
        &Order::Tell(Item::Event(ref event)) => Some(event),
        _ => None,
    };
    orders.iter().filter_map(one).collect()
}

fn opened(orders: &[Order]) -> Vec<&Arc<Incident>> {
    let one = |order| match order {
        &Order::Tell(Item::Incident(ref incident, Phase::Created)) => Some(incident),
        _ => None,
    };
    orders.iter().filter_map(one).collect()
}

fn audited(orders: &[Order]) -> Vec<&AuditEntry> {
    let all = orders.iter().filter_map(|order| match order {
        Order::Audit(entry) => Some(entry.as_ref()),
        _ => None,
    });
    all.collect()
}

fn warned(orders: &[Order]) -> Vec<&str> {
    let all = orders.iter().filter_map(|order| match order {
        Order::Warn(text) => Some(text.as_str()),
        _ => None,
    });
    all.collect()
}

fn plans(orders: &[Order]) -> Vec<(u64, &Plan)> {
    let one = |order| match order {
        &Order::Enforce { container, ref plan, .. } => Some((container, plan.as_ref())),
        _ => None,
    };
    orders.iter().filter_map(one).collect()
}

/// Patterns are asked about.
const ASKS: &str =
    "[[rule]]\nname = \"a\"\nprocess = { deny_effect = \"prevent\", deny = [\"/usr/bin/n?\"] }";
const NOTHING: &str = "fail = \"open\"";
const LEARNED: &str = "[[rule]]\nname = \"a\"\nprocess = { effect = \"prevent\" }";

#[test]
fn when_nobody_can_be_asked_any_more_everybody_hears_of_it() {
    let mut decider = Decider::new(ASKS, Enforce::all());
    let mut orders = Vec::new();
    let enforce = Enforce { exec_asked: false, exec_before: false, ..Enforce::all() };
    let event = |container: Option<Arc<ContainerIdentity>>| {
        let mut event = exec("/proc/self/exe");
        event.container = container;
        event
    };
    decider.core.gate_lost("too late", enforce, event, TIME, &mut orders);
    let incidents = opened(&orders);
    assert_eq!(incidents.len(), 2, "one for each container: {incidents:#?}");
    for incident in &incidents {
        assert_eq!(incident.causes, [Cause::PreventionLost]);
        assert_eq!(incident.severity, IncidentSeverity::Critical);
    }
    let warnings = warned(&orders);
    let missing = |text: &&&str| text.contains("fanotify is missing");
    assert_eq!(warnings.iter().filter(missing).count(), 2, "{warnings:#?}");
    // A policy that comes later is not promised what nobody can do.
    let mut orders = Vec::new();
    let other = parse(
        "[[rule]]\nname = \"a\"\nprocess = { deny_effect = \"prevent\", deny = [\"/bin/*sh\"] }",
    );
    decider.core.set_policy(Arc::new(other), TIME, &mut orders);
    assert!(!orders.iter().any(|order| matches!(order, Order::Ask { .. })), "{orders:#?}");
    assert!(warned(&orders).iter().any(|text| text.contains("fanotify is missing")));
}

#[test]
fn nobody_relied_on_being_asked_and_the_host_hears_of_it() {
    let mut decider = Decider::new(NOTHING, Enforce::all());
    let mut orders = Vec::new();
    let event = |container: Option<Arc<ContainerIdentity>>| {
        assert_eq!(container, None);
        let mut event = exec("/proc/self/exe");
        event.container = None;
        event
    };
    decider.core.gate_lost("too late", Enforce::default(), event, TIME, &mut orders);
    assert_eq!(opened(&orders).len(), 1);
}

#[test]
fn a_program_that_was_refused_when_asked_about_is_one_story() {
    let policy = "malware = \"prevent\"\n[[rule]]\nname = \"a\"\nprocess = { deny_effect = \"prevent\", \
                  deny = [\"/usr/bin/n?\"] }";
    let policy: Policy = parse(policy);
    let rules = policy.for_container(Some(&ContainerIdentity::bare(id('a'), Runtime::Docker, WEB)));
    let question = |hash| ExecQuestion { path: "/usr/bin/nc", hash, ..ExecQuestion::default() };
    let unknown = rules.decide_exec(&question(HashVerdict::Unknown), None);
    let bad = rules.decide_exec(&question(HashVerdict::KnownBad("Miner".to_owned())), None);
    for (answer, name, clauses) in [
        (unknown, None, &[Clause::Deny][..]),
        (bad, Some("Miner"), &[Clause::Deny, Clause::Malware]),
    ] {
        let mut decider = Decider::new(ASKS, Enforce::all());
        let mut event = exec("/usr/bin/nc");
        let about = &event.process.executable.file;
        let malware = name.map(|name| hashes::malware(Sha256([7; 32]), name, about));
        let answered = Answered { answer, version: policy.version(), malware };
        event.effect = Effect::Refused;
        event.error = 1;
        let mut orders = Vec::new();
        decider.core.refused(event, &answered, TIME, &mut orders);
        assert_eq!(told(&orders).len(), 1);
        let entries = audited(&orders);
        let [entry] = entries.as_slice() else { panic!("{entries:#?}") };
        assert_eq!((&entry.what, entry.policy), (&Audited::Refused, policy.version()));
        let spoke: Vec<Clause> = entry.reasons.iter().map(|reason| reason.clause).collect();
        assert_eq!(spoke, clauses, "what was answered, and nothing twice");
        let incidents = opened(&orders);
        let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
        let names = incident.causes.iter().filter_map(|cause| match cause {
            Cause::Malware { name, .. } => Some(name.as_str()),
            _ => None,
        });
        assert_eq!(names.collect::<Vec<_>>(), Vec::from_iter(name));
        let killed = orders.iter().any(|order| matches!(order, Order::Kill { .. }));
        assert!(!killed, "there is nothing left to be done");
    }
}

const HOUR: u64 = 3_600_000;

fn model() -> Selector {
    Selector(digest().to_string())
}

#[test]
fn a_plan_follows_its_model_at_once() {
    let mut decider = Decider::new(LEARNED, Enforce::all());
    decider.see(exec("/usr/sbin/nginx"), false, None);
    decider.now = TIME.plus(2 * HOUR);
    let orders = decider.command(&ModelCommand::FinishLearning(model()));
    let all = plans(&orders);
    let cgroups: Vec<u64> = all.iter().map(|(cgroup, _)| *cgroup).collect();
    assert!(cgroups.contains(&WEB) && cgroups.contains(&SHOP), "{orders:#?}");
    assert!(all.iter().all(|(_, plan)| plan.exec_unlisted.is_some()));
    // What somebody accepts may run at once.
    let orders = decider.see(exec("/usr/bin/dash"), false, None);
    let entries = audited(&orders);
    let [entry] = entries.as_slice() else { panic!("{entries:#?}") };
    assert_eq!(entry.reasons.len(), 1, "the same reason stands once: {:#?}", entry.reasons);
    let accept = ModelCommand::Accept { model: model(), deviations: Vec::new() };
    let orders = decider.command(&accept);
    let all = plans(&orders);
    let lists =
        |plan: &Plan| plan.exec.iter().any(|rule| rule.allow && rule.path == "/usr/bin/dash");
    assert!(!all.is_empty() && all.iter().all(|(_, plan)| lists(plan)), "{orders:#?}");
    // And learning anew refuses nothing any more.
    let orders = decider.command(&ModelCommand::Relearn(model()));
    let all = plans(&orders);
    let opens = |plan: &Plan| plan.exec_unlisted.is_none();
    assert!(all.len() == 2 && all.iter().all(|(_, plan)| opens(plan)), "{orders:#?}");
}

#[test]
fn a_phase_that_an_event_finds_ended_is_followed_with_it() {
    let mut decider = Decider::new(LEARNED, Enforce::all());
    decider.see(exec("/usr/sbin/nginx"), false, None);
    decider.now = TIME.plus(26 * HOUR);
    let orders = decider.see(exec("/usr/sbin/nginx"), false, None);
    let all = plans(&orders);
    assert!(all.len() == 2 && all.iter().all(|(_, plan)| plan.exec_unlisted.is_some()));
}

/// The same, in another container.
fn of(cgroup: u64, mut event: Event) -> Event {
    let mut process = Process::clone(&event.process);
    let above = process.ancestors.iter().map(|above| Ancestor { cgroup, ..above.clone() });
    process.ancestors = above.collect();
    process.cgroup = cgroup;
    event.process = Arc::new(process);
    event
}

fn kills(orders: &[Order]) -> usize {
    orders.iter().filter(|order| matches!(order, Order::Kill { .. })).count()
}

#[test]
fn what_a_container_did_before_its_image_was_known_is_learned_and_compared() {
    let mut decider = Decider::new(LEARNED, Enforce::all());
    // The first container of the image that is seen from its beginning: its runtime is slow to tell.
    decider.begins('c', 9_001);
    decider.see(of(9_001, exec("/usr/sbin/nginx")), false, None);
    decider.see(of(9_001, write("/var/cache/nginx/client")), false, None);
    decider.told_of('c');
    decider.now = TIME.plus(2 * HOUR);
    decider.command(&ModelCommand::FinishLearning(model()));
    for event in [exec("/usr/sbin/nginx"), write("/var/cache/nginx/client")] {
        let orders = decider.see(event, false, None);
        assert!(opened(&orders).is_empty(), "it was learned: {:#?}", opened(&orders));
    }
    // Another does what no container of the image does, before anybody knows what it is.
    decider.begins('d', 9_002);
    for event in [exec("/usr/sbin/nginx"), exec("/usr/bin/dash"), write("/usr/sbin/nginx")] {
        let orders = decider.see(of(9_002, event), false, None);
        assert_eq!(told(&orders).len(), 1, "it is told at once");
        assert!(opened(&orders).is_empty() && kills(&orders) == 0);
    }
    let orders = decider.told_of('d');
    assert!(told(&orders).is_empty(), "and not told again");
    let incidents = opened(&orders);
    let [incident] = incidents.as_slice() else { panic!("{orders:#?}") };
    assert_eq!(incident.container.as_ref().map(|container| &container.id), Some(&id('d')));
    assert_eq!(kills(&orders), 1, "the program that its image does not run: {orders:#?}");
    assert!(audited(&orders).iter().all(|entry| entry.path == "/usr/bin/dash"));
    // What is told twice of a container is not compared twice.
    let again = decider.told_of('d');
    assert!(opened(&again).is_empty() && kills(&again) == 0, "{again:#?}");
}

#[test]
fn sequences_of_system_calls_are_a_score_of_the_next_incident_and_nothing_else() {
    let mut decider = Decider::new(LEARNED, Enforce::all());
    let calls = |decider: &mut Decider, cgroup, calls| {
        let process = of(cgroup, exec("/usr/sbin/nginx")).process;
        let mut orders = Vec::new();
        let told = Observation::Sequence { process, calls };
        decider.core.observe(told, decider.now, &mut orders);
        assert!(orders.is_empty(), "it informs: {orders:#?}");
    };
    let dash = |decider: &mut Decider, cgroup| {
        let orders = decider.see(of(cgroup, exec("/usr/bin/dash")), false, None);
        opened(&orders).first().map(|incident| incident.sequences)
    };
    decider.see(exec("/usr/sbin/nginx"), false, None);
    calls(&mut decider, WEB, [0, 1, 3]);
    // Of one whose image is not known yet it is kept, and learned then.
    decider.begins('c', 9_001);
    calls(&mut decider, 9_001, [1, 3, 0]);
    decider.told_of('c');
    decider.now = TIME.plus(2 * HOUR);
    decider.command(&ModelCommand::FinishLearning(model()));
    // What was learned from a container is looked back on, there; each has its own.
    calls(&mut decider, WEB, [0, 1, 59]);
    calls(&mut decider, SHOP, [1, 3, 0]);
    let score = |mismatches, of| Some(Some(SequenceScore { mismatches, of }));
    assert_eq!(dash(&mut decider, WEB), score(1, 2));
    assert_eq!(dash(&mut decider, SHOP), score(0, 1));
    // And nothing is known where nothing was told.
    decider.begins('d', 9_002);
    decider.told_of('d');
    assert_eq!(dash(&mut decider, 9_002), Some(None));
}

#[test]
fn what_was_decided_without_the_image_is_not_decided_again() {
    let policy = "[[rule]]\nname = \"a\"\nprocess = { deny_effect = \"prevent\", deny = \
                  [\"/usr/bin/nc\"] }";
    let mut decider = Decider::new(policy, Enforce::all());
    decider.begins('c', 9_001);
    let orders = decider.see(of(9_001, exec("/usr/bin/nc")), false, None);
    assert_eq!((opened(&orders).len(), kills(&orders), audited(&orders).len()), (1, 1, 1));
    let orders = decider.told_of('c');
    assert_eq!((opened(&orders).len(), kills(&orders), audited(&orders).len()), (0, 0, 0));
}

#[test]
fn an_image_that_nobody_tells_is_not_waited_for() {
    let mut decider = Decider::new(LEARNED, Enforce::all());
    decider.see(exec("/usr/sbin/nginx"), false, None);
    decider.begins('c', 9_001);
    decider.see(of(9_001, exec("/usr/bin/dash")), false, None);
    decider.now = TIME.plus(10_001);
    decider.core.tick(decider.now, &mut Vec::new());
    decider.command(&ModelCommand::FinishLearning(model()));
    let orders = decider.told_of('c');
    assert!(opened(&orders).is_empty(), "{orders:#?}");
    assert_eq!(decider.core.early_lost(), 0);
    // And room for it is bounded: what there is none for is counted.
    decider.begins('d', 9_002);
    for _ in 0..1_030 {
        decider.see(of(9_002, write("/tmp/x")), false, None);
    }
    assert_eq!(decider.core.early_lost(), 6);
}

#[test]
fn models_are_written_aside_and_one_batch_at_a_time() {
    let mut decider = Decider::new(NOTHING, Enforce::all());
    let saves = |decider: &mut Decider| {
        let mut orders = Vec::new();
        decider.core.tick(decider.now, &mut orders);
        orders.into_iter().find_map(|order| match order {
            Order::Save(snapshots) => Some(snapshots),
            _ => None,
        })
    };
    let first = saves(&mut decider).expect("a model that is new is written");
    assert!(decider.core.is_saving());
    // The disk takes its time, and things go on meanwhile.
    decider.see(exec("/usr/sbin/nginx"), false, None);
    decider.now = TIME.plus(HOUR);
    assert!(saves(&mut decider).is_none(), "an older text could come last");
    let mut orders = Vec::new();
    for snapshot in &first {
        decider.core.saved(snapshot, Ok("there".into()), &mut orders);
    }
    assert!(orders.is_empty() && !decider.core.is_saving());
    let second = saves(&mut decider).expect("what was learned meanwhile");
    assert_ne!(first, second);
    // What could not be written is said, and tried again later.
    let broken = || models::StoreError::Io {
        path: "there".into(),
        what: "cannot be flushed",
        source: std::io::ErrorKind::StorageFull.into(),
    };
    for snapshot in &second {
        decider.core.saved(snapshot, Err(broken()), &mut orders);
    }
    assert_eq!(warned(&orders).len(), second.len());
    decider.now = TIME.plus(2 * HOUR);
    assert_eq!(saves(&mut decider).map(|again| again.len()), Some(second.len()));
}

#[test]
fn whom_an_act_was_aimed_at_is_named() {
    let mut decider = Decider::new(NOTHING, Enforce::all());
    let target = ProcessRef { key: ProcessKey::new(7, 7), path: String::new(), container: None };
    let trace = || {
        let activity = Activity::Ptrace { target: target.clone(), request: 16 };
        by(process("/bin/gdb", "/bin/sh"), activity)
    };
    for (cgroup, expected) in
        [(Some(SHOP), Some(id('b'))), (Some(WEB), Some(id('a'))), (Some(4), None), (None, None)]
    {
        let orders = decider.see(trace(), false, cgroup);
        let events = told(&orders);
        let Activity::Ptrace { target, .. } = &events[0].activity else { panic!() };
        assert_eq!(target.container, expected);
    }
}

#[test]
fn mounts_that_come_later_are_marked_where_programs_are_asked_about() {
    let mount = || Activity::Mount {
        operation: MountOperation::Mount,
        source: String::new(),
        target: "/mnt".to_owned(),
        filesystem: "tmpfs".to_owned(),
        flags: 0,
    };
    let own = |flags| {
        let operation = NamespaceOperation::Unshare;
        Activity::Namespace { operation, flags, target: 0 }
    };
    let mounted = |decider: &mut Decider, event: Event| {
        let orders = decider.see(event, false, None);
        orders.iter().any(|order| {
            matches!(order, Order::Mounted { container, namespace: 5, .. } if *container == id('a'))
        })
    };
    let event = |activity| {
        let mut process = process("/bin/mount", "/bin/sh");
        process.namespaces.mnt = 5;
        by(process, activity)
    };
    let mut asked = Decider::new(ASKS, Enforce::all());
    assert!(mounted(&mut asked, event(mount())));
    assert!(mounted(&mut asked, event(own(0x0002_0000))));
    assert!(!mounted(&mut asked, event(own(0x4000_0000))), "no mounts of its own");
    let mut failed = event(mount());
    failed.error = 1;
    assert!(!mounted(&mut asked, failed));
    assert!(!mounted(&mut Decider::new(NOTHING, Enforce::all()), event(mount())));
}

#[test]
fn a_container_among_the_hosts_mounts_is_told_and_warned_of() {
    let policy =
        "[[rule]]\nname = \"a\"\nprocess = { deny_effect = \"prevent\", deny = [\"/usr/bin/nc\"] }";
    let mut decider = Decider::new(policy, Enforce::all());
    // A runtime's step: its parent is not in the container.
    let mut step = process("/usr/bin/runc", "/usr/bin/containerd-shim");
    step.ancestors =
        step.ancestors.iter().map(|above| Ancestor { cgroup: 1, ..above.clone() }).collect();
    let orders = decider.see(by(step, exec_activity()), true, None);
    assert!(told(&orders).is_empty() && warned(&orders).is_empty());
    assert_eq!(decider.core.runtime_steps(), 1);
    // One that starts programs there runs there.
    let orders = decider.see(exec("/usr/bin/nc"), true, None);
    let said = warned(&orders);
    assert!(said.len() == 1 && said[0].contains("among the host's mounts"), "{said:?}");
    assert_eq!(told(&orders).len(), 1);
    assert!(
        orders.iter().any(|order| matches!(order, Order::Kill { .. })),
        "it is killed once seen"
    );
    let orders = decider.see(exec("/usr/bin/ls"), true, None);
    assert!(warned(&orders).is_empty(), "once");
    assert_eq!(told(&orders).len(), 1);
}

#[test]
fn the_kernel_sides_word_of_a_canary_is_passed_on() {
    let mut decider = Decider::new(NOTHING, Enforce::all());
    let mut orders = Vec::new();
    decider.core.observe(Observation::Canary { cgroup: WEB }, UnixMillis(0), &mut orders);
    assert!(matches!(orders.as_slice(), [Order::Proof { cgroup: WEB }]), "{orders:#?}");
}
