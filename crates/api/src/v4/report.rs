use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EngineDetails, Problem};

/// The result of a scan, or how far it is: the answer to `GET /file/{data_id}`, `POST /file/sync`
/// and `GET /hash/{hash}`, and the output of `palisade scan --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileResult {
    /// The scan, or one file of its tree.
    pub data_id: String,
    /// The same.
    pub file_id: String,
    /// Always `4`.
    pub rest_version: String,
    /// Always 0: nothing is shared.
    pub share_file: u8,
    /// Always 1: nothing leaves this installation.
    pub private_processing: u8,
    /// Always empty.
    pub additional_info: Vec<String>,
    /// Always true until the retention ends.
    pub stored: bool,
    /// Always 1: only the newest scan is looked up.
    pub scan_result_history_length: u32,
    /// What was scanned.
    pub file_info: FileInfo,
    /// What was found.
    pub scan_results: ScanResults,
    /// What it means, and how it was processed.
    pub process_info: ProcessInfo,
    /// The files directly inside; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extracted_files: Option<ExtractedFiles>,
    /// How unpacking went; absent when nothing was unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction_info: Option<ExtractionInfo>,
    /// Rules that matched this file; absent until the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yara: Option<Yara>,
    /// Whether something planned did not end by the deadline. Such a result is never clean.
    pub partial: bool,
    /// Whether an earlier report on the same bytes answers this request.
    pub cached: bool,
    /// When the report was made; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_time: Option<String>,
    /// Everything found in this file and inside it, at most 200 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threats: Vec<Threat>,
    /// Sums over the whole tree; only for its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<Unpacked>,
    /// This file and everything inside it at any level, parents before children; one page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tree: Vec<TreeNode>,
    /// Entries of the tree on all pages.
    #[serde(default)]
    pub tree_total: u64,
}

/// What was scanned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileInfo {
    /// The name that the caller, or the container, gives it.
    pub display_name: String,
    /// Bytes.
    pub file_size: u64,
    /// Media type, by content; empty when unknown.
    pub file_type: String,
    /// For people; empty when unknown.
    pub file_type_description: String,
    /// Usual extension without the dot; empty when unknown.
    pub file_type_extension: String,
    /// `A` archive, `D` document, `E` executable, `G` image, `M` media, `P` PDF, `T` text, `Z`
    /// mail, `O` other.
    pub type_category: Vec<String>,
    /// Lower-case hexadecimal.
    pub md5: String,
    /// Lower-case hexadecimal.
    pub sha1: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Lower-case hexadecimal; not there for what was unpacked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha512: String,
    /// When it was accepted.
    pub upload_timestamp: String,
    /// The caller's own data, given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// Who signed it, as the engine `pe` read it; whether the signature holds is one of its findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signer_infos: Vec<SignerInfo>,
}

/// A signer of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignerInfo {
    /// Whom the certificate names.
    pub vendor_name: String,
    /// Who issued the certificate; empty when the chain does not say.
    pub issuer: String,
    /// The certificate's serial number, in hexadecimal.
    pub serial_number: String,
    /// The digest that was signed: `SHA-256`.
    pub digest_algorithm: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanResults {
    /// The scan.
    pub data_id: String,
    /// The code of the file with all that is inside; 255 until the report.
    pub scan_all_result_i: u16,
    /// Its text; `In Progress` until the report.
    pub scan_all_result_a: String,
    /// The same as `scan_all_result_i`.
    pub current_av_result_i: u16,
    /// The same as `scan_all_result_a`.
    pub current_av_result_a: String,
    /// 100 only when there is a report.
    pub progress_percentage: u8,
    /// When the scan began.
    pub start_time: String,
    /// Milliseconds from acceptance to the report.
    pub total_time: u64,
    /// Engines with an entry.
    pub total_avs: u32,
    /// Engines that found something in the file or inside it.
    pub total_detected_avs: u32,
    /// By engine, of this file alone.
    pub scan_details: BTreeMap<String, EngineDetails>,
}

/// What the result means, and how it was processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessInfo {
    /// `Allowed` only when it was read whole and nothing was found; `Blocked` otherwise;
    /// `Processing` until the report.
    pub result: String,
    /// 100 only when there is a report.
    pub progress_percentage: u8,
    /// Everything that is to be said, gravest first.
    pub verdicts: Vec<String>,
    /// The gravest reason; empty when allowed.
    pub blocked_reason: String,
    /// All of them.
    pub blocked_reasons: Vec<String>,
    /// The workflow.
    pub profile: String,
    /// Milliseconds that it waited.
    pub queue_time: u64,
    /// Milliseconds from then to the report.
    pub processing_time: u64,
    /// Always 0: hashes are computed while the file is received.
    pub hash_time: u64,
    /// The caller's program.
    pub user_agent: String,
    /// The id of the caller's key.
    pub username: String,
    /// Always false: no type is skipped.
    pub file_type_skipped_scan: bool,
    /// Always empty: a report is made with the definitions in force.
    pub outdated_data: Vec<String>,
    /// What was done after the scan.
    pub post_processing: PostProcessing,
}

/// What was done after the scan: nothing yet, so every text is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostProcessing {
    /// Joined by `|`.
    pub actions_ran: String,
    /// Joined by `|`.
    pub actions_failed: String,
    /// A file name.
    pub converted_destination: String,
    /// A type.
    pub converted_to: String,
    /// A place.
    pub copy_move_destination: String,
}

/// The files directly inside; one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtractedFiles {
    /// In the container's order.
    pub files_in_archive: Vec<ArchivedFile>,
    /// How many there are on all pages.
    pub total: u64,
    /// The place of the first on this page.
    pub first: u64,
}

/// A file directly inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArchivedFile {
    /// Its name in the container.
    pub display_name: String,
    /// Ask with it for its own result.
    pub data_id: String,
    /// Its code, with all that is inside it.
    pub scan_result_i: u16,
    /// Always 100.
    pub progress_percentage: u8,
    /// Bytes.
    pub file_size: u64,
    /// Media type, by content; empty when unknown.
    pub file_type: String,
    /// Engines that found something in it or inside it.
    pub detected_by: u32,
    /// The text of the code.
    pub scan_result_a: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// How unpacking went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtractionInfo {
    /// `Success` when a password fitted, `Failed` when none did, absent when nothing is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decrypted_status: Option<String>,
    /// The first problem in a word; empty when there is none.
    pub err_category: String,
    /// Its code; 0 when there is none.
    pub err_code: u16,
    /// It, for people; empty when there is none.
    pub err_details: String,
    /// Whether it or something in it is encrypted.
    pub is_encrypted_file: bool,
    /// All problems of this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Rules that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Yara {
    /// By the rule's name.
    pub hits: BTreeMap<String, YaraHit>,
    /// 0 nothing, 1 infected, 2 suspicious, 3 failed, 4 did not run.
    pub verdict: u8,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct YaraHit {
    /// One line for people.
    pub description: String,
    /// `info`, `suspicious`, `malicious`.
    pub severity: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Places that matched, as far as they were kept.
    pub matches: u64,
}

/// Something found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Threat {
    /// The file.
    pub data_id: String,
    /// The way to it from the scanned file, joined by `/`.
    pub path: String,
    /// Who says so.
    pub engine: String,
    /// The threat's name.
    pub threat_found: String,
    /// `suspicious` or `malicious`.
    pub severity: String,
}

/// Sums over a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unpacked {
    /// Files below the root.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Levels below the root.
    pub depth: u32,
}

/// One file of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeNode {
    /// Ask with it for its own result.
    pub data_id: String,
    /// What it was unpacked from; absent for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_data_id: Option<String>,
    /// The way to it from the scanned file, joined by `/`: `mail.eml/attachment.zip/eicar.com`.
    pub path: String,
    /// Its name.
    pub display_name: String,
    /// Bytes.
    pub file_size: u64,
    /// Media type, by content; empty when unknown.
    pub file_type: String,
    /// For people; empty when unknown.
    pub file_type_description: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Whether it was stored encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Its code, with all that is inside it.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// By engine, of this file alone.
    pub scan_details: BTreeMap<String, EngineDetails>,
}
