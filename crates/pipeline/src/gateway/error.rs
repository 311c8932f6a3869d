use palisade_ports::PortError;

use crate::artifacts::IntakeError;

/// Why the gateway did not take a request.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Too much waits already, or the disk is full: come back later.
    #[error("{reason}; try again in {retry_after_s} s")]
    Busy {
        /// For people.
        reason: &'static str,
        /// Seconds.
        retry_after_s: u32,
    },
    /// Larger than the limit.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// An engine was asked for that is not there.
    #[error("there is no engine named {0}")]
    UnknownEngine(String),
    /// A workflow was asked for that is not there.
    #[error("there is no workflow named {name}; those there are: {known}")]
    UnknownWorkflow {
        /// The name.
        name: String,
        /// Every name that there is.
        known: String,
    },
    /// A batch that was never made, or is forgotten.
    #[error("there is no such batch")]
    UnknownBatch,
    /// A batch that was closed or cancelled.
    #[error("the batch has ended and takes no more files")]
    BatchEnded,
    /// A batch with as many files as it may have.
    #[error("the batch has as many files as it may: {limit}")]
    BatchFull {
        /// Files.
        limit: u32,
    },
    /// A port failed.
    #[error(transparent)]
    Port(PortError),
}

impl From<PortError> for GatewayError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Full { .. } => Self::Busy { reason: "no space left", retry_after_s: 30 },
            error => Self::Port(error),
        }
    }
}

impl From<IntakeError> for GatewayError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge { limit } => Self::TooLarge { limit },
            IntakeError::Port(error) => error.into(),
        }
    }
}
