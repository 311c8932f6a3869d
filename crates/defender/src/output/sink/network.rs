//! A sink in the network: one thread puts lines into its queue on disk, another sends them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_model::UnixMillis;

use super::Backoff;
use super::syslog::{Line, Sent};
use crate::metrics::Metrics;
use crate::output::formatter::Formatter;
use crate::output::lane::{Lane, lock};
use crate::output::queue::{Queue, Waiting};
use crate::output::{Dropped, Item, now};

/// Items taken at once.
const TAKE: usize = 256;

/// Between two looks at a queue that may have space again.
const TICK: Duration = Duration::from_secs(1);

/// What both threads hold.
pub(in crate::output) struct Shared {
    name: String,
    queue: Mutex<State>,
    wake: Condvar,
    metrics: Arc<Metrics>,
    numbers: Arc<AtomicU64>,
}

struct State {
    queue: Queue,
    /// Nothing comes any more.
    closed: bool,
    /// The sender is to end after the message that it is at.
    stop: bool,
}

impl Shared {
    pub(in crate::output) fn new(
        name: &str,
        queue: Queue,
        metrics: Arc<Metrics>,
        numbers: Arc<AtomicU64>,
    ) -> Self {
        let state = State { queue, closed: false, stop: false };
        Self {
            name: name.to_owned(),
            queue: Mutex::new(state),
            wake: Condvar::new(),
            metrics,
            numbers,
        }
    }

    /// Ends the sender. What is on disk is sent after the next start.
    pub(in crate::output) fn stop(&self) {
        lock(&self.queue).stop = true;
        self.wake.notify_all();
    }

    fn count(&self, queue: &mut Queue) {
        let losses = queue.take_losses();
        self.metrics.sink_dropped(&self.name, "full", losses.full);
        self.metrics.sink_dropped(&self.name, "no-space", losses.no_space);
        self.metrics.sink_damaged(&self.name, losses.damaged_bytes);
        self.metrics.sink_queue(&self.name, queue.bytes());
    }

    /// The next message, once there is one; `None` at the end.
    fn next(&self) -> Option<Waiting> {
        let mut state = lock(&self.queue);
        loop {
            if state.stop {
                return None;
            }
            match state.queue.peek() {
                Ok(Some(waiting)) => return Some(waiting),
                Ok(None) if state.closed => return None,
                Ok(None) => {}
                Err(error) => {
                    self.metrics.sink_failed(&self.name);
                    tracing::warn!(sink = self.name, %error, "a sink's queue cannot be read");
                }
            }
            let waited = self.wake.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits, and says whether to go on.
    fn pause(&self, wait: Duration) -> bool {
        let state = lock(&self.queue);
        let waited = self.wake.wait_timeout_while(state, wait, |state| !state.stop);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}

/// Puts what comes into the queue, until the lane is closed and empty.
pub(in crate::output) fn spool(lane: &Lane, shared: &Shared, mut formatter: Formatter) {
    loop {
        let work = lane.take(TAKE, TICK);
        let lines: Vec<_> =
            work.items.iter().map(|(number, item)| formatter.bytes(item, *number)).collect();
        let mut state = lock(&shared.queue);
        let (moment, failing) = (Instant::now(), state.queue.is_failing());
        for line in lines {
            state.queue.push(line, moment);
        }
        state.queue.settle(moment);
        if state.queue.is_failing() != failing {
            if failing {
                tracing::info!(sink = shared.name, "a sink's queue is on disk again");
            } else {
                tracing::warn!(
                    sink = shared.name,
                    "a sink's queue cannot be written: kept in memory"
                );
            }
        }
        shared.count(&mut state.queue);
        state.closed = work.closed;
        drop(state);
        shared.wake.notify_all();
        if work.closed {
            return;
        }
    }
}

/// Sends what is in the queue, in order, each until it is taken.
pub(in crate::output) fn deliver(shared: &Shared, mut formatter: Formatter, mut line: Line) {
    let mut last = now();
    while let Some(waiting) = shared.next() {
        if waiting.gap > 0 {
            let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
            let dropped = dropped(&shared.name, waiting.gap, last);
            if !send(shared, &mut line, &formatter.bytes(&dropped, number)) {
                break;
            }
        }
        if !send(shared, &mut line, &waiting.payload) {
            break;
        }
        last = now();
        lock(&shared.queue).queue.done(waiting.number);
    }
    let mut state = lock(&shared.queue);
    if let Err(error) = state.queue.remember() {
        tracing::warn!(sink = shared.name, %error, "what was delivered cannot be written down");
    }
    shared.count(&mut state.queue);
}

fn dropped(sink: &str, lines: u64, from: UnixMillis) -> Item {
    let sink = sink.to_owned();
    Item::Dropped(Arc::new(Dropped { sink, lines, from, until: now(), reason: "gap" }))
}

/// False when it is to end.
fn send(shared: &Shared, line: &mut Line, message: &[u8]) -> bool {
    let mut backoff = Backoff::default();
    loop {
        match line.send(message) {
            Ok(Sent::Yes) => {
                shared.metrics.sink_lines(&shared.name, 1);
                return true;
            }
            Ok(Sent::TooLong) => {
                shared.metrics.sink_dropped(&shared.name, "too-long", 1);
                return true;
            }
            Err(error) => {
                shared.metrics.sink_failed(&shared.name);
                tracing::debug!(sink = shared.name, %error, "a message was not taken");
                if !shared.pause(backoff.next()) {
                    return false;
                }
            }
        }
    }
}
