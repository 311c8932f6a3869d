//! The object store on S3, or on anything that speaks its protocol.
//!
//! | key | what |
//! |---|---|
//! | `objects/<2 digits>/<sha256>` | an artifact |
//! | `uses/<sha256>` | empty; its time is the artifact's last use, where that is later than its making |
//! | `removals/<sha256>` | empty; somebody is removing the artifact at this moment |
//! | `clock` | empty; written to be told the server's time |
//!
//! S3 has neither a time of last use nor transactions, so removal and use agree by two writes and two
//! reads, as in Dekker's algorithm: who uses an artifact writes `uses/…` and then looks for
//! `removals/…`; who removes it writes `removals/…` and then looks at `uses/…` again. S3 is strongly
//! consistent since December 2020, so at least one of the two sees the other: either the use is told
//! that the artifact is gone, or the removal does not take place.

mod config;
mod failure;
mod keys;
mod objects;
mod removal;
mod writer;

pub use config::{ConfigError, Encryption, S3Config};
pub use objects::S3Objects;

use self::failure::failed;

/// The port, for people.
const WHAT: &str = "the object store";

fn unavailable(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> palisade_ports::PortError {
    palisade_ports::PortError::Unavailable { what: WHAT, source: source.into() }
}
