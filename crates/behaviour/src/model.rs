use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, ContainerId, Event, ImageDigest, IncidentSeverity, Kind, KindSet, SequenceScore,
};

use crate::fact::facts;
use crate::learned::{self, Bounds, Learned, Match};
use crate::sequence::{self, Sequences};
use crate::{Bound, Fact, Frame, LearningReason, Phase, Section, Settings, generalise};

/// Something that the image does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// In which section.
    pub section: Section,
    /// What it was, as [`Model::extend`] takes it.
    pub fact: Fact,
    /// How grave. What is low is told once and joins the extended model.
    pub severity: IncidentSeverity,
    /// One line for people.
    pub what: String,
}

/// Why an event says nothing about the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotComparable {
    /// The model is archived.
    Archived,
    /// Models do not hold things of this kind.
    NotModelled,
    /// The act failed or was refused, so that it is no behaviour.
    Failed,
    /// No sensor saw this kind of event while the model learned.
    NotLearned(Kind),
    /// A bound was hit while learning: it may have been seen and left out.
    Bound(Bound),
}

/// What the model says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was new and is known from now on.
    Learned(Vec<Fact>),
    /// It is known.
    Known,
    /// It departs. Never empty.
    Deviation(Vec<Deviation>),
    /// Nothing can be said.
    NotComparable(NotComparable),
}

/// Models that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// They are of different images.
    #[error("the models are of different images")]
    OtherImage,
}

/// Addresses and the names that they were the answer for. Not exported: it is as old as its answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Resolved(BTreeMap<IpAddr, (String, UnixMillis)>);

impl Resolved {
    fn get(&self, address: IpAddr, now: UnixMillis, settings: &Settings) -> Option<String> {
        let (name, time) = self.0.get(&address.to_canonical())?;
        (now.since(*time) <= settings.resolved_ms).then(|| name.clone())
    }

    /// Those that still count at `now`.
    pub(crate) fn fresh(
        &self,
        now: UnixMillis,
        settings: &Settings,
    ) -> impl Iterator<Item = (IpAddr, &str)> {
        let age = settings.resolved_ms;
        let fresh = self.0.iter().filter(move |(_, (_, time))| now.since(*time) <= age);
        fresh.map(|(address, (name, _))| (*address, name.as_str()))
    }

    /// False when there is no room.
    fn insert(
        &mut self,
        address: IpAddr,
        name: &str,
        now: UnixMillis,
        settings: &Settings,
    ) -> bool {
        let address = address.to_canonical();
        if !self.0.contains_key(&address) && self.0.len() >= settings.max_resolved {
            self.0.retain(|_, (_, time)| now.since(*time) <= settings.resolved_ms);
            if self.0.len() >= settings.max_resolved {
                return false;
            }
        }
        self.0.insert(address, (name.to_owned(), now));
        true
    }
}

/// The behaviour model of one image digest. See the crate's documentation.
///
/// Every time passed in should be later than the one before; an earlier one counts as no time passed.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) image: ImageDigest,
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) phase: Phase,
    pub(crate) archived: Option<UnixMillis>,
    pub(crate) running: BTreeSet<ContainerId>,
    pub(crate) last: UnixMillis,
    pub(crate) live: KindSet,
    /// Of this learning period: how long each kind was visible, milliseconds in which a container ran.
    pub(crate) live_ms: BTreeMap<Kind, u64>,
    pub(crate) learned_kinds: KindSet,
    pub(crate) base: Learned,
    pub(crate) extended: Learned,
    pub(crate) sequences: Sequences,
    pub(crate) resolved: Resolved,
    pub(crate) bounds: Bounds,
}

impl Model {
    /// A new model, which learns from `now` on. `name` is the image's name, for people.
    pub fn new(image: ImageDigest, name: String, settings: Settings, now: UnixMillis) -> Self {
        Self {
            image,
            name,
            settings,
            phase: Phase::learning(now, LearningReason::First),
            archived: None,
            running: BTreeSet::new(),
            last: now,
            live: KindSet::EMPTY,
            live_ms: BTreeMap::new(),
            learned_kinds: KindSet::EMPTY,
            base: Learned::default(),
            extended: Learned::default(),
            sequences: Sequences::default(),
            resolved: Resolved::default(),
            bounds: Bounds::new(),
        }
    }

    /// Whose model it is.
    pub fn image(&self) -> ImageDigest {
        self.image
    }

    /// The image's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands, as of the last time given.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Since when it is archived; `None` when it is not.
    pub fn archived(&self) -> Option<UnixMillis> {
        self.archived
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How often each bound was hit since it was made.
    pub fn bounds(&self) -> &BTreeMap<Bound, u64> {
        &self.bounds
    }

    /// Kinds that were visible for long enough in some learning period to be compared.
    pub fn learned_kinds(&self) -> KindSet {
        self.learned_kinds
    }

    /// Kinds that sensors see now and that cannot be compared until somebody has the model relearn.
    pub fn not_learned(&self) -> KindSet {
        match self.phase {
            Phase::Learning { .. } => KindSet::EMPTY,
            _ => self.live.difference(self.learned_kinds),
        }
    }

    /// What the model says of something that a container of its image did.
    pub fn observe(&mut self, event: &Event, now: UnixMillis) -> Outcome {
        self.advance(now);
        if self.archived.is_some() {
            return Outcome::NotComparable(NotComparable::Archived);
        }
        if let Activity::DnsAnswer { name, addresses, .. } = &event.activity {
            self.remember(name, addresses, now);
            return Outcome::NotComparable(NotComparable::NotModelled);
        }
        let resolve = |address| self.resolved.get(address, now, &self.settings);
        let (facts, cut) = facts(event, &self.settings, resolve);
        if cut {
            learned::note(&mut self.bounds, Bound::Text);
        }
        if facts.is_empty() {
            return Outcome::NotComparable(NotComparable::NotModelled);
        }
        // A connection that is refused was still wanted.
        let attempt = matches!(event.activity, Activity::Connect { .. } | Activity::Send { .. });
        if !attempt && !event.succeeded() {
            return Outcome::NotComparable(NotComparable::Failed);
        }
        match self.phase {
            Phase::Learning { .. } => self.learn(facts, now, false),
            // A kind that was not learned cannot be tried either.
            _ if !self.learned_kinds.contains(event.kind()) => {
                Outcome::NotComparable(NotComparable::NotLearned(event.kind()))
            }
            Phase::DryRun { .. } => self.learn(facts, now, true),
            Phase::Active { .. } => self.compare(facts),
        }
    }

    /// Takes three system calls that a thread made in a row, for the secondary score. `frame` is the
    /// container's, and `executable` the path that the thread runs. `None` while learning, and for
    /// executables of which nothing was learned.
    pub fn sequence(
        &mut self,
        executable: &str,
        frame: &mut Frame,
        calls: [u16; 3],
        now: UnixMillis,
    ) -> Option<SequenceScore> {
        self.advance(now);
        if self.archived.is_some() {
            return None;
        }
        let learning = match self.phase {
            Phase::Active { .. } => None,
            _ => Some((self.settings.max_executables, self.settings.max_sequences)),
        };
        let (executable, _) = generalise::executable(executable, &self.settings);
        let gram = sequence::Gram(calls);
        let (score, insertion) = self.sequences.follow(&executable, frame, gram, learning);
        if insertion == sequence::Insertion::Full {
            learned::note(&mut self.bounds, Bound::Sequences);
        }
        score
    }

    /// Takes in what another model of the same image knows, for example that of another host. Where
    /// this one stands does not change, except that learning time adds up. A kind counts as learned
    /// only if both learned it (or one of them has not learned anything yet): what one could not see
    /// is not known of what only it has seen.
    ///
    /// # Errors
    /// [`MergeError::OtherImage`].
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        if self.image != other.image {
            return Err(MergeError::OtherImage);
        }
        self.base.absorb(&other.base, &self.settings, &mut self.bounds);
        self.extended.absorb(&other.extended, &self.settings, &mut self.bounds);
        let (executables, grams) = (self.settings.max_executables, self.settings.max_sequences);
        for (executable, known) in other.sequences.iter() {
            for gram in known {
                let insertion = self.sequences.insert(executable, *gram, executables, grams);
                if insertion == sequence::Insertion::Full {
                    learned::note(&mut self.bounds, Bound::Sequences);
                }
            }
        }
        self.learned_kinds = if self.learned_kinds.is_empty() {
            other.learned_kinds
        } else if other.learned_kinds.is_empty() {
            self.learned_kinds
        } else {
            self.learned_kinds.intersection(other.learned_kinds)
        };
        if let (
            Phase::Learning { container_ms, .. },
            Phase::Learning { container_ms: theirs, .. },
        ) = (&mut self.phase, other.phase)
        {
            *container_ms = container_ms.saturating_add(theirs);
        }
        Ok(())
    }

    fn remember(&mut self, name: &str, addresses: &[IpAddr], now: UnixMillis) {
        let (name, cut) = generalise::name(name, &self.settings);
        if cut {
            learned::note(&mut self.bounds, Bound::Text);
        }
        if name.is_empty() {
            return;
        }
        for address in addresses {
            if !self.resolved.insert(*address, &name, now, &self.settings) {
                learned::note(&mut self.bounds, Bound::Resolved);
            }
        }
    }

    fn learn(&mut self, facts: Vec<Fact>, now: UnixMillis, dry_run: bool) -> Outcome {
        let mut new = Vec::new();
        let mut hit = None;
        for fact in facts {
            match self.known().matches(&fact) {
                // A hash that is learned for a path without one is no change, and is kept.
                Match::Yes => {
                    self.base.learn(&fact, &self.settings, &mut self.bounds);
                }
                _ if self.base.learn(&fact, &self.settings, &mut self.bounds) => new.push(fact),
                Match::Cannot(bound) => hit = hit.or(Some(bound)),
                Match::No => {
                    // There was no room, and now it is stated.
                    if let Match::Cannot(bound) = self.known().matches(&fact) {
                        hit = hit.or(Some(bound));
                    }
                }
            }
        }
        if !new.is_empty() {
            if dry_run {
                self.begin_learning(now, LearningReason::Change);
            }
            return Outcome::Learned(new);
        }
        match hit {
            Some(bound) => Outcome::NotComparable(NotComparable::Bound(bound)),
            None => Outcome::Known,
        }
    }
}

impl fmt::Display for NotComparable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archived => formatter.write_str("the model is archived"),
            Self::NotModelled => formatter.write_str("models do not hold such things"),
            Self::Failed => formatter.write_str("it did not take place"),
            Self::NotLearned(kind) => {
                write!(formatter, "no sensor saw `{kind}` while the model learned")
            }
            Self::Bound(bound) => write!(formatter, "the bound `{bound}` was hit while learning"),
        }
    }
}
