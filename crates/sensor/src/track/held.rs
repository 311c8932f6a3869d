//! Programs that started where some are killed at their start: the kernel side tells the start and the kill
//! as two records, one behind the other on the same processor, and they are one event.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use palisade_model::event::{Effect, Event};

use crate::abi::{Body, Record, flag};
use crate::observation::Observation;

/// Cgroups in which the kernel side kills programs at their start. Shared by who orders it and who reads.
#[derive(Debug, Clone, Default)]
pub struct Guarded(Arc<RwLock<HashSet<u64>>>);

impl Guarded {
    /// It is so, or no more.
    pub fn set(&self, cgroup: u64, guarded: bool) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if guarded {
            all.insert(cgroup);
        } else {
            all.remove(&cgroup);
        }
    }

    pub(super) fn has(&self, cgroup: u64) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&cgroup)
    }
}

#[derive(Debug)]
struct One {
    event: Box<Event>,
    outside: bool,
    /// It was held in this turn already.
    old: bool,
}

/// Starts of programs of which it is not known yet whether they were killed; one of a processor at most.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<One>);

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn hold(&mut self, event: Box<Event>, outside: bool) {
        self.0.push(One { event, outside, old: false });
    }

    /// What the next record says of those that are held: the one that it kills is given as killed, and true
    /// comes back; those after which it comes are given first.
    pub(super) fn before(&mut self, record: &Record, give: &mut dyn FnMut(Observation)) -> bool {
        let header = &record.header;
        let is = |one: &One| one.event.process.key.tgid() == header.tgid;
        if let Body::Killed { rule, .. } = &record.body
            && header.flags & flag::CANARY == 0
            && let Some(at) = self.0.iter().position(is)
        {
            let mut one = self.0.remove(at);
            one.event.effect = Effect::Killed;
            one.give(Some(*rule), give);
            return true;
        }
        // An interrupt's record can come between the two.
        let own = header.flags & flag::NO_TASK == 0;
        let next = |one: &One| is(one) || (own && one.event.source.cpu == header.cpu);
        for one in self.0.extract_if(.., |one| next(one)) {
            one.give(None, give);
        }
        false
    }

    /// The end of a turn: those that were held at the end of the one before were not killed.
    pub(super) fn turn(&mut self, give: &mut dyn FnMut(Observation)) {
        for one in self.0.extract_if(.., |one| std::mem::replace(&mut one.old, true)) {
            one.give(None, give);
        }
    }
}

impl One {
    fn give(self, rule: Option<u32>, give: &mut dyn FnMut(Observation)) {
        let Self { event, outside, .. } = self;
        give(Observation::Event { event, rule, outside, target: None });
    }
}
