//! The Defender in a container of its own, with the listed capabilities: all that it does on the host, and
//! what only there can go wrong.

use std::collections::BTreeSet;
use std::process::Stdio;

use palisade_defender::manners::capabilities;
use palisade_services::{Docker, Image, Options};
use rustix::process::Signal;

use super::faults::{POLICY, WATCHDOG, counts, goes_on, refuses, runs};
use super::kit::{Defender, INCIDENT, READY, Setup, child, gone, signal};
use super::place::{MANUAL, OwnContainer, Place};
use super::{alone, faults, learn, scenarios};
use crate::support::{eventually, stderr, stdout};

#[test]
fn every_rule_tells_its_act_and_not_its_near_miss() {
    scenarios::on_this_host(Place::Container);
}

#[test]
fn what_departs_from_a_learned_image_is_an_incident_until_it_is_accepted() {
    learn::told(Place::Container);
}

#[test]
fn what_departs_is_refused_where_the_policy_says_so_and_the_service_goes_on() {
    learn::prevented(Place::Container);
}

#[test]
fn whichever_part_dies_the_workload_goes_on_and_nothing_stays_attached() {
    faults::parts_die(Place::Container);
}

#[test]
fn without_a_runtime_to_ask_containers_are_found_by_their_control_groups() {
    faults::no_runtime(Place::Container);
}

#[test]
fn a_full_disk_costs_no_sight_and_what_waited_is_written_when_there_is_space() {
    faults::full_disk(Place::Container);
}

#[test]
fn a_flood_is_bounded_its_losses_are_told_and_another_container_is_still_seen() {
    faults::flooded(Place::Container);
}

/// A capability's number (include/uapi/linux/capability.h).
fn number(name: &str) -> u32 {
    match name {
        "DAC_READ_SEARCH" => 2,
        "KILL" => 5,
        "NET_ADMIN" => 12,
        "SYS_PTRACE" => 19,
        "SYS_ADMIN" => 21,
        "PERFMON" => 38,
        "BPF" => 39,
        other => panic!("{other} is not among those that are needed"),
    }
}

/// The manual's table: names, and whether each is kept.
fn listed() -> Vec<(&'static str, bool)> {
    let (_, section) = MANUAL.split_once("\n## Capabilities\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once('`').expect("a name");
        let kept = rest.trim_end_matches([' ', '|']).rsplit('|').next().expect("a cell").trim();
        match kept {
            "yes" => (name, true),
            "until set up" => (name, false),
            other => panic!("{name}: {other}"),
        }
    })
    .collect()
}

#[test]
fn every_place_lists_the_same_capabilities() {
    let names = |text: &'static str| -> BTreeSet<&'static str> {
        let words = text.split([' ', ',', '[', ']', '-', '\n']);
        let names = words.map(|word| word.strip_prefix("CAP_").unwrap_or(word));
        names.filter(|name| !name.is_empty()).collect()
    };
    let between = |text: &'static str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
    };
    let wanted: BTreeSet<&str> = listed().into_iter().map(|(name, _)| name).collect();
    assert_eq!(wanted.len(), 7, "{wanted:?}");

    let program: BTreeSet<&str> = capabilities::NEEDED.iter().map(|needed| needed.name).collect();
    assert_eq!(program, wanted);
    for needed in capabilities::NEEDED {
        let kept = needed.when == capabilities::When::Always;
        assert!(listed().contains(&(needed.name, kept)), "{}", needed.name);
    }
    let line = super::place::manual();
    let added = line.windows(2).filter(|words| words[0] == "--cap-add").map(|words| words[1]);
    assert_eq!(added.collect::<BTreeSet<&str>>(), wanted);
    assert!(line.windows(2).any(|words| words == ["--cap-drop", "ALL"]), "{line:?}");
    assert!(!line.contains(&"--privileged"), "{line:?}");

    let compose = include_str!("../../../../../deploy/defender/compose.yaml");
    let added = between(compose, "cap_add:", "mem_limit:").lines();
    let added = added.filter(|line| !line.trim_start().starts_with('#'));
    assert_eq!(added.flat_map(names).collect::<BTreeSet<&str>>(), wanted);
    assert!(compose.contains("cap_drop: [ALL]") && !compose.contains("privileged"));
    let daemonset = include_str!("../../../../../deploy/defender/daemonset.yaml");
    assert_eq!(names(between(daemonset, "add: ", "\n")), wanted);
    assert!(daemonset.contains("privileged: false"));
    let unit = include_str!("../../../../../deploy/defender/palisade-defender.service");
    assert_eq!(names(between(unit, "CapabilityBoundingSet=", "\n")), wanted);
}

/// What `/proc` says of a process or thread.
fn status(place: &str, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{place}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{key} of {place}")).trim().to_owned()
}

#[test]
fn it_has_the_listed_capabilities_and_keeps_those_that_are_listed_as_kept() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let defender = Defender::start(Place::Container, &docker);
    let known: Vec<(&str, bool)> = listed()
        .into_iter()
        .filter(|(name, _)| docker.knows_capability(name).expect("an answer"))
        .collect();
    let set = |kept_only: bool| {
        let names = known.iter().filter(|(_, kept)| *kept || !kept_only);
        names.fold(0_u64, |set, (name, _)| set | 1 << number(name))
    };
    let has = |place: &str, wanted: u64| {
        for key in ["CapEff", "CapPrm"] {
            let held = u64::from_str_radix(&status(place, key), 16).expect("a number");
            assert_eq!(held, wanted, "{key} of {place}: {held:x}, not {wanted:x} ({known:?})");
        }
        for (key, wanted) in [("CapInh", 0), ("CapAmb", 0), ("CapBnd", set(false))] {
            let held = u64::from_str_radix(&status(place, key), 16).expect("a number");
            assert_eq!(held, wanted, "{key} of {place}: {held:x}");
        }
        assert_eq!(status(place, "NoNewPrivs"), "1", "{place}");
        // Docker's own filter of system calls.
        assert_eq!(status(place, "Seccomp"), "2", "{place}");
    };
    // What the agent starts with, it has of the watchdog.
    has(&defender.watchdog().to_string(), set(false));
    let agent = defender.agent().expect("an agent");
    let threads = std::fs::read_dir(format!("/proc/{agent}/task")).expect("threads");
    let threads: Vec<String> = threads
        .map(|thread| thread.expect("a thread").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(threads.len() > 3, "{threads:?}");
    for thread in threads {
        has(&format!("{agent}/task/{thread}"), set(true));
    }
}

#[test]
fn a_check_in_it_misses_nothing_that_the_host_has() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, state) = (folder.path().join("settings"), folder.path().join("state"));
    std::fs::create_dir(&settings).expect("a folder");
    let socket = docker.socket();
    let setup = Setup { socket: Some(&socket), ..Setup::default() };
    let workload = docker.run(&Options::of(Image::Debian)).expect("a container");
    let (_own, mut command) = OwnContainer::new(&settings, &state, &setup, false);
    let output = command.arg("--check").stdin(Stdio::null()).output().expect("the client runs");
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    let host = crate::support::palisade(&["defend", "--check"]);
    let host = stdout(&host);
    let section = |text: &str, name: &str| {
        let (_, rest) = text.split_once(name).unwrap_or_else(|| panic!("no {name}: {text}"));
        rest.split("\n\n").next().unwrap_or_default().to_owned()
    };
    for name in ["SENSOR", "EVENTS", "PREVENTION"] {
        assert_eq!(section(&said, name), section(&host, name), "{name}");
    }
    assert!(!section(&said, "CAPABILITIES").contains("MISSING"), "{said}");
    let containers = section(&said, "CONTAINERS");
    assert!(containers.contains("/run/docker.sock (docker): answers"), "{said}");
    assert!(containers.contains(&workload.id()[..12]), "{said}");
}

/// For every container, and so for the Defender's own too, if it did not know itself.
const EVERYBODY: &str = "\
[[rule]]
name = \"nobody lists\"
process = { deny_effect = \"block\", deny = [\"/bin/ls\", \"/usr/bin/ls\", \"/usr/bin/who*\"] }
";

#[test]
fn it_tells_of_its_own_container_and_refuses_nothing_there() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let workload = counts(&docker);
    let socket = docker.socket();
    let defender = Defender::with(&Setup {
        place: Place::Container,
        socket: Some(&socket),
        policy: Some(EVERYBODY),
        ..Setup::default()
    });
    let own = defender.container().expect("its own container");
    let id = own.inspect("{{.Id}}").expect("an id");
    let agent = defender.agent();
    for program in ["ls", "whoami"] {
        let output = own.exec(&[program]);
        assert!(output.status.success(), "{program}: {}", stderr(&output));
    }
    eventually(INCIDENT.as_secs(), "it tells of itself", || {
        defender.seen(|seen| seen.events(&id, "exec") > 1).then_some(())
    });
    // The policy is in force all the same, and stopping needs no more than it has.
    eventually(30, "it is refused", || (!runs(&workload, "ls")).then_some(()));
    eventually(30, "the workload is stopped", || {
        (workload.inspect("{{.State.Running}}").ok()? == "false").then_some(())
    });
    assert_eq!(defender.agent(), agent, "{}", defender.log());
    assert_eq!(own.inspect("{{.State.Running}}").as_deref(), Some("true"));
}

#[test]
fn canaries_are_refused_and_what_runs_is_hashed() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let workload = counts(&docker);
    let bad = workload.exec(&["sha256sum", "/usr/bin/uptime"]).expect("the client runs");
    let bad = stdout(&bad).split(' ').next().expect("a hash").to_owned();
    let state = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(state.path().join("state")).expect("a folder");
    std::fs::write(state.path().join("bad.txt"), format!("{bad} uptime\n")).expect("a list");
    let socket = docker.socket();
    let defender = Defender::with(&Setup {
        place: Place::Container,
        socket: Some(&socket),
        policy: Some(POLICY),
        settings: "[canary]\nseconds = 1\n[hashes]\nknown_bad = \"/disk/bad.txt\"\n",
        disk: Some(state.path()),
        ..Setup::default()
    });
    let canaries = |outcome: &str| {
        let start = format!("palisade_defender_canaries_total{{outcome=\"{outcome}\"}} ");
        let metrics = defender.metrics();
        let mut counts = metrics.lines().filter_map(|line| line.strip_prefix(&start));
        counts.next().map_or(0, |count| count.parse::<u64>().expect("a number"))
    };
    refuses(&workload);
    eventually(30, "canaries are refused", || (canaries("passed") > 2).then_some(()));
    assert_eq!(canaries("missed"), 0);
    assert!(runs(&workload, "/usr/bin/uptime"));
    eventually(INCIDENT.as_secs(), "it is known as bad", || {
        defender.seen(|seen| seen.has_malware(workload.id(), "uptime")).then_some(())
    });
    goes_on(&workload);
}

#[test]
fn as_the_manual_has_it_the_engine_starts_it_again_and_its_end_leaves_nothing_attached() {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, state) = (folder.path().join("settings"), folder.path().join("state"));
    std::fs::create_dir(&settings).expect("a folder");
    let socket = docker.socket();
    let setup = Setup {
        socket: Some(&socket),
        settings: WATCHDOG,
        policy: Some(POLICY),
        format: "pretty",
        ..Setup::default()
    };
    let (own, mut command) = OwnContainer::new(&settings, &state, &setup, true);
    let started = command.output().expect("the client runs");
    assert!(started.status.success(), "{}", stderr(&started));
    let watches = |times: usize| {
        eventually(60, "it watches", || {
            let (_, log) = own.logs();
            (log.lines().filter(|line| line.starts_with(READY)).count() == times).then_some(())
        });
    };
    watches(1);

    // A container that is started afterwards is seen, live and readable.
    let workload = counts(&docker);
    let name = workload.inspect("{{.Name}}").expect("a name");
    // As much of it as a column has room for.
    let name: String = name.trim_start_matches('/').chars().take(8).collect();
    for words in [&["touch", "/root/made"][..], &["nc", "-z", "-w", "1", "127.0.0.1", "9"]] {
        let _ = workload.exec(words).expect("the client runs");
    }
    let acts = [("exec", "touch /root/made"), ("create", "/root/made"), ("connect", "127.0.0.1:9")];
    for (verb, object) in acts {
        eventually(30, object, || {
            let (events, _) = own.logs();
            let mut lines = events.lines();
            lines
                .any(|line| {
                    line.contains(&name)
                        && line.contains(&format!(" {verb} "))
                        && line.contains(object)
                })
                .then_some(())
        });
    }
    let models = own.exec(&["palisade", "models", "list"]);
    assert!(stdout(&models).contains("palisade-test/debian"), "{}", stderr(&models));
    refuses(&workload);

    signal(own.pid().expect("it runs"), Signal::KILL);
    watches(2);
    refuses(&workload);
    goes_on(&workload);

    let agent = own.pid().and_then(child).expect("an agent");
    let killed = own.docker(&["kill"], &[]);
    assert!(killed.status.success(), "{}", stderr(&killed));
    gone(agent);
    for program in ["/usr/bin/id", "/usr/bin/whoami"] {
        assert!(runs(&workload, program), "something of it is still there");
    }
    goes_on(&workload);
}
