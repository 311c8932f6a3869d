use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::event::ContainerIdentity;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::containers::sockets::Socket;
use crate::containers::walk::{is_empty, locate};
use crate::containers::{CgroupPath, Directory, Hierarchy, PathRules, Settings, processes};

/// Between two looks at whether a container is empty.
const LOOK: Duration = Duration::from_millis(10);

/// How a container was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopWay {
    /// Its runtime did it, at this socket: a restart policy does not bring it back.
    Runtime(PathBuf),
    /// `cgroup.kill` (cgroup v2, Linux 5.14): the kernel killed all at once.
    CgroupKill,
    /// SIGKILL to every process, frozen meanwhile where the kernel can.
    Signals,
    /// Nothing ran in it any more.
    Already,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopOutcome {
    /// No process of it is left.
    Stopped {
        /// How.
        way: StopWay,
        /// How long it took.
        took: Duration,
    },
    /// It runs, or nobody knows; what was tried, one line each.
    Failed {
        /// Why, in the order of the tries.
        reasons: Vec<String>,
    },
}

/// Stops containers: for policy's effect `block`.
#[derive(Debug)]
pub struct Stopper {
    settings: Settings,
    hierarchy: Hierarchy,
    rules: PathRules,
    sockets: Vec<Socket>,
}

impl Stopper {
    /// Over the same hierarchy and sockets as the discovery.
    pub fn new(settings: Settings, hierarchy: Hierarchy, sockets: &[Socket]) -> Self {
        let rules = PathRules::new(&settings);
        Self { settings, hierarchy, rules, sockets: sockets.to_vec() }
    }

    /// Stops a container within `stop_ms`, all ways together.
    ///
    /// Only a container is stopped whose cgroup is still there under its id, and never the one that we
    /// run in.
    pub async fn stop(self: &Arc<Self>, identity: &ContainerIdentity) -> StopOutcome {
        let began = Instant::now();
        let deadline = began + Duration::from_millis(self.settings.stop_ms);
        let mut reasons = Vec::new();
        let place = match self.sure(identity).await {
            Ok(Some(place)) => place,
            Ok(None) => {
                return StopOutcome::Stopped { way: StopWay::Already, took: began.elapsed() };
            }
            Err(reason) => return StopOutcome::Failed { reasons: vec![reason] },
        };
        // Half of the time for the runtime, so that the kernel's ways have theirs.
        let half = began + Duration::from_millis(self.settings.stop_ms / 2);
        let asked = self.ask(identity, half, &mut reasons).await;
        if let Some(path) = &asked {
            if self.empties(&place, half).await {
                let way = StopWay::Runtime(path.clone());
                return StopOutcome::Stopped { way, took: began.elapsed() };
            }
            reasons.push(format!("{}: said it killed it, and it runs", path.display()));
        }
        for way in [StopWay::CgroupKill, StopWay::Signals] {
            // Nothing is done on the ground of a look that is old.
            let place = match self.sure(identity).await {
                Ok(Some(place)) => place,
                Ok(None) => {
                    let way = asked.map_or(StopWay::Already, StopWay::Runtime);
                    return StopOutcome::Stopped { way, took: began.elapsed() };
                }
                Err(reason) => {
                    reasons.push(reason);
                    break;
                }
            };
            let done = match way {
                StopWay::CgroupKill => write(&place.join("cgroup.kill"), "1"),
                _ => self.signal(&place, deadline).await,
            };
            match done {
                Ok(()) if self.empties(&place, deadline).await => {
                    return StopOutcome::Stopped { way, took: began.elapsed() };
                }
                Ok(()) => reasons.push(format!("{way:?}: it runs still at the deadline")),
                Err(reason) => reasons.push(format!("{way:?}: {reason}")),
            }
        }
        StopOutcome::Failed { reasons }
    }

    /// The container's directory; `None` when it is gone. An error when it is not surely this container.
    async fn sure(
        self: &Arc<Self>,
        identity: &ContainerIdentity,
    ) -> Result<Option<PathBuf>, String> {
        let (stopper, cgroup) = (Arc::clone(self), identity.cgroup);
        let found = spawn_blocking(move || locate(&stopper.hierarchy, &stopper.settings, cgroup));
        let found = found.await.map_err(|error| error.to_string())??;
        let Some((directory, place)) = found else {
            return if self.hierarchy.whole {
                Ok(None)
            } else {
                Err("its cgroup is not in the part of the tree that is mounted here".to_owned())
            };
        };
        if !self.is_its(&directory, identity) {
            return Err(format!(
                "cgroup {} is {}, which is not known to be container {}",
                directory.id, directory.path, identity.id
            ));
        }
        // The kernel lists a process under the number that the reader knows it by.
        let own = std::process::id();
        if self.below(&place).iter().any(|one| processes(one).contains(&own)) {
            return Err("it is the container that Palisade runs in".to_owned());
        }
        Ok(Some(place))
    }

    fn is_its(&self, directory: &Directory, identity: &ContainerIdentity) -> bool {
        match self.rules.parse(&directory.path) {
            CgroupPath::Container(found) => found.own && found.id == identity.id,
            // Named by us after its cgroup, or a form of its runtime's own with the id in it.
            CgroupPath::Other => {
                let id = identity.id.as_str();
                let name = directory.path.rsplit('/').next().unwrap_or_default();
                id == format!("cgroup-{}", directory.id) || (id.len() == 64 && name.contains(id))
            }
            CgroupPath::Monitor => false,
        }
    }

    /// The first runtime that knows it and took the order.
    async fn ask(
        &self,
        identity: &ContainerIdentity,
        deadline: Instant,
        reasons: &mut Vec<String>,
    ) -> Option<PathBuf> {
        for socket in &self.sockets {
            let path = &socket.settings().path;
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, socket.kill(&identity.id)).await {
                Ok(Ok(true)) => return Some(path.clone()),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    reasons.push(format!("{}: {}", path.display(), error.explained()))
                }
                Err(_) => reasons.push(format!("{}: no answer in time", path.display())),
            }
        }
        None
    }

    async fn empties(&self, place: &Path, deadline: Instant) -> bool {
        loop {
            if self.is_empty(place) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
    }

    /// No process in it and below it, also none that has no number here.
    fn is_empty(&self, place: &Path) -> bool {
        self.below(place).iter().all(|one| is_empty(one))
    }

    /// A cgroup and those in it.
    fn below(&self, place: &Path) -> Vec<PathBuf> {
        let mut all = vec![place.to_owned()];
        let mut at = 0;
        while let Some(one) = all.get(at) {
            let inner = fs::read_dir(one).into_iter().flatten().flatten();
            let inner: Vec<PathBuf> = inner
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path())
                .collect();
            all.extend(inner);
            all.truncate(self.settings.max_directories.max(1));
            at += 1;
        }
        all
    }

    /// SIGKILL to all, again and again until none is left: what is forked meanwhile too.
    async fn signal(&self, place: &Path, deadline: Instant) -> Result<(), String> {
        // A frozen cgroup of v2 forks nothing and dies all the same. Where there is no such file, rounds.
        let freeze = place.join("cgroup.freeze");
        let frozen = write(&freeze, "1").is_ok();
        let mut trouble = Ok(());
        loop {
            for one in self.below(place) {
                for pid in processes(&one) {
                    if let Err(error) = self.kill(&one, pid) {
                        trouble = Err(error);
                    }
                }
            }
            if self.is_empty(place) {
                trouble = Ok(());
                break;
            }
            if Instant::now() >= deadline {
                trouble = trouble.and(Err("processes are left".to_owned()));
                break;
            }
            sleep(LOOK).await;
        }
        if frozen {
            // Gone with its cgroup, usually.
            let _ = write(&freeze, "0");
        }
        trouble
    }

    /// Holds the process before it looks whether it is in the cgroup still: its number may be another's
    /// by now.
    fn kill(&self, place: &Path, pid: u32) -> Result<(), String> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let Some(number) = number.filter(|number| !number.is_init()) else { return Ok(()) };
        let held: OwnedFd = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(held) => held,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(format!("process {pid}: {error}")),
        };
        if !processes(place).contains(&pid) {
            return Ok(());
        }
        match pidfd_send_signal(&held, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(format!("process {pid}: {error}")),
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    // Never makes a file: only the kernel's own are meant.
    let file = fs::OpenOptions::new().write(true).open(path);
    let outcome = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    outcome.map_err(|error| format!("{}: {error}", path.display()))
}
