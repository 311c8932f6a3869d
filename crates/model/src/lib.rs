//! The nouns of Palisade and their wire forms.
//!
//! Invariant: no I/O, no clock, no randomness. Whoever needs an id or a time passes it in, so that
//! everything here can be replayed.
//!
//! A wire form stands beside its noun and is versioned ([`wire`]): every old version stays
//! readable, and the tests hold a golden file of each.

mod batch;
mod command;
mod delivery;
pub mod event;
mod finding;
mod hash;
mod id;
mod inline;
mod policy;
mod report;
mod request;
mod result;
mod time;
mod upload;
mod verdict;
pub mod wire;

pub use batch::Batch;
pub use command::{Command, CommandId};
pub use delivery::{Attempt, Delivery, DeliveryState, Subject};
pub use finding::{Evidence, Finding, Severity};
pub use hash::{AnyHash, HashKind, Hashes, HexError, Sha256, encode_hex};
pub use id::{BatchId, EngineName, IdError, KeyId, NodeId, RequestId};
pub use inline::Inline;
pub use policy::{Policy, Tolerated};
pub use report::{
    EngineEntry, NodeReport, Progress, Report, ReportNotice, ReportVerdict, RequestSummary,
    UnpackSummary, cache_key,
};
pub use request::{ArtifactRef, Callback, Lineage, Priority, Request, UnpackLimits};
pub use result::{
    ChildRef, DeadLetter, Definitions, EngineResult, FileType, NodeEvent, Observable,
    ObservableKind, Outcome, Plan, Planned, PlannedEngine, Problem, ProblemKind, Property,
};
pub use time::UnixMillis;
pub use upload::{Part, Upload};
pub use verdict::{Failure, Verdict};
