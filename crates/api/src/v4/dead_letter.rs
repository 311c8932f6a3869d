use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The newest messages that could not be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub total: u64,
}

/// A message that could not be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// Names it.
    pub id: String,
    /// Where it was taken from.
    pub topic: String,
    /// Its key there.
    pub key: String,
    /// Why it is here.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it came here.
    pub time: String,
    /// The message itself; only when one letter is asked for. Passwords in it are blotted out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}
