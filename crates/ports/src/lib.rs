//! The seams: what the stages know of the world.
//!
//! Each trait states its laws in its documentation, and [`conformance`] holds one suite for each,
//! which every implementation runs, embedded or distributed.
//!
//! Invariant: nothing here names Kafka, S3, a database or a concrete engine.

pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod courier;
pub mod engine;
pub mod log;
pub mod objects;
mod ranges;
pub mod records;

pub use clock::Clock;
pub use courier::Courier;
pub use engine::{Analyzer, Engine};
pub use log::Log;
pub use objects::Objects;
pub use records::Records;

/// An error of a port: what kind it is, and the implementation's own words.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Not now; the same call may succeed later (busy, disconnected, full disk that may be freed).
    #[error("{what} is not available")]
    Unavailable {
        /// The port, for people: `the log`, `the object store`.
        what: &'static str,
        /// The implementation's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No space left.
    #[error("no space left in {what}")]
    Full {
        /// The port, for people.
        what: &'static str,
    },
    /// Stored data that cannot be read back.
    #[error("{what} holds data that cannot be read")]
    Corrupt {
        /// The port, for people.
        what: &'static str,
        /// The implementation's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What every port returns.
pub type PortResult<T> = Result<T, PortError>;
