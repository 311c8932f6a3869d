//! Parts of the Defender die, stop, starve or drown, and the workload goes on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_services::{Container, Docker, Image, Options, SmallDisk};
use rustix::process::Signal;
use serde_json::Value;

use super::alone;
use super::kit::{Defender, Setup, gone, signal};
use super::place::Place;
use super::seen::MARKER;
use crate::support::{eventually, stderr, stdout};

/// Shorter than usual, so that nobody waits.
pub(super) const WATCHDOG: &str = "[watchdog]\nsilence_ms = 2000\nrestart_ms = 200\n";

/// One entry for the kernel's list, one for which programs wait until the agent has answered.
pub(super) const POLICY: &str = "\
[[rule]]
name = \"nobody asks who he is\"
process = { deny_effect = \"prevent\", deny = [\"/usr/bin/id\", \"/usr/bin/who*\"] }
";

const REFUSED: [&str; 2] = ["/usr/bin/id", "/usr/bin/whoami"];

/// A workload that says a number more, ten times a second.
pub(super) fn counts(docker: &Docker) -> Container<'_> {
    let script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
    docker.run(&Options::of(Image::Debian).run(&["sh", "-c", script])).expect("a container")
}

fn count(container: &Container<'_>) -> u64 {
    let logs = container.logs().expect("its output");
    logs.lines().last().and_then(|line| line.parse().ok()).unwrap_or_default()
}

/// It is alive, now and not only before.
pub(super) fn goes_on(container: &Container<'_>) {
    let before = count(container);
    eventually(30, "the workload goes on", || (count(container) > before + 5).then_some(()));
}

pub(super) fn runs(container: &Container<'_>, program: &str) -> bool {
    container.exec(&[program]).expect("the client runs").status.success()
}

pub(super) fn refuses(container: &Container<'_>) {
    for program in REFUSED {
        eventually(30, "the policy is in force", || (!runs(container, program)).then_some(()));
    }
}

#[test]
fn whichever_part_dies_the_workload_goes_on_and_nothing_stays_attached() {
    parts_die(Place::Host);
}

pub(super) fn parts_die(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let workload = counts(&docker);
    let socket = docker.socket();
    let defender = Defender::with(&Setup {
        place,
        socket: Some(&socket),
        settings: WATCHDOG,
        policy: Some(POLICY),
        ..Setup::default()
    });
    let comes_back = |times: usize, old: u32| {
        eventually(60, "another agent watches", || (defender.starts() == times).then_some(()));
        let new = defender.agent().expect("an agent");
        assert_ne!(new, old);
        new
    };
    refuses(&workload);
    goes_on(&workload);

    let agent = defender.agent().expect("an agent");
    signal(agent, Signal::KILL);
    goes_on(&workload);
    let agent = comes_back(2, agent);
    refuses(&workload);

    // Stopped as soon as it says that it watches. Programs wait for its answers, and the watchdog ends
    // the waiting.
    signal(agent, Signal::KILL);
    let agent = comes_back(3, agent);
    signal(agent, Signal::STOP);
    let waited = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let output = workload.exec(&["/bin/echo", "alive"]).expect("the client runs");
            waited.store(true, Ordering::Release);
            output
        });
        goes_on(&workload);
        eventually(20, "a program waits no longer", || {
            waited.load(Ordering::Acquire).then_some(())
        });
        let output = waits.join().expect("the thread ends");
        assert_eq!(stdout(&output), "alive\n", "{}", stderr(&output));
    });
    let agent = comes_back(4, agent);
    refuses(&workload);

    signal(defender.watchdog(), Signal::KILL);
    gone(agent);
    for program in REFUSED {
        assert!(runs(&workload, program), "something of it is still there");
    }
    goes_on(&workload);
    // The engine ends all of a container whose first process has ended.
    let said = defender.log().contains("the watchdog is gone");
    assert!(said || place == Place::Container, "{}", defender.log());
}

#[test]
fn both_killed_at_once_leave_nothing_attached() {
    both_die(Place::Host);
}

pub(super) fn both_die(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let workload = counts(&docker);
    let socket = docker.socket();
    let setup = Setup { place, socket: Some(&socket), policy: Some(POLICY), ..Setup::default() };
    let defender = Defender::with(&setup);
    refuses(&workload);
    let agent = defender.agent().expect("an agent");
    signal(defender.watchdog(), Signal::KILL);
    signal(agent, Signal::KILL);
    gone(agent);
    for program in REFUSED {
        assert!(runs(&workload, program), "something of it is still there");
    }
    goes_on(&workload);
}

#[test]
fn without_a_runtime_to_ask_containers_are_found_by_their_control_groups() {
    no_runtime(Place::Host);
}

pub(super) fn no_runtime(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let before = counts(&docker);
    let socket = Path::new("/nonexistent/docker.sock");
    let defender = Defender::with(&Setup { place, socket: Some(socket), ..Setup::default() });
    assert!(defender.log().contains(&before.id()[..12]), "{}", defender.log());
    let after = counts(&docker);
    for container in [&before, &after] {
        defender.close(container);
        eventually(30, "its events carry its id", || {
            defender.seen(|seen| seen.events(container.id(), "exec") > 1).then_some(())
        });
    }
}

#[test]
fn a_full_disk_costs_no_sight_and_what_waited_is_written_when_there_is_space() {
    full_disk(Place::Host);
}

pub(super) fn full_disk(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let Some(disk) = SmallDisk::mount("4m") else { return };
    let workload = counts(&docker);
    let socket = docker.socket();
    let defender = Defender::with(&Setup {
        place,
        socket: Some(&socket),
        policy: Some(POLICY),
        disk: Some(disk.path()),
        ..Setup::default()
    });
    let agent = defender.agent().expect("an agent");
    let file = disk.path().join("out.jsonl");
    let written = || std::fs::read_to_string(&file).unwrap_or_default();
    defender.close(&workload);
    eventually(60, "the file has it", || written().contains(MARKER).then_some(()));

    disk.fill();
    let meanwhile = counts(&docker);
    // It sees, tells the other output, and refuses.
    defender.close(&meanwhile);
    refuses(&meanwhile);
    eventually(60, "it counts what it could not write", || {
        let metrics = defender.metrics();
        let mut lines = metrics.lines();
        lines
            .any(|line| {
                let failures = "palisade_defender_sink_failures_total{sink=\"output\"} ";
                line.strip_prefix(failures).is_some_and(|count| count != "0")
            })
            .then_some(())
    });
    goes_on(&workload);

    disk.free();
    // What waited in memory for the file goes there.
    eventually(120, "the file has what waited", || {
        let text = written();
        let mut lines = text.lines();
        lines.any(|line| line.contains(meanwhile.id()) && line.contains(MARKER)).then_some(())
    });
    let text = written();
    let (whole, _) = text.rsplit_once('\n').expect("lines");
    for line in whole.lines() {
        let value: Result<Value, _> = serde_json::from_str(line);
        assert!(value.is_ok(), "half a line was left: {line}");
    }
    refuses(&meanwhile);
    eventually(30, "the audit log goes on", || {
        (!defender.audit(&meanwhile).is_empty()).then_some(())
    });
    assert!(defender.state().starts_with(disk.path()));
    assert_eq!(defender.agent(), Some(agent), "it died:\n{}", defender.log());
}

/// Events a second of one kind in one container: so few that the flood is surely too much.
const RATE: &str = "[sensor]\nrate = 200\n";

/// Bytes that the agent may have in memory: its own limit.
const MEMORY: u64 = 256 << 20;

/// Processes without end, as far as the container may, and files without end for five seconds. Says how
/// many files there were.
const FLOOD: &str = r#"
import os, time
end = time.time() + 5
if os.fork() == 0:
    while time.time() < end:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)
    os._exit(0)
files = 0
while time.time() < end:
    os.close(os.open("/tmp/%d" % files, os.O_CREAT | os.O_WRONLY))
    files += 1
print(files)
"#;

#[test]
fn a_flood_is_bounded_its_losses_are_told_and_another_container_is_still_seen() {
    flooded(Place::Host);
}

pub(super) fn flooded(place: Place) {
    let docker = Docker::shared().expect("a Docker engine");
    let _alone = alone();
    let socket = docker.socket();
    let setup = Setup { place, socket: Some(&socket), settings: RATE, ..Setup::default() };
    let defender = Defender::with(&setup);
    let agent = defender.agent().expect("an agent");
    let flood = docker.run(&Options::of(Image::Debian)).expect("a container");
    let limited = docker
        .command()
        .args(["update", "--pids-limit", "64", flood.id()])
        .output()
        .expect("the client runs");
    assert!(limited.status.success(), "{}", stderr(&limited));
    let other = docker.run(&Options::of(Image::Debian)).expect("a container");

    let over = AtomicBool::new(false);
    let (files, most) = std::thread::scope(|scope| {
        let watches = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Acquire) {
                most = most.max(resident(agent).unwrap_or_default());
                std::thread::sleep(Duration::from_millis(50));
            }
            most
        });
        let floods = scope.spawn(|| flood.exec(&["python3", "-c", FLOOD]));
        let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(60, "losses of the flood are told", || {
                defender.seen(|seen| seen.lost(flood.id()) > 0).then_some(())
            });
            defender.close(&other);
        }));
        let output = floods.join().expect("the flood").expect("the client runs");
        over.store(true, Ordering::Release);
        let most: u64 = watches.join().expect("the memory");
        lost.unwrap_or_else(|fault| std::panic::resume_unwind(fault));
        let files = stdout(&output).trim().parse::<u64>();
        (files.unwrap_or_else(|_| panic!("no flood: {}", stderr(&output))), most)
    });
    assert!(most > 0 && most < MEMORY, "{most} bytes");
    // Nothing goes missing in silence.
    eventually(60, "every file is told of or counted as lost", || {
        let accounted = defender.seen(|seen| {
            let told = seen.events(flood.id(), "create") + seen.events(flood.id(), "open");
            told + seen.lost(flood.id()) + seen.dropped
        });
        (accounted >= files).then_some(())
    });
    let counted = defender.metrics().lines().any(|line| {
        line.starts_with("palisade_defender_lost_events_total{") && line.contains("rate-limited")
    });
    assert!(counted, "{}", defender.metrics());
    assert_eq!(defender.seen(|seen| seen.lost(other.id())), 0, "it has a share of its own");
    assert_eq!(defender.agent(), Some(agent), "it died:\n{}", defender.log());
    let garbled = defender.seen(|seen| seen.garbled.clone());
    assert!(garbled.is_empty(), "{garbled:?}");
}

/// Bytes of a process in memory.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
