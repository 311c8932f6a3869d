//! Messages on the log: one JSON object, `{"v": version, "body": …}`.
//!
//! JSON, because a person debugging a stuck topic can read it, because fields can be added, and
//! because it is not what limits the rate (the bench says what does).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that this code writes.
pub const VERSION: u32 = 1;

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not the JSON that was expected.
    #[error("unreadable message")]
    Json(#[source] serde_json::Error),
    /// Written by a newer Palisade.
    #[error("message version {0} is newer than this program reads ({VERSION}); upgrade it")]
    TooNew(u32),
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Envelope<T> {
    v: u32,
    body: T,
}

#[derive(serde::Deserialize)]
struct Version {
    v: u32,
}

/// The message as bytes.
pub fn encode<T: Serialize>(body: &T) -> Vec<u8> {
    // Only non-string map keys and broken Serialize impls can fail; the model has neither.
    serde_json::to_vec(&Envelope { v: VERSION, body }).unwrap_or_default()
}

/// The message from bytes.
///
/// # Errors
/// [`WireError::TooNew`] or [`WireError::Json`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    match serde_json::from_slice::<Envelope<T>>(bytes) {
        Ok(envelope) if envelope.v <= VERSION => Ok(envelope.body),
        Ok(envelope) => Err(WireError::TooNew(envelope.v)),
        Err(error) => match serde_json::from_slice::<Version>(bytes) {
            Ok(Version { v }) if v > VERSION => Err(WireError::TooNew(v)),
            _ => Err(WireError::Json(error)),
        },
    }
}
