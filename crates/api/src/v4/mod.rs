//! The MetaDefender v4 wire forms, and how reports become them.
//!
//! Everything here is data and pure functions: no HTTP, no clock. The command line prints the same
//! form (`palisade scan --format json`). Field names, number types and texts are those that the
//! vendor's own client checks; what Palisade knows beyond them stands in fields of its own, which
//! that client ignores. `docs/api.md` holds the table of codes.

mod account;
mod archive;
mod batch;
mod code;
mod dead_letter;
mod engine;
mod error;
mod hash;
mod ops;
mod parts;
pub mod render;
mod report;
mod rule;
mod session;
mod time;
mod upload;
mod webhook;

pub use account::{Account, AdminKey, AdminKeys, CreatedKey, Limits, LimitsStatus, NewKey};
pub use archive::{
    ArchiveResult, BlockedLeaf, BlockedLeaves, ChildResult, HashHistory, ImportedLibrary,
    KeyHistory, KeyScan, NodeEngine, NodeIssue, NodeStatus, Nodes, PastScan, PeInfo,
};
pub use batch::{
    BatchClaims, BatchCreated, BatchFile, BatchFileProcess, BatchFiles, BatchProcess, BatchResult,
    BatchResults, Certificate, CertifiedFile, KeySet, PublicKey,
};
pub use code::ScanCode;
pub use dead_letter::{DeadLetter, DeadLetters};
pub use engine::{Definitions, EngineDetails, Evidence, Finding, Observable, Problem};
pub use error::{CoreErrorBody, ErrorBody, ErrorDetail};
pub use hash::{BulkAnswer, BulkAnswers, BulkQuestion};
pub use ops::{
    ActiveEngines, ApiVersion, Database, EngineInfo, License, NamedCheck, Ready, ReadyEngine,
    ScanQueue, Version,
};
pub use parts::{PartsReceived, UploadBegun, UploadStatus};
pub use render::{Page, render_open, render_page, render_report};
pub use report::{
    ArchivedFile, ExtractedFiles, ExtractionInfo, FileInfo, FileResult, PostProcessing,
    ProcessInfo, ScanResults, SignerInfo, Threat, TreeNode, Unpacked, Yara, YaraHit,
};
pub use rule::Rule;
pub use session::{Login, Session};
pub use time::timestamp;
pub use upload::{SyncTimeout, Uploaded};
pub use webhook::WebhookStatus;
