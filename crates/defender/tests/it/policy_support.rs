//! Events for policies.

use std::sync::Arc;

use palisade_behaviour::{Deviation, Fact, Outcome, Port, Remote};
use palisade_defender::policy::Policy;
use palisade_model::event::*;
use palisade_model::{Sha256, UnixMillis};

pub(crate) const TIME: UnixMillis = UnixMillis(1_700_000_000_000);

pub(crate) fn parse(text: &str) -> Policy {
    Policy::parse(text, "policy.toml").unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

pub(crate) fn container(image: &str) -> ContainerIdentity {
    let mut container =
        ContainerIdentity::bare("0123456789abcdef".parse().unwrap(), Runtime::Docker, 8_812);
    container.name = "web-1".to_owned();
    container.image = image.to_owned();
    container.image_digest = Some(ImageDigest(Sha256([0xcd; 32])));
    container.labels.insert("app".to_owned(), "shop".to_owned());
    container.kubernetes = Some(Kubernetes {
        namespace: "prod".to_owned(),
        pod: "web-0".to_owned(),
        container: "nginx".to_owned(),
        pod_uid: String::new(),
    });
    container
}

pub(crate) fn process(path: &str, parent: &str) -> Process {
    let parent = Ancestor {
        key: ProcessKey::new(900, 5),
        name: "parent".to_owned(),
        path: parent.to_owned(),
        args: Vec::new(),
        cgroup: 8_812,
    };
    Process {
        key: ProcessKey::new(1234, 56_789),
        inner_pid: 7,
        name: "p".to_owned(),
        executable: Executable { file: FileRef::at(path), hash: None, fileless: false },
        args: Vec::new(),
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials { uid: 33, euid: 33, ..Credentials::default() },
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: 8_812,
        session: 0,
        terminal: 0,
        started: TIME,
        ancestors: std::iter::once(parent).collect(),
    }
}

pub(crate) fn by(process: Process, activity: Activity) -> Event {
    Event {
        time: TIME,
        boot_ns: 1,
        source: Source { rung: Rung::Tracepoint, hook: "test".into(), cpu: 0, sequence: 1 },
        process: Arc::new(process),
        thread: 1234,
        container: Some(Arc::new(container("nginx:1.27"))),
        activity,
        error: 0,
        call: None,
        effect: Effect::Seen,
    }
}

pub(crate) fn event(activity: Activity) -> Event {
    by(process("/usr/sbin/nginx", "/usr/sbin/nginx"), activity)
}

pub(crate) fn exec_activity() -> Activity {
    Activity::Exec { script: None, previous: String::new(), gained: 0 }
}

pub(crate) fn exec(path: &str) -> Event {
    by(process(path, "/usr/sbin/nginx"), exec_activity())
}

pub(crate) fn inet(end: &str) -> SocketAddress {
    SocketAddress::Inet(end.parse().unwrap())
}

pub(crate) fn connect(transport: Transport, end: &str) -> Event {
    event(Activity::Connect { transport, remote: inet(end), local: None })
}

pub(crate) fn bind(transport: Transport, end: &str) -> Event {
    event(Activity::Bind { transport, local: inet(end) })
}

pub(crate) fn write(path: &str) -> Event {
    event(Activity::Open { file: FileRef::at(path), flags: OpenFlags(1) })
}

pub(crate) fn read(path: &str) -> Event {
    event(Activity::Open { file: FileRef::at(path), flags: OpenFlags(0) })
}

pub(crate) fn question(name: &str) -> Event {
    let name = name.to_owned();
    event(Activity::DnsQuestion { id: 1, name, record_type: 1, server: None })
}

pub(crate) fn answer(name: &str, addresses: &[&str], aliases: &[&str]) -> Event {
    event(Activity::DnsAnswer {
        id: 1,
        name: name.to_owned(),
        record_type: 1,
        code: 0,
        addresses: addresses.iter().map(|one| one.parse().unwrap()).collect(),
        aliases: aliases.iter().map(|&one| one.to_owned()).collect(),
    })
}

pub(crate) fn deviates(fact: Fact, severity: IncidentSeverity) -> Outcome {
    let section = fact.section();
    Outcome::Deviation(vec![Deviation { section, fact, severity, what: "new".to_owned() }])
}

pub(crate) fn runs(path: &str, severity: IncidentSeverity) -> Outcome {
    let (path, parent) = (path.to_owned(), "/usr/sbin/nginx".to_owned());
    deviates(Fact::Process { path, hash: None, parent, fileless: false }, severity)
}

pub(crate) fn reaches(end: &str, severity: IncidentSeverity) -> Outcome {
    let end: Endpoint = end.parse().unwrap();
    let port = Port { transport: Transport::Tcp, number: Some(end.port()) };
    deviates(Fact::Outbound(port, Remote::Address(end.ip())), severity)
}
