use palisade_model::UnixMillis;

/// Why a model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LearningReason {
    /// It is new.
    First,
    /// Something new happened in the dry run.
    Change,
    /// Somebody asked for it; it goes on until somebody ends it.
    Manual,
}

impl LearningReason {
    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Change => "change",
            Self::Manual => "manual",
        }
    }
}

/// Where a model stands. Times are counted only while a container of the image runs: a dry run in which
/// nothing ran has tried nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What is new is learned.
    Learning {
        /// Since when.
        since: UnixMillis,
        /// Why.
        reason: LearningReason,
        /// Container time so far, milliseconds, summed over the containers.
        container_ms: u64,
        /// Time so far in which at least one container ran, milliseconds.
        running_ms: u64,
    },
    /// What is new is learned, and sends the model back to learning.
    DryRun {
        /// Since when.
        since: UnixMillis,
        /// Time so far in which at least one container ran, milliseconds.
        running_ms: u64,
    },
    /// What is new is a deviation.
    Active {
        /// Since when.
        since: UnixMillis,
    },
}

impl Phase {
    /// Its name in files and for people.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Learning { .. } => "learning",
            Self::DryRun { .. } => "dry-run",
            Self::Active { .. } => "active",
        }
    }

    /// Since when it is so.
    pub fn since(&self) -> UnixMillis {
        match *self {
            Self::Learning { since, .. } | Self::DryRun { since, .. } | Self::Active { since } => {
                since
            }
        }
    }

    pub(crate) fn learning(since: UnixMillis, reason: LearningReason) -> Self {
        Self::Learning { since, reason, container_ms: 0, running_ms: 0 }
    }
}
