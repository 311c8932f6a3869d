use serde::{Deserialize, Serialize};

use crate::{BatchId, RequestId, UnixMillis};

/// What a caller wants to be told of when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "id")]
pub enum Subject {
    /// The report of a request.
    Request(RequestId),
    /// The reports of every file of a batch.
    Batch(BatchId),
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// To be tried, when its subject is done and its time has come.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// Given up: it was tried as often as it may be, or it may not be sent at all.
    Dead,
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub time: UnixMillis,
    /// The HTTP status of the answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, for people; empty when nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A callback: what to tell, where, and how far that is. At most one for a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What it tells of.
    pub subject: Subject,
    /// An `http` or `https` URL.
    pub url: String,
    /// When it was asked for.
    pub created: UnixMillis,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this time is it tried (again).
    pub next: UnixMillis,
    /// The latest try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Attempt>,
}

impl Delivery {
    /// A delivery that nobody has tried yet.
    pub fn new(subject: Subject, url: String, created: UnixMillis) -> Self {
        Self {
            subject,
            url,
            created,
            state: DeliveryState::Waiting,
            attempts: 0,
            next: created,
            last: None,
        }
    }
}
