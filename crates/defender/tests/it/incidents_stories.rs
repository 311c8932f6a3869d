//! Hand-built stories: processes of a container and of the host, and what they do.

use std::sync::Arc;

use palisade_defender::Finding;
use palisade_model::event::{
    Activity, Ancestors, Capabilities, Cause, ContainerIdentity, Credentials, Effect, Endpoint,
    Event, Executable, FileRef, ImageDigest, IncidentSeverity, Namespaces, OpenFlags, Process,
    ProcessKey, Rung, Runtime, SocketAddress, Source, Transport,
};
use palisade_model::{Sha256, UnixMillis};
use sha2::Digest;

pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// The machine was up for this long at [`START`], in seconds.
const UPTIME: u64 = 1_000;

/// So many seconds after [`START`].
pub(crate) fn at(seconds: u64) -> UnixMillis {
    START.plus(seconds * 1_000)
}

pub(crate) fn boot_ns(seconds: u64) -> u64 {
    (UPTIME + seconds) * 1_000_000_000
}

/// A container that started at [`START`].
pub(crate) fn container(name: &str, image: &str) -> Arc<ContainerIdentity> {
    let cgroup = name.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte));
    let digest: [u8; 32] = sha2::Sha256::digest(image).into();
    Arc::new(ContainerIdentity {
        name: name.to_owned(),
        image: image.to_owned(),
        image_digest: Some(ImageDigest(Sha256(digest))),
        started: Some(START),
        ..ContainerIdentity::bare(name.parse().unwrap(), Runtime::Docker, cgroup)
    })
}

/// A process with its container; `None` for one of the host.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) process: Arc<Process>,
    pub(crate) container: Option<Arc<ContainerIdentity>>,
}

fn process(pid: u32, path: &str, seconds: u64, cgroup: u64, ancestors: Ancestors) -> Process {
    Process {
        key: ProcessKey::new(pid, boot_ns(seconds)),
        inner_pid: 0,
        name: path.rsplit('/').next().unwrap_or("").chars().take(15).collect(),
        executable: Executable { file: FileRef::at(path), hash: None, fileless: false },
        args: vec![path.to_owned()],
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: "/".to_owned(),
        credentials: Credentials::default(),
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup,
        session: 0,
        terminal: 0,
        started: at(seconds),
        ancestors,
    }
}

/// The runtime's shim, outside every container.
fn shim() -> Process {
    process(50, "/usr/bin/containerd-shim-runc-v2", 0, 1, Ancestors::default())
}

/// A process that the runtime put into a container: its first one, or somebody's `exec`.
pub(crate) fn entered(
    container: &Arc<ContainerIdentity>,
    pid: u32,
    path: &str,
    seconds: u64,
) -> Actor {
    let line = Ancestors::below(Arc::new(shim().as_ancestor()), &Ancestors::default());
    let mut process = process(pid, path, seconds, container.cgroup, line);
    process.inner_pid = if seconds == 0 { 1 } else { pid };
    Actor { process: Arc::new(process), container: Some(container.clone()) }
}

/// A process of the host without ancestors.
pub(crate) fn on_host(pid: u32, path: &str, session: u32, seconds: u64) -> Actor {
    let mut process = process(pid, path, seconds, 1, Ancestors::default());
    process.session = session;
    Actor { process: Arc::new(process), container: None }
}

impl Actor {
    /// A child that runs `path`.
    pub(crate) fn child(&self, pid: u32, path: &str, seconds: u64) -> Self {
        let parent = Arc::new(self.process.as_ancestor());
        let line = Ancestors::below(parent, &self.process.ancestors);
        let mut child = process(pid, path, seconds, self.process.cgroup, line);
        child.inner_pid = pid;
        child.session = self.process.session;
        Self { process: Arc::new(child), container: self.container.clone() }
    }

    /// The same process, seen outside its container.
    pub(crate) fn escaped(&self) -> Self {
        Self { process: self.process.clone(), container: None }
    }

    pub(crate) fn does(&self, activity: Activity, seconds: u64) -> Arc<Event> {
        Arc::new(Event {
            time: at(seconds),
            boot_ns: boot_ns(seconds),
            source: Source { rung: Rung::Tracepoint, hook: "test".into(), cpu: 0, sequence: 0 },
            process: self.process.clone(),
            thread: self.process.key.tgid(),
            container: self.container.clone(),
            activity,
            error: 0,
            call: None,
            effect: Effect::Seen,
        })
    }

    pub(crate) fn execs(&self, seconds: u64) -> Arc<Event> {
        self.does(Activity::Exec { script: None, previous: String::new(), gained: 0 }, seconds)
    }

    pub(crate) fn opens(&self, path: &str, seconds: u64) -> Arc<Event> {
        self.does(Activity::Open { file: FileRef::at(path), flags: OpenFlags(1) }, seconds)
    }

    pub(crate) fn connects(&self, address: &str, port: u16, seconds: u64) -> Arc<Event> {
        let remote = SocketAddress::Inet(Endpoint::new(address.parse().unwrap(), port));
        let activity = Activity::Connect { transport: Transport::Tcp, remote, local: None };
        self.does(activity, seconds)
    }

    pub(crate) fn listens(&self, port: u16, seconds: u64) -> Arc<Event> {
        let local = SocketAddress::Inet(Endpoint::new([0, 0, 0, 0].into(), port));
        self.does(Activity::Listen { transport: Transport::Tcp, local }, seconds)
    }
}

/// What a rule found.
pub(crate) fn rule(name: &str, severity: IncidentSeverity, technique: &str) -> Finding {
    Finding {
        cause: Cause::Rule { name: name.to_owned() },
        title: name.to_owned(),
        detail: String::new(),
        severity,
        techniques: technique.parse().into_iter().collect(),
    }
}
