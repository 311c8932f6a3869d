use async_trait::async_trait;
use palisade_model::DeadLetter;

/// One thing that readiness depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `log`, `records`, `objects`, `jail.seccomp`, …; the engines are added by the API itself.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Whether readiness needs it.
    pub required: bool,
    /// Why not, or how; may be empty.
    pub detail: String,
}

/// What only the application knows of its own health.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Looks now. Called for every `GET /readyz`; an answer that takes more than two seconds counts
    /// as not ready.
    async fn checks(&self) -> Vec<Check>;
}

/// A dead letter that was not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is none of this id.
    #[error("there is no such dead letter")]
    Unknown,
    /// A port failed; nothing was lost.
    #[error(transparent)]
    Port(#[from] palisade_ports::PortError),
}

/// Puts dead letters back to work.
#[async_trait]
pub trait DeadLetterRetry: Send + Sync + 'static {
    /// Appends the letter's message to its topic again, reopens its request and forgets the letter.
    ///
    /// # Errors
    /// [`RetryError`].
    async fn retry(&self, letter: DeadLetter) -> Result<(), RetryError>;
}
