use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palisade_model::UnixMillis;
use palisade_model::event::ContainerId;
use palisade_sensor::{CgroupChange, CgroupWhat};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info, warn};

use crate::containers::bundle::Bundles;
use crate::containers::sockets::docker::{Event, event};
use crate::containers::sockets::{Socket, SocketError, SocketOutcome, SocketStatus, outcome_of};
use crate::containers::walk::cgroup_of;
use crate::containers::{
    CgroupPath, Facts, Found, Hierarchy, Host, PathMatch, PathRules, Settings, strangers, walk,
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

impl Looker {
    async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<PathMatch>) {
        if !self.hierarchy.whole {
            warn!(
                root = %self.hierarchy.root.display(),
                "only a part of the cgroup tree is mounted here: containers beside our own are not found by \
                 walking"
            );
        }
        let mut tasks = JoinSet::new();
        for index in 0..self.sockets.len() {
            tasks.spawn(Arc::clone(&self).serve(index));
        }
        let lasting = tasks.len();
        let mut walks = interval(Duration::from_millis(self.settings.reconcile_ms.max(1)));
        walks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = walks.tick() => {
                    for newcomer in self.reconcile().await {
                        tasks.spawn(Arc::clone(&self).look_up(newcomer));
                    }
                }
                newcomer = queue.recv() => match newcomer {
                    None => return,
                    Some(newcomer) if tasks.len() < lasting + self.settings.max_waiting => {
                        // A container that starts again is looked up again.
                        lock(&self.known).insert(newcomer.id.clone());
                        tasks.spawn(Arc::clone(&self).look_up(newcomer));
                    }
                    Some(_) => {
                        self.missed.fetch_add(1, Ordering::Relaxed);
                    }
                },
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = ended {
                        warn!(%error, "a search for containers broke off");
                    }
                }
            }
        }
    }

    /// Walks the tree, tells what is there, and returns containers that nobody looked up yet.
    async fn reconcile(self: &Arc<Self>) -> Vec<PathMatch> {
        let began = now().minus(self.settings.settle_ms);
        let looker = Arc::clone(self);
        let walked = spawn_blocking(move || {
            let settings = &looker.settings;
            let walk = walk(&looker.hierarchy, &looker.rules, settings);
            let proc = looker.host.proc();
            let strangers = strangers(&proc, &looker.hierarchy, &looker.rules, settings);
            let elsewhere = (walk.cgroups.is_empty() && !looker.hierarchy.certain)
                .then(|| Hierarchy::find(&looker.host, settings).ok())
                .flatten()
                .filter(|other| other.certain && other.key != looker.hierarchy.key);
            (walk, strangers, elsewhere)
        });
        let Ok((walk, strangers, elsewhere)) = walked.await else { return Vec::new() };
        if let Some(other) = elsewhere {
            warn!(
                key = ?other.key,
                "containers are in another cgroup hierarchy than the one in use: set containers.cgroup and \
                 start again"
            );
        }
        if walk.cut {
            warn!(
                looked_at = walk.looked_at,
                "the cgroup tree is larger than is walked (max_directories, max_depth): containers may be \
                 missed"
            );
        }
        let mut cgroups: BTreeSet<u64> = walk.cgroups.iter().map(|one| one.id).collect();
        cgroups.extend(strangers.iter().filter_map(|facts| facts.cgroup));
        let there: Vec<PathMatch> =
            walk.cgroups.iter().filter_map(|one| own(&self.rules, &one.path)).collect();
        for directory in walk.cgroups {
            self.tell(Found::Cgroup(directory)).await;
        }
        for facts in strangers {
            self.tell(Found::Facts(Box::new(facts))).await;
        }
        if !walk.cut {
            self.tell(Found::Walked { began, cgroups }).await;
        }
        let ids: HashSet<ContainerId> = there.iter().map(|one| one.id.clone()).collect();
        let mut known = lock(&self.known);
        known.retain(|id| ids.contains(id));
        there
            .into_iter()
            .filter(|one| known.insert(one.id.clone()))
            .take(self.settings.max_containers)
            .collect()
    }

    /// Everything about one container: files first, they are there before its first exec.
    async fn look_up(self: Arc<Self>, container: PathMatch) {
        let mut on_disk = self.read(&container).await;
        let mut named = self.ask(&container.id).await;
        for &delay in &self.settings.retry_ms {
            if named || (on_disk && !self.anybody_answers()) {
                return;
            }
            sleep(Duration::from_millis(delay)).await;
            on_disk = on_disk || self.read(&container).await;
            named = self.ask(&container.id).await;
        }
        if !named && !on_disk {
            debug!(id = %container.id, "a container of which only the cgroup is known");
        }
    }

    /// Whether the files told something.
    async fn read(self: &Arc<Self>, container: &PathMatch) -> bool {
        let limit = Duration::from_millis(self.settings.read_ms);
        let Ok(Ok(permit)) = timeout(limit, Arc::clone(&self.readers).acquire_owned()).await else {
            warn!("reading of runtimes' files hangs: their file system does not answer");
            return false;
        };
        let (looker, container) = (Arc::clone(self), container.clone());
        let reading = spawn_blocking(move || {
            let read = Bundles::new(&looker.host, &looker.settings).read(&container);
            drop(permit);
            read
        });
        let Ok(Ok(read)) = timeout(limit, reading).await else { return false };
        for trouble in read.trouble {
            warn!("a runtime's file is not used: {trouble}");
        }
        let told = !read.facts.is_empty();
        for facts in read.facts {
            self.tell_facts(facts).await;
        }
        told
    }

    /// Asks every runtime that answers. Whether one knew the container.
    async fn ask(&self, id: &ContainerId) -> bool {
        let mut known = false;
        for index in 0..self.sockets.len() {
            if self.answers(index) {
                known |= self.ask_one(index, id).await;
            }
        }
        known
    }

    async fn ask_one(&self, index: usize, id: &ContainerId) -> bool {
        let Some(socket) = self.sockets.get(index) else { return false };
        let Ok(_permit) = self.permits.acquire().await else { return false };
        match socket.ask(id).await {
            Ok(Some(facts)) => {
                self.tell_facts(facts).await;
                true
            }
            Ok(None) => false,
            Err(error) => {
                let path = socket.settings().path.display();
                debug!(%id, socket = %path, "no answer about a container: {}", error.explained());
                false
            }
        }
    }

    /// One socket, for as long as we run.
    async fn serve(self: Arc<Self>, index: usize) {
        let first = self.settings.backoff_ms.max(1);
        let mut wait = first;
        loop {
            match self.session(index).await {
                Ok(()) => wait = first,
                Err((answered, error)) => {
                    if answered {
                        wait = first;
                    }
                    self.set(index, outcome_of(Err(error)));
                }
            }
            sleep(Duration::from_millis(wait)).await;
            wait = wait.saturating_mul(2).min(self.settings.max_backoff_ms.max(first));
        }
    }

    /// From the first question to the end of the events. The error tells whether it ever answered.
    async fn session(self: &Arc<Self>, index: usize) -> Result<(), (bool, SocketError)> {
        let Some(socket) = self.sockets.get(index) else { return Ok(()) };
        let same = socket.identity().is_some_and(|own| {
            self.sockets.iter().take(index).any(|other| other.identity() == Some(own))
        });
        if same {
            self.set(index, SocketOutcome::Same);
            return Ok(());
        }
        let version = socket.version().await.map_err(|error| (false, error))?;
        self.set(index, SocketOutcome::Answers(version));
        let answered = |error| (true, error);
        // The stream first: what happens between it and the list is in both, not in neither.
        let lines = match socket.watch().await {
            Ok(lines) => lines,
            // A proxy before the socket can let questions through and no events.
            Err(error @ SocketError::Status(_)) => {
                let path = socket.settings().path.display();
                warn!("{path}: no events, so renaming is not seen: {error}");
                None
            }
            Err(error) => return Err(answered(error)),
        };
        let listed = match socket.list().await {
            Ok(listed) => listed,
            // Too many to be told at once: they are asked for one by one.
            Err(error @ SocketError::TooLarge(_)) => {
                warn!("{}: the list of containers: {error}", socket.settings().path.display());
                Vec::new()
            }
            Err(error) => return Err(answered(error)),
        };
        let mut ids: BTreeSet<ContainerId> = listed.iter().map(|one| one.id.clone()).collect();
        for facts in listed {
            self.tell_facts(facts).await;
        }
        ids.extend(lock(&self.known).iter().cloned());
        let mut questions = JoinSet::new();
        for id in ids {
            let looker = Arc::clone(self);
            questions.spawn(async move { looker.ask_one(index, &id).await });
        }
        questions.join_all().await;
        let Some(mut lines) = lines else { return self.stay(index).await };
        while let Some(line) = lines.next().await.map_err(answered)? {
            match event(&line) {
                Some(Event::Changed(id)) => {
                    self.ask_one(index, &id).await;
                }
                Some(Event::Removed(id)) => self.tell(Found::Removed(id)).await,
                None => {}
            }
        }
        Err((true, SocketError::Unreadable("the event stream ended".to_owned())))
    }

    /// A runtime without events: asked now and then whether it is still there.
    async fn stay(&self, index: usize) -> Result<(), (bool, SocketError)> {
        let Some(socket) = self.sockets.get(index) else { return Ok(()) };
        loop {
            sleep(Duration::from_millis(self.settings.reconcile_ms.max(1))).await;
            socket.version().await.map_err(|error| (true, error))?;
        }
    }

    async fn tell_facts(&self, mut facts: Facts) {
        // A path that no form fits, and that has the id in it: the process tells the cgroup.
        if let Some(pid) = facts.pid
            && facts.cgroup.is_none()
            && let Some((cgroup, path)) = cgroup_of(&self.host.proc(), &self.hierarchy, pid)
            && self.rules.parse(&path) == CgroupPath::Other
            && path.rsplit('/').next().is_some_and(|name| name.contains(facts.id.as_str()))
        {
            facts.cgroup = Some(cgroup);
        }
        self.tell(Found::Facts(Box::new(facts))).await;
    }

    async fn tell(&self, found: Found) {
        // Nobody reads any more: we are about to be dropped.
        let _ = self.found.send(found).await;
    }

    fn answers(&self, index: usize) -> bool {
        let statuses = lock(&self.statuses);
        statuses.get(index).is_some_and(|one| matches!(one.outcome, SocketOutcome::Answers(_)))
    }

    fn anybody_answers(&self) -> bool {
        (0..self.sockets.len()).any(|index| self.answers(index))
    }

    /// Says it once for every change.
    fn set(&self, index: usize, outcome: SocketOutcome) {
        let mut statuses = lock(&self.statuses);
        let Some(status) = statuses.get_mut(index) else { return };
        if status.outcome == outcome {
            return;
        }
        let was = std::mem::replace(&mut status.outcome, outcome);
        let lost = matches!(was, SocketOutcome::Answers(_));
        match &status.outcome {
            SocketOutcome::Answers(_) => info!("container runtime: {status}"),
            SocketOutcome::Failed(_) => warn!("container runtime: {status}"),
            SocketOutcome::Absent if lost => {
                warn!("container runtime: {status}; {}", status.cost())
            }
            _ => debug!("container runtime: {status}"),
        }
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
