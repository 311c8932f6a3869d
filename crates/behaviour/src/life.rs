//! A model in time: phases, sensors, containers.

use palisade_model::UnixMillis;
use palisade_model::event::{Blind, ContainerId, KindSet};

use crate::model::Resolved;
use crate::{Bound, Fact, LearningReason, Model, Phase, learned};

impl Model {
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

    pub(crate) fn begin_learning(&mut self, now: UnixMillis, reason: LearningReason) {
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
}
