//! The system's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use palisade_model::UnixMillis;
use palisade_ports::Clock;

/// The latest time that any clock of this process has told: one for all of them, so that two
/// instances never disagree.
static LATEST: AtomicU64 = AtomicU64::new(0);

/// The longest that one sleep trusts the monotonic clock before it looks at the wall clock again:
/// after a suspended machine wakes, or its time is set forward, a deadline is noticed this late at
/// worst.
const SLICE_MS: u64 = 10_000;

/// Wall-clock time that never goes back within this process: when the machine's time is set back,
/// it stands still until that has caught up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The time, without the trait.
    pub fn time() -> UnixMillis {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let wall = u64::try_from(wall).unwrap_or(u64::MAX);
        UnixMillis(LATEST.fetch_max(wall, Ordering::Relaxed).max(wall))
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        Self::time()
    }

    async fn sleep_until(&self, time: UnixMillis) {
        loop {
            let left = time.since(self.now());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left.min(SLICE_MS))).await;
        }
    }
}
