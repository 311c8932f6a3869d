//! The agent: everything wired together, in the order in which it has to start.
//!
//! ```text
//! thread `eyes`     sensor ─► batches ─┐
//! tokio (1 thread)  discovery, sinks, metrics, submissions
//! thread `gate`     programs that wait for an answer
//! thread `hashes`   digests
//! main thread       decider ([`core::Core`]) ─► orders ─► hands
//! ```

mod alive;
mod audit;
pub mod canary;
mod check;
mod config;
mod control;
pub mod core;
mod early;
mod eyes;
mod gate;
mod hands;
mod marks;
mod processors;
mod run;
mod sources;

use palisade_model::UnixMillis;

pub use check::{CheckError, Report, check};
pub use config::{CanarySettings, Config, ConfigError, HashSettings, SensorSettings};
pub use control::{CommandFailed, command};
pub use run::{Agent, AgentError, Signals};
pub use sources::{PolicyError, SourceError, detector, policy};

/// Now, by the wall clock.
pub(crate) fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMillis(
        since.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default(),
    )
}
