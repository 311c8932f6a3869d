use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use palisade_behaviour::{Allowed, Deviation, Frame, Model, Outcome, Section};
use palisade_model::UnixMillis;
use palisade_model::event::{
    Blind, Cause, ContainerId, ContainerIdentity, Event, ImageDigest, KindSet, SequenceScore,
};

use sha2::{Digest, Sha256};

use super::Settings;
use crate::Finding;

/// What became of a container's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is modelled.
    Modelled,
    /// Its image's digest is not known (yet).
    NoDigest,
    /// There is no room (`max_models`, `max_containers`).
    Full,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Starts of containers whose image's digest is not known.
    pub without_digest: u64,
    /// Starts of containers for which there was no room.
    pub without_room: u64,
    /// Events that were known.
    pub known: u64,
    /// Events from which something was learned.
    pub learned: u64,
    /// Events that departed.
    pub deviations: u64,
    /// Events of which a model cannot say anything, because of a bound or a missing sensor.
    pub not_comparable: u64,
}

/// A model to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of which image.
    pub image: ImageDigest,
    /// The image's name, for the file's.
    pub name: String,
    /// The whole file.
    pub text: String,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) model: Model,
    /// Number, when, what; the newest last.
    pub(super) deviations: VecDeque<(u64, UnixMillis, Deviation)>,
    next_deviation: u64,
    phase: &'static str,
    /// As it was when somebody last heard of it ([`Models::take_changed`]).
    told: (&'static str, bool),
    /// Something happened that must be on disk soon.
    urgent: bool,
    saved: UnixMillis,
    /// Of the text on disk: the text itself may be large.
    written: Option<[u8; 32]>,
    idle_since: Option<UnixMillis>,
}

impl Kept {
    fn new(model: Model, written: Option<[u8; 32]>, now: UnixMillis) -> Self {
        let phase = model.phase().as_str();
        Self {
            deviations: VecDeque::new(),
            next_deviation: 1,
            phase,
            told: (phase, model.archived().is_some()),
            urgent: written.is_none(),
            saved: now,
            written,
            idle_since: None,
            model,
        }
    }

    /// Whether what it allows is another thing now than when this was last asked.
    fn turned(&mut self) -> bool {
        let now = (self.model.phase().as_str(), self.model.archived().is_some());
        std::mem::replace(&mut self.told, now) != now
    }

    fn remember(&mut self, deviation: &Deviation, now: UnixMillis, max: usize) {
        if self.deviations.iter().any(|(_, _, known)| known.fact == deviation.fact) {
            return;
        }
        if self.deviations.len() >= max {
            self.deviations.pop_front();
        }
        if max > 0 {
            self.deviations.push_back((self.next_deviation, now, deviation.clone()));
            self.next_deviation += 1;
        }
    }
}

/// The models of the images that run. Time is an argument.
#[derive(Debug)]
pub struct Models {
    settings: Settings,
    models: BTreeMap<ImageDigest, Kept>,
    containers: HashMap<ContainerId, ImageDigest>,
    /// Of containers whose system calls were compared.
    frames: HashMap<ContainerId, Frame>,
    /// Models that entered another phase, or that somebody changed.
    changed: BTreeSet<ImageDigest>,
    live: KindSet,
    counters: Counters,
}

impl Models {
    /// Without any model. No sensor is taken for live until [`Models::sensors`] says so.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            models: BTreeMap::new(),
            containers: HashMap::new(),
            frames: HashMap::new(),
            changed: BTreeSet::new(),
            live: KindSet::EMPTY,
            counters: Counters::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A container runs, or more is known of it. Twice is the same as once. `read` gives the model that
    /// was kept of an image and is called only if there is none in memory.
    pub fn container_started(
        &mut self,
        container: &ContainerIdentity,
        now: UnixMillis,
        read: impl FnOnce(&ImageDigest) -> Option<Model>,
    ) -> Started {
        let Some(image) = container.image_digest else {
            self.counters.without_digest += 1;
            return Started::NoDigest;
        };
        if self.containers.get(&container.id).is_some_and(|known| *known != image) {
            self.container_stopped(&container.id, now);
        }
        let new = !self.containers.contains_key(&container.id);
        if new && self.containers.len() >= self.settings.max_containers {
            self.counters.without_room += 1;
            return Started::Full;
        }
        if !self.models.contains_key(&image) {
            if self.models.len() >= self.settings.max_models {
                self.counters.without_room += 1;
                return Started::Full;
            }
            let kept = match read(&image).filter(|model| model.image() == image) {
                Some(model) => {
                    let text = model.export();
                    Kept::new(model, Some(digest(&text)), now)
                }
                None => {
                    let learning = self.settings.learning.clone();
                    Kept::new(Model::new(image, shown(&container.image), learning, now), None, now)
                }
            };
            self.models.insert(image, kept);
        }
        self.containers.insert(container.id.clone(), image);
        if let Some(kept) = self.models.get_mut(&image) {
            kept.idle_since = None;
            if kept.model.name().is_empty() && !container.image.is_empty() {
                kept.model.rename(shown(&container.image));
            }
            kept.model.sensors(self.live, now);
            kept.model.container_started(&container.id, now);
        }
        Started::Modelled
    }

    /// A container ended.
    pub fn container_stopped(&mut self, container: &ContainerId, now: UnixMillis) {
        self.frames.remove(container);
        let Some(image) = self.containers.remove(container) else {
            return;
        };
        if let Some(kept) = self.models.get_mut(&image) {
            kept.model.container_stopped(container, now);
            if !kept.model.is_running() {
                kept.idle_since = Some(now);
            }
        }
    }

    /// What sensors see from `now` on.
    pub fn sensors(&mut self, live: KindSet, now: UnixMillis) {
        self.live = live;
        for kept in self.models.values_mut() {
            kept.model.sensors(live, now);
        }
    }

    /// A time in which events were lost.
    pub fn blind(&mut self, blind: &Blind, now: UnixMillis) {
        for kept in self.models.values_mut() {
            kept.model.blind(blind, now);
        }
    }

    /// What the model of the event's container says of it; `None` when it has no model.
    pub fn compare(&mut self, event: &Event, now: UnixMillis) -> Option<Outcome> {
        let container = event.container.as_ref().map(|container| &container.id);
        let image = container.and_then(|container| self.containers.get(container));
        let kept = image.and_then(|image| self.models.get_mut(image))?;
        let outcome = kept.model.observe(event, now);
        if kept.turned() {
            self.changed.insert(kept.model.image());
        }
        match &outcome {
            Outcome::Known => self.counters.known += 1,
            Outcome::Learned(_) => self.counters.learned += 1,
            Outcome::NotComparable(
                palisade_behaviour::NotComparable::NotLearned(_)
                | palisade_behaviour::NotComparable::Bound(_),
            ) => self.counters.not_comparable += 1,
            Outcome::NotComparable(_) => {}
            Outcome::Deviation(deviations) => {
                self.counters.deviations += 1;
                for deviation in deviations {
                    kept.remember(deviation, now, self.settings.max_deviations);
                }
            }
        }
        Some(outcome)
    }

    /// What the model of a container says of three system calls in a row of a program. `None` while it learns,
    /// and where it knows nothing of the program.
    pub fn sequence(
        &mut self,
        container: &ContainerId,
        executable: &str,
        calls: [u16; 3],
        now: UnixMillis,
    ) -> Option<SequenceScore> {
        let image = self.containers.get(container)?;
        let kept = self.models.get_mut(image)?;
        let frame = self.frames.entry(container.clone()).or_default();
        kept.model.sequence(executable, frame, calls, now)
    }

    /// The same, with what of it is to be raised: a finding for each section in which the event departs.
    pub fn judge(&mut self, event: &Event, now: UnixMillis) -> (Option<Outcome>, Vec<Finding>) {
        let outcome = self.compare(event, now);
        let image = event.container.as_ref().and_then(|container| container.image_digest);
        let findings = match (&outcome, image) {
            (Some(outcome), Some(image)) => findings(image, outcome),
            _ => Vec::new(),
        };
        (outcome, findings)
    }

    /// The findings alone.
    pub fn observe(&mut self, event: &Event, now: UnixMillis) -> Vec<Finding> {
        self.judge(event, now).1
    }

    /// What the model of an image allows; `None` when there is none in memory.
    pub fn allowed(&self, image: &ImageDigest, now: UnixMillis) -> Option<Allowed> {
        self.models.get(image).map(|kept| kept.model.allowed(now))
    }

    /// The model of an image.
    pub fn model(&self, image: &ImageDigest) -> Option<&Model> {
        self.models.get(image).map(|kept| &kept.model)
    }

    /// Images whose model entered another phase or was changed by somebody since the last call: what it
    /// allows is to be asked for again.
    pub fn take_changed(&mut self) -> BTreeSet<ImageDigest> {
        std::mem::take(&mut self.changed)
    }

    /// All models in memory, by image.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(|kept| &kept.model)
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Lets time pass. Models whose image did not run for `idle_ms` are archived; they leave memory when
    /// they are written.
    pub fn advance(&mut self, now: UnixMillis) {
        for kept in self.models.values_mut() {
            kept.model.advance(now);
            let idle = kept.idle_since.is_some_and(|since| {
                now.since(since) >= self.settings.idle_ms && kept.model.archived().is_none()
            });
            if idle {
                kept.model.archive(now);
                kept.urgent = true;
            }
            if kept.turned() {
                self.changed.insert(kept.model.image());
            }
        }
    }

    /// Models whose files are behind: those that changed phase, were archived or were changed by
    /// somebody, and, every `save_ms`, those that changed at all. With `all`, every one that changed (at
    /// the end). What came of writing each is to be told by [`Models::written`].
    pub fn to_write(&mut self, all: bool, now: UnixMillis) -> Vec<Snapshot> {
        let mut snapshots = Vec::new();
        for kept in self.models.values_mut() {
            let phase = kept.model.phase().as_str();
            let urgent = std::mem::take(&mut kept.urgent) || phase != kept.phase;
            if !all && !urgent && now.since(kept.saved) < self.settings.save_ms {
                continue;
            }
            kept.phase = phase;
            kept.saved = now;
            let text = kept.model.export();
            let written = Some(digest(&text));
            if kept.written != written {
                kept.written = written;
                let (image, name) = (kept.model.image(), kept.model.name().to_owned());
                snapshots.push(Snapshot { image, name, text });
            }
        }
        snapshots
    }

    /// Whether a model is on disk now. If it is and was archived meanwhile, it leaves memory; if it is
    /// not, it is given out again after `save_ms`.
    pub fn written(&mut self, image: &ImageDigest, done: bool) {
        let Some(kept) = self.models.get_mut(image) else {
            return;
        };
        if !done {
            kept.written = None;
        } else if kept.idle_since.is_some() && kept.model.archived().is_some() {
            self.models.remove(image);
        }
    }

    pub(super) fn kept(&self, image: &ImageDigest) -> Option<&Kept> {
        self.models.get(image)
    }

    /// To be changed by somebody, and written soon.
    pub(super) fn change(&mut self, image: &ImageDigest) -> Option<&mut Kept> {
        let kept = self.models.get_mut(image)?;
        kept.urgent = true;
        self.changed.insert(*image);
        Some(kept)
    }

    /// Puts a model in the place of the one in memory; what runs and what sensors see is told to it.
    pub(super) fn replace(&mut self, mut model: Model, now: UnixMillis) {
        let image = model.image();
        self.changed.insert(image);
        model.sensors(self.live, now);
        for (container, of) in &self.containers {
            if *of == image {
                model.container_started(container, now);
            }
        }
        if let Some(kept) = self.models.get_mut(&image) {
            let deviations = std::mem::take(&mut kept.deviations);
            let (next_deviation, idle_since) = (kept.next_deviation, kept.idle_since);
            *kept = Kept { deviations, next_deviation, idle_since, ..Kept::new(model, None, now) };
        }
    }

    /// Takes a model out of memory, if none of its containers runs. False if one does.
    pub(super) fn let_go(&mut self, image: &ImageDigest) -> bool {
        if self.models.get(image).is_some_and(|kept| kept.model.is_running()) {
            return false;
        }
        self.models.remove(image);
        true
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// An image's name as a model can hold it: without control characters, at most 512 bytes.
fn shown(image: &str) -> String {
    image.chars().filter(|c| !c.is_control()).take(128).collect()
}

/// What of an outcome is worth an incident.
pub fn findings(image: ImageDigest, outcome: &Outcome) -> Vec<Finding> {
    match outcome {
        Outcome::Deviation(deviations) => {
            deviations.iter().map(|deviation| finding(image, deviation)).collect()
        }
        _ => Vec::new(),
    }
}

fn finding(image: ImageDigest, deviation: &Deviation) -> Finding {
    let title = match deviation.section {
        Section::Processes => "A program that its image does not run",
        Section::Files => "A file that its image does not write",
        Section::Listening => "A port that its image does not listen on",
        Section::Outbound => "A connection that its image does not make",
        Section::Names => "A name that its image does not ask for",
        Section::Users => "A user that its image does not use",
    };
    Finding {
        cause: Cause::Deviation { image, section: deviation.section },
        title: title.to_owned(),
        detail: deviation.what.clone(),
        severity: deviation.severity,
        techniques: Vec::new(),
    }
}
