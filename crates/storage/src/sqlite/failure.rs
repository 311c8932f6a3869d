use palisade_ports::PortError;
use rusqlite::{Error, ErrorCode, ffi};

/// Why a job or a read failed. It can be cloned, because one failed commit is the answer to many.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// No space left.
    Full,
    /// Not now.
    Unavailable(Words),
    /// Stored data that cannot be read back.
    Corrupt(Words),
}

/// SQLite's words, or ours.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Words(String);

impl Failure {
    pub(crate) fn unavailable(words: impl ToString) -> Self {
        Self::Unavailable(Words(words.to_string()))
    }

    pub(crate) fn corrupt(words: impl ToString) -> Self {
        Self::Corrupt(Words(words.to_string()))
    }

    /// As a port says it; `what` is the port, for people.
    pub(crate) fn into_port(self, what: &'static str) -> PortError {
        match self {
            Self::Full => PortError::Full { what },
            Self::Unavailable(words) => PortError::Unavailable { what, source: Box::new(words) },
            Self::Corrupt(words) => PortError::Corrupt { what, source: Box::new(words) },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(code, _) => match (code.code, code.extended_code) {
                // SHMSIZE: the shared index of the write-ahead log could not grow.
                (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
                (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Self::corrupt(error),
                _ => Self::unavailable(error),
            },
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..) => Self::corrupt(error),
            _ => Self::unavailable(error),
        }
    }
}
