//! Events made by hand, in few words.

use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Ancestor, Capabilities, ContainerIdentity, Credentials, Effect, Endpoint, Event,
    Executable, FileIdentity, FileKind, FileRef, Namespaces, OpenFlags, Process, ProcessKey, Rung,
    Runtime, SocketAddress, Source, Transport,
};

pub(crate) const NOW: UnixMillis = UnixMillis(1_700_000_000_123);
const INSIDE: u64 = 7;

/// Something that the program of a container does.
pub(crate) fn act(name: &str, activity: Activity) -> Event {
    let shim = Ancestor {
        key: ProcessKey::new(50, 5),
        name: "containerd-shim".to_owned(),
        path: "/usr/bin/containerd-shim-runc-v2".to_owned(),
        args: vec!["containerd-shim-runc-v2".to_owned()],
        cgroup: 1,
    };
    let process = Process {
        key: ProcessKey::new(100, 1_000),
        inner_pid: 1,
        name: name.to_owned(),
        executable: Executable {
            file: FileRef {
                path: format!("/usr/bin/{name}"),
                identity: Some(FileIdentity { dev: 42, inode: 7, ctime_ns: 5, size: 9 }),
                kind: FileKind::Regular,
                mode: Some(0o755),
                owner: Some(0),
                upper: Some(false),
                deleted: false,
            },
            hash: None,
            fileless: false,
        },
        args: vec![name.to_owned()],
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: "/".to_owned(),
        credentials: Credentials::default(),
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: INSIDE,
        session: 0,
        terminal: 0,
        started: NOW.minus(10_000),
        ancestors: std::iter::once(shim).collect(),
    };
    let mut container = ContainerIdentity::bare(
        "0123456789abcdef0123456789abcdef".parse().unwrap(),
        Runtime::Docker,
        INSIDE,
    );
    container.name = "web".to_owned();
    container.image = "registry.example:5000/shop/web:1.2".to_owned();
    Event {
        time: NOW,
        boot_ns: 20_000_000_000,
        source: Source { rung: Rung::Tracepoint, hook: "test".into(), cpu: 0, sequence: 0 },
        process: Arc::new(process),
        thread: 100,
        container: Some(Arc::new(container)),
        activity,
        error: 0,
        call: None,
        effect: Effect::Seen,
    }
}

/// A command line runs.
pub(crate) fn exec(line: &str) -> Event {
    let arguments: Vec<&str> = line.split(' ').collect();
    let name = arguments[0].rsplit('/').next().unwrap();
    let event =
        act(name, Activity::Exec { script: None, previous: "/bin/sh".to_owned(), gained: 0 });
    let path = if arguments[0].contains('/') { arguments[0] } else { event.process.path() };
    let path = path.to_owned();
    event.process(|process| {
        process.executable.file.path = path;
        process.args = arguments.iter().map(|&argument| argument.to_owned()).collect();
    })
}

pub(crate) fn open(name: &str, path: &str, flags: u32) -> Event {
    act(name, Activity::Open { file: FileRef::at(path), flags: OpenFlags(flags) })
}

/// Opened for reading.
pub(crate) fn read(name: &str, path: &str) -> Event {
    open(name, path, 0)
}

/// Made by an open for writing.
pub(crate) fn write(name: &str, path: &str) -> Event {
    act(name, Activity::Create { file: FileRef::at(path), flags: OpenFlags(0o1101) })
}

pub(crate) fn unlink(name: &str, path: &str) -> Event {
    act(name, Activity::Unlink { file: FileRef::at(path) })
}

pub(crate) fn rename(name: &str, from: &str, to: &str) -> Event {
    let from = FileRef::at(from);
    act(name, Activity::Rename { from, to: to.to_owned(), replaced: None })
}

pub(crate) fn inet(address: &str) -> SocketAddress {
    SocketAddress::Inet(address.parse::<Endpoint>().unwrap())
}

pub(crate) fn connect(name: &str, remote: &str) -> Event {
    let local = Some(inet("10.1.1.1:40000"));
    act(name, Activity::Connect { transport: Transport::Tcp, remote: inet(remote), local })
}

pub(crate) fn accept(name: &str, local: &str, remote: &str) -> Event {
    let (local, remote) = (inet(local), inet(remote));
    act(name, Activity::Accept { transport: Transport::Tcp, local, remote })
}

pub(crate) fn question(name: &str) -> Event {
    let name = name.to_owned();
    let server = Some(inet("192.0.2.53:53"));
    act("app", Activity::DnsQuestion { id: 1, name, record_type: 1, server })
}

/// Changes to an event.
pub(crate) trait With: Sized {
    fn process(self, change: impl FnOnce(&mut Process)) -> Self;

    /// Its parent in the container, with its arguments after the name.
    fn below(self, line: &str) -> Self {
        self.process(|process| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let parent = Ancestor {
                key: ProcessKey::new(90, 900),
                name: arguments[0].clone(),
                path: format!("/usr/bin/{}", arguments[0]),
                args: arguments,
                cgroup: INSIDE,
            };
            let line: Vec<Ancestor> = process.ancestors.iter().cloned().collect();
            process.ancestors = std::iter::once(parent).chain(line).collect();
        })
    }

    fn args(self, line: &str) -> Self {
        self.process(|process| {
            let own = process.name.clone();
            let rest = line.split(' ').map(str::to_owned);
            process.args = std::iter::once(own).chain(rest).collect();
        })
    }

    fn key(self, tgid: u32) -> Self {
        self.process(|process| process.key = ProcessKey::new(tgid, u64::from(tgid) * 10))
    }
}

impl With for Event {
    fn process(mut self, change: impl FnOnce(&mut Process)) -> Self {
        change(Arc::make_mut(&mut self.process));
        self
    }
}
