//! Incidents: findings rolled up, one incident for one story.
//!
//! Whose story an event belongs to, the first that fits:
//! 1. its process, or the nearest of its ancestors, is in an open incident of the same container. A
//!    process of the host that came out of a container belongs to that container's story; a container
//!    never belongs to a story of the host;
//! 2. on the host: its session is in one;
//! 3. the same cause was found in the same container within a window, by whatever process;
//! 4. the same cause was found in several containers of the same image: a rollout, not an attack on each;
//! 5. its container has opened too many incidents in the last minute: its latest one;
//! 6. else it begins a story, at the root that `root` names.
//!
//! Events without a finding join by 1 and 2 only. An incident is told at once, then at most once a second
//! while it grows, and at its end.

mod place;
mod root;
mod settings;
mod story;
mod suppression;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Blind, ContainerId, Event, Incident, ProcessKey, Response, SequenceScore,
};

pub use settings::Settings;
pub(crate) use suppression::fits;
pub use suppression::{Suppression, SuppressionError};

use self::place::Rate;
use self::story::{LeftOut, Story};
use self::suppression::Suppressions;
use crate::Finding;
use crate::recorder::{Held, Recorder};

/// What became of an incident. Each carries the whole of it; what was sent before is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// It is new.
    Opened(Arc<Incident>),
    /// There is more of it.
    Grown(Arc<Incident>),
    /// It is over.
    Closed(Arc<Incident>, Closing),
}

impl Update {
    /// The incident as it is now.
    pub fn incident(&self) -> &Arc<Incident> {
        match self {
            Self::Opened(incident) | Self::Grown(incident) | Self::Closed(incident, _) => incident,
        }
    }
}

/// Why an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Nothing was found for `quiet_ms`.
    Quiet,
    /// It went on for `longest_ms`; what follows is a new one.
    Long,
    /// There was no room for it beside graver or newer ones (`max_open`, `max_bytes`).
    Room,
    /// The Defender stops.
    Stopped,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Incidents that were opened.
    pub opened: u64,
    /// Findings that were suppressed.
    pub suppressed: u64,
    /// Incidents that were closed for want of room.
    pub closed_for_room: u64,
    /// Findings that joined the container's latest incident because it opened too many.
    pub rate_limited: u64,
    /// Processes that were forgotten: their children's acts may be missing in the incident.
    pub members_forgotten: u64,
    /// Causes that an incident had no room for.
    pub causes_left_out: u64,
    /// Responses that an incident had no room for.
    pub responses_left_out: u64,
}

type Place = Option<ContainerId>;

/// All open incidents, and the flight recorder. See the module. Time is an argument; one that is
/// earlier than the last counts as no time passed.
#[derive(Debug, Default)]
pub struct Incidents {
    settings: Settings,
    recorder: Recorder,
    /// By running number, so that the oldest comes first.
    open: BTreeMap<u64, Story>,
    next: u64,
    members: HashMap<ProcessKey, u64>,
    /// Sessions of the host.
    sessions: HashMap<u32, u64>,
    rates: HashMap<Place, Rate>,
    /// How strange the system calls of containers were when last heard of.
    scores: HashMap<ContainerId, SequenceScore>,
    suppressions: Suppressions,
    counters: Counters,
    bytes: usize,
    looked: UnixMillis,
}

impl Incidents {
    /// Without any incident.
    pub fn new(settings: Settings) -> Self {
        let recorder = Recorder::new(settings.recorder.clone());
        Self { settings, recorder, ..Self::default() }
    }

    /// Takes an event and what was found in it; most events have no finding. The event goes to the
    /// flight recorder.
    pub fn take(
        &mut self,
        event: &Arc<Event>,
        mut findings: Vec<Finding>,
        now: UnixMillis,
    ) -> Vec<Update> {
        let mut updates = Vec::new();
        if !findings.is_empty() {
            let before = findings.len();
            self.suppressions.filter(event, &mut findings, now);
            self.counters.suppressed += (before - findings.len()) as u64;
        }
        if findings.is_empty() {
            self.act(event);
        } else {
            // The gravest gives the title; of equals the first.
            findings.sort_by_key(|finding| Reverse(finding.severity));
            self.find(event, findings, now, &mut updates);
        }
        self.recorder.record(event);
        if now.since(self.looked) >= self.settings.update_ms {
            self.look(now, &mut updates);
        }
        updates
    }

    /// Lets time pass: tells what grew and closes what is over. Once a second is enough.
    pub fn tick(&mut self, now: UnixMillis) -> Vec<Update> {
        let mut updates = Vec::new();
        self.look(now, &mut updates);
        updates
    }

    /// Something was done about a process of a container (`None`: of the host). It joins the story of the
    /// process, else the latest of the container; without either there is nothing to join, and `false`
    /// comes back.
    pub fn responded(
        &mut self,
        container: Option<&ContainerId>,
        process: Option<&ProcessKey>,
        response: Response,
        now: UnixMillis,
    ) -> (bool, Vec<Update>) {
        let by_process = process.and_then(|process| self.members.get(process).copied());
        let number = by_process.or_else(|| self.latest_of(container));
        let Some(story) = number.and_then(|number| self.open.get_mut(&number)) else {
            return (false, Vec::new());
        };
        if !story.respond(response, &self.settings) {
            self.counters.responses_left_out += 1;
        }
        let told = story.due(&self.settings, now).map(Update::Grown);
        (true, told.into_iter().collect())
    }

    /// Something may have happened unseen: it joins every open incident that it may be about.
    pub fn blind(&mut self, blind: &Blind) {
        for story in self.open.values_mut() {
            if blind.container.is_none() || story.container() == blind.container.as_ref() {
                story.blind(blind);
            }
        }
    }

    /// How strange a container's system calls are now: its incidents say so when they are told next.
    pub fn scored(&mut self, container: &ContainerId, score: SequenceScore) {
        if self.scores.insert(container.clone(), score) == Some(score) {
            return;
        }
        for story in self.open.values_mut().filter(|story| story.container() == Some(container)) {
            story.score(score);
        }
    }

    /// A container is gone: its flight record is forgotten. Its incidents close by themselves.
    pub fn container_removed(&mut self, container: &ContainerId) {
        self.scores.remove(container);
        self.recorder.forget(container);
    }

    /// Replaces what is allowed. Entries that stay keep their counts.
    ///
    /// # Errors
    /// [`SuppressionError`]; the old entries stay.
    pub fn suppress(&mut self, entries: Vec<Suppression>) -> Result<(), SuppressionError> {
        self.suppressions.replace(entries, self.settings.max_suppressions)
    }

    /// What is allowed, and how often each entry fitted.
    pub fn suppressions(&self) -> impl Iterator<Item = (&Suppression, u64)> {
        self.suppressions.iter()
    }

    /// The open incidents, oldest first, with what was not told yet.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Incident>> {
        self.open.values().map(|story| &story.incident)
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What the flight recorder holds.
    pub fn recorder(&self) -> Held {
        self.recorder.held()
    }

    /// Bytes of all open incidents, estimated.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Closes all: the Defender stops.
    pub fn stop(&mut self, now: UnixMillis) -> Vec<Update> {
        let numbers: Vec<u64> = self.open.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.close(number, Closing::Stopped, now)).collect()
    }

    fn act(&mut self, event: &Event) {
        if self.open.is_empty() {
            return;
        }
        if let Some(number) = self.by_process(event) {
            if let Some(story) = self.open.get_mut(&number) {
                let before = story.bytes;
                story.act(event, &self.settings);
                self.bytes += story.bytes - before;
            }
            self.enter(number, event.process.key);
        }
    }

    fn find(
        &mut self,
        event: &Arc<Event>,
        findings: Vec<Finding>,
        now: UnixMillis,
        updates: &mut Vec<Update>,
    ) {
        let Some(first) = findings.first().cloned() else {
            return;
        };
        let joined = self
            .by_process(event)
            .or_else(|| self.by_cause(event, &findings, now))
            .or_else(|| self.by_rate(event, now));
        let is_first = joined.is_none();
        let number = match joined {
            Some(number) => number,
            None => self.begin(event, &first, now, updates),
        };
        let mut told = None;
        if let Some(story) = self.open.get_mut(&number) {
            let before = story.bytes;
            let LeftOut { causes, responses } =
                story.find(event, findings, is_first, &self.settings, now);
            self.bytes += story.bytes - before;
            self.counters.causes_left_out += causes;
            self.counters.responses_left_out += responses;
            told = if is_first {
                Some(Update::Opened(story.send(now)))
            } else {
                story.due(&self.settings, now).map(Update::Grown)
            };
        }
        if is_first {
            for process in root::story_line(event, self.settings.service_ms) {
                self.enter(number, process);
            }
            if event.container.is_none() && event.process.session != 0 {
                self.sessions.insert(event.process.session, number);
            }
        } else {
            self.enter(number, event.process.key);
        }
        updates.extend(told);
        self.make_room(Some(number), now, updates);
    }

    fn begin(
        &mut self,
        event: &Event,
        first: &Finding,
        now: UnixMillis,
        updates: &mut Vec<Update>,
    ) -> u64 {
        while self.open.len() >= self.settings.max_open.max(1) {
            match self.least().and_then(|number| self.close(number, Closing::Room, now)) {
                Some(update) => updates.push(update),
                None => break,
            }
        }
        let line = root::story_line(event, self.settings.service_ms);
        let place = event.container.as_ref().map(|container| &container.id);
        let of_story = |key: &ProcessKey| {
            line.contains(key) || event.process.ancestors.iter().any(|above| above.key == *key)
        };
        let before = self.recorder.excerpt(place, self.settings.excerpt, of_story);
        let mut story = Story::begin(event, first, before, &self.settings, now);
        if let Some(score) = place.and_then(|container| self.scores.get(container)) {
            story.score(*score);
        }
        let number = self.next;
        self.next += 1;
        self.bytes += story.bytes;
        self.open.insert(number, story);
        self.counters.opened += 1;
        number
    }

    /// Remembers that a process belongs to a story.
    fn enter(&mut self, number: u64, process: ProcessKey) {
        if self.members.get(&process) == Some(&number) {
            return;
        }
        let Some(story) = self.open.get_mut(&number) else {
            return;
        };
        self.members.insert(process, number);
        if let Some(forgotten) = story.enter(process, self.settings.max_members.max(1)) {
            self.counters.members_forgotten += 1;
            if self.members.get(&forgotten) == Some(&number) {
                self.members.remove(&forgotten);
            }
        }
    }

    /// The least severe, of equals the one that was quiet for longest.
    fn least(&self) -> Option<u64> {
        let least =
            self.open.iter().min_by_key(|(_, story)| (story.severity(), story.last_finding));
        least.map(|(&number, _)| number)
    }

    fn make_room(&mut self, except: Option<u64>, now: UnixMillis, updates: &mut Vec<Update>) {
        while self.bytes > self.settings.max_bytes && self.open.len() > 1 {
            let others = self.open.iter().filter(|(number, _)| Some(**number) != except);
            let least = others
                .min_by_key(|(_, story)| (story.severity(), story.last_finding))
                .map(|(&number, _)| number);
            match least.and_then(|number| self.close(number, Closing::Room, now)) {
                Some(update) => updates.push(update),
                None => return,
            }
        }
    }

    fn look(&mut self, now: UnixMillis, updates: &mut Vec<Update>) {
        self.looked = self.looked.max(now);
        let mut over = Vec::new();
        for (&number, story) in &mut self.open {
            if now.since(story.last_finding) >= self.settings.quiet_ms {
                over.push((number, Closing::Quiet));
            } else if now.since(story.opened) >= self.settings.longest_ms {
                over.push((number, Closing::Long));
            } else if let Some(incident) = story.due(&self.settings, now) {
                updates.push(Update::Grown(incident));
            }
        }
        for (number, why) in over {
            updates.extend(self.close(number, why, now));
        }
        self.make_room(None, now, updates);
    }

    fn close(&mut self, number: u64, why: Closing, now: UnixMillis) -> Option<Update> {
        let mut story = self.open.remove(&number)?;
        self.bytes -= story.bytes;
        for process in &story.members {
            // Another story may have taken it over.
            if self.members.get(process) == Some(&number) {
                self.members.remove(process);
            }
        }
        self.sessions.retain(|_, of| *of != number);
        self.counters.closed_for_room += u64::from(why == Closing::Room);
        Some(Update::Closed(story.send(now), why))
    }
}
