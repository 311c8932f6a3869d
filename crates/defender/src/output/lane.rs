//! What waits in memory for one sink.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Dropped, Item};

/// A numbered item.
pub(super) type Numbered = (u64, Item);

/// A bounded queue from the Defender to a sink's thread. Putting in never waits; what does not fit is
/// counted, and the count stands in the queue where the items would.
pub(super) struct Lane {
    sink: String,
    most: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Numbered>,
    dropped: Option<Dropped>,
    closed: bool,
    gone: bool,
    reopen: bool,
}

/// It did not fit: the sink is slower than what comes.
pub(super) const SLOW: &str = "slow";
/// Nobody reads the sink any more.
pub(super) const GONE: &str = "gone";

/// What the sink's thread is to do.
pub(super) struct Work {
    /// In order; none after a time without any.
    pub(super) items: Vec<Numbered>,
    /// The sink is to open its file anew first.
    pub(super) reopen: bool,
    /// Nothing comes any more.
    pub(super) closed: bool,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    pub(super) fn new(sink: &str, most: usize) -> Self {
        Self { sink: sink.to_owned(), most, state: Mutex::default(), wake: Condvar::new() }
    }

    /// # Errors
    ///
    /// Why it was dropped.
    pub(super) fn push(&self, number: u64, item: &Item) -> Result<(), &'static str> {
        let mut state = lock(&self.state);
        if state.gone {
            return Err(GONE);
        }
        let reserve = if matches!(item, Item::Event(_)) { self.most / 8 } else { 0 };
        if state.closed || state.items.len() + reserve >= self.most {
            let time = item.time();
            let dropped = state.dropped.get_or_insert_with(|| Dropped {
                sink: self.sink.clone(),
                lines: 0,
                from: time,
                until: time,
                reason: SLOW,
            });
            dropped.lines += 1;
            dropped.from = dropped.from.min(time);
            dropped.until = dropped.until.max(time);
            return Err(SLOW);
        }
        state.settle(number);
        state.items.push_back((number, item.clone()));
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// What waits, at most `most` of it; waits so long for something.
    pub(super) fn take(&self, most: usize, wait: Duration) -> Work {
        let state = lock(&self.state);
        let idle = |state: &mut State| {
            state.items.is_empty() && state.dropped.is_none() && !state.closed && !state.reopen
        };
        let (mut state, _) =
            self.wake.wait_timeout_while(state, wait, idle).unwrap_or_else(PoisonError::into_inner);
        if state.items.is_empty() {
            state.settle(0);
        }
        let count = state.items.len().min(most);
        Work {
            items: state.items.drain(..count).collect(),
            reopen: std::mem::take(&mut state.reopen),
            closed: state.closed && state.items.is_empty(),
        }
    }

    /// Waits, and says whether nothing comes any more.
    pub(super) fn is_closed_after(&self, wait: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self.wake.wait_timeout_while(state, wait, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Nothing is wanted any more. Gives how many waited.
    pub(super) fn give_up(&self) -> u64 {
        let mut state = lock(&self.state);
        state.gone = true;
        let waited = state.items.len();
        state.items.clear();
        waited as u64
    }

    pub(super) fn is_gone(&self) -> bool {
        lock(&self.state).gone
    }

    pub(super) fn reopen(&self) {
        lock(&self.state).reopen = true;
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_one();
    }
}

impl State {
    /// Puts the count of what was dropped where it belongs.
    fn settle(&mut self, number: u64) {
        if let Some(dropped) = self.dropped.take() {
            self.items.push_back((number, Item::Dropped(Arc::new(dropped))));
        }
    }
}
