//! What the agent tells of itself: losses and metrics.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use palisade_model::UnixMillis;
use palisade_model::event::{Blind, BlindCause, ContainerId, Kind};

use super::Agent;

impl Agent {
    /// What was lost since the last tick, as blind intervals by container and cause.
    pub(super) fn losses(&self) -> Vec<Blind> {
        type Spans = HashMap<
            (Option<ContainerId>, BlindCause),
            (UnixMillis, UnixMillis, std::collections::BTreeMap<Kind, u64>),
        >;
        let mut spans: Spans = HashMap::new();
        let registry = self.core.registry();
        let mut add = |cgroup: u64, cause, kind, count, from: UnixMillis, until: UnixMillis| {
            let container = registry.by_cgroup(cgroup).map(|one| one.id.clone());
            let fresh = (from, until, Default::default());
            let (first, last, lost) = spans.entry((container, cause)).or_insert(fresh);
            *first = (*first).min(from);
            *last = (*last).max(until);
            *lost.entry(kind).or_default() += count;
        };
        let boot = palisade_sensor::track::boot_time();
        let wall = |ns: u64| UnixMillis(boot.saturating_add(ns / 1_000_000));
        let sensor = self.hands.sensor.as_ref();
        for loss in sensor.and_then(|sensor| sensor.take_losses().ok()).unwrap_or_default() {
            let kind = u8::try_from(loss.kind).ok().and_then(Kind::from_number);
            let cause = match loss.reason {
                2 => BlindCause::RateLimited,
                4 => BlindCause::Unreadable,
                _ => BlindCause::BufferFull,
            };
            let Some(kind) = kind else {
                self.watching.lost.cgroups.fetch_add(loss.count, Ordering::Relaxed);
                continue;
            };
            add(loss.cgroup, cause, kind, loss.count, wall(loss.first_ns), wall(loss.last_ns));
        }
        for ((cgroup, kind), span) in self.watching.lost.take() {
            add(cgroup, BlindCause::QueueFull, kind, span.count, span.from, span.until);
        }
        spans
            .into_iter()
            .map(|((container, cause), (from, until, lost))| {
                Blind::counted(from, until, cause, container, lost)
            })
            .collect()
    }

    pub(super) fn expose(&mut self) {
        let as_i64 = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let running = self.core.registry().running().count();
        self.metrics.containers.set(as_i64(running));
        let counts = *self.watching.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.metrics.processes.set(as_i64(counts.track.processes));
        let steps = i64::try_from(self.core.runtime_steps()).unwrap_or(i64::MAX);
        self.metrics.runtime_steps.set(steps);
        let mut phases = std::collections::BTreeMap::from([
            ("learning", 0),
            ("dry-run", 0),
            ("active", 0),
            ("archived", 0),
        ]);
        for model in self.core.keeper().models().iter() {
            let phase = match model.archived() {
                Some(_) => "archived",
                None => model.phase().as_str(),
            };
            *phases.entry(phase).or_default() += 1;
        }
        for (phase, count) in phases {
            self.metrics.models(phase, count);
        }
        let registry = self.core.registry().counters();
        for (reason, count) in [
            ("damaged-records", counts.damaged + counts.track.damaged),
            ("missing-records", counts.missing),
            ("processes-unplaced", counts.track.unplaced),
            ("processes-shortened", counts.track.shortened),
            ("connector-overruns", self.watching.overruns.load(Ordering::Relaxed)),
            ("cgroup-changes", self.watching.lost.cgroups.load(Ordering::Relaxed)),
            ("audit-entries", self.hands.audit.failed),
            ("containers-refused", registry.containers_refused),
            ("cgroups-refused", registry.cgroups_refused),
            ("early-events", self.core.early_lost()),
        ] {
            self.metrics.trouble(reason, count);
        }
    }
}
