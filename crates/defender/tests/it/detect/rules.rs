//! The built-in rules.

use std::collections::BTreeSet;

use palisade_defender::Finding;
use palisade_defender::detect::{
    Choice, Chosen, DetectSettings, Detector, Source, builtin_sources,
};
use palisade_model::event::{
    Activity, Cause, Event, IncidentSeverity, MountOperation, NamespaceOperation,
};

use super::events::*;
use super::samples::{samples, setting_up};

pub(crate) fn detector() -> Detector {
    let (detector, problems) = Detector::load(&builtin_sources(), DetectSettings::default());
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    detector
}

pub(crate) fn look(detector: &mut Detector, event: &Event) -> Vec<Finding> {
    let mut found = Vec::new();
    detector.look(event, event.time, &mut found);
    found
}

fn names(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.title.as_str()).collect()
}

#[test]
fn every_rule_finds_its_sample_and_not_the_near_miss() {
    let mut detector = detector();
    let mut failures = Vec::new();
    let mut sampled = BTreeSet::new();
    for (rule, event, near_miss) in samples() {
        sampled.insert(rule.to_owned());
        let found = look(&mut detector, &event);
        match found.iter().find(|finding| finding.title == rule) {
            None => failures.push(format!("{rule}: not found, but {:?}", names(&found))),
            Some(finding) => {
                if finding.cause != (Cause::Rule { name: rule.to_owned() })
                    || finding.techniques.is_empty()
                    || !finding.detail.contains("container=web image=registry.example")
                    || finding.detail.contains('%')
                {
                    failures.push(format!("{finding:?}"));
                }
            }
        }
        if names(&look(&mut detector, &near_miss)).contains(&rule) {
            failures.push(format!("{rule}: the near miss is found"));
        }
    }
    let rules: BTreeSet<String> =
        detector.rules().rules().map(|(_, rule)| rule.name().to_owned()).collect();
    assert_eq!(rules, sampled);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn nothing_is_said_of_the_host_nor_of_a_runtime_that_sets_up() {
    let mut detector = detector();
    for (rule, mut event, _) in samples() {
        event.container = None;
        assert_eq!(names(&look(&mut detector, &event)), Vec::<&str>::new(), "{rule}");
    }
    let all = 0x7e02_0000;
    let mount = |operation, source: &str| Activity::Mount {
        operation,
        source: source.to_owned(),
        target: "/proc".to_owned(),
        filesystem: "cgroup2".to_owned(),
        flags: 0,
    };
    for activity in [
        Activity::Exec { script: None, previous: String::new(), gained: 1 << 21 },
        Activity::Namespace { operation: NamespaceOperation::Enter, flags: all, target: 0 },
        Activity::Namespace { operation: NamespaceOperation::Unshare, flags: all, target: 0 },
        mount(MountOperation::Mount, "/dev/sda1"),
        mount(MountOperation::PivotRoot, "."),
    ] {
        let event = setting_up(activity);
        assert_eq!(names(&look(&mut detector, &event)), Vec::<&str>::new(), "{event:?}");
        // Whoever takes the name inside the container is not a runtime.
        let inside = event.below("sh");
        let quiet = matches!(inside.activity, Activity::Mount { operation, .. }
            if operation == MountOperation::PivotRoot);
        assert_eq!(look(&mut detector, &inside).is_empty(), quiet, "{inside:?}");
    }
}

/// Inside a container everybody can take a runtime's name and run from memory.
#[test]
fn who_was_the_containers_program_is_no_runtime_again() {
    let escape = || {
        let operation = NamespaceOperation::Enter;
        setting_up(Activity::Namespace { operation, flags: 0x7e02_0000, target: 0 })
    };
    let runtime = || escape().process.key;
    let from_memory =
        || setting_up(Activity::Exec { script: None, previous: String::new(), gained: 0 });
    let mut detector = detector();
    assert_eq!(names(&look(&mut detector, &escape())), Vec::<&str>::new());
    let own = exec("nginx -g").process(|process| process.key = runtime());
    assert_eq!(names(&look(&mut detector, &own)), Vec::<&str>::new());
    assert!(names(&look(&mut detector, &from_memory())).contains(&"Fileless execution"));
    assert!(!look(&mut detector, &escape()).is_empty());
    // Nor is what it starts.
    let child = escape().below("runc");
    let above = child.process.ancestors.iter().next().expect("its parent").key;
    let parent = exec("nginx -g").process(|process| process.key = above);
    look(&mut detector, &parent);
    assert!(!look(&mut detector, &child).is_empty());
    // Nor a program of the image that is called so.
    let mut detector = self::detector();
    let named = exec("/runc init").process(|process| process.key = runtime());
    look(&mut detector, &named);
    assert!(!look(&mut detector, &escape()).is_empty());
    // Nor one that has been there for long, whose exec nobody saw.
    let mut detector = self::detector();
    let mut late = escape();
    late.boot_ns = runtime().start_ns() + 61_000_000_000;
    assert!(!look(&mut detector, &late).is_empty());
}

#[test]
fn ordinary_services_give_nothing() {
    let mut detector = detector();
    let ordinary = [
        exec("docker-entrypoi /usr/sbin/nginx"),
        exec("sh /docker-entrypoint.d/20-envsubst-on-templates.sh").below("sh"),
        exec("nginx -g").below("sh"),
        write("nginx", "/var/cache/nginx/client_temp"),
        write("sed", "/etc/nginx/conf.d/default.conf"),
        accept("nginx", "172.17.0.2:80", "192.0.2.7:50000"),
        connect("nginx", "172.17.0.3:8080"),
        exec("find . ! -user redis -exec chown redis {} +").below("docker-entrypoi"),
        exec("gosu redis redis-server").below("sh"),
        exec("redis-server").below("containerd-shim"),
        rename("redis-server", "/data/temp-1.rdb", "/data/dump.rdb"),
        exec("bash /usr/local/bin/docker-entrypoint.sh postgres"),
        exec("chown -R postgres /var/lib/postgresql").below("bash"),
        exec("initdb -D /var/lib/postgresql/data").below("bash"),
        exec("sh -c x").args("-c locale -a").below("postgres --single"),
        open("postgres", "/var/lib/postgresql/data/base/1/1259", 2),
        exec("apt-get update").below("apt-get"),
        read("cron", "/etc/shadow"),
        exec("sh -c x").args("-c run-parts /etc/cron.hourly").below("cron"),
        read("sshd", "/etc/shadow"),
        read("sshd", "/etc/ssh/ssh_host_ed25519_key"),
        accept("sshd", "172.17.0.2:22", "192.0.2.7:50000"),
        exec("bash").args("--login").below("sshd").key(101),
        write("dpkg", "/usr/bin/ls"),
        exec("update-ca-certi").below("dpkg"),
        exec("curl -f http://localhost/").below("sh"),
        connect("curl", "127.0.0.1:80"),
        question("api.example.com"),
        act("app", Activity::Exit { status: 0, signal: 0 }),
    ];
    for event in ordinary {
        let found = look(&mut detector, &event);
        assert!(
            found.iter().all(|finding| finding.severity == IncidentSeverity::Informational),
            "{:?}: {found:#?}",
            event.process.args
        );
    }
}

#[test]
fn refused_acts_are_seen_and_failed_writes_are_not() {
    let mut detector = detector();
    let mut event = write("sh", "/usr/bin/ls");
    assert_eq!(names(&look(&mut detector, &event)), ["Programs or libraries changed"]);
    event.error = 30;
    assert!(look(&mut detector, &event).is_empty());
    let mut event = read("cat", "/etc/shadow");
    event.error = 13;
    assert_eq!(names(&look(&mut detector, &event)), ["Password file read"]);
}

#[test]
fn findings_come_in_the_order_of_rules_and_are_bounded() {
    let mut rules = builtin_sources();
    let rule = |name: &str, priority: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type = execve\n  output: '{name} %proc.cmdline'\n  \
             priority: {priority}\n  tags: [T1059, mitre_T1046, mitre_execution]\n"
        )
    };
    let own = ["Z", "Y", "X"].map(|name| rule(name, "notice")).concat();
    rules.push(Source::new("own.yaml", own));
    let settings =
        DetectSettings { findings_per_event: 2, detail_bytes: 8, ..DetectSettings::default() };
    let (mut detector, problems) = Detector::load(&rules, settings);
    assert!(problems.is_empty(), "{problems:?}");
    let found = look(&mut detector, &exec("app one two three"));
    assert_eq!(names(&found), ["Z", "Y"]);
    assert_eq!(found[0].detail, "Z app on…");
    assert_eq!(found[0].severity, IncidentSeverity::Low);
    let techniques: Vec<&str> = found[0].techniques.iter().map(|own| own.as_str()).collect();
    assert_eq!(techniques, ["T1046", "T1059"]);
    assert_eq!(detector.counts().findings_left_out, 1);
}

#[test]
fn rules_are_chosen_by_name_tag_and_priority() {
    let load = |settings: DetectSettings| {
        assert!(settings.faults().is_empty());
        Detector::load(&builtin_sources(), settings).0
    };
    let event = exec("xmrig -o stratum+tcp://pool.example:3333");
    let mut all = load(DetectSettings::default());
    assert_eq!(names(&look(&mut all, &event)), ["Crypto-miner run"]);
    for chosen in [Chosen::Rule("Crypto-*".to_owned()), Chosen::Tag("mitre_impact".to_owned())] {
        let rules = vec![Choice::Disable(chosen)];
        let mut some = load(DetectSettings { rules, ..DetectSettings::default() });
        assert!(look(&mut some, &event).is_empty());
    }
    let severe =
        || DetectSettings { minimum_priority: "critical".to_owned(), ..DetectSettings::default() };
    let mut some = load(severe());
    assert_eq!(names(&look(&mut some, &event)), ["Crypto-miner run"]);
    assert!(look(&mut some, &read("cat", "/etc/shadow")).is_empty());
    let wrong = DetectSettings { minimum_priority: "grave".to_owned(), ..severe() };
    assert_eq!(wrong.faults().len(), 1);
}

#[test]
fn a_rule_that_needs_what_is_not_seen_is_left_out_by_name_and_place() {
    let text = "- rule: Good\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n\
                - rule: Bad\n  desc: d\n  condition: evt.type = execve and proc.vmrss > 5\n  output: o\n  \
                priority: INFO\n";
    let sources = [Source::new("own.yaml", text)];
    let (detector, problems) = Detector::load(&sources, DetectSettings::default());
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("own.yaml:8:"), "{problems:?}");
    assert!(problems[0].contains("proc.vmrss") && problems[0].ends_with("(left out: Bad)"));
    assert_eq!(detector.rules().rules().count(), 1);
}
