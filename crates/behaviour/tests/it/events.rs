//! Events of a container, in few words.

use std::sync::Arc;

use palisade_behaviour::{Model, Outcome, Section, Settings};
use palisade_model::event::{
    Activity, Ancestor, Capabilities, ContainerId, Credentials, Effect, Endpoint, Event,
    Executable, FileRef, ImageDigest, IncidentSeverity, KindSet, Namespaces, OpenFlags, Process,
    ProcessKey, Rung, SocketAddress, Source, Transport,
};
use palisade_model::{Sha256, UnixMillis};

pub(crate) const HOUR: u64 = 3_600_000;
pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_000);
pub(crate) const NGINX: &str = "/usr/sbin/nginx";

pub(crate) fn image() -> ImageDigest {
    ImageDigest(Sha256([0xab; 32]))
}

pub(crate) fn container(name: &str) -> ContainerId {
    name.parse().unwrap()
}

/// A model whose container runs since [`START`], with every sensor.
pub(crate) fn model_with(settings: Settings) -> Model {
    let mut model = Model::new(image(), "nginx:1.27".to_owned(), settings, START);
    model.sensors(KindSet::all(), START);
    model.container_started(&container("c1"), START);
    model
}

pub(crate) fn model() -> Model {
    model_with(Settings::default())
}

/// The time after `hours` hours.
pub(crate) fn after(hours: u64) -> UnixMillis {
    START.plus(hours * HOUR)
}

/// A model that learned these events and is active; the time then is `after(25)`.
pub(crate) fn active_with(settings: Settings, events: &[Event]) -> Model {
    let mut model = model_with(settings);
    for event in events {
        model.observe(event, START);
    }
    model.advance(after(25));
    assert_eq!(model.phase().as_str(), "active");
    model
}

pub(crate) fn active(events: &[Event]) -> Model {
    active_with(Settings::default(), events)
}

pub(crate) fn process(path: &str, parent: Option<&str>) -> Process {
    let parent = parent.map(|path| Ancestor {
        key: ProcessKey::new(1, 1),
        name: "parent".to_owned(),
        path: path.to_owned(),
        args: Vec::new(),
        cgroup: 7,
    });
    Process {
        key: ProcessKey::new(10, 10),
        inner_pid: 2,
        name: "test".to_owned(),
        executable: Executable { file: FileRef::at(path), hash: None, fileless: false },
        args: Vec::new(),
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials { uid: 101, euid: 101, ..Credentials::default() },
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: 7,
        session: 0,
        terminal: 0,
        started: START,
        ancestors: parent.into_iter().collect(),
    }
}

pub(crate) fn event(process: Process, activity: Activity) -> Event {
    Event {
        time: START,
        boot_ns: 1,
        source: Source { rung: Rung::Tracepoint, hook: "test".into(), cpu: 0, sequence: 0 },
        process: Arc::new(process),
        thread: 10,
        container: None,
        activity,
        error: 0,
        call: None,
        effect: Effect::Seen,
    }
}

pub(crate) fn exec(path: &str, parent: Option<&str>) -> Event {
    exec_of(process(path, parent))
}

pub(crate) fn exec_of(process: Process) -> Event {
    event(process, Activity::Exec { script: None, previous: String::new(), gained: 0 })
}

pub(crate) fn hashed(path: &str, parent: &str, byte: u8) -> Event {
    let mut process = process(path, Some(parent));
    process.executable.hash = Some(Sha256([byte; 32]));
    exec_of(process)
}

pub(crate) fn write(executable: &str, path: &str) -> Event {
    let flags = OpenFlags(1);
    event(process(executable, None), Activity::Open { file: FileRef::at(path), flags })
}

pub(crate) fn listen(port: u16) -> Event {
    let local = inet("0.0.0.0", port);
    event(process(NGINX, None), Activity::Listen { transport: Transport::Tcp, local })
}

pub(crate) fn connect(address: &str, port: u16) -> Event {
    let remote = inet(address, port);
    let activity = Activity::Connect { transport: Transport::Tcp, remote, local: None };
    event(process(NGINX, None), activity)
}

pub(crate) fn ask(name: &str) -> Event {
    let name = name.to_owned();
    let activity = Activity::DnsQuestion { id: 1, name, record_type: 1, server: None };
    event(process(NGINX, None), activity)
}

pub(crate) fn answer(name: &str, address: &str) -> Event {
    let activity = Activity::DnsAnswer {
        id: 1,
        name: name.to_owned(),
        record_type: 1,
        code: 0,
        addresses: vec![address.parse().unwrap()],
        aliases: Vec::new(),
    };
    event(process(NGINX, None), activity)
}

fn inet(address: &str, port: u16) -> SocketAddress {
    SocketAddress::Inet(Endpoint::new(address.parse().unwrap(), port))
}

/// The one deviation that is expected.
pub(crate) fn deviation(outcome: &Outcome) -> (Section, IncidentSeverity) {
    match outcome {
        Outcome::Deviation(deviations) if deviations.len() == 1 => {
            (deviations[0].section, deviations[0].severity)
        }
        other => panic!("not one deviation: {other:?}"),
    }
}

pub(crate) fn learned(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Learned(_))
}
