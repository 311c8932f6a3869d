//! Reports as the wire form: pure functions.

mod advice;
mod archive;
mod batch;
mod csv;
pub(crate) mod details;
mod engine;
mod node;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{NodeId, NodeReport, Progress, Report, RequestId, RequestSummary};

use super::code::ScanCode;
use super::engine::EngineDetails;
use super::report::{
    FileInfo, FileResult, PostProcessing, ProcessInfo, ScanResults, Threat, Unpacked,
};
use super::time::timestamp;
use tree::Tree;

pub use archive::{archive, blocked_leaves, key_scan, past_scan};
pub use batch::{BatchSum, batch_file, batch_result};
pub use csv::csv;
pub use engine::eng_id;

/// At most so many threats are listed at the top of a result; the tree has all of them.
const MAX_THREATS: usize = 200;

/// Which entries of `files_in_archive` and of `tree` are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many to leave out at the start.
    pub first: usize,
    /// How many to give at most.
    pub size: usize,
}

impl Page {
    /// Everything.
    pub const ALL: Self = Self { first: 0, size: usize::MAX };
}

/// The result of one node of a report: of the scanned file itself, or of anything inside it.
///
/// `summary` is the request that it is rendered for: it may be another one than the report was made
/// for, when the report cache answered. `None` when the report has no such node.
pub fn render_report(
    report: &Report,
    node: NodeId,
    summary: &RequestSummary,
) -> Option<FileResult> {
    render_page(report, node, summary, Page::ALL)
}

/// As [`render_report`], with one page of the lists.
pub fn render_page(
    report: &Report,
    node: NodeId,
    summary: &RequestSummary,
    page: Page,
) -> Option<FileResult> {
    let tree = Tree::new(report);
    let asked = of_request(node, report.request.node.root);
    let found = tree.view(asked)?;
    let entry = &*found;
    let shown = summary.node.root;
    let is_root = entry.node.is_root();

    let codes = tree.codes(entry);
    let code = codes[0];
    let data_id = of_request(entry.node, shown).to_string();
    let texts: Vec<String> = codes.iter().map(|code| code.text().to_owned()).collect();
    let (display_name, type_info) = (name(entry, summary), node::type_info(entry));
    let below = tree.below(asked);
    let advice = match below.is_empty() {
        // A child that was left out is in the report by its container's word alone.
        true => advice::on(report, &codes, &[entry], true),
        false => advice::on(report, &codes, &below, tree.partial(entry)),
    };

    let scan_results = ScanResults {
        data_id: data_id.clone(),
        scan_all_result_i: code.number(),
        scan_all_result_a: code.text().to_owned(),
        current_av_result_i: code.number(),
        current_av_result_a: code.text().to_owned(),
        progress_percentage: 100,
        start_time: timestamp(report.started),
        total_time: report.finished.since(report.request.accepted),
        total_avs: count(entry.engines.len()),
        total_detected_avs: tree.detected(asked),
        scan_details: engine::all(entry),
    };
    let process_info = ProcessInfo {
        result: advice.result().to_owned(),
        progress_percentage: 100,
        verdicts: texts,
        blocked_reason: advice.reasons.first().cloned().unwrap_or_default(),
        blocked_reasons: advice.reasons,
        queue_time: report.started.since(report.request.accepted),
        processing_time: report.finished.since(report.started),
        ..process_info(summary)
    };
    Some(FileResult {
        file_info: FileInfo {
            display_name,
            file_size: entry.artifact.size,
            file_type: type_info.mime,
            file_type_description: type_info.description,
            file_type_extension: type_info.extension,
            type_category: type_info.categories,
            signer_infos: engine::signers(entry),
            ..file_info(summary, entry)
        },
        scan_results,
        process_info,
        extracted_files: node::extracted_files(&tree, entry, shown, page),
        extraction_info: node::extraction_info(entry),
        yara: Some(engine::yara(entry)),
        partial: tree.partial(entry),
        cached: shown != report.request.node.root,
        report_time: Some(timestamp(report.finished)),
        threats: below
            .iter()
            .flat_map(|entry| {
                let data_id = of_request(entry.node, shown).to_string();
                let path = node::path(summary, &entry.path);
                engine::detections(entry).map(move |detection| Threat {
                    data_id: data_id.clone(),
                    path: path.clone(),
                    engine: detection.engine.to_string(),
                    threat_found: detection.name.to_owned(),
                    severity: detection.severity.to_owned(),
                })
            })
            .take(MAX_THREATS)
            .collect(),
        unpacked: is_root.then_some(Unpacked {
            files: report.unpacked.files,
            bytes: report.unpacked.bytes,
            depth: report.unpacked.depth,
        }),
        tree_total: below.len() as u64,
        tree: below
            .iter()
            .skip(page.first)
            .take(page.size)
            .map(|entry| node::tree_node(&tree, entry, summary))
            .collect(),
        ..frame(data_id)
    })
}

/// How far an accepted request is.
pub fn render_open(summary: &RequestSummary, progress: Progress) -> FileResult {
    let data_id = summary.node.to_string();
    let code = ScanCode::InProgress;
    let hashes = &summary.artifact.hashes;
    let scan_results = ScanResults {
        data_id: data_id.clone(),
        scan_all_result_i: code.number(),
        scan_all_result_a: code.text().to_owned(),
        current_av_result_i: code.number(),
        current_av_result_a: code.text().to_owned(),
        progress_percentage: progress.percent(),
        start_time: timestamp(summary.accepted),
        ..no_results()
    };
    FileResult {
        file_info: FileInfo {
            display_name: summary.name.clone(),
            file_size: summary.artifact.size,
            md5: hashes.md5.clone(),
            sha1: hashes.sha1.clone(),
            sha256: hashes.sha256.to_string(),
            sha512: hashes.sha512.clone(),
            upload_timestamp: timestamp(summary.accepted),
            metadata: summary.metadata.clone(),
            ..no_file()
        },
        scan_results,
        process_info: ProcessInfo {
            progress_percentage: progress.percent(),
            ..process_info(summary)
        },
        ..frame(data_id)
    }
}

/// The code and the engines that found something, of the root of a report: for lists of results,
/// in one pass that keeps nothing.
pub fn brief(report: &Report) -> (ScanCode, u32) {
    // A report without a root says nothing.
    let Some(root) = report.root() else { return (ScanCode::Failed, 0) };
    let engines: BTreeSet<_> = report
        .nodes
        .iter()
        .flat_map(|entry| engine::detections(entry).map(|detection| detection.engine))
        .collect();
    let late = |entry: &NodeReport| entry.engines.iter().any(|(_, entry)| engine::late(entry));
    let partial = report.partial || report.nodes.iter().any(late);
    (tree::codes(report, root, partial)[0], count(engines.len()))
}

/// What lists say of a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// The code of the file with all that is inside it.
    pub code: ScanCode,
    /// Engines that found something in it or inside it.
    pub detected: u32,
    /// Everything that is to be said, gravest first.
    pub verdicts: Vec<String>,
    /// Why it is blocked; empty when it may pass.
    pub reasons: Vec<String>,
}

/// What lists say of the root of a report, with its workflow's policy.
pub fn file_brief(report: &Report) -> Brief {
    let (code, detected) = brief(report);
    let Some(root) = report.root() else {
        let text = vec![code.text().to_owned()];
        return Brief { code, detected, verdicts: text.clone(), reasons: text };
    };
    let late = |entry: &NodeReport| entry.engines.iter().any(|(_, entry)| engine::late(entry));
    let partial = report.partial || report.nodes.iter().any(late);
    let codes = tree::codes(report, root, partial);
    let below: Vec<&NodeReport> = report.nodes.iter().collect();
    let advice = advice::on(report, &codes, &below, partial);
    let verdicts = codes.iter().map(|code| code.text().to_owned()).collect();
    Brief { code, detected, verdicts, reasons: advice.reasons }
}

/// Every engine's entry of the root of a report: for lists of results.
pub fn scan_details(report: &Report) -> BTreeMap<String, EngineDetails> {
    report.root().map(engine::all).unwrap_or_default()
}

/// The same place in the tree of another request: one that the report cache answered shows its own
/// ids, so that they live as long as it does.
fn of_request(mut node: NodeId, root: RequestId) -> NodeId {
    node.root = root;
    node
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

fn name(entry: &NodeReport, summary: &RequestSummary) -> String {
    if entry.node.is_root() { summary.name.clone() } else { entry.name.clone() }
}

fn frame(data_id: String) -> FileResult {
    FileResult {
        file_id: data_id.clone(),
        data_id,
        rest_version: "4".to_owned(),
        share_file: 0,
        private_processing: 1,
        additional_info: Vec::new(),
        stored: true,
        scan_result_history_length: 1,
        file_info: no_file(),
        scan_results: no_results(),
        process_info: no_process(),
        extracted_files: None,
        extraction_info: None,
        yara: None,
        partial: false,
        cached: false,
        report_time: None,
        threats: Vec::new(),
        unpacked: None,
        tree: Vec::new(),
        tree_total: 0,
    }
}

fn file_info(summary: &RequestSummary, entry: &NodeReport) -> FileInfo {
    let hashes = &entry.artifact.hashes;
    FileInfo {
        md5: hashes.md5.clone(),
        sha1: hashes.sha1.clone(),
        sha256: hashes.sha256.to_string(),
        sha512: hashes.sha512.clone(),
        upload_timestamp: timestamp(summary.accepted),
        metadata: summary.metadata.clone().filter(|_| entry.node.is_root()),
        ..no_file()
    }
}

fn process_info(summary: &RequestSummary) -> ProcessInfo {
    ProcessInfo {
        profile: summary.workflow.clone(),
        user_agent: summary.user_agent.clone().unwrap_or_default(),
        username: summary.key.map(|key| key.to_string()).unwrap_or_default(),
        ..no_process()
    }
}

fn no_file() -> FileInfo {
    FileInfo {
        display_name: String::new(),
        file_size: 0,
        file_type: String::new(),
        file_type_description: String::new(),
        file_type_extension: String::new(),
        type_category: Vec::new(),
        md5: String::new(),
        sha1: String::new(),
        sha256: String::new(),
        sha512: String::new(),
        upload_timestamp: String::new(),
        metadata: None,
        signer_infos: Vec::new(),
    }
}

fn no_results() -> ScanResults {
    ScanResults {
        data_id: String::new(),
        scan_all_result_i: 0,
        scan_all_result_a: String::new(),
        current_av_result_i: 0,
        current_av_result_a: String::new(),
        progress_percentage: 0,
        start_time: String::new(),
        total_time: 0,
        total_avs: 0,
        total_detected_avs: 0,
        scan_details: Default::default(),
    }
}

fn no_process() -> ProcessInfo {
    ProcessInfo {
        result: "Processing".to_owned(),
        progress_percentage: 0,
        verdicts: Vec::new(),
        blocked_reason: String::new(),
        blocked_reasons: Vec::new(),
        profile: String::new(),
        queue_time: 0,
        processing_time: 0,
        hash_time: 0,
        user_agent: String::new(),
        username: String::new(),
        file_type_skipped_scan: false,
        outdated_data: Vec::new(),
        post_processing: PostProcessing::default(),
    }
}
