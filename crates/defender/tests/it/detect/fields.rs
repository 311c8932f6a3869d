//! Falco's fields over our events.

use std::net::IpAddr;
use std::ops::ControlFlow;

use palisade_defender::detect::Resolved;
use palisade_defender::detect::fields::{EventFields, NoNames, Texts, catalogue};
use palisade_model::event::{
    Activity, Capabilities, Credentials, Event, FileIdentity, FileKind, FileRef, Kind, Kubernetes,
    MountOperation, NamespaceOperation, OpenFlags, SocketAddress, Transport,
};
use palisade_rules::{Argument, EventType, FieldId, Fields, Value};

use super::events::*;
use super::samples::{samples, setting_up};

/// The value of a field as people would see it; nothing where there is none.
fn show(event: &Event, field: &str) -> Option<String> {
    let texts = Texts::default();
    let fields = EventFields::new(event, &texts, &NoNames).unwrap();
    let (name, argument) = match field.split_once('[') {
        Some((name, rest)) => (name, Some(rest.trim_end_matches(']'))),
        None => (field, None),
    };
    if name == "evt.type" {
        return Some(fields.event_type().name().to_owned());
    }
    let argument = match argument.map(|text| (text, text.parse())) {
        None => Argument::None,
        Some((_, Ok(index))) => Argument::Index(index),
        Some((text, Err(_))) => Argument::Name(text),
    };
    let id = FieldId::from_name(name).unwrap_or_else(|| panic!("{name}"));
    fields.get(id, argument).to_text().map(std::borrow::Cow::into_owned)
}

fn check(event: &Event, expected: &[(&str, &str)]) {
    for (field, value) in expected {
        let value = (*value != "-").then(|| (*value).to_owned());
        assert_eq!(show(event, field), value, "{field}");
    }
}

#[test]
fn a_process_and_its_ancestors() {
    let event = exec("bash -c id").below("python3 app.py").process(|process| {
        process.environment = vec!["LD_PRELOAD=/x.so".to_owned(), "PATH=/bin".to_owned()];
        process.cwd = "/srv".to_owned();
        process.session = 90;
        process.terminal = 34_816;
        process.credentials = Credentials { euid: 33, login_uid: Some(0), ..Default::default() };
        process.capabilities = Capabilities { effective: 0b11, ..Default::default() };
    });
    check(
        &event,
        &[
            ("evt.type", "execve"),
            ("proc.name", "bash"),
            ("proc.exe", "bash"),
            ("proc.exepath", "/usr/bin/bash"),
            ("proc.cmdline", "bash -c id"),
            ("proc.exeline", "bash -c id"),
            ("proc.args", "-c id"),
            ("proc.args[1]", "id"),
            ("proc.cmdnargs", "2"),
            ("proc.cmdlenargs", "4"),
            ("proc.env[LD_PRELOAD]", "/x.so"),
            ("proc.env[LD]", "-"),
            ("proc.cwd", "/srv/"),
            ("proc.pid", "100"),
            ("proc.ppid", "90"),
            ("proc.vpid", "1"),
            ("proc.pname", "python3"),
            ("proc.pcmdline", "python3 app.py"),
            ("proc.aname[0]", "bash"),
            ("proc.aname[1]", "python3"),
            ("proc.aname[2]", "containerd-shim"),
            ("proc.aname[3]", "-"),
            ("proc.acmdline[1]", "python3 app.py"),
            ("proc.aexepath[1]", "/usr/bin/python3"),
            ("proc.sname", "python3"),
            ("proc.is_sid_leader", "false"),
            ("proc.tty", "34816"),
            ("proc.duration", "19999999000"),
            ("proc.exe_ino.ctime", "5"),
            ("proc.is_exe_writable", "true"),
            ("proc.is_exe_upper_layer", "false"),
            ("proc.is_exe_lower_layer", "true"),
            ("thread.cap_effective", "CAP_CHOWN CAP_DAC_OVERRIDE"),
            ("thread.cap_permitted", "-"),
            ("thread.nametid", "bash100"),
            ("user.uid", "33"),
            ("user.name", "<NA>"),
            ("user.loginuid", "0"),
            ("user.loginname", "root"),
            ("group.name", "root"),
            ("evt.arg[previous]", "/bin/sh"),
            ("evt.arg[parent_outside]", "false"),
            ("evt.arg[exe_flags]", "EXE_WRITABLE|EXE_LOWER_LAYER"),
            ("evt.arg[res]", "0"),
        ],
    );
    let first = exec("nginx").process(|process| process.credentials.login_uid = None);
    check(&first, &[("evt.arg[parent_outside]", "true"), ("user.loginuid", "-1")]);
}

#[test]
fn every_ancestor_is_asked() {
    let event = exec("sh").below("python3").below("sh");
    let texts = Texts::default();
    let fields = EventFields::new(&event, &texts, &NoNames).unwrap();
    let mut names = Vec::new();
    fields.each(FieldId::ProcAname, Argument::None, &mut |value| {
        names.extend(value.to_text().map(std::borrow::Cow::into_owned));
        if names.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(names, ["sh", "python3"]);
}

#[test]
fn where_it_happened() {
    let mut event = exec("sh");
    let mut container = (**event.container.as_ref().unwrap()).clone();
    container.privileged = Some(true);
    container.started = Some(NOW.minus(1_000));
    container.labels.insert("app".to_owned(), "shop".to_owned());
    container.kubernetes = Some(Kubernetes {
        namespace: "prod".to_owned(),
        pod: "web-0".to_owned(),
        container: "web".to_owned(),
        pod_uid: String::new(),
    });
    event.container = Some(container.into());
    check(
        &event,
        &[
            ("container.id", "0123456789ab"),
            ("container.full_id", "0123456789abcdef0123456789abcdef"),
            ("container.name", "web"),
            ("container.type", "docker"),
            ("container.image", "registry.example:5000/shop/web:1.2"),
            ("container.image.repository", "registry.example:5000/shop/web"),
            ("container.image.tag", "1.2"),
            ("container.image.digest", "-"),
            ("container.privileged", "true"),
            ("container.label[app]", "shop"),
            ("container.labels", "app:shop"),
            ("container.duration", "1000000000"),
            ("k8s.ns.name", "prod"),
            ("k8s.pod.name", "web-0"),
            ("k8s.pod.uid", "-"),
            ("k8s.pod.id", "-"),
            ("container.host_pid", "-"),
        ],
    );
    event.container = None;
    check(
        &event,
        &[
            ("container.id", "host"),
            ("container.name", "host"),
            ("container.type", "host"),
            ("container.image", "-"),
            ("container.privileged", "-"),
            ("k8s.ns.name", "-"),
        ],
    );
}

#[test]
fn opens_and_what_came_of_them() {
    let mut event = open("vi", "/etc/passwd", 0o2_001_102);
    check(
        &event,
        &[
            ("evt.type", "openat"),
            ("evt.is_open_write", "true"),
            ("evt.is_open_read", "true"),
            ("evt.is_open_create", "false"),
            ("evt.arg[flags]", "O_TRUNC|O_CREAT|O_RDWR|O_CLOEXEC"),
            ("evt.arg[name]", "/etc/passwd"),
            ("fd.name", "/etc/passwd"),
            ("fd.directory", "/etc"),
            ("fd.filename", "passwd"),
            ("fd.type", "file"),
            ("fd.typechar", "f"),
            ("fs.path.name", "/etc/passwd"),
            ("evt.res", "SUCCESS"),
            ("evt.failed", "false"),
            ("evt.rawres", "0"),
            ("fd.l4proto", "-"),
            ("evt.category", "file"),
        ],
    );
    event.error = 13;
    check(
        &event,
        &[
            ("evt.res", "EACCES"),
            ("evt.rawres", "-13"),
            ("fd.num", "-1"),
            ("evt.arg[res]", "EACCES"),
        ],
    );
    let created = write("sh", "/x");
    check(&created, &[("evt.is_open_create", "true"), ("evt.is_open_write", "true")]);
    let file = FileRef { kind: FileKind::Directory, ..FileRef::at("/d") };
    let made = act("mkdir", Activity::Create { file, flags: OpenFlags(0) });
    check(
        &made,
        &[
            ("evt.type", "mkdirat"),
            ("evt.is_open_write", "-"),
            ("fd.name", "-"),
            ("fs.path.name", "/d"),
            ("evt.arg[path]", "/d"),
        ],
    );
}

#[test]
fn acts_on_two_paths() {
    check(
        &rename("mv", "/a", "/b"),
        &[
            ("fs.path.source", "/a"),
            ("fs.path.target", "/b"),
            ("fs.path.name", "-"),
            ("evt.arg[oldpath]", "/a"),
            ("evt.arg[newpath]", "/b"),
            ("fd.name", "-"),
        ],
    );
    let link = act(
        "ln",
        Activity::Link { target: FileRef::at("/dev/null"), link: "/l".to_owned(), symbolic: true },
    );
    check(
        &link,
        &[
            ("evt.type", "symlinkat"),
            ("evt.arg[target]", "/dev/null"),
            ("evt.arg[linkpath]", "/l"),
            ("evt.arg[newpath]", "-"),
            ("fs.path.target", "/l"),
        ],
    );
}

#[test]
fn the_ends_of_a_connection() {
    let mut event = connect("curl", "[2001:db8::1]:443");
    check(
        &event,
        &[
            ("fd.name", "10.1.1.1:40000->2001:db8::1:443"),
            ("fd.type", "ipv6"),
            ("fd.typechar", "6"),
            ("fd.sockfamily", "ip"),
            ("fd.l4proto", "tcp"),
            ("fd.cip", "10.1.1.1"),
            ("fd.sip", "2001:db8::1"),
            ("fd.lip", "10.1.1.1"),
            ("fd.rip", "2001:db8::1"),
            ("fd.cport", "40000"),
            ("fd.sport", "443"),
            ("fd.is_server", "false"),
            ("fd.connected", "true"),
            ("fd.directory", "-"),
        ],
    );
    event.error = 115;
    check(&event, &[("fd.connected", "false"), ("evt.res", "EINPROGRESS")]);
    check(
        &accept("sshd", "10.0.0.1:22", "192.0.2.1:5"),
        &[
            ("evt.type", "accept4"),
            ("fd.name", "192.0.2.1:5->10.0.0.1:22"),
            ("fd.lport", "22"),
            ("fd.rport", "5"),
            ("fd.sport", "22"),
            ("fd.is_server", "true"),
        ],
    );
    let listens =
        act("x", Activity::Listen { transport: Transport::Tcp, local: inet("0.0.0.0:80") });
    check(&listens, &[("fd.name", "0.0.0.0:80"), ("fd.lport", "80"), ("fd.rip", "-")]);
    let remote = SocketAddress::Unix("/run/docker.sock".to_owned());
    let unix = Activity::Connect { transport: Transport::Other, remote, local: None };
    check(
        &act("x", unix),
        &[
            ("fd.name", "/run/docker.sock"),
            ("fd.type", "unix"),
            ("fd.typechar", "u"),
            ("fd.sip", "-"),
            ("fd.l4proto", "-"),
        ],
    );
    check(
        &question("a.example"),
        &[("evt.type", "sendto"), ("evt.arg[query]", "a.example"), ("fd.sport", "53")],
    );
}

#[test]
fn calls_and_their_arguments() {
    let mut event = write("sh", "/x");
    for (number, name) in [(2, "open"), (85, "creat"), (437, "openat2"), (9_999, "openat")] {
        event.call = Some(number);
        if cfg!(target_arch = "x86_64") {
            check(&event, &[("evt.type", name), ("evt.is_open_write", "true")]);
        }
    }
    let unshare = Activity::Namespace {
        operation: NamespaceOperation::Unshare,
        flags: 0x1002_0000,
        target: 0,
    };
    check(
        &act("x", unshare),
        &[("evt.type", "unshare"), ("evt.arg[flags]", "CLONE_NEWNS|CLONE_NEWUSER")],
    );
    let mode = Activity::Mode { file: FileRef::at("/x"), mode: 0o4755 };
    let text = show(&act("x", mode), "evt.arg[mode]").unwrap();
    assert!(text.ends_with("S_IRUSR|S_ISUID"), "{text}");
    let mount = Activity::Mount {
        operation: MountOperation::Unmount,
        source: String::new(),
        target: "/mnt".to_owned(),
        filesystem: String::new(),
        flags: 0,
    };
    check(&act("x", mount), &[("evt.type", "umount2"), ("evt.arg[name]", "/mnt")]);
    let raw = Activity::RawSocket { family: 17, socket_type: 3, protocol: 768 };
    check(
        &act("x", raw),
        &[("evt.arg[0]", "AF_PACKET"), ("evt.arg[2]", "768"), ("evt.arg[3]", "-")],
    );
    let exit = act("x", Activity::Exit { status: 3, signal: 0 });
    check(&exit, &[("evt.arg[0]", "-")]);
    check(&exit, &[("evt.type", "procexit"), ("syscall.type", "-"), ("evt.arg[status]", "3")]);
    check(
        &exit,
        &[
            ("evt.time", "22:13:20.123000000"),
            ("evt.datetime.s", "2023-11-14 22:13:20"),
            ("evt.rawtime", "1700000000123000000"),
            ("evt.num", "1"),
            ("evt.args", "res=0 runtime_setup=false parent_outside=true status=3 ret=3 sig=0"),
        ],
    );
}

#[test]
fn a_runtime_that_sets_up_is_told_from_what_takes_its_name() {
    let unshare = || Activity::Namespace {
        operation: NamespaceOperation::Unshare,
        flags: 0x1000_0000,
        target: 0,
    };
    let setup = "evt.arg[runtime_setup]";
    check(&setting_up(unshare()), &[(setup, "true")]);
    let stage = setting_up(unshare()).below("runc:[1:CHILD]");
    check(&stage, &[(setup, "true")]);
    check(&setting_up(unshare()).below("bash"), &[(setup, "false")]);
    let upper = setting_up(unshare()).process(|process| {
        process.executable.fileless = false;
        process.executable.file.upper = Some(true);
    });
    check(&upper, &[(setup, "false")]);
    let renamed = act("runc:[2:INIT]", unshare())
        .process(|process| process.executable.file.path = "/usr/bin/miner".to_owned());
    check(&renamed, &[(setup, "false")]);
    let mut host = setting_up(unshare());
    host.container = None;
    check(&host, &[(setup, "false")]);
}

/// Events of every kind.
fn every_kind() -> Vec<Event> {
    let mut events: Vec<Event> =
        samples().into_iter().flat_map(|(_, event, near)| [event, near]).collect();
    let file = || FileRef {
        identity: Some(FileIdentity { dev: 1 << 20, inode: 5, ctime_ns: 1, size: 1 }),
        mode: Some(0o755),
        ..FileRef::at("/x")
    };
    events.extend(
        [
            Activity::Fork { child: exec("x").process.key, flags: 0x100 },
            Activity::Exit { status: 0, signal: 9 },
            Activity::Open { file: file(), flags: OpenFlags(2) },
            Activity::Link { target: file(), link: "/l".to_owned(), symbolic: false },
            Activity::Link { target: file(), link: "/l".to_owned(), symbolic: true },
            Activity::Owner { file: file(), uid: Some(0), gid: Some(0) },
            Activity::Truncate { file: file(), size: 3 },
            Activity::Identity { before: Credentials::default(), after: Credentials::default() },
            Activity::Capability {
                before: Capabilities::default(),
                after: Capabilities {
                    effective: 1,
                    permitted: 1,
                    inheritable: 1,
                    ..Default::default()
                },
            },
            Activity::Bind { transport: Transport::Udp, local: inet("0.0.0.0:53") },
            Activity::Send { transport: Transport::Udp, remote: inet("10.0.0.1:53"), bytes: 4 },
            Activity::DnsAnswer {
                id: 1,
                name: "a".to_owned(),
                record_type: 1,
                code: 3,
                addresses: Vec::new(),
                aliases: Vec::new(),
            },
            Activity::Signal {
                target: palisade_model::event::ProcessRef {
                    key: exec("x").process.key,
                    path: "/x".to_owned(),
                    container: None,
                },
                number: 9,
            },
            Activity::IoUring { opcode: 18, file: Some(file()) },
        ]
        .map(|activity| act("x", activity)),
    );
    events.push(accept("x", "10.0.0.1:80", "192.0.2.1:5"));
    let mut rich = exec("bash -c id").below("sh").process(|process| {
        process.environment = vec!["A=b".to_owned()];
        process.namespaces.pid = 1;
        process.session = 100;
        process.terminal = 1;
        process.credentials.login_uid = Some(0);
        let all = Capabilities { effective: 1, permitted: 1, inheritable: 1, ..Default::default() };
        process.capabilities = all;
        process.executable.file.deleted = true;
    });
    rich.activity = Activity::Exec {
        script: Some(FileRef::at("/s")),
        previous: "/bin/sh".to_owned(),
        gained: 1,
    };
    let mut container = (**rich.container.as_ref().unwrap()).clone();
    container.privileged = Some(false);
    container.started = Some(NOW);
    container.image_digest = format!("sha256:{}", "0".repeat(64)).parse().ok();
    container.labels.insert("A".to_owned(), "b".to_owned());
    container.kubernetes = Some(Kubernetes {
        namespace: "n".to_owned(),
        pod: "p".to_owned(),
        container: "c".to_owned(),
        pod_uid: "u".to_owned(),
    });
    rich.container = Some(container.into());
    events.push(rich);
    events
}

/// Both ends of a connection.
fn addresses(event: &Event) -> Vec<IpAddr> {
    match &event.activity {
        Activity::Connect { remote, local, .. } => [Some(remote), local.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|end| end.endpoint().map(|end| end.ip()))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_catalogue_says_what_has_values_and_nothing_else_has() {
    let events = every_kind();
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| events.iter().all(|e| e.kind() != *kind)).collect();
    assert!(kinds.is_empty(), "{kinds:?}");
    let catalogue = catalogue();
    let mut resolved = Resolved::new(8, 8);
    let mut answer = act(
        "app",
        Activity::DnsAnswer {
            id: 1,
            name: "a.example".to_owned(),
            record_type: 1,
            code: 0,
            addresses: events.iter().flat_map(addresses).collect(),
            aliases: Vec::new(),
        },
    );
    resolved.learn(&answer);
    answer.container = None;
    resolved.learn(&answer);
    let values = |field: FieldId, argument: Argument<'_>| {
        events.iter().any(|event| {
            let texts = Texts::default();
            let fields = EventFields::new(event, &texts, &NoNames).unwrap();
            let fields = fields.on_host("h").with_resolved(&resolved);
            fields.get(field, argument) != Value::Absent
        })
    };
    let mut wrong = Vec::new();
    for field in FieldId::all() {
        // Evaluation knows these by itself, and tests ask `evt.arg` by name.
        if [FieldId::EvtType, FieldId::EvtTypeIs, FieldId::EvtDir].contains(&field) {
            continue;
        }
        let arguments =
            [Argument::None, Argument::Index(1), Argument::Index(0), Argument::Name("A")];
        let some = arguments.iter().any(|argument| values(field, *argument));
        let rows = [FieldId::EvtArg, FieldId::EvtRawarg].contains(&field);
        if !rows && some != catalogue.fills(field, Argument::None) {
            wrong.push(field.name());
        }
    }
    for name in palisade_defender::detect::fields::event_arguments() {
        if !values(FieldId::EvtArg, Argument::Name(name)) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(!catalogue.fills(FieldId::EvtArg, Argument::Name("nobody")));
}

#[test]
fn every_type_of_event_is_one_that_rules_can_name() {
    for mut event in every_kind() {
        for number in (0..500).map(Some).chain([None]) {
            event.call = number;
            let texts = Texts::default();
            let fields = EventFields::new(&event, &texts, &NoNames);
            let name = fields.as_ref().map(|fields| fields.event_type());
            assert!(name.is_some_and(|kind| EventType::from_name(kind.name()) == Some(kind)));
            // And one of which the catalogue says that it comes.
            let only = name.into_iter().collect();
            assert!(catalogue().tells(&only), "{name:?}");
        }
    }
}
