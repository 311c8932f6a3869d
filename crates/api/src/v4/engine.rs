use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one engine says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineDetails {
    /// The name of the threat; empty when there is none.
    pub threat_found: String,
    /// 0 no threat, 1 infected, 2 suspicious, 3 failed or timed out, 10 not scanned, 19 cancelled,
    /// 23 not a type that it reads.
    pub scan_result_i: u16,
    /// When its definitions were made; empty when it did not run.
    pub def_time: String,
    /// Milliseconds of the scan itself, rounded up.
    pub scan_time: u64,
    /// Stable id of the engine.
    pub eng_id: String,
    /// Always `local`.
    pub location: String,
    /// Milliseconds that it waited, rounded up.
    pub wait_time: u64,
    /// `no-threat`, `unknown`, `suspicious`, `malicious`, `failed`, `timed-out`, `encrypted`,
    /// `not-scanned`, `cancelled`, `not-applicable`, `down`.
    pub state: String,
    /// Why, when there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it scanned with; absent when it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Definitions>,
    /// What it noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What it could not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Addresses and hashes in the file, at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observables: Vec<Observable>,
    /// Facts about the file, by name; at most 200 values of at most 2,048 bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Vec<String>>,
}

/// Something in a file that can be looked up elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Observable {
    /// `url`, `domain-name`, `ipv4-addr`, `ipv6-addr`, `email-addr`, `file-hash`.
    pub kind: String,
    /// As it would be looked up.
    pub value: String,
    /// Where it was found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
}

/// An engine's rules, signatures or model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definitions {
    /// Changes whenever the answer to the same bytes may change.
    pub version: String,
    /// When they were made.
    pub time: String,
}

/// Something that an engine noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable name within the engine.
    pub id: String,
    /// `info`, `suspicious`, `malicious`.
    pub severity: String,
    /// One line for people.
    pub explanation: String,
    /// Rule tags, capability groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// MITRE ATT&CK technique ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// What it is called there.
    pub label: String,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// The first bytes there, at most 64, those outside printable ASCII as `\xNN`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `encrypted-archive`, `encrypted-document`, `too-deep`, `too-many-files`, `too-large`,
    /// `timed-out`, `truncated`, `corrupt`, `unsupported`.
    pub kind: String,
    /// The member; empty for the file itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// One line for people.
    pub detail: String,
}
