use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::lock;
use palisade_ports::log::Ranges;

/// Groups whose name starts like this read what comes while they listen, and are forgotten when
/// they go: they have no mark in the database, and nothing is kept for them.
const EPHEMERAL: &str = "tail.";

/// What one group has acknowledged of one topic.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// Whether the mark has moved since it was last written.
    dirty: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Everything below is acknowledged.
    mark: u64,
    /// What is acknowledged above the mark.
    done: Ranges,
    /// The mark in the database.
    persisted: Option<u64>,
    /// Whom to wake, while somebody is subscribed.
    listener: Option<Arc<Notify>>,
}

/// What all groups that keep a mark are done with, at one moment.
#[derive(Debug)]
pub(super) struct Done(Vec<(u64, Ranges)>);

impl Done {
    pub(super) fn by<'a>(groups: impl Iterator<Item = &'a Arc<Group>>) -> Self {
        Self(groups.filter(|group| !group.is_ephemeral()).map(|group| group.done()).collect())
    }

    /// Whether nobody needs this record. Where nobody keeps a mark, somebody may come.
    pub(super) fn has(&self, offset: u64) -> bool {
        let done = |(mark, ranges): &(u64, Ranges)| offset < *mark || ranges.contains(offset);
        !self.0.is_empty() && self.0.iter().all(done)
    }

    #[cfg(test)]
    pub(super) fn of(groups: impl IntoIterator<Item = (u64, Vec<u64>)>) -> Self {
        let group = |(mark, offsets): (u64, Vec<u64>)| {
            let mut ranges = Ranges::default();
            offsets.into_iter().for_each(|offset| {
                ranges.insert(offset);
            });
            (mark, ranges)
        };
        Self(groups.into_iter().map(group).collect())
    }
}

impl Group {
    /// A group that starts at `mark`, which may stand in the database already.
    pub(super) fn new(name: &str, mark: u64, persisted: bool) -> Self {
        let state = State {
            mark,
            done: Ranges::default(),
            persisted: persisted.then_some(mark),
            listener: None,
        };
        Self { name: name.to_owned(), dirty: AtomicBool::new(false), state: Mutex::new(state) }
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.name.starts_with(EPHEMERAL)
    }

    /// Takes the one place of a subscriber. False when it is taken.
    pub(super) fn join(&self, listener: &Arc<Notify>) -> bool {
        let mut state = lock(&self.state);
        let free = state.listener.is_none();
        if free {
            state.listener = Some(Arc::clone(listener));
        }
        free
    }

    pub(super) fn leave(&self) {
        lock(&self.state).listener = None;
    }

    pub(super) fn wake(&self) {
        if let Some(listener) = &lock(&self.state).listener {
            listener.notify_one();
        }
    }

    /// Marks an offset as done with. True when the mark moved and nobody was going to write it yet.
    pub(super) fn acknowledge(&self, offset: u64) -> bool {
        let mut state = lock(&self.state);
        if offset < state.mark || !state.done.insert(offset) {
            return false;
        }
        let before = state.mark;
        state.mark = state.done.advance(before);
        let moved = state.mark > before;
        moved && !self.is_ephemeral() && !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// Moves the mark over records that are gone.
    pub(super) fn skip_to(&self, floor: u64) {
        let mut state = lock(&self.state);
        if floor > state.mark {
            state.mark = state.done.advance(floor);
        }
    }

    /// The mark, to be written now: a move from here on is a new one.
    pub(super) fn take_mark(&self) -> u64 {
        self.dirty.store(false, Ordering::Release);
        lock(&self.state).mark
    }

    /// The mark was written, or not.
    pub(super) fn written(&self, mark: u64) {
        let mut state = lock(&self.state);
        state.persisted = state.persisted.max(Some(mark));
    }

    pub(super) fn is_written(&self) -> bool {
        lock(&self.state).persisted.is_some()
    }

    /// Where a new subscriber starts.
    pub(super) fn mark(&self) -> u64 {
        lock(&self.state).mark
    }

    /// What it is done with at this moment.
    fn done(&self) -> (u64, Ranges) {
        let state = lock(&self.state);
        (state.mark, state.done.clone())
    }

    /// What the group would come back to after a crash: below, nothing is needed.
    pub(super) fn kept_from(&self) -> u64 {
        let state = lock(&self.state);
        state.persisted.unwrap_or(state.mark)
    }

    pub(super) fn is_done(&self, offset: u64) -> bool {
        let state = lock(&self.state);
        offset < state.mark || state.done.contains(offset)
    }

    /// Records up to `head` that are not acknowledged.
    pub(super) fn backlog(&self, head: u64) -> u64 {
        let state = lock(&self.state);
        head.saturating_sub(state.mark).saturating_sub(state.done.count())
    }
}
