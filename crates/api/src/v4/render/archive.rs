use palisade_model::{NodeId, NodeReport, Report, RequestSummary};

use super::super::archive::{
    ArchiveResult, BlockedLeaf, BlockedLeaves, ChildResult, KeyScan, PastScan,
};
use super::super::code::ScanCode;
use super::super::report::{FileInfo, FileResult, ProcessInfo, ScanResults};
use super::super::time::timestamp;
use super::advice::Gathered;
use super::tree::Tree;
use super::{Page, count, engine, file_brief, node, of_request, render_page};
use palisade_ports::records::RequestState;

/// Blocked leaves in one answer.
const MAX_LEAVES: usize = 100;

/// A node with everything inside it. `None` when the report has no such node.
pub fn archive(
    report: &Report,
    asked: NodeId,
    summary: &RequestSummary,
    page: Page,
) -> Option<ArchiveResult> {
    // The file itself, without its lists.
    let FileResult { data_id, file_info, scan_results, process_info, .. } =
        render_page(report, asked, summary, Page { first: 0, size: 0 })?;
    let tree = Tree::new(report);
    let gathered = Gathered::new(report);
    let below = tree.below(of_request(asked, report.request.node.root));
    let inside = below.get(1..).unwrap_or_default();
    let extracted_files = inside
        .iter()
        .skip(page.first)
        .take(page.size)
        .map(|entry| child(report, &tree, &gathered, entry, summary))
        .collect();
    Some(ArchiveResult {
        data_id,
        file_info,
        scan_results,
        process_info,
        extracted_files,
        total: inside.len() as u64,
        first: page.first as u64,
    })
}

fn child(
    report: &Report,
    tree: &Tree<'_>,
    gathered: &Gathered,
    entry: &NodeReport,
    summary: &RequestSummary,
) -> ChildResult {
    let root = summary.node.root;
    let data_id = of_request(entry.node, root).to_string();
    let codes = tree.codes(entry);
    let code = codes.first().copied().unwrap_or(ScanCode::Failed);
    let advice = gathered.on(report, entry.node, &codes, tree.partial(entry));
    let file_type = node::type_info(entry);
    ChildResult {
        parent_id: entry
            .parent
            .map(|parent| of_request(parent, root).to_string())
            .unwrap_or_default(),
        path: node::path(summary, &entry.path),
        file_info: FileInfo {
            display_name: super::name(entry, summary),
            file_size: entry.artifact.size,
            file_type: file_type.mime,
            file_type_description: file_type.description,
            file_type_extension: file_type.extension,
            type_category: file_type.categories,
            signer_infos: engine::signers(entry),
            ..super::file_info(summary, entry)
        },
        scan_results: ScanResults {
            data_id: data_id.clone(),
            scan_all_result_i: code.number(),
            scan_all_result_a: code.text().to_owned(),
            current_av_result_i: code.number(),
            current_av_result_a: code.text().to_owned(),
            progress_percentage: 100,
            start_time: timestamp(report.started),
            total_time: report.finished.since(report.request.accepted),
            total_avs: count(entry.engines.len()),
            total_detected_avs: tree.detected(entry.node),
            scan_details: engine::all(entry),
        },
        process_info: ProcessInfo {
            result: advice.result().to_owned(),
            progress_percentage: 100,
            verdicts: codes.iter().map(|code| code.text().to_owned()).collect(),
            blocked_reason: advice.reasons.first().cloned().unwrap_or_default(),
            blocked_reasons: advice.reasons,
            ..super::process_info(summary)
        },
        data_id,
    }
}

/// The deepest blocked files of a node's tree.
pub fn blocked_leaves(
    report: &Report,
    asked: NodeId,
    summary: &RequestSummary,
) -> Option<BlockedLeaves> {
    let tree = Tree::new(report);
    let gathered = Gathered::new(report);
    let asked = of_request(asked, report.request.node.root);
    tree.view(asked)?;
    let root = summary.node.root;
    let id = |node: NodeId| of_request(node, root).to_string();
    let mut details = Vec::new();
    let mut limit_reached = false;
    let mut add = |leaf: BlockedLeaf| match details.len() < MAX_LEAVES {
        true => details.push(leaf),
        false => limit_reached = true,
    };
    for entry in tree.below(asked) {
        let path = node::path(summary, &entry.path);
        for child in entry.children.iter().filter(|child| tree.entry(child.node).is_none()) {
            let code = child.left_out.map_or(ScanCode::NotScanned, ScanCode::of_problem);
            let verdicts = vec![code.text().to_owned()];
            add(BlockedLeaf {
                data_id: id(child.node),
                parent_id: id(entry.node),
                display_name: child.name.clone(),
                path: format!("{path}/{}", child.name),
                file_type: String::new(),
                blocked_reasons: verdicts.clone(),
                verdicts,
            });
        }
        if !entry.children.is_empty() {
            continue;
        }
        let codes = tree.codes(entry);
        let advice = gathered.on(report, entry.node, &codes, tree.partial(entry));
        if !advice.allows() {
            add(BlockedLeaf {
                data_id: id(entry.node),
                parent_id: entry.parent.map(id).unwrap_or_default(),
                display_name: super::name(entry, summary),
                path,
                file_type: node::type_info(entry).mime,
                verdicts: codes.iter().map(|code| code.text().to_owned()).collect(),
                blocked_reasons: advice.reasons,
            });
        }
    }
    Some(BlockedLeaves { total: details.len() as u64, details, limit_reached })
}

/// A scan in a history.
pub fn past_scan(state: &RequestState) -> PastScan {
    match state {
        RequestState::Open { summary, .. } => PastScan {
            data_id: summary.node.to_string(),
            scan_all_result_i: ScanCode::InProgress.number(),
            scan_all_result_a: ScanCode::InProgress.text().to_owned(),
            start_time: timestamp(summary.accepted),
            total_avs: 0,
            total_detected_avs: 0,
        },
        RequestState::Finished { summary, report, .. } => {
            let brief = file_brief(report);
            PastScan {
                data_id: summary.node.to_string(),
                scan_all_result_i: brief.code.number(),
                scan_all_result_a: brief.code.text().to_owned(),
                start_time: timestamp(summary.accepted),
                total_avs: report.root().map_or(0, |root| count(root.engines.len())),
                total_detected_avs: brief.detected,
            }
        }
    }
}

/// A scan in the history of a key.
pub fn key_scan(state: &RequestState) -> KeyScan {
    let (RequestState::Open { summary, .. } | RequestState::Finished { summary, .. }) = state;
    let (extension, mime, description) = match state {
        RequestState::Finished { report, .. } => report.root().map(node::type_info),
        RequestState::Open { .. } => None,
    }
    .map(|info| (info.extension, info.mime, info.description))
    .unwrap_or_default();
    let hashes = &summary.artifact.hashes;
    KeyScan {
        data_id: summary.node.to_string(),
        file_info: FileInfo {
            display_name: summary.name.clone(),
            file_size: summary.artifact.size,
            file_type: mime,
            file_type_description: description,
            file_type_extension: extension,
            md5: hashes.md5.clone(),
            sha1: hashes.sha1.clone(),
            sha256: hashes.sha256.to_string(),
            sha512: hashes.sha512.clone(),
            upload_timestamp: timestamp(summary.accepted),
            metadata: summary.metadata.clone(),
            ..super::no_file()
        },
        scan_results: past_scan(state),
        scan_with: "palisade".to_owned(),
    }
}
