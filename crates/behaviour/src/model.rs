use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Blind, ContainerId, Event, ImageDigest, IncidentSeverity, Kind, KindSet,
};

use crate::fact::facts;
use crate::learned::{self, Bounds, Known, Learned, Match, ProcessDeparture};
use crate::sequence::{self, Sequences};
use crate::{
    Bound, Fact, LearningReason, Phase, Remote, Score, Section, Settings, Trace, generalise,
};

/// The link-local address that clouds hand out credentials at, over IPv4 and (AWS) IPv6.
const METADATA: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];

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
    running: BTreeSet<ContainerId>,
    last: UnixMillis,
    live: KindSet,
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

    /// Lets time pass.
    pub fn advance(&mut self, now: UnixMillis) {
        let mut left = now.since(self.last);
        self.last = self.last.max(now);
        if self.archived.is_some() || self.running.is_empty() {
            return;
        }
        loop {
            let step = self.remaining_ms().min(left);
            self.pass(step);
            left -= step;
            if self.remaining_ms() > 0 {
                return;
            }
            self.next_phase(self.last.minus(left));
        }
    }

    /// Running time until the phase ends, milliseconds, with as many containers as run now.
    fn remaining_ms(&self) -> u64 {
        let settings = &self.settings;
        match self.phase {
            Phase::Learning { reason: LearningReason::First, container_ms, running_ms, .. } => {
                let containers = (self.running.len() as u64).max(1);
                let wanted = settings.learning_ms.saturating_sub(container_ms).div_ceil(containers);
                wanted.max(settings.learning_least_ms.saturating_sub(running_ms))
            }
            Phase::Learning { reason: LearningReason::Change, running_ms, .. } => {
                settings.learning_after_change_ms.saturating_sub(running_ms)
            }
            Phase::DryRun { running_ms, .. } => settings.dry_run_ms.saturating_sub(running_ms),
            Phase::Learning { reason: LearningReason::Manual, .. } | Phase::Active { .. } => {
                u64::MAX
            }
        }
    }

    fn pass(&mut self, step: u64) {
        match &mut self.phase {
            Phase::Learning { container_ms, running_ms, .. } => {
                let containers = self.running.len() as u64;
                *container_ms = container_ms.saturating_add(step.saturating_mul(containers));
                *running_ms = running_ms.saturating_add(step);
                for kind in self.live.iter() {
                    let time = self.live_ms.entry(kind).or_default();
                    *time = time.saturating_add(step);
                }
            }
            Phase::DryRun { running_ms, .. } => *running_ms = running_ms.saturating_add(step),
            Phase::Active { .. } => {}
        }
    }

    fn next_phase(&mut self, since: UnixMillis) {
        self.phase = match self.phase {
            Phase::Learning { .. } => {
                self.conclude();
                Phase::DryRun { since, running_ms: 0 }
            }
            Phase::DryRun { .. } | Phase::Active { .. } => Phase::Active { since },
        };
    }

    /// Ends a learning period: what was visible for most of it is learned.
    fn conclude(&mut self) {
        let Phase::Learning { running_ms, .. } = self.phase else {
            return;
        };
        let live_ms = std::mem::take(&mut self.live_ms);
        if running_ms == 0 {
            return;
        }
        let least = u128::from(running_ms) * u128::from(self.settings.coverage_percent.min(100));
        for (kind, time) in live_ms {
            if u128::from(time) * 100 >= least && time > 0 {
                self.learned_kinds.insert(kind);
            }
        }
    }

    fn begin_learning(&mut self, now: UnixMillis, reason: LearningReason) {
        self.phase = Phase::learning(now, reason);
        self.live_ms.clear();
    }

    /// Kinds of events that sensors see from `now` on, for containers of this image.
    pub fn sensors(&mut self, live: KindSet, now: UnixMillis) {
        self.advance(now);
        self.live = live;
    }

    /// A container of the image runs from `now` on. An archived model is in use again.
    pub fn container_started(&mut self, container: &ContainerId, now: UnixMillis) {
        self.advance(now);
        self.archived = None;
        if self.running.contains(container) {
            return;
        }
        if self.running.len() >= self.settings.max_containers {
            learned::note(&mut self.bounds, Bound::Containers);
            return;
        }
        self.running.insert(container.clone());
    }

    /// A container of the image ended.
    pub fn container_stopped(&mut self, container: &ContainerId, now: UnixMillis) {
        self.advance(now);
        self.running.remove(container);
    }

    /// A time in which events were lost: it does not count as learned.
    pub fn blind(&mut self, blind: &Blind, now: UnixMillis) {
        self.advance(now);
        let ours =
            blind.container.as_ref().is_none_or(|container| self.running.contains(container));
        if !ours || !matches!(self.phase, Phase::Learning { .. }) {
            return;
        }
        for kind in blind.kinds.iter() {
            if let Some(time) = self.live_ms.get_mut(&kind) {
                *time = time.saturating_sub(blind.length_ms());
            }
        }
    }

    /// Somebody wants the model to learn more. What it knows stays; it learns until
    /// [`Model::finish_learning`].
    pub fn relearn(&mut self, now: UnixMillis) {
        self.advance(now);
        self.archived = None;
        self.begin_learning(now, LearningReason::Manual);
    }

    /// Ends learning, however long it took, and compares from now on. Somebody says that it is enough,
    /// so there is no dry run.
    pub fn finish_learning(&mut self, now: UnixMillis) {
        self.advance(now);
        if matches!(self.phase, Phase::Learning { .. } | Phase::DryRun { .. }) {
            self.conclude();
            self.phase = Phase::Active { since: now };
        }
    }

    /// Accepts a deviation's fact: it is known from now on. False when it was known already, there is
    /// no room, or it is not sound ([`Fact::is_sound`]).
    pub fn extend(&mut self, fact: &Fact) -> bool {
        fact.is_sound() && self.extended.learn(fact, &self.settings, &mut self.bounds)
    }

    /// Whether a container of the image runs.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Gives it another name, for people.
    pub fn rename(&mut self, name: String) {
        self.name = name;
    }

    /// Puts the model aside: nothing of the image runs any more.
    pub fn archive(&mut self, now: UnixMillis) {
        self.advance(now);
        self.archived = self.archived.or(Some(now));
        self.running.clear();
        self.resolved = Resolved::default();
    }

    /// Whether it was archived for so long that it may be dropped.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.archived.is_some_and(|since| now.since(since) >= self.settings.archived_ms)
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

    /// Follows a system call of one thread for the secondary score; `trace` is that thread's, and
    /// `executable` the path that it runs. `None` while learning, for the first calls, and for
    /// executables of which nothing was learned.
    pub fn system_call(
        &mut self,
        executable: &str,
        trace: &mut Trace,
        call: u16,
        now: UnixMillis,
    ) -> Option<Score> {
        self.advance(now);
        if self.archived.is_some() {
            return None;
        }
        let learning = match self.phase {
            Phase::Active { .. } => None,
            _ => Some((self.settings.max_executables, self.settings.max_sequences)),
        };
        let (executable, _) = generalise::executable(executable, &self.settings);
        let (score, insertion) = self.sequences.follow(&executable, trace, call, learning);
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

    fn known(&self) -> Known<'_> {
        Known { base: &self.base, extended: &self.extended }
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

    fn compare(&mut self, facts: Vec<Fact>) -> Outcome {
        let mut deviations = Vec::new();
        let mut hit = None;
        for fact in facts {
            match self.known().matches(&fact) {
                Match::Yes => {}
                Match::Cannot(bound) => hit = hit.or(Some(bound)),
                Match::No => {
                    let (severity, why) = self.weigh(&fact);
                    if severity <= IncidentSeverity::Low {
                        self.extended.learn(&fact, &self.settings, &mut self.bounds);
                    }
                    let section = fact.section();
                    let what = format!("{fact}: {why}");
                    deviations.push(Deviation { section, fact, severity, what });
                }
            }
        }
        match hit {
            _ if !deviations.is_empty() => Outcome::Deviation(deviations),
            Some(bound) => Outcome::NotComparable(NotComparable::Bound(bound)),
            None => Outcome::Known,
        }
    }

    /// How grave an unknown fact is, and why.
    fn weigh(&self, fact: &Fact) -> (IncidentSeverity, &'static str) {
        use IncidentSeverity::{High, Low, Medium};
        let known = self.known();
        match fact {
            Fact::Process { fileless: true, .. } => (High, "a program without a file"),
            Fact::Process { path, hash, parent, .. } => {
                match known.process_departure(path, hash.as_ref(), parent) {
                    Some(ProcessDeparture::Hash) => {
                        (High, "its bytes are not those that were learned")
                    }
                    // The runtime, a health check, somebody's `exec`: a program of the image, started
                    // by whoever may do anything with the container anyway.
                    Some(ProcessDeparture::Parent) if parent.is_empty() => {
                        (Low, "a known program, started from outside for the first time")
                    }
                    Some(ProcessDeparture::Parent) => {
                        (Medium, "a known program, but not started by that one")
                    }
                    _ => (High, "the image does not run it"),
                }
            }
            Fact::File { path, .. } => {
                let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                let starts = |list: &[String]| list.iter().any(|prefix| path.starts_with(prefix));
                if starts(&self.settings.protected) {
                    (High, "the image does not change its own files there")
                } else if starts(&self.settings.temporary) {
                    (Low, "a temporary file that is new")
                } else if known.writes_in(directory) {
                    (Low, "other files of that directory are known")
                } else {
                    (Medium, "the image does not write there")
                }
            }
            Fact::Listening(port) if port.number.is_none() => {
                (Low, "the image does not listen on ports that the kernel hands out")
            }
            Fact::Listening(_) => (High, "the image does not listen there"),
            Fact::Outbound(port, Remote::Address(address) | Remote::Name(address, _)) => {
                let metadata =
                    METADATA.iter().any(|text| text.parse::<IpAddr>().ok() == Some(*address));
                if metadata {
                    (High, "the image does not ask the cloud's metadata service")
                } else if known.reaches(port) && learned::is_private(*address) {
                    (Low, "the port is known, and the address is of a private network")
                } else if known.reaches(port) {
                    (Medium, "the port is known, the address is not")
                } else {
                    (Medium, "the image does not connect to that port")
                }
            }
            Fact::Name(name) if known.knows_sibling(name) => {
                (Low, "other names of that domain are known")
            }
            Fact::Name(_) => (Medium, "the image does not ask for it"),
            Fact::User(0) => (High, "the image does not run programs as root"),
            Fact::User(_) => (Medium, "the image does not run programs as that user"),
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
