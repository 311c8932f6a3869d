use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ContainerIdentity};
use palisade_sensor::{CgroupChange, CgroupWhat};

use crate::containers::facts::Knowledge;
use crate::containers::{
    CgroupPath, Container, ContainerChange, Counters, Facts, Found, PathMatch, PathRules, Settings,
    Source,
};

/// Containers by cgroup. Pure: what happened and the time are arguments.
#[derive(Debug)]
pub struct Registry {
    settings: Settings,
    rules: PathRules,
    hierarchy: u32,
    held: HashMap<ContainerId, Held>,
    /// Every cgroup in a container, its own and those below.
    cgroups: HashMap<u64, ContainerId>,
    /// Cgroups that are gone and still have their container, by the time of their removal.
    leaving: VecDeque<(UnixMillis, u64)>,
    counters: Counters,
}

/// One container.
#[derive(Debug)]
struct Held {
    knowledge: Knowledge,
    container: Container,
    /// Its own cgroup; `None` while it has only been heard of.
    cgroup: Option<u64>,
    /// All of them.
    cgroups: BTreeSet<u64>,
    /// Those of them that were removed: nothing is to be done to them any more.
    gone: BTreeSet<u64>,
    /// When its own cgroup was last met, or, without one, when it was last heard of.
    seen: UnixMillis,
    /// When it ended.
    ended: Option<UnixMillis>,
}

impl Held {
    /// Neither running nor about to run.
    fn is_over(&self, now: UnixMillis, settings: &Settings) -> bool {
        match (self.ended, self.cgroup) {
            (Some(ended), _) => now.since(ended) >= settings.grace_ms,
            (None, None) => now.since(self.seen) >= settings.unstarted_ms,
            (None, Some(_)) => false,
        }
    }
}

impl Registry {
    /// Nothing known. `hierarchy` is the number of the key hierarchy as the kernel counts them
    /// ([`crate::containers::Hierarchy::number`]): changes of others are left alone.
    pub fn new(settings: Settings, hierarchy: u32) -> Self {
        Self {
            rules: PathRules::new(&settings),
            settings,
            hierarchy,
            held: HashMap::new(),
            cgroups: HashMap::new(),
            leaving: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The container that a cgroup belongs to, running or ended within the grace time.
    pub fn by_cgroup(&self, cgroup: u64) -> Option<&Arc<ContainerIdentity>> {
        Some(&self.container(cgroup)?.identity)
    }

    /// The same, and whether it is a sandbox.
    pub fn container(&self, cgroup: u64) -> Option<&Container> {
        Some(&self.held.get(self.cgroups.get(&cgroup)?)?.container)
    }

    /// A container by its id, with a cgroup now or within the grace time.
    pub fn by_id(&self, id: &ContainerId) -> Option<&Container> {
        let held = self.held.get(id)?;
        held.cgroup.map(|_| &held.container)
    }

    /// Those that run, in no order.
    pub fn running(&self) -> impl Iterator<Item = &Container> {
        self.held
            .values()
            .filter(|held| held.cgroup.is_some() && held.ended.is_none())
            .map(|held| &held.container)
    }

    /// Every cgroup of a running container that is there; those that are gone are kept for the grace time.
    pub fn cgroups_of(&self, id: &ContainerId) -> impl Iterator<Item = u64> {
        let held = self.held.get(id).into_iter();
        held.flat_map(|held| held.cgroups.difference(&held.gone).copied())
    }

    /// What was left out.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes in a change that the sensor saw.
    pub fn change(&mut self, change: &CgroupChange, now: UnixMillis) -> Vec<ContainerChange> {
        if change.hierarchy != self.hierarchy {
            return Vec::new();
        }
        match change.what {
            CgroupWhat::Created => self.met(change.id, change.parent, &change.path, now, true),
            CgroupWhat::Joined(_) if self.cgroups.contains_key(&change.id) => Vec::new(),
            CgroupWhat::Joined(_) => self.met(change.id, change.parent, &change.path, now, false),
            CgroupWhat::Removed => self.removed(change.id, now),
        }
    }

    /// Takes in what the discovery found.
    pub fn learn(&mut self, found: Found, now: UnixMillis) -> Vec<ContainerChange> {
        match found {
            Found::Cgroup(directory) => {
                self.met(directory.id, directory.parent, &directory.path, now, false)
            }
            Found::Facts(facts) => self.facts(*facts, now),
            Found::Walked { began, cgroups } => self.walked(began, &cgroups, now),
            Found::Removed(id) => {
                if self.held.get(&id).is_some_and(|held| held.cgroup.is_none()) {
                    self.held.remove(&id);
                }
                Vec::new()
            }
        }
    }

    /// Forgets what is over. To be called now and then, at least once in the grace time.
    pub fn sweep(&mut self, now: UnixMillis) {
        while let Some(&(gone, cgroup)) = self.leaving.front() {
            if now.since(gone) < self.settings.grace_ms {
                break;
            }
            self.leaving.pop_front();
            self.drop_cgroup(cgroup);
        }
        let settings = &self.settings;
        let over = self.held.extract_if(|_, held| held.is_over(now, settings));
        for (_, held) in over {
            for cgroup in held.cgroups {
                self.cgroups.remove(&cgroup);
            }
        }
    }

    /// A cgroup that exists. `new`: it was made just now.
    fn met(
        &mut self,
        id: u64,
        parent: u64,
        path: &str,
        now: UnixMillis,
        new: bool,
    ) -> Vec<ContainerChange> {
        // Whatever it is called, below a container it is that container, unless the settings say that
        // containers in containers count.
        let above = self.cgroups.get(&parent).cloned();
        if let Some(owner) = above.as_ref().filter(|_| !self.settings.nested) {
            self.below(&owner.clone(), id);
            return Vec::new();
        }
        let found = match self.rules.parse(path) {
            CgroupPath::Container(found) => found,
            CgroupPath::Monitor => return Vec::new(),
            CgroupPath::Other => {
                if let Some(owner) = above {
                    self.below(&owner, id);
                }
                return Vec::new();
            }
        };
        if !found.own && self.held.get(&found.id).is_some_and(|held| held.cgroup.is_some()) {
            self.below(&found.id, id);
            return Vec::new();
        }
        if !found.own {
            // Its own cgroup was not met yet: this one is not its key. The walk or the making of its
            // own brings it.
            return Vec::new();
        }
        self.own(found, id, above, now, new)
    }

    /// A container's own cgroup.
    fn own(
        &mut self,
        found: PathMatch,
        cgroup: u64,
        above: Option<ContainerId>,
        now: UnixMillis,
        new: bool,
    ) -> Vec<ContainerChange> {
        let elsewhere = self.held.get(&found.id).is_some_and(|held| {
            held.ended.is_none() && held.cgroup.is_some_and(|known| known != cgroup)
        });
        if elsewhere {
            self.counters.impostors = self.counters.impostors.saturating_add(1);
            if let Some(owner) = above {
                self.below(&owner, cgroup);
            }
            return Vec::new();
        }
        let mut facts = Facts::new(found.id, Source::Path, found.runtime);
        // An id that somebody chose is a name.
        if facts.id.as_str().len() < 64 {
            facts.name = facts.id.as_str().to_owned();
        }
        facts.pod_uid = found.pod_uid;
        facts.cgroup = Some(cgroup);
        facts.started = new.then_some(now);
        self.facts(facts, now)
    }

    fn facts(&mut self, mut facts: Facts, now: UnixMillis) -> Vec<ContainerChange> {
        let id = facts.id.clone();
        if !self.held.contains_key(&id) && !self.make_room(now) {
            self.counters.containers_refused = self.counters.containers_refused.saturating_add(1);
            return Vec::new();
        }
        let cgroup = facts.cgroup.take().filter(|&cgroup| self.may_have(&id, cgroup));
        let held = self.held.entry(id.clone()).or_insert_with(|| {
            let knowledge = Knowledge::new(id.clone());
            let container = Container { identity: Arc::new(knowledge.identity(0)), sandbox: false };
            Held {
                knowledge,
                container,
                cgroup: None,
                cgroups: BTreeSet::new(),
                gone: BTreeSet::new(),
                seen: now,
                ended: None,
            }
        });
        if held.cgroup.is_none() || cgroup.is_some() {
            held.seen = now;
        }
        let restarts = held.ended.is_some() && cgroup.is_some() && held.cgroup != cgroup;
        if restarts {
            held.knowledge.restarted(now);
        }
        let left_out = held.knowledge.merge(facts, self.settings.max_labels);
        self.counters.labels_left_out = self.counters.labels_left_out.saturating_add(left_out);
        let starts = cgroup.is_some() && (held.cgroup.is_none() || restarts);
        if let Some(cgroup) = cgroup.filter(|_| starts) {
            held.cgroup = Some(cgroup);
            held.ended = None;
            held.cgroups.insert(cgroup);
            self.cgroups.insert(cgroup, id);
        }
        let Some(key) = held.cgroup else { return Vec::new() };
        let identity = held.knowledge.identity(key);
        let sandbox = held.knowledge.is_sandbox();
        let same = *held.container.identity == identity && held.container.sandbox == sandbox;
        if !same {
            held.container = Container { identity: Arc::new(identity), sandbox };
        }
        match (starts, same) {
            (true, _) => vec![ContainerChange::Started(held.container.clone())],
            (false, false) => vec![ContainerChange::Known(held.container.clone())],
            (false, true) => Vec::new(),
        }
    }

    /// Whether this cgroup can be this container's own: nobody else's, and not a second one while the
    /// first is there.
    fn may_have(&self, id: &ContainerId, cgroup: u64) -> bool {
        let free = self.cgroups.get(&cgroup).is_none_or(|owner| owner == id);
        let first = self
            .held
            .get(id)
            .is_none_or(|held| held.ended.is_some() || held.cgroup.is_none_or(|one| one == cgroup));
        free && first
    }

    /// A cgroup inside a container.
    fn below(&mut self, owner: &ContainerId, cgroup: u64) {
        let Some(held) = self.held.get_mut(owner) else { return };
        if held.cgroups.contains(&cgroup) {
            return;
        }
        if held.cgroups.len() >= self.settings.max_cgroups {
            self.counters.cgroups_refused = self.counters.cgroups_refused.saturating_add(1);
            return;
        }
        held.cgroups.insert(cgroup);
        self.cgroups.insert(cgroup, owner.clone());
    }

    fn removed(&mut self, cgroup: u64, now: UnixMillis) -> Vec<ContainerChange> {
        let Some(held) = self.cgroups.get(&cgroup).and_then(|id| self.held.get_mut(id)) else {
            return Vec::new();
        };
        if held.gone.insert(cgroup) {
            self.leaving.push_back((now, cgroup));
        }
        if held.cgroup == Some(cgroup) && held.ended.is_none() {
            held.ended = Some(now);
            return vec![ContainerChange::Stopped(held.container.clone())];
        }
        Vec::new()
    }

    fn walked(
        &mut self,
        began: UnixMillis,
        cgroups: &BTreeSet<u64>,
        now: UnixMillis,
    ) -> Vec<ContainerChange> {
        let lost: Vec<u64> = self
            .held
            .values()
            .filter(|held| held.ended.is_none() && held.seen < began)
            .filter_map(|held| held.cgroup.filter(|cgroup| !cgroups.contains(cgroup)))
            .collect();
        lost.into_iter().flat_map(|cgroup| self.removed(cgroup, now)).collect()
    }

    fn drop_cgroup(&mut self, cgroup: u64) {
        let Some(id) = self.cgroups.remove(&cgroup) else { return };
        if let Some(held) = self.held.get_mut(&id) {
            held.cgroups.remove(&cgroup);
            held.gone.remove(&cgroup);
        }
    }

    /// Whether there is room for one more, after those that ended first and those that never started
    /// have made it.
    fn make_room(&mut self, now: UnixMillis) -> bool {
        if self.held.len() < self.settings.max_containers {
            return true;
        }
        self.sweep(now);
        while self.held.len() >= self.settings.max_containers {
            let spare = self
                .held
                .iter()
                .filter(|(_, held)| held.ended.is_some() || held.cgroup.is_none())
                .min_by_key(|(_, held)| (held.ended.unwrap_or(held.seen), held.cgroup))
                .map(|(id, _)| id.clone());
            let Some(held) = spare.and_then(|id| self.held.remove(&id)) else { return false };
            for cgroup in held.cgroups {
                self.cgroups.remove(&cgroup);
            }
        }
        true
    }
}
