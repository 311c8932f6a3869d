//! The system's clock.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use palisade_model::UnixMillis;
use palisade_ports::Clock;

/// The latest time that any clock of this process has told: one for all of them, so that two
/// instances never disagree.
static LATEST: AtomicU64 = AtomicU64::new(0);

/// Milliseconds that this machine's clock is behind the one that all processes of an installation go by.
static BEHIND: AtomicI64 = AtomicI64::new(0);

/// The longest that one sleep trusts the monotonic clock before it looks at the wall clock again:
/// after a suspended machine wakes, or its time is set forward, a deadline is noticed this late at
/// worst.
const SLICE_MS: u64 = 10_000;

/// Wall-clock time that never goes back within this process: when the machine's time is set back,
/// it stands still until that has caught up.
///
/// Where several processes share their work, deadlines made by one are looked at by another, so all go
/// by one clock ([`SystemClock::set_behind`]).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The time, without the trait.
    pub fn time() -> UnixMillis {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let wall = u64::try_from(wall).unwrap_or(u64::MAX);
        let wall = wall.saturating_add_signed(BEHIND.load(Ordering::Relaxed));
        UnixMillis(LATEST.fetch_max(wall, Ordering::Relaxed).max(wall))
    }

    /// Sets how many milliseconds this machine's clock is behind the common one; negative when it is
    /// before it. Time still never goes back.
    pub fn set_behind(milliseconds: i64) {
        BEHIND.store(milliseconds, Ordering::Relaxed);
    }

    /// What was set last.
    pub fn behind() -> i64 {
        BEHIND.load(Ordering::Relaxed)
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
