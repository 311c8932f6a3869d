//! The flight recorder: what each container did last, in memory only, so that an incident can show what
//! came before it.
//!
//! Events are shared, not encoded: one process is shared by all its events and by the process table, and
//! nothing has to be copied for the thousands that no incident ever shows. Measured with 20 containers at
//! their bound: 870 bytes an event with its process, 2.6 MB in all, and 0.3 µs to record one.

use std::collections::{HashMap, VecDeque};
use std::mem::size_of;
use std::sync::Arc;

use palisade_model::event::{Activity, ContainerId, Event, FileRef, Process, ProcessKey};
use serde::{Deserialize, Serialize};

/// Bounds of the recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Events kept of one container, and of the host.
    pub max_events: usize,
    /// Bytes kept of one container, and of the host.
    pub max_bytes: usize,
    /// Containers of which events are kept; above, the one that was quiet for longest is forgotten.
    pub max_containers: usize,
    /// Bytes kept in all; above, the container that was quiet for longest is forgotten.
    pub max_total_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_events: 200,
            max_bytes: 128 << 10,
            max_containers: 1_024,
            max_total_bytes: 16 << 20,
        }
    }
}

/// What the recorder holds and what it let go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Containers, the host among them.
    pub containers: usize,
    /// Events.
    pub events: usize,
    /// Bytes, estimated.
    pub bytes: usize,
    /// Containers that were forgotten for want of room, since the start.
    pub forgotten: u64,
    /// Events that were the same as the one before and were not kept again, since the start.
    pub repeated: u64,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<(Arc<Event>, usize)>,
    bytes: usize,
    used: u64,
}

impl Ring {
    /// Lets the oldest go. Returns its bytes.
    fn pop(&mut self) -> usize {
        let bytes = self.records.pop_front().map_or(0, |(_, bytes)| bytes);
        self.bytes -= bytes;
        bytes
    }
}

/// The last events of every container. See the module.
#[derive(Debug, Default)]
pub struct Recorder {
    settings: Settings,
    rings: HashMap<Option<ContainerId>, Ring>,
    bytes: usize,
    tick: u64,
    forgotten: u64,
    repeated: u64,
}

impl Recorder {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Keeps an event. One that says the same as the last of its container (same process, same act) is
    /// counted and not kept: a loop must not push out everything else.
    pub fn record(&mut self, event: &Arc<Event>) {
        let key = event.container.as_ref().map(|container| container.id.clone());
        self.tick += 1;
        if !self.rings.contains_key(&key) && self.rings.len() >= self.settings.max_containers {
            self.forget_quietest(None);
        }
        let ring = self.rings.entry(key.clone()).or_default();
        ring.used = self.tick;
        let last = ring.records.back().map(|(last, _)| last);
        if last.is_some_and(|last| {
            last.process.key == event.process.key && last.activity == event.activity
        }) {
            self.repeated += 1;
            return;
        }
        // A process that the record before holds already costs nothing more.
        let shared = last.is_some_and(|last| Arc::ptr_eq(&last.process, &event.process));
        let process = if shared { 0 } else { process_bytes(&event.process) };
        let bytes = event_bytes(event) + process;
        ring.records.push_back((event.clone(), bytes));
        ring.bytes += bytes;
        self.bytes += bytes;
        while ring.records.len() > self.settings.max_events || ring.bytes > self.settings.max_bytes
        {
            self.bytes -= ring.pop();
        }
        while self.bytes > self.settings.max_total_bytes {
            if self.rings.len() > 1 {
                self.forget_quietest(Some(&key));
            } else if let Some(ring) = self.rings.get_mut(&key) {
                self.bytes -= ring.pop();
            }
        }
    }

    /// The last `count` events of a container (`None`: of the host), oldest first. Those that
    /// `of_story` names come before all others when there are more.
    pub fn excerpt(
        &self,
        container: Option<&ContainerId>,
        count: usize,
        of_story: impl Fn(&ProcessKey) -> bool,
    ) -> Vec<Arc<Event>> {
        let Some(ring) = self.rings.get(&container.cloned()) else {
            return Vec::new();
        };
        let newest_first = || ring.records.iter().enumerate().rev();
        let (of_it, others): (Vec<_>, Vec<_>) =
            newest_first().partition(|(_, (event, _))| of_story(&event.process.key));
        let mut chosen: Vec<_> = of_it.into_iter().chain(others).take(count).collect();
        chosen.sort_unstable_by_key(|&(place, _)| place);
        chosen.into_iter().map(|(_, (event, _))| event.clone()).collect()
    }

    /// Forgets a container that is gone.
    pub fn forget(&mut self, container: &ContainerId) {
        if let Some(ring) = self.rings.remove(&Some(container.clone())) {
            self.bytes -= ring.bytes;
        }
    }

    /// What it holds.
    pub fn held(&self) -> Held {
        Held {
            containers: self.rings.len(),
            events: self.rings.values().map(|ring| ring.records.len()).sum(),
            bytes: self.bytes,
            forgotten: self.forgotten,
            repeated: self.repeated,
        }
    }

    fn forget_quietest(&mut self, except: Option<&Option<ContainerId>>) {
        let others = self.rings.iter().filter(|(key, _)| Some(*key) != except);
        let quietest = others.min_by_key(|(_, ring)| ring.used).map(|(key, _)| key.clone());
        if let Some(ring) = quietest.and_then(|key| self.rings.remove(&key)) {
            self.bytes -= ring.bytes;
            self.forgotten += 1;
        }
    }
}

/// Bytes of an event in memory without its process, estimated: its own and its longer texts.
pub(crate) fn event_bytes(event: &Event) -> usize {
    let file = |file: &FileRef| file.path.len();
    let texts = match &event.activity {
        Activity::Exec { script, previous, .. } => script.as_ref().map_or(0, file) + previous.len(),
        Activity::Rename { from, to, .. } => file(from) + to.len(),
        Activity::Link { target, link, .. } => file(target) + link.len(),
        Activity::Mount { source, target, filesystem, .. } => {
            source.len() + target.len() + filesystem.len()
        }
        Activity::Ptrace { target, .. }
        | Activity::Memory { target, .. }
        | Activity::Signal { target, .. } => target.path.len(),
        Activity::Module { name, file: of, .. } => name.len() + of.as_ref().map_or(0, file),
        Activity::Bpf { name, .. }
        | Activity::Memfd { name, .. }
        | Activity::DnsQuestion { name, .. } => name.len(),
        Activity::DnsAnswer { name, addresses, aliases, .. } => {
            let aliases: usize =
                aliases.iter().map(|alias| alias.len() + size_of::<String>()).sum();
            name.len() + addresses.len() * size_of::<std::net::IpAddr>() + aliases
        }
        other => other.file().map_or(0, file),
    };
    // Two counters of the shared pointer and the ring's own place.
    size_of::<Event>() + texts + 32
}

/// Bytes of a process in memory, estimated. Ancestors are shared by brothers: a part is counted.
pub(crate) fn process_bytes(process: &Process) -> usize {
    let texts = |texts: &[String]| -> usize {
        texts.iter().map(|text| text.len() + size_of::<String>()).sum()
    };
    size_of::<Process>()
        + process.path().len()
        + process.name.len()
        + process.cwd.len()
        + texts(&process.args)
        + texts(&process.environment)
        + process.ancestors.iter().count() * 64
}
