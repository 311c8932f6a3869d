//! One suite for each port, for every implementation of it: embedded or distributed, it must pass.
//!
//! An implementation gives a [`Factory`] and calls the suite in a test. A suite panics on the first
//! law that does not hold, and says which. What an implementation may choose, the suites leave open:
//! whether a second subscription is refused or shares, when a removal takes place, how exact a
//! stored time is.

pub mod clock;
pub mod log;
pub mod objects;
pub mod records;
mod sample;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// Makes instances of a port for a suite.
#[async_trait]
pub trait Factory<P: ?Sized + Send + Sync>: Send + Sync {
    /// An instance without any data.
    async fn fresh(&self) -> Box<dyn Instance<P>>;

    /// How exact stored times are: the suites wait this long where one moment must lie before
    /// another.
    fn time_step(&self) -> Duration {
        Duration::from_millis(20)
    }
}

/// One set of data, and the port to it.
#[async_trait]
pub trait Instance<P: ?Sized + Send + Sync>: Send {
    /// The port. The suites keep no copy over [`Instance::restart`].
    fn port(&self) -> Arc<P>;

    /// As if the process had died and come back: everything in memory is lost.
    async fn restart(&mut self);
}

/// The longest that a suite waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest that a suite waits for something that must not happen.
const SILENCE: Duration = Duration::from_millis(200);

/// What `work` gives, which must end.
async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not end within {PATIENCE:?}"),
    }
}
