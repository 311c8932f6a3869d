//! Invariants of the nouns, and a committed file of each wire form. `PALISADE_GOLDEN=write` writes those
//! that are not there; a file that is there is never changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::{Sha256, UnixMillis, wire};

const TIME: UnixMillis = UnixMillis(1_700_000_000_123);

fn process() -> Process {
    let runtime = Ancestor {
        key: ProcessKey::new(900, 5),
        name: "containerd-shim".to_owned(),
        path: "/usr/bin/containerd-shim-runc-v2".to_owned(),
        args: vec!["containerd-shim".to_owned()],
        cgroup: 1,
    };
    Process {
        key: ProcessKey::new(1234, 56_789),
        inner_pid: 7,
        name: "sh".to_owned(),
        executable: Executable {
            file: FileRef {
                path: "/bin/sh".to_owned(),
                identity: Some(FileIdentity { dev: 42, inode: 77, ctime_ns: 1, size: 4_096 }),
                kind: FileKind::Regular,
                mode: Some(0o755),
                owner: Some(0),
                upper: Some(true),
                deleted: true,
            },
            hash: Some(Sha256([0xab; 32])),
            fileless: true,
        },
        args: vec!["sh".to_owned(), "-c".to_owned(), "id".to_owned()],
        args_cut: true,
        environment_cut: false,
        environment: vec!["LD_PRELOAD=/x.so".to_owned()],
        cwd: "/tmp".to_owned(),
        credentials: Credentials {
            uid: 33,
            euid: 0,
            login_uid: Some(1000),
            ..Credentials::default()
        },
        capabilities: Capabilities { effective: 1 << 21, ..Capabilities::default() },
        namespaces: Namespaces {
            mnt: 4_026_532_100,
            pid: 2,
            net: 3,
            user: 4,
            uts: 5,
            ipc: 6,
            cgroup: 7,
        },
        cgroup: 8_812,
        session: 1_200,
        terminal: 34_816,
        started: TIME,
        ancestors: std::iter::once(runtime).collect(),
    }
}

fn container() -> ContainerIdentity {
    ContainerIdentity {
        id: "0123456789abcdef".parse().unwrap(),
        name: "web".to_owned(),
        image: "nginx:1.27".to_owned(),
        image_digest: Some(ImageDigest(Sha256([0xcd; 32]))),
        labels: BTreeMap::from([("app".to_owned(), "shop".to_owned())]),
        kubernetes: Some(Kubernetes {
            namespace: "default".to_owned(),
            pod: "web-0".to_owned(),
            container: "nginx".to_owned(),
            pod_uid: "u".to_owned(),
        }),
        runtime: Runtime::CriO,
        cgroup: 8_812,
        privileged: Some(false),
        started: Some(TIME),
    }
}

fn event(activity: Activity) -> Event {
    Event {
        time: TIME,
        boot_ns: 99,
        source: Source {
            rung: Rung::Tracepoint,
            hook: "sched_process_exec".into(),
            cpu: 1,
            sequence: 8,
        },
        process: Arc::new(process()),
        thread: 1234,
        container: Some(Arc::new(container())),
        activity,
        error: 13,
        call: Some(59),
        effect: Effect::Refused,
    }
}

fn activities() -> Vec<Activity> {
    let file = || FileRef::at("/etc/passwd");
    let inet = |port| SocketAddress::Inet(Endpoint::new([192, 0, 2, 1].into(), port));
    let target = || ProcessRef {
        key: ProcessKey::new(1, 1),
        path: "/sbin/init".to_owned(),
        container: "c1".parse().ok(),
    };
    vec![
        Activity::Fork { child: ProcessKey::new(5, 6), flags: 17 },
        Activity::Exec { script: Some(file()), previous: "/bin/sh".to_owned(), gained: 1 },
        Activity::Exit { status: 1, signal: 9 },
        Activity::Open { file: file(), flags: OpenFlags(1) },
        Activity::Create { file: file(), flags: OpenFlags(0o101) },
        Activity::Rename {
            from: file(),
            to: "/b".to_owned(),
            replaced: Some(FileIdentity { dev: 1, inode: 2, ctime_ns: 3, size: 4 }),
        },
        Activity::Link { target: file(), link: "/l".to_owned(), symbolic: true },
        Activity::Unlink { file: file() },
        Activity::Mode { file: file(), mode: 0o4755 },
        Activity::Owner { file: file(), uid: Some(0), gid: None },
        Activity::Times { file: file(), modified: Some(TIME) },
        Activity::Truncate { file: file(), size: 0 },
        Activity::Mount {
            operation: MountOperation::Bind,
            source: "/".to_owned(),
            target: "/mnt".to_owned(),
            filesystem: "ext4".to_owned(),
            flags: 4_096,
        },
        Activity::Ptrace { target: target(), request: 16 },
        Activity::Memory { target: target(), way: MemoryWay::ProcMem, writes: true },
        Activity::Namespace {
            operation: NamespaceOperation::Enter,
            flags: 0x2000_0000,
            target: 4_026_531_836,
        },
        Activity::Identity {
            before: Credentials { uid: 1, ..Credentials::default() },
            after: Credentials::default(),
        },
        Activity::Capability {
            before: Capabilities::default(),
            after: Capabilities { permitted: 2, ..Capabilities::default() },
        },
        Activity::Module {
            operation: ModuleOperation::Load,
            name: "x".to_owned(),
            file: Some(file()),
        },
        Activity::Bpf { command: 5, program_type: Some(26), name: "p".to_owned() },
        Activity::Memfd { name: "m".to_owned(), flags: 1 },
        Activity::Connect {
            transport: Transport::Tcp,
            remote: inet(443),
            local: Some(inet(40_000)),
        },
        Activity::Accept { transport: Transport::Tcp, local: inet(80), remote: inet(50_000) },
        Activity::Bind { transport: Transport::Udp, local: SocketAddress::Unix("/s".to_owned()) },
        Activity::Listen {
            transport: Transport::Other,
            local: SocketAddress::UnixAbstract("a".to_owned()),
        },
        Activity::Send {
            transport: Transport::Udp,
            remote: SocketAddress::Vsock { cid: 2, port: 1 },
            bytes: 12,
        },
        Activity::DnsQuestion {
            id: 1,
            name: "example.com".to_owned(),
            record_type: 1,
            server: Some(inet(53)),
        },
        Activity::DnsAnswer {
            id: 1,
            name: "example.com".to_owned(),
            record_type: 28,
            code: 0,
            addresses: vec!["2001:db8::1".parse().unwrap()],
            aliases: vec!["cdn.example".to_owned()],
        },
        Activity::RawSocket { family: 17, socket_type: 3, protocol: 3 },
        Activity::Signal { target: target(), number: 9 },
        Activity::IoUring { opcode: 18, file: Some(file()) },
    ]
}

fn incident() -> Incident {
    let mut incident = Incident::new(
        IncidentId::new(TIME, [1; 10]),
        Cause::Rule { name: "Shell in a service".to_owned() },
        "a shell".to_owned(),
        IncidentSeverity::Medium,
        "host-1".to_owned(),
        event(Activity::Exit { status: 0, signal: 0 }),
    );
    let image = ImageDigest(Sha256([0xcd; 32]));
    incident.add_cause(
        Cause::Deviation { image, section: ModelSection::Processes },
        "graver".to_owned(),
        IncidentSeverity::High,
    );
    incident.add_technique("T1059.004".parse().unwrap());
    incident.responses.push(Response::Prevented { process: ProcessKey::new(1234, 56_789) });
    incident
}

fn blind() -> Blind {
    let lost = BTreeMap::from([(Kind::Open, 12), (Kind::Exec, 1)]);
    Blind::counted(TIME, TIME.plus(5), BlindCause::BufferFull, "c1".parse().ok(), lost)
}

fn golden<T>(name: &str, noun: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = wire::encode(noun);
    assert_eq!(wire::decode::<T>(&written).unwrap(), *noun, "{name} does not survive");
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "src", "event", "golden", "v1", &format!("{name}.json")]
            .iter()
            .collect();
    if !path.exists() && std::env::var_os("PALISADE_GOLDEN").is_some_and(|mode| mode == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &written).unwrap();
    }
    let committed =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(String::from_utf8(written).unwrap(), committed, "{name} is written differently");
}

#[test]
fn the_wire_forms_are_those_that_were_committed() {
    for activity in activities() {
        let name = format!("event-{}", activity.kind());
        golden(&name, &Record::Event(Box::new(event(activity))));
    }
    golden("blind", &Record::Blind(blind()));
    golden("incident", &incident());
}

#[test]
fn every_kind_has_its_number_its_name_and_its_activity() {
    let activities = activities();
    assert_eq!(activities.len(), Kind::ALL.len());
    for (number, (kind, activity)) in Kind::ALL.into_iter().zip(&activities).enumerate() {
        assert_eq!(usize::from(kind.number()), number);
        assert_eq!(Kind::from_number(kind.number()), Some(kind));
        assert_eq!(activity.kind(), kind);
        let name = serde_json::to_string(&kind).unwrap();
        assert_eq!(name, format!("\"{kind}\""));
        // The wire's tag of an activity is the name of its kind.
        let tagged = serde_json::to_value(activity).unwrap();
        assert!(tagged.get(kind.as_str()).is_some(), "{tagged}");
    }
    assert_eq!(Kind::from_number(31), None);
    let all = KindSet::all();
    assert_eq!(all.iter().count(), 31);
    assert!(all.difference(all).is_empty());
}

#[test]
fn different_bytes_give_different_text() {
    let cases: [(&[u8], &str); 6] = [
        (b"/tmp/a", "/tmp/a"),
        (b"/tmp/\xff\n", r"/tmp/\xff\x0a"),
        (br"/tmp/\xff", r"/tmp/\x5cxff"),
        (br"a\b", r"a\b"),
        ("ü".as_bytes(), "ü"),
        ("\u{85}".as_bytes(), r"\xc2\x85"),
    ];
    for (bytes, text) in cases {
        assert_eq!(readable(bytes), text);
    }
}

#[test]
fn one_address_has_one_form() {
    let mapped = Endpoint::new("::ffff:192.0.2.1".parse().unwrap(), 80);
    assert_eq!(mapped, "192.0.2.1:80".parse().unwrap());
    assert_eq!("[::ffff:192.0.2.1]:80".parse::<Endpoint>().unwrap(), mapped);
    assert_eq!(mapped.to_string(), "192.0.2.1:80");
}

#[test]
fn ids_are_held_to_their_form() {
    for bad in ["", ".", "../x", "a/b", "ü", &"a".repeat(129)] {
        assert!(bad.parse::<ContainerId>().is_err(), "{bad:?}");
    }
    for bad in ["", "sha256:", "md5:00", &format!("sha256:{}", "0".repeat(63))] {
        assert!(bad.parse::<ImageDigest>().is_err(), "{bad:?}");
    }
    for bad in ["", "T105", "T10590", "T1059.", "T1059.04", "t1059", "T1059.004.1", "Tü59"] {
        assert!(bad.parse::<Technique>().is_err(), "{bad:?}");
    }
    for bad in ["", "1", "@", "1@", "-1@2", "1@2@3"] {
        assert!(bad.parse::<ProcessKey>().is_err(), "{bad:?}");
    }
    let key = ProcessKey::new(7, 8);
    assert_eq!(key.to_string().parse(), Ok(key));
}

#[test]
fn ancestors_and_incidents_are_bounded() {
    let mut line = Ancestors::default();
    for number in 0..100 {
        let mut ancestor = process().as_ancestor();
        ancestor.key = ProcessKey::new(number, 0);
        line = Ancestors::below(Arc::new(ancestor), &line);
    }
    assert_eq!(line.iter().count(), MAX_ANCESTORS);
    assert_eq!(line.parent().map(|parent| parent.key.tgid()), Some(99));

    let mut incident = incident();
    for _ in 0..200 {
        incident.add(event(Activity::Exit { status: 0, signal: 0 }));
    }
    assert_eq!((incident.count, incident.evidence.len()), (201, MAX_EVIDENCE));
    assert_eq!(incident.left_out(), 201 - 64);
    assert_eq!(incident.tree.len(), 1);
    assert_eq!(incident.severity, IncidentSeverity::High);
    assert_eq!(incident.title, "graver");
}

#[test]
fn what_a_capability_mask_says() {
    let now = Capabilities { effective: 1 << 21, ..Capabilities::default() };
    assert!(now.has(21) && !now.has(20) && !now.has(64) && !now.has(255));
    assert_eq!(now.gained(&Capabilities::default()), 1 << 21);
}
