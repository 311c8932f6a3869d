//! Rendered reports as golden files.

use palisade_api::v4::{self, Page};
use palisade_model::{NodeId, Progress, RequestId, UnixMillis};

use crate::support::reports;

#[track_caller]
fn rendered(report: &palisade_model::Report) -> v4::FileResult {
    let summary = reports::summary(&report.request);
    v4::render_report(report, report.request.node, &summary).unwrap()
}

#[test]
fn clean() {
    insta::assert_json_snapshot!(rendered(&reports::clean(&reports::request("notes.txt"))));
}

#[test]
fn infected_two_levels_deep() {
    let result = rendered(&reports::infected(&reports::request("mail.eml")));
    let paths: Vec<_> = result.tree.iter().map(|node| node.path.as_str()).collect();
    assert_eq!(paths[2], "mail.eml/attachment.zip/evil.com");
    insta::assert_json_snapshot!(result);
}

#[test]
fn a_child_alone() {
    let request = reports::request("mail.eml");
    let report = reports::infected(&request);
    let summary = reports::summary(&request);
    let zip = request.node.child(0);
    let result = v4::render_report(&report, zip, &summary).unwrap();
    assert_eq!(result.tree_total, 3);
    insta::assert_json_snapshot!(result);
    let fine = v4::render_report(&report, zip.child(1), &summary).unwrap();
    assert_eq!(fine.scan_results.scan_all_result_i, 0);
    assert_eq!(fine.process_info.result, "Allowed");
    assert!(v4::render_report(&report, zip.child(9), &summary).is_none());
}

#[test]
fn encrypted() {
    insta::assert_json_snapshot!(rendered(&reports::encrypted(&reports::request("a.zip"))));
}

#[test]
fn partial() {
    insta::assert_json_snapshot!(rendered(&reports::partial(&reports::request("notes.txt"))));
}

#[test]
fn allow_listed() {
    let report = reports::listed(&reports::request("tool.exe"), false);
    insta::assert_json_snapshot!(rendered(&report));
}

#[test]
fn block_listed() {
    let report = reports::listed(&reports::request("tool.exe"), true);
    insta::assert_json_snapshot!(rendered(&report));
}

#[test]
fn in_progress() {
    let summary = reports::summary(&reports::request("notes.txt"));
    let result = v4::render_open(&summary, Progress { done: 1, expected: 3 });
    insta::assert_json_snapshot!(result);
}

#[test]
fn a_partial_report_is_not_clean_whatever_its_entries_say() {
    let mut report = reports::clean(&reports::request("notes.txt"));
    report.partial = true;
    let result = rendered(&report);
    assert_eq!(result.scan_results.scan_all_result_i, 3);
    assert_eq!(result.process_info.result, "Blocked");
    assert!(result.partial);
}

#[test]
fn a_child_left_out_has_its_own_outcome() {
    let request = reports::request("a.zip");
    let report = reports::left_out(&request);
    let result = rendered(&report);
    let child = &result.extracted_files.as_ref().unwrap().files_in_archive[0];
    assert_eq!((child.scan_result_i, child.file_type.as_str()), (9, ""));
    let summary = reports::summary(&request);
    let alone = v4::render_report(&report, request.node.child(0), &summary).unwrap();
    assert_eq!(alone.scan_results.scan_all_result_a, "Exceeded Archive Depth");
    assert_eq!(alone.process_info.result, "Blocked");
    assert_eq!(alone.file_info.display_name, "deep.zip");
}

/// A request that the report cache answered shows ids of its own, all the way down.
#[test]
fn a_cached_answer_has_the_ids_of_its_own_request() {
    let report = reports::infected(&reports::request("mail.eml"));
    let mut summary = reports::summary(&report.request);
    let id = RequestId::new(UnixMillis(1_793_613_700_000), [9; 10]);
    summary.node = NodeId::root(id);
    let result = v4::render_report(&report, summary.node, &summary).unwrap();
    assert!(result.cached);
    for node in &result.tree {
        assert!(node.data_id.starts_with(&id.to_string()), "{}", node.data_id);
        let alone = v4::render_report(&report, node.data_id.parse().unwrap(), &summary).unwrap();
        assert_eq!(alone.data_id, node.data_id);
        assert_eq!(alone.scan_results.scan_all_result_i, node.scan_all_result_i);
    }
}

#[test]
fn pages_are_cut_and_say_so() {
    let report = reports::wide(&reports::request("a.zip"), 10);
    let summary = reports::summary(&report.request);
    let page = Page { first: 8, size: 5 };
    let result = v4::render_page(&report, report.request.node, &summary, page).unwrap();
    let files = result.extracted_files.unwrap();
    assert_eq!((files.total, files.first, files.files_in_archive.len()), (10, 8, 2));
    assert_eq!((result.tree_total, result.tree.len()), (11, 3));
}

/// 20,000 nodes, the default bound of unpacking: no quadratic way through them.
#[test]
fn the_largest_tree_renders_soon() {
    let report = reports::wide(&reports::request("a.zip"), 20_000);
    let started = std::time::Instant::now();
    let result = rendered(&report);
    let taken = started.elapsed();
    assert_eq!(result.tree_total, 20_001);
    assert!(taken.as_secs() < 10, "{taken:?}");
}

#[test]
fn lists_say_the_same_as_results() {
    let request = reports::request("mail.eml");
    let mut late = reports::infected(&request);
    late.nodes[3].engines[0].1 = palisade_model::EngineEntry::TimedOut;
    for report in [
        reports::clean(&request),
        reports::infected(&request),
        reports::encrypted(&request),
        reports::partial(&request),
        reports::listed(&request, true),
        reports::listed(&request, false),
        reports::left_out(&request),
        late,
    ] {
        let results = rendered(&report).scan_results;
        let (code, detected) = v4::render::brief(&report);
        assert_eq!(results.scan_all_result_i, code.number());
        assert_eq!(results.total_detected_avs, detected);
        assert_eq!(results.scan_details, v4::render::scan_details(&report));
    }
}
