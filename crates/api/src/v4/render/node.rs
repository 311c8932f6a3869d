use palisade_model::{EngineEntry, NodeReport, Problem, ProblemKind, RequestId, RequestSummary};

use super::super::code::ScanCode;
use super::super::report::{ArchivedFile, ExtractedFiles, ExtractionInfo, TreeNode};
use super::engine;
use super::tree::Tree;
use super::{Page, of_request};

pub(super) struct TypeInfo {
    pub(super) mime: String,
    pub(super) description: String,
    pub(super) extension: String,
    pub(super) categories: Vec<String>,
}

pub(super) fn type_info(entry: &NodeReport) -> TypeInfo {
    let Some(file_type) = &entry.file_type else {
        return TypeInfo {
            mime: String::new(),
            description: String::new(),
            extension: String::new(),
            categories: Vec::new(),
        };
    };
    TypeInfo {
        mime: file_type.mime.clone(),
        description: file_type.description.clone(),
        extension: file_type.extension.clone(),
        categories: vec![letter(&file_type.category).to_owned()],
    }
}

/// The vendor's letters; its client refuses any other.
fn letter(category: &str) -> &'static str {
    match category {
        "archive" => "A",
        "executable" => "E",
        "script" | "text" => "T",
        "document" => "D",
        "pdf" => "P",
        "mail" => "Z",
        "image" => "G",
        "media" => "M",
        _ => "O",
    }
}

pub(super) fn is_document(entry: &NodeReport) -> bool {
    let category = entry.file_type.as_ref().map(|file_type| file_type.category.as_str());
    matches!(category, Some("document" | "pdf"))
}

/// The way to a node from the scanned file.
pub(super) fn path(summary: &RequestSummary, path: &str) -> String {
    match (summary.name.as_str(), path) {
        (name, "") => name.to_owned(),
        ("", path) => path.to_owned(),
        (name, path) => format!("{name}/{path}"),
    }
}

pub(super) fn tree_node(tree: &Tree<'_>, entry: &NodeReport, summary: &RequestSummary) -> TreeNode {
    let code = tree.codes(entry)[0];
    let root = summary.node.root;
    let file_type = type_info(entry);
    TreeNode {
        data_id: of_request(entry.node, root).to_string(),
        parent_data_id: entry.parent.map(|parent| of_request(parent, root).to_string()),
        path: path(summary, &entry.path),
        display_name: super::name(entry, summary),
        file_size: entry.artifact.size,
        file_type: file_type.mime,
        file_type_description: file_type.description,
        sha256: entry.artifact.sha256().to_string(),
        encrypted: entry.encrypted,
        scan_all_result_i: code.number(),
        scan_all_result_a: code.text().to_owned(),
        scan_details: engine::all(entry),
    }
}

pub(super) fn extracted_files(
    tree: &Tree<'_>,
    entry: &NodeReport,
    root: RequestId,
    page: Page,
) -> Option<ExtractedFiles> {
    if entry.children.is_empty() {
        return None;
    }
    let files = entry.children.iter().skip(page.first).take(page.size).map(|child| {
        let scanned = tree.entry(child.node);
        let code = match (scanned, child.left_out) {
            (Some(entry), _) => tree.codes(entry)[0],
            (None, Some(problem)) => ScanCode::of_problem(problem),
            (None, None) => ScanCode::NotScanned,
        };
        ArchivedFile {
            display_name: child.name.clone(),
            data_id: of_request(child.node, root).to_string(),
            scan_result_i: code.number(),
            progress_percentage: 100,
            file_size: child.size,
            file_type: scanned.map(|entry| type_info(entry).mime).unwrap_or_default(),
            detected_by: tree.detected(child.node),
            scan_result_a: code.text().to_owned(),
            sha256: child.sha256.to_string(),
        }
    });
    Some(ExtractedFiles {
        files_in_archive: files.collect(),
        total: entry.children.len() as u64,
        first: page.first as u64,
    })
}

/// What is told of unpacking: nothing when no engine gave children or met a problem.
pub(super) fn extraction_info(entry: &NodeReport) -> Option<ExtractionInfo> {
    let mut problems: Vec<&Problem> = entry
        .engines
        .iter()
        .filter_map(|(_, entry)| match entry {
            EngineEntry::Done(result) => Some(&result.problems),
            _ => None,
        })
        .flatten()
        .collect();
    if problems.is_empty() && entry.children.is_empty() {
        return None;
    }
    problems.sort_by_key(|problem| problem.kind);
    let locked = problems.iter().any(|problem| {
        matches!(problem.kind, ProblemKind::EncryptedArchive | ProblemKind::EncryptedDocument)
    });
    let opened = entry.children.iter().any(|child| child.encrypted);
    let status = match (locked, opened) {
        (true, _) => Some("Failed".to_owned()),
        (false, true) => Some("Success".to_owned()),
        (false, false) => None,
    };
    let first = problems.first();
    Some(ExtractionInfo {
        decrypted_status: status,
        err_category: first.map(|problem| engine::kind(problem.kind)).unwrap_or_default().into(),
        err_code: first.map_or(0, |problem| ScanCode::of_problem(problem.kind).number()),
        err_details: first.map(|problem| problem.detail.clone()).unwrap_or_default(),
        is_encrypted_file: locked || opened,
        problems: problems.into_iter().map(engine::problem).collect(),
    })
}
