use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::containers::CgroupKey;

/// Where containers are looked for, how long is waited, and how much is kept. Sizes are bytes, times
/// milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the host's root is mounted: `/` on the host itself, `/host` in our own container.
    pub host_root: PathBuf,
    /// The hierarchy whose ids are the keys; none: decided by looking ([`crate::containers::Hierarchy`]).
    pub cgroup: Option<CgroupKey>,
    /// Sockets of runtimes, tried below `host_root` and then as they stand. Empty: files and the cgroup
    /// tree only.
    pub sockets: Vec<SocketSettings>,
    /// Namespaces of containerd's clients: `/<namespace>/<name>` in the cgroup tree is a container.
    pub containerd_namespaces: Vec<String>,
    /// Whether a container made inside another container is one of its own. If not, everything below a
    /// container's cgroup is that container: a process with a writable cgroup tree cannot leave its
    /// container's policy by making a cgroup with a fitting name.
    pub nested: bool,
    /// Whether files of rootless Podman in home directories are read. Their owner may write what he
    /// likes into them.
    pub rootless: bool,

    /// Containers known at a time, those that ended lately among them. Events of more have no container.
    pub max_containers: usize,
    /// Cgroups of one container. Events of more have no container.
    pub max_cgroups: usize,
    /// Labels of one container; more are left out.
    pub max_labels: usize,
    /// Bytes of a name, a label's key or its value; longer names are cut, longer labels left out.
    pub max_text: usize,
    /// Bytes of a runtime's file; a larger one is not read.
    pub max_file: usize,
    /// Bytes of a runtime's answer; a larger one is dropped.
    pub max_body: usize,
    /// Bytes of one line of a runtime's event stream; a longer one ends the stream.
    pub max_event: usize,
    /// Cgroup directories looked at in one walk. A walk that is cut ends no container.
    pub max_directories: usize,
    /// Depth of the cgroup tree that is looked at.
    pub max_depth: usize,
    /// Processes looked at for namespaces of their own.
    pub max_processes: usize,
    /// Cgroup changes that wait for the discovery; more are counted and left to the next walk.
    pub max_waiting: usize,
    /// Questions to runtimes and files at the same time.
    pub max_questions: usize,

    /// How long a container that ended keeps its name, for late events.
    pub grace_ms: u64,
    /// How long facts about a container without a cgroup (created, not started) are kept.
    pub unstarted_ms: u64,
    /// Between two walks.
    pub reconcile_ms: u64,
    /// How old a container must be for a walk to end it: a new one's cgroup is empty for a moment.
    pub settle_ms: u64,
    /// For one question to a runtime, answer and body included.
    pub ask_ms: u64,
    /// For one look at the files of one container.
    pub read_ms: u64,
    /// When a new container is looked up again while nothing is known of it, each after the one before.
    pub retry_ms: Vec<u64>,
    /// Before a socket that failed is tried again; doubles up to `max_backoff_ms`.
    pub backoff_ms: u64,
    /// The longest of these.
    pub max_backoff_ms: u64,
    /// For stopping a container, all ways together.
    pub stop_ms: u64,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketSettings {
    /// Absolute path on the host.
    pub path: PathBuf,
    /// What is spoken there.
    pub api: Api,
}

/// What a runtime's socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// Docker Engine API over HTTP/1.1.
    Docker,
    /// Podman's service of the same API.
    Podman,
    /// CRI-O's inspection over HTTP/1.1.
    CriO,
    /// containerd's services over gRPC.
    Containerd,
}

impl Api {
    /// Its name in settings and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::CriO => "cri-o",
            Self::Containerd => "containerd",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let socket = |path: &str, api| SocketSettings { path: path.into(), api };
        Self {
            host_root: "/".into(),
            cgroup: None,
            sockets: vec![
                socket("/run/docker.sock", Api::Docker),
                socket("/var/run/docker.sock", Api::Docker),
                socket("/run/podman/podman.sock", Api::Podman),
                socket("/run/crio/crio.sock", Api::CriO),
                socket("/run/containerd/containerd.sock", Api::Containerd),
            ],
            containerd_namespaces: ["default", "k8s.io", "moby", "buildkit"]
                .map(str::to_owned)
                .into(),
            nested: false,
            rootless: true,
            max_containers: 4_096,
            max_cgroups: 1_024,
            max_labels: 128,
            max_text: 1_024,
            max_file: 1 << 20,
            max_body: 4 << 20,
            max_event: 64 << 10,
            max_directories: 65_536,
            max_depth: 32,
            max_processes: 32_768,
            max_waiting: 4_096,
            max_questions: 8,
            grace_ms: 60_000,
            unstarted_ms: 600_000,
            reconcile_ms: 60_000,
            settle_ms: 5_000,
            ask_ms: 2_000,
            read_ms: 2_000,
            retry_ms: vec![20, 100, 500, 2_000],
            backoff_ms: 1_000,
            max_backoff_ms: 60_000,
            stop_ms: 10_000,
        }
    }
}
