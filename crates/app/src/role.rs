//! What a process does.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A part of the file plane that a process may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Takes requests in and answers for them: the HTTP API.
    Gateway,
    /// Tells types and plans which engines are asked.
    Extractor,
    /// Runs engines on artifacts.
    Engines,
    /// Folds results into reports.
    Aggregator,
    /// Ends what nobody ended, and forgets what was kept long enough. Any number may run.
    Janitor,
}

impl Role {
    /// Every role: a server on its own.
    pub(crate) const ALL: [Self; 5] =
        [Self::Gateway, Self::Extractor, Self::Engines, Self::Aggregator, Self::Janitor];
}
