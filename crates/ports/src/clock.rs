//! Time, as the stages see it.

use async_trait::async_trait;
use palisade_model::UnixMillis;

/// Tells the time and waits.
///
/// Laws:
/// - `now` never goes back by itself within one process.
/// - `sleep_until(t)` returns at once when `t <= now()`, and once it has returned, `now() >= t`.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> UnixMillis;

    /// Waits until `time`. Cancel-safe.
    async fn sleep_until(&self, time: UnixMillis);

    /// Waits for `milliseconds`.
    async fn sleep(&self, milliseconds: u64) {
        self.sleep_until(self.now().plus(milliseconds)).await;
    }
}
