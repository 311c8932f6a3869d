use palisade_model::{RequestId, RequestSummary};
use palisade_ports::records::{BatchEnd, BatchState, RequestState};

use super::super::batch::{
    BatchFile, BatchFileProcess, BatchFiles, BatchProcess, BatchResult, BatchResults,
};
use super::super::code::ScanCode;
use super::super::time::timestamp;
use super::{count, file_brief, node};

/// A file of a batch.
pub fn batch_file(request: RequestId, state: Option<&RequestState>) -> BatchFile {
    match state {
        None => BatchFile {
            data_id: request.to_string(),
            ..unread(ScanCode::NotScanned, 100, "Blocked", None)
        },
        Some(RequestState::Open { summary, progress }) => {
            unread(ScanCode::InProgress, progress.percent(), "Processing", Some(summary))
        }
        Some(RequestState::Finished { summary, report, .. }) => {
            let brief = file_brief(report);
            let file_type = report.root().map(node::type_info);
            let (mime, description) = file_type
                .map(|file_type| (file_type.mime, file_type.description))
                .unwrap_or_default();
            let blocked_reason = brief.reasons.first().cloned().unwrap_or_default();
            BatchFile {
                file_type: mime,
                file_type_description: description,
                scan_all_result_i: brief.code.number(),
                scan_all_result_a: brief.code.text().to_owned(),
                detected_by: brief.detected,
                scanned_with: report.root().map_or(0, |root| count(root.engines.len())),
                process_info: BatchFileProcess {
                    result: if brief.reasons.is_empty() { "Allowed" } else { "Blocked" }.to_owned(),
                    progress_percentage: 100,
                    blocked_reason,
                    verdicts: brief.verdicts,
                },
                ..unread(brief.code, 100, "", Some(summary))
            }
        }
    }
}

fn unread(
    code: ScanCode,
    percent: u8,
    result: &str,
    summary: Option<&RequestSummary>,
) -> BatchFile {
    let verdicts = match code {
        ScanCode::InProgress => Vec::new(),
        code => vec![code.text().to_owned()],
    };
    BatchFile {
        data_id: summary.map(|summary| summary.node.to_string()).unwrap_or_default(),
        display_name: summary.map(|summary| summary.name.clone()).unwrap_or_default(),
        file_size: summary.map_or(0, |summary| summary.artifact.size),
        file_type: String::new(),
        file_type_description: String::new(),
        progress_percentage: percent,
        scan_all_result_i: code.number(),
        scan_all_result_a: code.text().to_owned(),
        detected_by: 0,
        scanned_with: 0,
        process_info: BatchFileProcess {
            result: result.to_owned(),
            progress_percentage: percent,
            blocked_reason: verdicts.first().cloned().unwrap_or_default(),
            verdicts,
        },
        sha256: summary.map(|summary| summary.artifact.sha256().to_string()).unwrap_or_default(),
    }
}

/// What all files of a batch come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSum {
    code: ScanCode,
    blocked: Option<String>,
    /// When the last report was made, in milliseconds since 1970.
    last: u64,
}

impl Default for BatchSum {
    /// Of no file at all: nothing was scanned.
    fn default() -> Self {
        let code = ScanCode::NotScanned;
        Self { code, blocked: Some(code.text().to_owned()), last: 0 }
    }
}

impl BatchSum {
    /// With one more file; `first` says that it is the first.
    pub fn with(self, first: bool, file: &BatchFile, state: Option<&RequestState>) -> Self {
        let code = ScanCode::ALL
            .into_iter()
            .find(|code| code.number() == file.scan_all_result_i)
            .unwrap_or(ScanCode::Failed);
        let finished = match state {
            Some(RequestState::Finished { finished, .. }) => finished.0,
            _ => 0,
        };
        let reason = (file.process_info.result != "Allowed")
            .then(|| file.process_info.blocked_reason.clone());
        if first {
            return Self { code, blocked: reason, last: finished };
        }
        let graver = code.gravity() < self.code.gravity();
        Self {
            code: if graver { code } else { self.code },
            blocked: match (self.blocked, reason) {
                (Some(_), Some(reason)) if graver => Some(reason),
                (blocked, reason) => blocked.or(reason),
            },
            last: self.last.max(finished),
        }
    }

    /// The gravest code.
    pub fn code(&self) -> ScanCode {
        self.code
    }

    /// `Allowed` or `Blocked`.
    pub fn result(&self) -> &'static str {
        if self.blocked.is_none() { "Allowed" } else { "Blocked" }
    }
}

/// A batch. `sum` is there when it has ended and every file of it is done.
pub fn batch_result(
    state: &BatchState,
    sum: Option<&BatchSum>,
    files: Vec<BatchFile>,
    first: u32,
    page_size: u32,
) -> BatchResult {
    let batch = &state.batch;
    let code = sum.map_or(ScanCode::InProgress, BatchSum::code);
    let blocked = sum.and_then(|sum| sum.blocked.clone());
    BatchResult {
        batch_id: batch.id.to_string(),
        is_closed: state.ended.is_some(),
        is_cancelled: matches!(state.ended, Some((BatchEnd::Cancelled, _))),
        unfinished: state.unfinished,
        process_info: BatchProcess {
            result: sum.map_or("Processing", BatchSum::result).to_owned(),
            blocked_reason: blocked.unwrap_or_default(),
            file_type_skipped_scan: false,
            profile: batch.workflow.clone(),
            user_agent: batch.user_agent.clone().unwrap_or_default(),
            username: batch.key.map(|key| key.to_string()).unwrap_or_default(),
        },
        scan_results: BatchResults {
            batch_id: batch.id.to_string(),
            scan_all_result_i: code.number(),
            scan_all_result_a: code.text().to_owned(),
            start_time: timestamp(batch.created),
            total_avs: 0,
            total_time: sum.map_or(0, |sum| sum.last.saturating_sub(batch.created.0)),
        },
        batch_files: BatchFiles {
            batch_count: state.files,
            files_in_batch: files,
            first_index: first,
            page_size,
        },
        user_data: batch.user_data.clone(),
    }
}
