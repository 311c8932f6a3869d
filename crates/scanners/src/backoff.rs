//! When to try a scanner again that could not be reached.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After the first failure; doubled with each further one.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait. A scan asks for a scanner for three seconds (the pipeline's patience): it should
/// get a try in that time.
const LONGEST: Duration = Duration::from_secs(2);

/// Spaces out the tries of all scans together.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// How long to wait before the next try.
    pub(crate) fn wait(&self) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = state.not_before.map(|time| time.saturating_duration_since(Instant::now()));
        until.unwrap_or_default()
    }

    /// It was reached.
    pub(crate) fn success(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It was not reached.
    pub(crate) fn failure(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = FIRST.saturating_mul(1 << state.failures.min(16)).min(LONGEST);
        state.failures = state.failures.saturating_add(1);
        state.not_before = Some(Instant::now() + delay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_and_is_bounded_and_forgets() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(), Duration::ZERO);
        backoff.failure();
        assert!(backoff.wait() <= FIRST);
        for _ in 0..100 {
            backoff.failure();
        }
        assert!(backoff.wait() > LONGEST / 2 && backoff.wait() <= LONGEST);
        backoff.success();
        assert_eq!(backoff.wait(), Duration::ZERO);
    }
}
