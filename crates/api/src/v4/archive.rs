use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EngineDetails, FileInfo, ProcessInfo, ScanResults};

/// A scanned file and everything inside it, one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArchiveResult {
    /// The scan, or one file of its tree.
    pub data_id: String,
    /// What was scanned.
    pub file_info: FileInfo,
    /// What was found in it and inside it.
    pub scan_results: ScanResults,
    /// What it means.
    pub process_info: ProcessInfo,
    /// Every file inside it at any level, parents before children.
    pub extracted_files: Vec<ChildResult>,
    /// How many there are on all pages.
    pub total: u64,
    /// The place of the first on this page.
    pub first: u64,
}

/// A file inside another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChildResult {
    /// Ask with it for its own result.
    pub data_id: String,
    /// What it was unpacked from.
    pub parent_id: String,
    /// The way to it from the scanned file, joined by `/`.
    pub path: String,
    /// What it is.
    pub file_info: FileInfo,
    /// What was found in it and inside it.
    pub scan_results: ScanResults,
    /// What it means.
    pub process_info: ProcessInfo,
}

/// The deepest files that are blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockedLeaves {
    /// Files without files inside them, at most 100.
    pub details: Vec<BlockedLeaf>,
    /// How many are listed.
    pub total: u64,
    /// Whether there are more than are listed.
    pub limit_reached: bool,
}

/// A blocked file without files inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockedLeaf {
    /// Ask with it for its own result.
    pub data_id: String,
    /// What it was unpacked from; empty for the scanned file itself.
    pub parent_id: String,
    /// Its name.
    pub display_name: String,
    /// The way to it from the scanned file, joined by `/`.
    pub path: String,
    /// Media type, by content; empty when unknown.
    pub file_type: String,
    /// Everything that is to be said, gravest first.
    pub verdicts: Vec<String>,
    /// Why it is blocked.
    pub blocked_reasons: Vec<String>,
}

/// The scans of some bytes, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HashHistory {
    /// Lower-case hexadecimal.
    pub md5: String,
    /// Lower-case hexadecimal.
    pub sha1: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// One page.
    pub scan_result_history: Vec<PastScan>,
}

/// A scan of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastScan {
    /// Ask with it for the whole result.
    pub data_id: String,
    /// Its code; 255 while it is under way.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// When it was asked for.
    pub start_time: String,
    /// Engines with an entry.
    pub total_avs: u32,
    /// Engines that found something.
    pub total_detected_avs: u32,
}

/// The scans of a key, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyHistory {
    /// One page.
    pub data: Vec<KeyScan>,
}

/// A scan of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyScan {
    /// Ask with it for the whole result.
    pub data_id: String,
    /// What was scanned.
    pub file_info: FileInfo,
    /// What was found.
    pub scan_results: PastScan,
    /// Always `palisade`.
    pub scan_with: String,
}

/// The facts of a program file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeInfo {
    /// The hash of its imports; empty when it has none.
    pub imphash: String,
    /// The libraries that it imports from.
    pub imported_dlls: Vec<ImportedLibrary>,
    /// Always empty: not computed.
    pub pehash: String,
    /// Always empty: see `properties`.
    #[schema(value_type = Vec<Object>)]
    pub section_headers: Vec<serde_json::Value>,
    /// Always empty: see `properties`.
    pub exported_functions: Vec<String>,
    /// Always empty: see `properties`.
    #[schema(value_type = Vec<Object>)]
    pub resource_info: Vec<serde_json::Value>,
    /// Texts that are empty: the version resource is not given out.
    pub vs_version_info: BTreeMap<String, String>,
    /// Texts that are empty and sums that are 0: see `properties`.
    #[schema(value_type = Object)]
    pub optional_headers: serde_json::Value,
    /// Texts that are empty and sums that are 0: see `properties`.
    #[schema(value_type = Object)]
    pub headers: serde_json::Value,
    /// Everything that the engine `pe` says of it, by name.
    pub properties: BTreeMap<String, Vec<String>>,
    /// Members that this release leaves empty.
    pub not_filled: Vec<String>,
    /// The engine's own entry.
    pub engine: EngineDetails,
}

/// A library that a program imports from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedLibrary {
    /// Its name.
    pub name: String,
    /// Always empty: the functions are not listed one by one.
    pub functions: Vec<String>,
}

/// Every host of the installation that runs engines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Nodes {
    /// Always true: a host is added by starting it.
    pub external_nodes_allowed: bool,
    /// Hosts that there are: nothing limits them.
    pub max_node_count: u32,
    /// Each host.
    pub statuses: Vec<NodeStatus>,
}

/// A host that runs engines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Its name.
    pub id: String,
    /// Always empty: hosts meet on the log and need no addresses.
    pub address: String,
    /// Always `Linux`.
    pub os: String,
    /// The release of the server that answers.
    pub version: String,
    /// Its engines.
    pub engines: Vec<NodeEngine>,
    /// What is wrong with it.
    pub issues: Vec<NodeIssue>,
    /// Requests that wait, of the whole installation.
    pub scan_queue: u64,
    /// Above so many the gateway says 503.
    pub total_scan_queue: u64,
}

/// An engine on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeEngine {
    /// Stable id.
    pub id: String,
    /// The name in `scan_details`.
    pub eng_name: String,
    /// The version of its definitions.
    pub eng_ver: String,
    /// The same.
    pub db_ver: String,
    /// When its definitions were made.
    pub def_time: String,
    /// `av`, `archive` or `filetype`.
    pub engine_type: String,
    /// Whether it answers.
    pub active: bool,
    /// Live workers.
    pub workers: u32,
}

/// Something wrong with a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeIssue {
    /// What.
    pub description: String,
    /// `error` or `warning`.
    pub severity: String,
}
