//! The parts of the server's answers that are read. Everything else is passed over unread.

use palisade_model::Sha256;
use serde::Deserialize;

use super::Verdict;
use crate::hashes::source::clean;

/// Codes of results (docs/api.md).
const IN_PROGRESS: i64 = 255;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    data_id: Option<String>,
    file_info: FileInfo,
    scan_results: ScanResults,
    threats: Vec<Threat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FileInfo {
    sha256: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScanResults {
    scan_all_result_i: Option<i64>,
    scan_all_result_a: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Threat {
    threat_found: String,
}

/// An answer that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is not a result")]
    Form,
    #[error("it is about another file")]
    OtherFile,
    #[error("it has no usable data_id")]
    DataId,
}

impl Answer {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        serde_json::from_slice(bytes).map_err(|_| Unusable::Form)
    }

    /// The id of an upload. It goes into a path, so it is held to what ids are made of.
    pub(super) fn data_id(self) -> Result<String, Unusable> {
        let fit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        let good = |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(fit);
        self.data_id.filter(good).ok_or(Unusable::DataId)
    }

    /// The verdict on these bytes; `None` while there is none.
    pub(super) fn verdict(self, hash: &Sha256) -> Result<Option<Verdict>, Unusable> {
        let code = self.scan_results.scan_all_result_i.ok_or(Unusable::Form)?;
        if code == IN_PROGRESS {
            return Ok(None);
        }
        // A verdict counts only if it says which bytes it is about.
        let about: Option<Sha256> = self.file_info.sha256.and_then(|text| text.parse().ok());
        if about != Some(*hash) {
            return Err(Unusable::OtherFile);
        }
        let words = clean(&self.scan_results.scan_all_result_a.unwrap_or_default());
        let threat = self.threats.iter().map(|threat| clean(&threat.threat_found));
        let name = threat.filter(|name| !name.is_empty()).take(1).next();
        let name = name.unwrap_or_else(|| words.clone());
        Ok(Some(match code {
            0 | 7 => Verdict::Clean,
            1 | 8 => Verdict::Malicious(name),
            2 => Verdict::Suspicious(name),
            _ => Verdict::Unknown(format!("{code} {words}")),
        }))
    }
}
