mod looker;
mod session;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use palisade_model::UnixMillis;
use palisade_model::event::ContainerId;
use palisade_sensor::{CgroupChange, CgroupWhat};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::containers::bundle::Bundles;
use crate::containers::sockets::{Socket, SocketOutcome, SocketStatus};
use crate::containers::{
    CgroupPath, Found, Hierarchy, Host, PathMatch, PathRules, Settings, strangers, walk,
};

/// What is found that waits for the reader; the finders wait when there is more.
const FOUND_WAITING: usize = 1_024;

/// Looks for containers: the cgroup tree, runtimes' files, runtimes' sockets. Its end is dropping it.
#[derive(Debug)]
pub struct Discovery {
    newcomers: mpsc::Sender<PathMatch>,
    looker: Arc<Looker>,
    task: JoinHandle<()>,
}

/// What [`Discovery`] found, to be given to [`crate::containers::Registry::learn`].
#[derive(Debug)]
pub struct Finder(mpsc::Receiver<Found>);

impl Finder {
    /// The next; `None` when the discovery has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Found> {
        self.0.recv().await
    }

    /// One that is there already.
    pub fn ready(&mut self) -> Option<Found> {
        self.0.try_recv().ok()
    }
}

/// What every part of the discovery shares.
#[derive(Debug)]
struct Looker {
    settings: Settings,
    host: Arc<Host>,
    hierarchy: Hierarchy,
    rules: PathRules,
    sockets: Vec<Socket>,
    statuses: Mutex<Vec<SocketStatus>>,
    found: mpsc::Sender<Found>,
    permits: Semaphore,
    /// Reads of files that have not come back; they cannot be given up, only not be joined by more.
    readers: Arc<Semaphore>,
    /// Containers that are looked up, or were.
    known: Mutex<HashSet<ContainerId>>,
    /// Newcomers that there was no room for.
    missed: AtomicU64,
}

/// The cgroup tree and the runtimes' files, once, without waiting for any socket: what a start can show
/// at once. Blocks for as long as the files do: milliseconds for 20 containers.
pub fn first_look(host: &Host, hierarchy: &Hierarchy, settings: &Settings) -> Vec<Found> {
    let rules = PathRules::new(settings);
    let bundles = Bundles::new(host, settings);
    let mut found = Vec::new();
    for directory in walk(hierarchy, &rules, settings).cgroups {
        let own = own(&rules, &directory.path);
        found.push(Found::Cgroup(directory));
        if let Some(container) = own {
            let facts = bundles.read(&container).facts;
            found.extend(facts.into_iter().map(|facts| Found::Facts(Box::new(facts))));
        }
    }
    let strangers = strangers(&host.proc(), hierarchy, &rules, settings);
    found.extend(strangers.into_iter().map(|facts| Found::Facts(Box::new(facts))));
    found
}

impl Discovery {
    /// Starts in the tokio runtime of the caller, with a walk and every socket at once.
    pub fn start(settings: Settings, host: Arc<Host>, hierarchy: Hierarchy) -> (Self, Finder) {
        let (found, receiver) = mpsc::channel(FOUND_WAITING);
        let (newcomers, queue) = mpsc::channel(settings.max_waiting.max(1));
        let sockets: Vec<Socket> = settings
            .sockets
            .iter()
            .map(|one| Socket::new(one, Arc::clone(&host), &settings))
            .collect();
        let statuses = settings.sockets.iter().map(|one| SocketStatus {
            path: one.path.clone(),
            api: one.api,
            outcome: SocketOutcome::Waiting,
        });
        let questions = settings.max_questions.clamp(1, 1_024);
        let looker = Arc::new(Looker {
            rules: PathRules::new(&settings),
            statuses: Mutex::new(statuses.collect()),
            permits: Semaphore::new(questions),
            readers: Arc::new(Semaphore::new(questions)),
            known: Mutex::default(),
            missed: AtomicU64::new(0),
            settings,
            host,
            hierarchy,
            sockets,
            found,
        });
        let task = tokio::spawn(Arc::clone(&looker).run(queue));
        (Self { newcomers, looker, task }, Finder(receiver))
    }

    /// Tells of a change that the sensor saw. Never waits; what there is no room for is counted and left
    /// to the next walk.
    pub fn changed(&self, change: &CgroupChange) {
        if change.hierarchy != self.looker.hierarchy.number || change.what != CgroupWhat::Created {
            return;
        }
        if let Some(container) = own(&self.looker.rules, &change.path)
            && self.newcomers.try_send(container).is_err()
        {
            self.looker.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How the sockets stand now, in the order of the settings.
    pub fn statuses(&self) -> Vec<SocketStatus> {
        lock(&self.looker.statuses).clone()
    }

    /// The sockets, for whoever has to stop a container.
    pub fn sockets(&self) -> &[Socket] {
        &self.looker.sockets
    }

    /// Changes that there was no room for.
    pub fn missed(&self) -> u64 {
        self.looker.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The container whose own cgroup this path is.
fn own(rules: &PathRules, path: &str) -> Option<PathMatch> {
    match rules.parse(path) {
        CgroupPath::Container(found) if found.own => Some(found),
        _ => None,
    }
}

/// What is behind these locks is whole at any moment: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
