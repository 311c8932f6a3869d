use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to `POST /file/batch`, and in Core's dialect to an upload by form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchCreated {
    /// Send it in the header `batch` with each file.
    #[schema(example = "019a4f0c2b7be3d1a4c59f3d2e1b0a99")]
    pub batch_id: String,
}

/// A batch: what it is, its result, and one page of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// Which.
    pub batch_id: String,
    /// Whether it takes no more files.
    pub is_closed: bool,
    /// Whether it was taken back.
    pub is_cancelled: bool,
    /// Files that have no report yet.
    pub unfinished: u32,
    /// What it means.
    pub process_info: BatchProcess,
    /// What was found in all files together.
    pub scan_results: BatchResults,
    /// Its files.
    pub batch_files: BatchFiles,
    /// The caller's own text, given back; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
}

/// What a batch's result means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchProcess {
    /// `Allowed` only when every file is; `Processing` until the batch is closed and all is done.
    pub result: String,
    /// The gravest reason; empty when allowed.
    pub blocked_reason: String,
    /// Always false.
    pub file_type_skipped_scan: bool,
    /// The workflow of files that name none.
    pub profile: String,
    /// The caller's program.
    pub user_agent: String,
    /// The id of the caller's key.
    pub username: String,
}

/// What was found in all files of a batch together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchResults {
    /// Which.
    pub batch_id: String,
    /// The gravest code of any file; 255 until the batch is closed and all is done, 10 of a batch
    /// without files.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// When the batch was made.
    pub start_time: String,
    /// Always 0: engines look at files.
    pub total_avs: u32,
    /// Milliseconds from the batch's making to its last report; 0 until then.
    pub total_time: u64,
}

/// One page of a batch's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchFiles {
    /// How many there are on all pages.
    pub batch_count: u32,
    /// In the order in which they came.
    pub files_in_batch: Vec<BatchFile>,
    /// The place of the first on this page.
    pub first_index: u32,
    /// The most on a page.
    pub page_size: u32,
}

/// A file of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchFile {
    /// Ask with it for its own result.
    pub data_id: String,
    /// Its name; empty for one that was never accepted or is forgotten.
    pub display_name: String,
    /// Bytes.
    pub file_size: u64,
    /// Media type, by content; empty when unknown.
    pub file_type: String,
    /// For people; empty when unknown.
    pub file_type_description: String,
    /// 100 only when there is a report.
    pub progress_percentage: u8,
    /// Its code; 255 until its report, 10 for one that was never accepted or is forgotten.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// Engines that found something in it or inside it.
    pub detected_by: u32,
    /// Engines with an entry.
    pub scanned_with: u32,
    /// What it means.
    pub process_info: BatchFileProcess,
    /// Lower-case hexadecimal; empty for one that was never accepted or is forgotten.
    pub sha256: String,
}

/// What a file's result means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchFileProcess {
    /// `Allowed`, `Blocked` or `Processing`.
    pub result: String,
    /// 100 only when there is a report.
    pub progress_percentage: u8,
    /// The gravest reason; empty when allowed.
    pub blocked_reason: String,
    /// Everything that is to be said, gravest first.
    pub verdicts: Vec<String>,
}

/// What a certificate of a batch certifies: the payload of its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchClaims {
    /// Always `palisade`.
    pub iss: String,
    /// The batch.
    pub sub: String,
    /// When it was signed, in seconds since 1970.
    pub iat: u64,
    /// The release that signed it.
    pub version: String,
    /// Its result.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// `Allowed` or `Blocked`.
    pub result: String,
    /// Every file.
    pub files: Vec<CertifiedFile>,
}

/// A file that is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertifiedFile {
    /// Its own result.
    pub data_id: String,
    /// Its name.
    pub display_name: String,
    /// Bytes.
    pub file_size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Its code.
    pub scan_all_result_i: u16,
    /// Its text.
    pub scan_all_result_a: String,
    /// `Allowed` or `Blocked`.
    pub result: String,
}

/// A signed result of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// What is certified, for reading. Only what is inside `jws` is signed.
    pub certificate: BatchClaims,
    /// JWS compact serialization (RFC 7515, section 7.1) with `EdDSA` over Ed25519 (RFC 8037): the
    /// same as `certificate`, signed.
    pub jws: String,
    /// Names the key in `GET /.well-known/jwks.json`.
    pub kid: String,
}

/// Public keys (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeySet {
    /// The key that signs.
    pub keys: Vec<PublicKey>,
}

/// A public key in the form of RFC 8037, section 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key, 32 bytes in unpadded Base64url.
    pub x: String,
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub purpose: String,
}
