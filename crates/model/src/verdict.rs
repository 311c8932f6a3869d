use serde::{Deserialize, Serialize};

/// What is thought of an artifact, in order of gravity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Looked at, nothing found.
    #[default]
    NoThreat,
    /// Nothing is known.
    Unknown,
    /// Something that legitimate files rarely have.
    Suspicious,
    /// Conclusive evidence.
    Malicious,
}

/// Why there is no verdict. None of these ever counts as clean (law 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The engine broke, was absent, or gave up.
    Failed,
    /// Not done by the deadline.
    TimedOut,
    /// It could not be read without a password.
    Encrypted,
    /// It was left out for a stated reason (a bound, an unsupported format).
    NotScanned,
    /// Whoever asked took the request back.
    Cancelled,
}
