use palisade_ports::PortError;
use tokio_postgres::error::{Error, SqlState};

use crate::WHAT;

/// Words of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Words(pub(crate) String);

pub(crate) fn unavailable(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> PortError {
    PortError::Unavailable { what: WHAT, source: source.into() }
}

pub(crate) fn corrupt(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::Corrupt { what: WHAT, source: source.into() }
}

/// What PostgreSQL says, as the port says it.
pub(crate) fn failed(error: Error) -> PortError {
    match error.code() {
        Some(&SqlState::DISK_FULL) => PortError::Full { what: WHAT },
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => corrupt(error),
        _ => unavailable(error),
    }
}
