//! What the last poll of a scanner left: its definitions and how it is.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use palisade_model::{Definitions, UnixMillis};
use palisade_ports::engine::Health;
use palisade_ports::records::EngineState;

use crate::text;

/// Polls in a row without an answer in time after which a scanner counts as down: it may be busy, or
/// be reloading its definitions.
const PATIENT_POLLS: u32 = 3;

/// Why a poll got nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PollError {
    /// Nobody is there.
    Absent(String),
    /// Somebody is there, and does not answer in time.
    Slow(String),
}

#[derive(Debug)]
struct State {
    definitions: Definitions,
    state: EngineState,
    detail: String,
    note: String,
    slow: u32,
}

/// Shared between the poller and the scans.
#[derive(Debug)]
pub(crate) struct Status(RwLock<State>);

impl Status {
    /// Down until the first poll.
    pub(crate) fn new() -> Self {
        Self(RwLock::new(State {
            definitions: Definitions { version: "unknown".to_owned(), time: UnixMillis(0) },
            state: EngineState::Down,
            detail: "it was not asked yet".to_owned(),
            note: String::new(),
            slow: 0,
        }))
    }

    pub(crate) fn definitions(&self) -> Definitions {
        self.0.read().unwrap_or_else(PoisonError::into_inner).definitions.clone()
    }

    pub(crate) fn health(&self, workers: u32) -> Health {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let workers = if state.state == EngineState::Down { 0 } else { workers };
        let parts = [state.detail.as_str(), state.note.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Health { state: state.state, detail: parts.join("; "), workers }
    }

    /// Something to show beside its state, whatever that is.
    pub(crate) fn note(&self, note: &str) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.note = text::line(note, text::LINE_BYTES);
    }

    /// Definitions that an answer came with.
    pub(crate) fn seen(&self, definitions: &Definitions) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.definitions != *definitions {
            state.definitions = definitions.clone();
        }
    }

    /// The scanner answered. `detail` says what is wrong all the same; empty when nothing is.
    pub(crate) fn answered(&self, definitions: Definitions, detail: &str) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.definitions = definitions;
        state.state = if detail.is_empty() { EngineState::Up } else { EngineState::Degraded };
        state.detail = text::line(detail, text::LINE_BYTES);
        state.slow = 0;
    }

    /// It did not.
    pub(crate) fn failed(&self, error: &PollError) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (next, detail) = match error {
            PollError::Absent(detail) => (EngineState::Down, detail),
            PollError::Slow(detail) => {
                state.slow = state.slow.saturating_add(1);
                let down = state.slow >= PATIENT_POLLS || state.state == EngineState::Down;
                (if down { EngineState::Down } else { EngineState::Degraded }, detail)
            }
        };
        state.state = next;
        state.detail = text::line(detail, text::LINE_BYTES);
    }
}

/// Runs `poll` now and then every `interval`, until nobody else holds `engine`.
pub(crate) fn poll_every<T, F, P>(engine: &Arc<T>, interval: Duration, poll: P)
where
    T: Send + Sync + 'static,
    F: Future<Output = ()> + Send,
    P: Fn(Arc<T>) -> F + Send + 'static,
{
    let weak: Weak<T> = Arc::downgrade(engine);
    tokio::spawn(async move {
        while let Some(engine) = weak.upgrade() {
            poll(engine).await;
            tokio::time::sleep(interval).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(version: &str) -> Definitions {
        Definitions { version: version.to_owned(), time: UnixMillis(1) }
    }

    #[test]
    fn a_slow_scanner_is_degraded_before_it_is_down() {
        let status = Status::new();
        assert_eq!(status.health(2).state, EngineState::Down);
        status.answered(definitions("1"), "");
        assert_eq!(status.health(2).state, EngineState::Up);
        let slow = PollError::Slow("no answer in 1 s".to_owned());
        status.failed(&slow);
        assert_eq!(status.health(2).state, EngineState::Degraded);
        status.failed(&slow);
        status.failed(&slow);
        assert_eq!(
            status.health(2),
            Health { state: EngineState::Down, detail: "no answer in 1 s".to_owned(), workers: 0 }
        );
        // What it last knew stays said.
        assert_eq!(status.definitions(), definitions("1"));
        status.answered(definitions("2"), "");
        status.failed(&PollError::Absent("refused".to_owned()));
        assert_eq!(status.health(2).state, EngineState::Down);
    }
}
