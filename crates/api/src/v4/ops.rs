use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An engine, in the vendor's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineInfo {
    /// Whether it answers.
    pub active: bool,
    /// When its definitions were made.
    pub def_time: String,
    /// Always 100: definitions are loaded whole.
    pub download_progress: u8,
    /// When its definitions were made.
    pub download_time: String,
    /// Stable id.
    pub eng_id: String,
    /// The name in `scan_details`.
    pub eng_name: String,
    /// For people.
    pub eng_type: String,
    /// The version of its definitions.
    pub eng_ver: String,
    /// `av`, `archive` or `filetype`.
    pub engine_type: String,
    /// `production`, or `temporary failed` when it does not answer.
    pub state: String,
    /// Why it is not well; absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `up`, `degraded` or `down`.
    pub health: String,
    /// Live workers on all hosts.
    pub workers: u32,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Always `palisade`.
    pub product_id: String,
    /// The release.
    pub version: String,
}

/// The API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiVersion {
    /// The release.
    pub version: String,
}

/// Whether requests are served, and what stands against it. The first five fields have the
/// vendor's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// The records.
    pub database: Database,
    /// Every engine.
    pub engines: Vec<ReadyEngine>,
    /// Palisade needs none.
    pub license: License,
    /// Whether enough engines answer.
    pub number_active_av_engines: ActiveEngines,
    /// Whether the gateway takes more.
    pub scan_queue: ScanQueue,
    /// Whether all that is required is well.
    pub ready: bool,
    /// Every check by name.
    pub checks: Vec<NamedCheck>,
}

/// The records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReadyDatabase)]
pub struct Database {
    /// Whether they answer.
    pub status: bool,
}

/// An engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyEngine {
    /// Stable id.
    pub engine_id: String,
    /// Whether readiness needs it.
    pub required: bool,
    /// Whether it answers.
    pub status: bool,
}

/// The licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReadyLicense)]
pub struct License {
    /// Always `ok`.
    pub status: String,
}

/// How many engines answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActiveEngines {
    /// Whether at least one does.
    pub status: bool,
    /// How many must.
    pub threshold: u32,
}

/// What waits to be scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanQueue {
    /// Whether the gateway takes more.
    pub status: bool,
    /// Above so many it says 503.
    pub max_number_in_queue: u64,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedCheck {
    /// `log`, `records`, `objects`, `engine.yara`, `jail.seccomp`, …
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Whether readiness needs it.
    pub required: bool,
    /// Why not, or how; may be empty.
    pub detail: String,
}
