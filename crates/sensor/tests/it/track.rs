//! The tracker, driven by records: no kernel.

use palisade_model::event::{Activity, Effect, Event, Kind, Rung};
use palisade_sensor::Observation;
use palisade_sensor::abi::{Address, Body, Call, Exec, File, Header, Path, Record, flag};
use palisade_sensor::track::{Guarded, TrackSettings, Tracker};

const GUARDED: u64 = 9;

fn tracker() -> (Tracker, Guarded) {
    let settings = TrackSettings { proc: None, host_mounts: 77, ..TrackSettings::default() };
    let guarded = Guarded::default();
    guarded.set(GUARDED, true);
    (Tracker::new(settings, 0).guarding(guarded.clone()), guarded)
}

fn header(tgid: u32, cpu: u32) -> Header {
    Header {
        kind: u16::from(Kind::Exec.number()),
        tgid,
        tid: tgid,
        cpu,
        start_ns: u64::from(tgid),
        cgroup: GUARDED,
        namespaces: [5, 5, 5, 5],
        uid: 1_000,
        euid: 1_000,
        name: b"p".to_vec(),
        ..Header::default()
    }
}

fn file(path: &str) -> File {
    let path = Path { bytes: path.as_bytes().to_vec(), complete: true, ..Path::default() };
    File { inode: 4, path, ..File::default() }
}

fn record(header: Header, body: Body) -> Record {
    Record { header, body, damaged: false }
}

fn exec(header: Header, path: &str, capabilities: [u64; 4]) -> Record {
    let exec = Exec {
        executable: file(path),
        arguments: vec![b"one".to_vec(), b"two".to_vec()],
        capabilities,
        ..Exec::default()
    };
    record(header, Body::Exec(Box::new(exec)))
}

fn killed(header: Header, path: &str) -> Record {
    let header = Header { flags: flag::KILLED, ..header };
    record(header, Body::Killed { file: file(path), rule: 41 })
}

fn signal(header: Header, tgid: u32, start_ns: u64) -> Record {
    let kind = u16::from(Kind::Signal.number());
    let body = Body::Signal { tgid, start_ns, cgroup: 0, signal: 9 };
    record(Header { kind, ..header }, body)
}

type Given = (Event, Option<u32>, bool, Option<u64>);

fn take(tracker: &mut Tracker, records: &[Record]) -> Vec<Given> {
    let mut all = Vec::new();
    for record in records {
        tracker.take(record, &mut |given| keep(given, &mut all));
    }
    all
}

fn turn(tracker: &mut Tracker) -> Vec<Given> {
    let mut all = Vec::new();
    tracker.turn(&mut |given| keep(given, &mut all));
    all
}

fn keep(given: Observation, all: &mut Vec<Given>) {
    if let Observation::Event { event, rule, outside, target } = given {
        all.push((*event, rule, outside, target));
    }
}

#[test]
fn a_program_that_was_killed_at_its_start_is_one_event() {
    let (mut tracker, guarded) = tracker();
    let none = [0; 4];
    assert!(take(&mut tracker, &[exec(header(10, 0), "/bin/nc", none)]).is_empty());
    assert!(tracker.holds());
    // Others go by: another processor, and an interrupt on the same one.
    let interrupt = Header { flags: flag::NO_TASK, ..header(0, 0) };
    let by = [signal(header(20, 1), 10, 10), signal(interrupt, 20, 20)];
    let kinds: Vec<Kind> = take(&mut tracker, &by).iter().map(|given| given.0.kind()).collect();
    assert_eq!(kinds, [Kind::Signal, Kind::Signal]);
    let all = take(&mut tracker, &[killed(header(10, 0), "/bin/nc")]);
    let [(event, rule, ..)] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((event.effect, *rule), (Effect::Killed, Some(41)));
    assert_eq!(
        (event.process.path(), &event.process.args[..]),
        ("/bin/nc", &["one".to_owned(), "two".to_owned()][..])
    );
    assert!(!tracker.holds());

    // One that may run is told before what follows on its processor, and before its own next act.
    for next in [signal(header(30, 0), 1, 1), signal(header(11, 3), 1, 1)] {
        let records = [exec(header(11, 0), "/bin/ls", none), next];
        let all = take(&mut tracker, &records);
        let kinds: Vec<Kind> = all.iter().map(|given| given.0.kind()).collect();
        assert_eq!(kinds, [Kind::Exec, Kind::Signal]);
        assert_eq!((all[0].0.effect, all[0].1), (Effect::Seen, None));
    }
    // Or at the end of the next turn: its kill can be in the ring only then.
    assert!(take(&mut tracker, &[exec(header(12, 0), "/bin/ls", none)]).is_empty());
    assert!(turn(&mut tracker).is_empty());
    assert_eq!(turn(&mut tracker).len(), 1);
    assert!(turn(&mut tracker).is_empty());
    // Where nothing is killed, nothing is held. A kill whose start was lost is told all the same.
    guarded.set(GUARDED, false);
    assert_eq!(take(&mut tracker, &[exec(header(13, 0), "/bin/ls", none)]).len(), 1);
    let late = take(&mut tracker, &[killed(header(13, 0), "/bin/ls")]);
    assert_eq!((late.len(), late[0].0.effect), (1, Effect::Killed));
}

fn mount(header: Header, result: i64) -> Record {
    let kind = u16::from(Kind::Mount.number());
    let call = Call { syscall: 165, result, path2: b"/mnt".to_vec(), ..Call::default() };
    record(Header { kind, ..header }, Body::Call(Box::new(call)))
}

/// BPF-LSM refuses a mount.
fn refusal(header: Header) -> Record {
    let kind = u16::from(Kind::Mount.number());
    let header = Header { kind, flags: flag::LSM | flag::DENIED, ..header };
    record(
        header,
        Body::Lsm {
            hook: 10,
            verdict: 7,
            file: File::default(),
            remote: Address::default(),
            path2: Vec::new(),
            arguments: [0; 2],
        },
    )
}

#[test]
fn an_act_that_was_refused_and_the_end_of_its_call_are_one_event() {
    let (mut tracker, _) = tracker();
    let effects = |all: &[Given]| -> Vec<(Effect, Option<u32>)> {
        all.iter().map(|given| (given.0.effect, given.1)).collect()
    };
    assert!(take(&mut tracker, &[refusal(header(10, 0))]).is_empty());
    assert!(tracker.holds());
    // Another thread's failure, and a success of its own, are not the call that was refused.
    let others = [mount(header(11, 0), -1), mount(header(10, 0), 0)];
    let seen = (Effect::Seen, None);
    assert_eq!(effects(&take(&mut tracker, &others)), [seen, seen]);
    let all = take(&mut tracker, &[mount(header(10, 0), -1)]);
    assert_eq!(effects(&all), [(Effect::Refused, Some(7))]);
    let Activity::Mount { target, .. } = &all[0].0.activity else { panic!("{all:#?}") };
    assert_eq!((target.as_str(), all[0].0.source.rung), ("/mnt", Rung::Lsm));
    assert!(!tracker.holds());
    // What fails without a refusal of ours failed by itself.
    assert_eq!(effects(&take(&mut tracker, &[mount(header(10, 0), -1)])), [seen]);

    // Where no end of a call is told, the refusal is, a turn later.
    assert!(take(&mut tracker, &[refusal(header(12, 0))]).is_empty());
    assert!(turn(&mut tracker).is_empty());
    assert_eq!(effects(&turn(&mut tracker)), [(Effect::Refused, Some(7))]);
    // Who has many refused is told of them all.
    let many: Vec<Record> = (0..2_000).map(|_| refusal(header(13, 0))).collect();
    let mut told = take(&mut tracker, &many).len();
    turn(&mut tracker);
    told += turn(&mut tracker).len();
    assert_eq!(told, many.len());
}

fn gained(tracker: &mut Tracker, records: &[Record]) -> u64 {
    let all = take(tracker, records);
    let Some(Activity::Exec { gained, .. }) = all.last().map(|given| &given.0.activity) else {
        panic!("{all:#?}")
    };
    *gained
}

#[test]
fn what_a_program_brings_is_told_from_what_its_process_had() {
    const NET_RAW: u64 = 1 << 13;
    const CHOWN: u64 = 1;
    let (mut tracker, guarded) = tracker();
    guarded.set(GUARDED, false);
    let user = |tgid, effective| Header { capabilities: effective, ..header(tgid, 0) };
    // Permitted is CHOWN, nothing is in effect: another program would lose it. Set-user-ID gives it back.
    let kept = exec(user(10, 0), "/bin/keeps", [CHOWN, 0, 0, CHOWN]);
    let root = Header { euid: 0, ..user(10, CHOWN) };
    let su = exec(root, "/bin/su", [CHOWN, 0, 0, CHOWN]);
    assert_eq!(gained(&mut tracker, &[kept, su]), CHOWN);
    // Ambient ones come with the process, and what was in effect is nothing new.
    let ambient = [NET_RAW, NET_RAW, NET_RAW, NET_RAW];
    let first = exec(user(11, NET_RAW), "/bin/first", ambient);
    assert_eq!(gained(&mut tracker, &[first, exec(user(11, NET_RAW), "/bin/next", ambient)]), 0);
    let first = exec(user(12, NET_RAW), "/bin/ping", [NET_RAW, 0, 0, NET_RAW]);
    let again = exec(user(12, NET_RAW), "/bin/ping", [NET_RAW, 0, 0, NET_RAW]);
    assert_eq!(gained(&mut tracker, &[first, again]), 0);
    // Root keeps what is permitted.
    let root = |effective| Header { uid: 0, euid: 0, ..user(13, effective) };
    let first = exec(root(0), "/bin/first", [CHOWN, 0, 0, CHOWN]);
    assert_eq!(
        gained(&mut tracker, &[first, exec(root(CHOWN), "/bin/n", [CHOWN, 0, 0, CHOWN])]),
        0
    );
}

#[test]
fn whom_an_act_was_aimed_at_is_told_with_its_cgroup() {
    let (mut tracker, _) = tracker();
    let other = Header { cgroup: 8, ..header(20, 1) };
    take(&mut tracker, &[exec(other, "/bin/other", [0; 4])]);
    let all = take(&mut tracker, &[signal(header(10, 0), 20, 20), signal(header(10, 0), 99, 99)]);
    let targets: Vec<Option<u64>> = all.iter().map(|given| given.3).collect();
    assert_eq!(targets, [Some(8), None]);
}

#[test]
fn who_was_inside_is_no_runtime_among_the_hosts_mounts() {
    let (mut tracker, guarded) = tracker();
    guarded.set(GUARDED, false);
    let hosts = |tgid| Header { namespaces: [77, 5, 5, 5], ..header(tgid, 0) };
    let outside = |all: &[Given]| all.iter().map(|given| given.2).collect::<Vec<bool>>();
    // A runtime: from the host's mounts into the container's.
    let way_in = [exec(hosts(10), "/usr/bin/runc", [0; 4]), exec(header(10, 0), "/bin/sh", [0; 4])];
    assert_eq!(outside(&take(&mut tracker, &way_in)), [true, false]);
    // And out again (`nsenter -t 1 -m`): it is the container's still.
    assert_eq!(outside(&take(&mut tracker, &[exec(hosts(10), "/bin/bash", [0; 4])])), [false]);
}
