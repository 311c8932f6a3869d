//! What processes in a cgroup of our own do is seen, and what a plan refuses fails.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use palisade_model::event::{Activity, Effect, Event, NamespaceOperation, SocketAddress};
use palisade_sensor::{CgroupWhat, Direction, ExecRule, NetRule, Observation, Plan};

use crate::support::{Cgroup, is_exec_of, listener, start, until};

#[test]
fn acts_are_told_with_who_did_them() {
    let (sensor, mut reader) = start(&["palisade-secret"]);
    let cgroup = Cgroup::new("acts");
    sensor.watch(cgroup.id()).expect("watched");
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display();
    let script = format!(
        "cd {place}; echo x > palisade-secret; cat palisade-secret; mv palisade-secret moved; chmod 4755 moved; \
         ln -s moved symbolic; rm moved symbolic; unshare -n true; kill -0 $$; sleep 9 & kill -9 $!; wait $!; uptime"
    );
    let output = cgroup.run(&script);
    assert!(output.status.success(), "{output:?}");
    let events = until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "uptime"));
    let has = |what: &str, check: &dyn Fn(&Event) -> bool| {
        assert!(events.iter().any(check), "{what} is missing in {events:#?}");
    };
    let inside = |path: &str, name: &str| path.ends_with(&format!("/{name}"));
    has(
        "create",
        &|event| matches!(&event.activity, Activity::Create { file, .. } if inside(&file.path, "palisade-secret")),
    );
    has("read of a sensitive name", &|event| {
        matches!(&event.activity, Activity::Open { file, flags } if inside(&file.path, "palisade-secret") && !flags.writes())
            && event.process.name == "cat"
    });
    has(
        "rename",
        &|event| matches!(&event.activity, Activity::Rename { from, to, .. } if inside(&from.path, "palisade-secret") && inside(to, "moved")),
    );
    has(
        "mode",
        &|event| matches!(&event.activity, Activity::Mode { file, mode: 0o4755 } if inside(&file.path, "moved")),
    );
    has(
        "link",
        &|event| matches!(&event.activity, Activity::Link { target, link, symbolic: true } if target.path == "moved" && inside(link, "symbolic")),
    );
    has(
        "unlink",
        &|event| matches!(&event.activity, Activity::Unlink { file } if inside(&file.path, "moved")),
    );
    has("unshare", &|event| {
        matches!(
            event.activity,
            Activity::Namespace { operation: NamespaceOperation::Unshare, flags: 0x4000_0000, .. }
        )
    });
    has("signal", &|event| matches!(event.activity, Activity::Signal { number: 9, .. }));
    has("exec with arguments, directory and ancestry", &|event| {
        is_exec_of(event, "chmod")
            && event.process.args == ["chmod", "4755", "moved"]
            && Path::new(&event.process.cwd) == folder.path()
            && event.process.ancestors.parent().is_some_and(|parent| parent.name == "sh")
    });
    has("exit", &|event| {
        event.process.name == "chmod"
            && matches!(event.activity, Activity::Exit { status: 0, signal: 0 })
    });
    has("killed", &|event| matches!(event.activity, Activity::Exit { signal: 9, .. }));
}

#[test]
fn the_version_of_a_program_is_the_one_that_its_files_status_tells() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("version");
    sensor.watch(cgroup.id()).expect("watched");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("versioned");
    std::fs::copy("/bin/true", &program).expect("a copy");
    // Newer kernels mark a time of change that somebody has asked for.
    let about = std::fs::metadata(&program).expect("its status");
    assert!(cgroup.run(&program.display().to_string()).status.success());
    let events = until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "versioned"));
    let identity = events.last().and_then(|event| event.process.executable.file.identity);
    let identity = identity.expect("its version");
    let changed = about.ctime() * 1_000_000_000 + about.ctime_nsec();
    assert_eq!(i64::try_from(identity.ctime_ns), Ok(changed));
    assert_eq!((identity.inode, identity.size), (about.ino(), about.len()));
}

#[test]
fn a_cgroup_is_told_before_anything_runs_in_it() {
    let (_sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("told");
    let (id, end) = (cgroup.id(), Instant::now() + Duration::from_secs(10));
    cgroup.run("true");
    let (mut created, mut joined) = (false, false);
    while !joined && Instant::now() < end {
        reader
            .read(Duration::from_millis(100), 1_000, &mut |observation| {
                let Observation::Cgroup(change) = observation else { return };
                if change.id == id && change.hierarchy == 0 {
                    created |= change.what == CgroupWhat::Created
                        && change.path.contains("palisade-test-told");
                    joined |= created && matches!(change.what, CgroupWhat::Joined(_));
                }
            })
            .expect("the rings");
    }
    assert!(created && joined);
}

#[test]
fn a_forbidden_executable_ends_before_its_first_write() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("exec");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("forbidden");
    std::fs::copy("/bin/echo", &program).expect("a copy");
    let rule = ExecRule { path: program.display().to_string(), allow: false, rule: 41 };
    let plan = Plan { exec: vec![rule], ..Plan::default() };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    let run = format!("for i in $(seq 200); do {} written; done; echo end", program.display());
    let output = cgroup.run(&run);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.lines().filter(|line| *line == "written").count(), 0);
    assert!(said.ends_with("end\n"));
    let mut killed = 0;
    let events = until(&mut reader, cgroup.id(), |event, rule| {
        killed += u32::from(event.effect == Effect::Killed && rule == Some(41));
        killed == 200
    });
    let starts = events.iter().filter(|event| is_exec_of(event, "forbidden"));
    assert!(starts.clone().all(|event| event.process.args.len() == 2), "with its arguments");
    assert_eq!(starts.count(), 200, "the start and the kill are one event");
    // Nothing is refused any more.
    sensor.watch(cgroup.id()).expect("watched");
    let output = cgroup.run(&format!("{} written", program.display()));
    assert_eq!(output.stdout, b"written\n");
}

#[test]
fn what_is_not_listed_does_not_run_and_says_why() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("unlisted");
    let real = |name: &str| std::fs::canonicalize(name).expect("there").display().to_string();
    let allow = |path: String| ExecRule { path, allow: true, rule: 1 };
    let plan = Plan {
        exec: vec![allow(real("/bin/sh")), allow(real("/bin/echo"))],
        exec_unlisted: Some(9),
        ..Plan::default()
    };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    let output = cgroup.run("/bin/echo one; /bin/cat /etc/hostname; /bin/echo two");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n", "{output:?}");
    until(&mut reader, cgroup.id(), |event, rule| {
        event.effect == Effect::Killed && is_exec_of(event, "cat") && rule == Some(9)
    });
}

#[test]
fn a_forbidden_connection_fails_and_others_do_not() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("net");
    let (open, closed) = (listener(), listener());
    let refused = NetRule {
        direction: Direction::Connect,
        address: "127.0.0.0".parse().expect("an address"),
        prefix: 8,
        ports: vec![closed.1..=closed.1],
        allow: false,
        rule: 17,
    };
    let plan = Plan { net: vec![refused], ..Plan::default() };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    let connect = |port| cgroup.run(&format!("exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"));
    assert!(connect(open.1).status.success());
    let output = connect(closed.1);
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Operation not permitted"),
        "{output:?}"
    );
    let port_of = |event: &Event| match &event.activity {
        Activity::Connect { remote: SocketAddress::Inet(remote), .. } => Some(remote.port()),
        _ => None,
    };
    let events = until(&mut reader, cgroup.id(), |event, rule| {
        port_of(event) == Some(closed.1) && event.effect == Effect::Refused && rule == Some(17)
    });
    assert!(events.iter().any(|event| port_of(event) == Some(open.1) && event.succeeded()));
}

#[test]
fn nothing_is_left_when_the_sensor_is_stopped() {
    let (sensor, reader) = start(&[]);
    let cgroup = Cgroup::new("stop");
    let plan = Plan { exec_unlisted: Some(1), ..Plan::default() };
    sensor.enforce(cgroup.id(), &[], &plan).expect("the plan");
    assert!(!cgroup.run("true").status.success());
    sensor.stop();
    assert!(cgroup.run("true").status.success());
    assert!(reader.is_stopped() && sensor.watch(cgroup.id()).is_err());
}
