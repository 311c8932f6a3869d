//! What containers did before it was known what image they are of.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{Cause, ContainerId, Event, Process};

/// Events that are kept of one container, at most.
const OF_ONE: usize = 1_024;
/// And of all.
const OF_ALL: usize = 4_096;
/// A runtime that does not tell a container's image within this time does not tell it.
const PATIENCE_MS: u64 = 10_000;

/// An event that no model was asked about, and what was decided without one.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) event: Arc<Event>,
    /// What was raised of it.
    pub(super) raised: Vec<Cause>,
    /// It was refused, or answered: there is nothing more to be done about it.
    pub(super) refused: bool,
}

/// Three system calls in a row, and whose.
pub(super) type Sequence = (Arc<Process>, [u16; 3]);

#[derive(Debug)]
struct Waiting {
    since: UnixMillis,
    seen: Vec<Seen>,
    sequences: Vec<Sequence>,
}

/// A runtime says what a container's image is some milliseconds after the container began to run. What it
/// did until then is kept here, in order, to be learned from and compared once the image is known.
#[derive(Debug, Default)]
pub(super) struct Early {
    waiting: HashMap<ContainerId, Waiting>,
    lost: u64,
}

impl Early {
    /// A container runs, and its image is not known.
    pub(super) fn expect(&mut self, container: &ContainerId, now: UnixMillis) {
        let waiting = Waiting { since: now, seen: Vec::new(), sequences: Vec::new() };
        self.waiting.entry(container.clone()).or_insert(waiting);
    }

    /// Whether its events are to be kept.
    pub(super) fn expects(&self, container: &ContainerId) -> bool {
        !self.waiting.is_empty() && self.waiting.contains_key(container)
    }

    /// Keeps an event of a container that is expected.
    pub(super) fn keep(&mut self, container: &ContainerId, seen: Seen) {
        let held: usize = self.waiting.values().map(|waiting| waiting.seen.len()).sum();
        let Some(waiting) = self.waiting.get_mut(container) else { return };
        if waiting.seen.len() >= OF_ONE || held >= OF_ALL {
            self.lost += 1;
        } else {
            waiting.seen.push(seen);
        }
    }

    /// Keeps a sequence of system calls; what there is no room for informs nobody, and is not counted.
    pub(super) fn keep_sequence(&mut self, container: &ContainerId, sequence: Sequence) {
        if let Some(waiting) = self.waiting.get_mut(container)
            && waiting.sequences.len() < OF_ONE
        {
            waiting.sequences.push(sequence);
        }
    }

    /// Its image is known, or it is over: what it did, the oldest first.
    pub(super) fn take(&mut self, container: &ContainerId) -> (Vec<Seen>, Vec<Sequence>) {
        let waiting = self.waiting.remove(container);
        waiting.map(|waiting| (waiting.seen, waiting.sequences)).unwrap_or_default()
    }

    /// Gives up containers whose image nobody tells.
    pub(super) fn expire(&mut self, now: UnixMillis) {
        self.waiting.retain(|_, waiting| now.since(waiting.since) < PATIENCE_MS);
    }

    /// Events that were not kept for want of room, since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}
