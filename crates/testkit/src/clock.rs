//! A clock in the test's hand.

use async_trait::async_trait;
use palisade_model::UnixMillis;
use palisade_ports::Clock;
use tokio::sync::watch;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    time: watch::Sender<u64>,
}

impl ManualClock {
    /// A clock that stands at `time`.
    pub fn new(time: UnixMillis) -> Self {
        Self { time: watch::Sender::new(time.0) }
    }

    /// Moves it forward. Whoever sleeps until the new time or earlier wakes.
    pub fn advance(&self, milliseconds: u64) {
        self.time.send_modify(|time| *time = time.saturating_add(milliseconds));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(*self.time.borrow())
    }

    async fn sleep_until(&self, time: UnixMillis) {
        let mut changes = self.time.subscribe();
        // The sender lives as long as `self`, so this ends only when the time has come.
        let _ = changes.wait_for(|now| *now >= time.0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_their_time_comes_and_not_before() {
        let clock = std::sync::Arc::new(ManualClock::new(UnixMillis(100)));
        clock.sleep_until(UnixMillis(100)).await;
        let sleeper = {
            let clock = std::sync::Arc::clone(&clock);
            tokio::spawn(async move { clock.sleep(50).await })
        };
        tokio::task::yield_now().await;
        clock.advance(49);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(1);
        assert!(sleeper.await.is_ok());
        assert_eq!(clock.now(), UnixMillis(150));
    }
}
