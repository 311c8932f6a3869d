use palisade_model::{Batch, RequestId, UnixMillis};

use super::RequestState;

/// How long after it was added a file whose request is not known counts as coming, in milliseconds.
/// Later it counts as done: whoever was to submit it died before it could.
pub const MEMBER_GRACE_MS: u64 = 60_000;

/// How a batch ended: no more files come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchEnd {
    /// Its caller closed it.
    Closed,
    /// Its caller took it back.
    Cancelled,
}

/// A batch and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchState {
    /// As it was made.
    pub batch: Batch,
    /// How and when it ended; `None` while it takes files.
    pub ended: Option<(BatchEnd, UnixMillis)>,
    /// Its files.
    pub files: u32,
    /// Those of them that have no report yet.
    pub unfinished: u32,
}

/// What became of a file that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the batch, now or since an earlier call.
    Yes,
    /// There is no such batch.
    Unknown,
    /// The batch takes no more files: it ended.
    Ended,
    /// The batch has as many files as it may.
    Full,
}

/// A file of a batch.
#[derive(Debug, Clone)]
pub struct BatchFile {
    /// Its request.
    pub request: RequestId,
    /// What that leads to; `None` when it is not known (any more).
    pub state: Option<RequestState>,
}
