use palisade_model::{Part, Upload};

/// An upload and what has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadState {
    /// As it was begun.
    pub upload: Upload,
    /// Its parts by offset, the longer of two with the same offset first.
    pub parts: Vec<Part>,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartAdded {
    /// It counts, now or since an earlier call; here is everything that has come.
    Yes(UploadState),
    /// There is no such upload (any more).
    Unknown,
    /// The upload has as many parts as it may.
    Full,
}
