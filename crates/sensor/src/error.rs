use std::error::Error as StdError;

/// What sort of thing went wrong, for a caller to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SensorErrorKind {
    /// The kernel refuses for want of a capability, or by policy.
    Refused,
    /// The kernel does not have it.
    Unsupported,
    /// An object of ours is broken: a fault of the build.
    Object,
    /// The operating system failed.
    Io,
}

/// A rung, or a part of one, could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SensorError {
    kind: SensorErrorKind,
    what: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SensorError {
    /// An error with what was tried.
    pub fn new(kind: SensorErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// The same, with the error below it.
    pub fn with(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// From the operating system: `EPERM` and `EACCES` are refusals, `ENOSYS` and its kin are absence.
    pub fn os(what: impl Into<String>, error: std::io::Error) -> Self {
        let kind = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => SensorErrorKind::Refused,
            Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | libc::ESRCH | libc::ENOENT) => {
                SensorErrorKind::Unsupported
            }
            _ => SensorErrorKind::Io,
        };
        Self::new(kind, what).with(error)
    }

    /// What sort of error.
    pub fn kind(&self) -> SensorErrorKind {
        self.kind
    }
}
