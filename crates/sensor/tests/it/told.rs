//! What is told is told whole, or says that it is not.

use std::collections::BTreeSet;

use palisade_model::event::{Activity, Event, Kind, SocketAddress};

use crate::support::{Cgroup, is_exec_of, start, until};

#[test]
fn another_users_act_and_an_act_on_another_are_told_too() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("again");
    let file = tempfile::NamedTempFile::new().expect("a file");
    sensor.watch(cgroup.id()).expect("watched");
    let path = file.path().display();
    let script = format!(
        "chmod 666 {path}; for i in 1 2 3; do sh -c 'echo x >> {path}'; done; \
         setpriv --reuid 65534 --clear-groups sh -c 'echo x >> {path}'; uptime"
    );
    assert!(cgroup.run(&script).status.success());
    let events = until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "uptime"));
    let opened = |event: &&Event| matches!(&event.activity, Activity::Open { file: opened, .. } if opened.path == path.to_string());
    let users: Vec<u32> =
        events.iter().filter(opened).map(|event| event.process.credentials.euid).collect();
    assert_eq!(users, [0, 65534]);

    let mut sleepers: Vec<_> = (0..2)
        .map(|_| std::process::Command::new("sleep").arg("60").spawn().expect("sleep"))
        .collect();
    let act = format!("seize {0} {1} {0}", sleepers[0].id(), sleepers[1].id());
    // The third is the first again: it fails, since that one is traced by then.
    assert_eq!(cgroup.act(&act), 1);
    cgroup.run("uptime");
    let traced =
        until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "uptime")).into_iter();
    // Both, and the one that failed.
    let tries = traced.filter(|event| event.kind() == Kind::Ptrace).count();
    for sleeper in &mut sleepers {
        sleeper.kill().expect("killed");
        sleeper.wait().expect("ended");
    }
    assert_eq!(tries, 3);
}

#[test]
fn a_path_of_which_a_part_is_missing_is_marked_and_a_long_name_is_whole() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("paths");
    let folder = tempfile::tempdir().expect("a folder");
    sensor.watch(cgroup.id()).expect("watched");
    let (deep, padding) = ("usr/".repeat(45), "./".repeat(1_500));
    let script = format!(
        "cd {0}; mkdir -p {deep}; echo x > {deep}deep; echo x > shallow; rm {padding}shallow; uptime",
        folder.path().display()
    );
    let output = cgroup.run(&script);
    assert!(output.status.success(), "{output:?}");
    let events = until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "uptime"));
    let paths = |kind: Kind| {
        let of = events.iter().filter(move |event| event.kind() == kind);
        of.filter_map(|event| event.activity.file()).map(|file| file.path.clone())
    };
    let created = paths(Kind::Create).find(|path| path.ends_with("/deep")).expect("told");
    assert!(created.starts_with("…/usr/usr/"), "{created}");
    let shallow = folder.path().join("shallow").display().to_string();
    assert!(paths(Kind::Create).any(|path| path == shallow));
    assert!(
        paths(Kind::Unlink).any(|path| path == shallow),
        "{:?}",
        paths(Kind::Unlink).next_back()
    );
}

#[test]
fn a_variable_behind_hundreds_is_seen_and_more_than_are_looked_at_are_marked() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("variables");
    sensor.watch(cgroup.id()).expect("watched");
    let variables = |count: u32| format!("env -i $(seq -f V%g=1 {count}) LD_PALISADE=1");
    for (count, seen, cut) in [(10, true, false), (500, true, false), (2_000, false, true)] {
        let output = cgroup.run(&format!("{} /usr/bin/uptime", variables(count)));
        assert!(output.status.success(), "{output:?}");
        let events = until(&mut reader, cgroup.id(), |event, _| is_exec_of(event, "uptime"));
        let process = &events.last().expect("one").process;
        assert_eq!(process.environment.contains(&"LD_PALISADE=1".to_owned()), seen, "{count}");
        assert_eq!(process.environment_cut, cut, "{count}");
    }
}

#[test]
fn a_connection_to_a_name_that_nobody_has_says_which() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("unix");
    sensor.watch(cgroup.id()).expect("watched");
    const ENOENT: i32 = 2;
    const ECONNREFUSED: i32 = 111;
    assert_eq!(cgroup.act("unix /run/palisade-none.sock"), ENOENT);
    assert_eq!(cgroup.act("abstract palisade-none"), ECONNREFUSED);
    let mut wanted = BTreeSet::from(["path", "abstract"]);
    until(&mut reader, cgroup.id(), |event, _| {
        match &event.activity {
            Activity::Connect { remote: SocketAddress::Unix(name), .. }
                if name == "/run/palisade-none.sock" && event.error == 2 =>
            {
                wanted.remove("path");
            }
            Activity::Connect { remote: SocketAddress::UnixAbstract(name), .. }
                if name == "palisade-none" && event.error == 111 =>
            {
                wanted.remove("abstract");
            }
            _ => {}
        }
        wanted.is_empty()
    });
}
