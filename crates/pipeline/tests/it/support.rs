//! What several laws need.

use palisade_model::{EngineEntry, NodeReport, Report};
use palisade_pipeline::gateway::Submission;
use palisade_testkit::packing::pack;

/// A plain request that is not answered from the cache.
pub(crate) fn fresh() -> Submission {
    Submission { cache: false, ..Submission::new("file") }
}

/// A request with a deadline.
pub(crate) fn due_in(deadline_ms: u64) -> Submission {
    Submission { deadline_ms: Some(deadline_ms), ..fresh() }
}

/// A box with something of everything: plain, malicious two levels down, suspicious, encrypted.
pub(crate) fn mixed() -> Vec<u8> {
    let deep = pack([("worse", "evil"), ("strange", "odd")]);
    let middle = pack([("deep", deep), ("secret", b"locked".to_vec())]);
    pack([("plain", b"nothing".to_vec()), ("middle", middle), ("shaky", b"shaky".to_vec())])
}

/// The node of this path; the root's is empty.
pub(crate) fn at<'a>(report: &'a Report, path: &str) -> &'a NodeReport {
    let found = report.nodes.iter().find(|node| node.path == path);
    found.unwrap_or_else(|| panic!("no node {path:?} in {report:#?}"))
}

/// One engine's entry.
pub(crate) fn entry<'a>(node: &'a NodeReport, engine: &str) -> &'a EngineEntry {
    let found = node.engines.iter().find(|(name, _)| name.as_str() == engine);
    found.map(|(_, entry)| entry).unwrap_or_else(|| panic!("no entry of {engine} in {node:#?}"))
}
