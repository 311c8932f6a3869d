//! Runtimes, asked over their sockets. An answer comes after the fact and may not come at all: it gives
//! names, never timing.

mod client;
pub mod containerd;
pub mod crio;
pub mod docker;
mod lines;
mod protobuf;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use palisade_model::event::ContainerId;

pub use client::SocketError;
pub use lines::Lines;

use crate::containers::{Api, Facts, Host, Limits, Settings, SocketSettings};
use client::Client;

/// A runtime behind one socket.
#[derive(Debug, Clone)]
pub struct Socket {
    settings: SocketSettings,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Docker(docker::Docker),
    CriO(crio::CriO),
    Containerd(containerd::Containerd),
}

/// What became of a socket, for `--check` and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketStatus {
    /// Path on the host.
    pub path: PathBuf,
    /// What should be spoken there.
    pub api: Api,
    /// What happened.
    pub outcome: SocketOutcome,
}

/// What happened at a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketOutcome {
    /// Nobody answered yet.
    Waiting,
    /// There is none.
    Absent,
    /// It is another name of a socket that is used already.
    Same,
    /// It is there and does not answer as it should; why.
    Failed(String),
    /// It answers; the runtime's version.
    Answers(String),
}

impl fmt::Display for SocketStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): ", self.path.display(), self.api.as_str())?;
        match &self.outcome {
            SocketOutcome::Waiting => formatter.write_str("not asked yet"),
            SocketOutcome::Absent => formatter.write_str("absent"),
            SocketOutcome::Same => formatter.write_str("another name of one above"),
            SocketOutcome::Failed(why) => write!(formatter, "failed: {why}; {}", self.cost()),
            SocketOutcome::Answers(version) => write!(formatter, "answers, version {version}"),
        }
    }
}

impl SocketStatus {
    /// What it costs to do without this socket.
    pub fn cost(&self) -> &'static str {
        match self.api {
            Api::Docker => {
                "without it containers are named from /var/lib/docker where that is mounted, renaming is \
                 not seen, and blocking kills the processes, which a restart policy undoes"
            }
            Api::Podman => {
                "without it containers are named from the container storage where that is mounted"
            }
            Api::CriO => "without it containers are named from the storage's annotations",
            Api::Containerd => {
                "without it containers outside Kubernetes have no image digest: the behaviour model's \
                 key is the image's name"
            }
        }
    }
}

impl Socket {
    /// A socket as settings name it. Nothing is asked yet.
    pub fn new(socket: &SocketSettings, host: Arc<Host>, settings: &Settings) -> Self {
        let limits = Limits::new(settings);
        let client = Client::new(host, socket.path.clone(), settings);
        let way = match socket.api {
            Api::Docker | Api::Podman => {
                Way::Docker(docker::Docker::new(client, socket.api, limits))
            }
            Api::CriO => Way::CriO(crio::CriO::new(client, limits)),
            Api::Containerd => {
                let namespaces = settings.containerd_namespaces.clone();
                Way::Containerd(containerd::Containerd::new(client, limits, namespaces))
            }
        };
        Self { settings: socket.clone(), way }
    }

    /// Where it is and what it speaks.
    pub fn settings(&self) -> &SocketSettings {
        &self.settings
    }

    /// Device and inode, to tell two names of one socket; `None` when there is none.
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.client().identity()
    }

    /// The runtime's version.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn version(&self) -> Result<String, SocketError> {
        match &self.way {
            Way::Docker(docker) => docker.version().await,
            Way::CriO(crio) => crio.version().await,
            Way::Containerd(containerd) => containerd.version().await,
        }
    }

    /// What the runtime says about its containers in one answer; empty where it has no such question.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn list(&self) -> Result<Vec<Facts>, SocketError> {
        match &self.way {
            Way::Docker(docker) => docker.list().await,
            Way::CriO(_) | Way::Containerd(_) => Ok(Vec::new()),
        }
    }

    /// All that the runtime knows of one container; `None`: it does not know it.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn ask(&self, id: &ContainerId) -> Result<Option<Facts>, SocketError> {
        match &self.way {
            Way::Docker(docker) => docker.ask(id).await,
            Way::CriO(crio) => crio.ask(id).await,
            Way::Containerd(containerd) => containerd.ask(id).await,
        }
    }

    /// The runtime's events, without end; `None` where it has none that we read.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn watch(&self) -> Result<Option<Lines>, SocketError> {
        match &self.way {
            Way::Docker(docker) => docker.events().await.map(Some),
            Way::CriO(_) | Way::Containerd(_) => Ok(None),
        }
    }

    /// Kills a container and keeps it from being restarted. `false`: this runtime does not know it, or
    /// has no such call.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn kill(&self, id: &ContainerId) -> Result<bool, SocketError> {
        match &self.way {
            Way::Docker(docker) => docker.kill(id).await,
            Way::CriO(_) | Way::Containerd(_) => Ok(false),
        }
    }

    fn client(&self) -> &Client {
        match &self.way {
            Way::Docker(docker) => docker.client(),
            Way::CriO(crio) => crio.client(),
            Way::Containerd(containerd) => containerd.client(),
        }
    }
}

/// Tries every socket of the settings once, all at the same time. Takes no longer than one question.
pub async fn check(settings: &Settings, host: &Arc<Host>) -> Vec<SocketStatus> {
    let mut seen = HashSet::new();
    let mut asked = Vec::new();
    for one in &settings.sockets {
        let socket = Socket::new(one, Arc::clone(host), settings);
        let outcome = match socket.identity() {
            None => Some(SocketOutcome::Absent),
            Some(identity) if !seen.insert(identity) => Some(SocketOutcome::Same),
            Some(_) => None,
        };
        let question = tokio::spawn(async move {
            match outcome {
                Some(outcome) => outcome,
                None => outcome_of(socket.version().await),
            }
        });
        asked.push((one, question));
    }
    let mut statuses = Vec::with_capacity(asked.len());
    for (one, question) in asked {
        let outcome =
            question.await.unwrap_or_else(|error| SocketOutcome::Failed(error.to_string()));
        statuses.push(SocketStatus { path: one.path.clone(), api: one.api, outcome });
    }
    statuses
}

/// The outcome of a first question.
pub(super) fn outcome_of(version: Result<String, SocketError>) -> SocketOutcome {
    match version {
        Ok(version) => SocketOutcome::Answers(version),
        Err(SocketError::Absent) => SocketOutcome::Absent,
        Err(error) => SocketOutcome::Failed(error.explained()),
    }
}

/// A time limit for one question.
async fn within<T>(
    limit: Duration,
    question: impl Future<Output = Result<T, SocketError>>,
) -> Result<T, SocketError> {
    tokio::time::timeout(limit, question).await.unwrap_or(Err(SocketError::Late(limit)))
}
