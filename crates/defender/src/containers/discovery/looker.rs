//! Walks, and what is looked up for one container.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_model::event::ContainerId;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, warn};

use super::{Looker, lock, now, own};
use crate::containers::bundle::Bundles;
use crate::containers::walk::cgroup_of;
use crate::containers::{CgroupPath, Facts, Found, Hierarchy, PathMatch, strangers, walk};

/// What was said already: it holds for every walk.
#[derive(Default)]
struct Said {
    elsewhere: bool,
    cut: bool,
}

impl Looker {
    pub(super) async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<PathMatch>) {
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
        // On its own: a long walk does not keep a newcomer waiting.
        tasks.spawn(Arc::clone(&self).walks());
        let lasting = tasks.len();
        loop {
            tokio::select! {
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

    /// A walk at once and then one in every interval.
    async fn walks(self: Arc<Self>) {
        let mut times = interval(Duration::from_millis(self.settings.reconcile_ms.max(1)));
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tasks = JoinSet::new();
        let mut said = Said::default();
        loop {
            times.tick().await;
            for newcomer in self.reconcile(&mut said).await {
                tasks.spawn(Arc::clone(&self).look_up(newcomer));
            }
            while tasks.try_join_next().is_some() {}
        }
    }

    /// Walks the tree, tells what is there, and returns containers that nobody looked up yet.
    async fn reconcile(self: &Arc<Self>, said: &mut Said) -> Vec<PathMatch> {
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
        if let Some(other) = elsewhere
            && !std::mem::replace(&mut said.elsewhere, true)
        {
            warn!(
                key = ?other.key,
                "containers are in another cgroup hierarchy than the one in use: set containers.cgroup and \
                 start again"
            );
        }
        if walk.cut && !std::mem::replace(&mut said.cut, true) {
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

    pub(super) async fn ask_one(&self, index: usize, id: &ContainerId) -> bool {
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

    pub(super) async fn tell_facts(&self, mut facts: Facts) {
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

    pub(super) async fn tell(&self, found: Found) {
        // Nobody reads any more: we are about to be dropped.
        let _ = self.found.send(found).await;
    }
}
