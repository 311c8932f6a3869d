//! Acts that BPF-LSM refused. The end of their call is told too, where that call's failures are, and by a record
//! that says more: names, addresses, whom it was aimed at. Both are one event.

use palisade_model::event::{Effect, Event, Kind};

use crate::observation::Observation;

/// Refusals that wait at most; those beyond are given at once.
const MOST: usize = 1_024;

/// EPERM: what every refusal of ours fails with.
const EPERM: u16 = 1;

/// A refusal of which the call's end was not seen yet.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) event: Box<Event>,
    pub(super) rule: Option<u32>,
    pub(super) outside: bool,
    pub(super) target: Option<u64>,
}

impl Refusal {
    fn give(self, give: &mut dyn FnMut(Observation)) {
        let Self { event, rule, outside, target } = self;
        give(Observation::Event { event, rule, outside, target });
    }

    /// Whether an event is the end of the call that was refused.
    fn is_of(&self, event: &Event) -> bool {
        let kinds = (self.event.kind(), event.kind());
        // Writing to another's memory is asked about as tracing is.
        let same = kinds.0 == kinds.1 || kinds == (Kind::Ptrace, Kind::Memory);
        same && self.event.thread == event.thread
    }
}

/// Those that wait, each with whether it did so at the end of the turn before.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<(Refusal, bool)>);

impl Refusals {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn hold(&mut self, refusal: Refusal, give: &mut dyn FnMut(Observation)) {
        if self.0.len() < MOST {
            self.0.push((refusal, false));
        } else {
            refusal.give(give);
        }
    }

    /// An event that tells how a call ended: where that call was refused, it is the refusal, and the rule's
    /// number comes back.
    pub(super) fn merge(&mut self, event: &mut Event) -> Option<u32> {
        if event.error != EPERM || event.effect != Effect::Seen {
            return None;
        }
        let at = self.0.iter().position(|(refusal, _)| refusal.is_of(event))?;
        let (refusal, _) = self.0.remove(at);
        event.effect = Effect::Refused;
        event.source.rung = refusal.event.source.rung;
        refusal.rule
    }

    /// The end of a turn: what waited at the end of the one before is told as it is.
    pub(super) fn turn(&mut self, give: &mut dyn FnMut(Observation)) {
        for (refusal, _) in self.0.extract_if(.., |(_, old)| std::mem::replace(old, true)) {
            refusal.give(give);
        }
    }
}
