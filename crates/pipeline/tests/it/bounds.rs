//! Law 6: every bound holds over the whole tree and is a stated outcome. Law 7: what is dropped is
//! counted.

use std::sync::Arc;

use palisade_model::{
    Command, NodeEvent, Outcome, ProblemKind, Report, UnpackLimits, Verdict, wire,
};
use palisade_pipeline::artifacts::{ArtifactCache, CacheConfig};
use palisade_pipeline::gateway::Submission;
use palisade_pipeline::runner::Runner;
use palisade_ports::Clock;
use palisade_ports::log::MAX_PAYLOAD_BYTES;
use palisade_telemetry::metrics::DropReason;
use palisade_testkit::packing::pack;
use palisade_testkit::{Cluster, Config, scripts};

use crate::support::fresh;

/// Containers that are unpacked at the same time: each may be one child ahead of the sum.
const AT_ONCE: u32 = 3;

async fn report(bytes: &[u8], limits: UnpackLimits) -> (Cluster, Arc<Report>) {
    let cluster = Cluster::start(Config::default()).await;
    let submission = Submission { limits: Some(limits), ..fresh() };
    let id = cluster.submit_as(bytes, submission).await.id;
    let report = cluster.report(id).await;
    (cluster, report)
}

/// `wide` boxes of `wide` boxes of `wide` files, each different from every other.
fn tree(wide: usize, file_bytes: usize) -> Vec<u8> {
    let file = |n: usize| format!("{n:0file_bytes$}").into_bytes();
    let inner = |n: usize| pack((0..wide).map(|m| (m.to_string(), file(n * wide + m))));
    let outer = |n: usize| pack((0..wide).map(|m| (m.to_string(), inner(n * wide + m))));
    pack((0..wide).map(|m| (m.to_string(), outer(m))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_bounded_over_the_whole_tree() {
    let limits = UnpackLimits { max_files: 30, ..UnpackLimits::default() };
    let (cluster, report) = report(&tree(6, 8), limits).await;
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooManyFiles));
    assert!(!report.verdict.is_clean());
    assert!(report.unpacked.files >= 30 - AT_ONCE, "{:?}", report.unpacked);
    assert!(report.unpacked.files <= 30 + AT_ONCE * 6, "{:?}", report.unpacked);
    assert!(cluster.drops(DropReason::UnpackLimit, "unpack") > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_bounded_over_the_whole_tree() {
    let limits = UnpackLimits { max_total_bytes: 400_000, ..UnpackLimits::default() };
    let (cluster, report) = report(&tree(4, 5_000), limits).await;
    // The whole tree has three times 64 * 5,000 bytes.
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooLarge));
    assert!(report.unpacked.bytes <= 400_000 + u64::from(AT_ONCE) * 80_000, "{report:#?}");
    assert!(cluster.drops(DropReason::UnpackLimit, "unpack") > 0);
}

#[tokio::test]
async fn within_the_bounds_everything_is_read() {
    let limits = UnpackLimits { max_files: 3 + 9 + 27, max_depth: 3, ..UnpackLimits::default() };
    let (_, report) = report(&tree(3, 8), limits).await;
    assert!(report.verdict.is_clean() && !report.partial, "{:?}", report.verdict);
    assert_eq!((report.unpacked.files, report.unpacked.depth), (39, 3));
}

#[tokio::test]
async fn depth_is_bounded() {
    let nested = (0..6).fold(b"evil".to_vec(), |inner, n| pack([(format!("{n}"), inner)]));
    let limits = UnpackLimits { max_depth: 4, ..UnpackLimits::default() };
    let (_, report) = report(&nested, limits).await;
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooDeep));
    assert!(!report.verdict.is_clean());
    assert_eq!(report.unpacked.depth, 4);
    let deepest = report.nodes.last().unwrap();
    assert_eq!(deepest.children[0].left_out, Some(ProblemKind::TooDeep));
}

#[tokio::test]
async fn a_file_that_contains_itself_is_opened_once() {
    let (cluster, report) = report(b"QUINE", UnpackLimits::default()).await;
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooDeep));
    assert!(!report.verdict.is_clean());
    assert_eq!(report.nodes.len(), 1);
    assert_eq!(cluster.engine("unpack").begun().len(), 1);
}

#[tokio::test]
async fn a_child_above_its_bound_is_a_stated_outcome() {
    let bytes = pack([("small", vec![b'x'; 10]), ("large", vec![b'x'; 1_001])]);
    let limits = UnpackLimits { max_file_bytes: 1_000, ..UnpackLimits::default() };
    let (cluster, report) = report(&bytes, limits).await;
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooLarge), "{report:#?}");
    assert!(!report.verdict.is_clean());
    // What came out before counts, and the container was not opened again and again.
    assert_eq!(report.unpacked.files, 1);
    assert_eq!(cluster.engine("unpack").begun().len(), 1);
}

/// A worker under an attacker's control names so many children at such length that the list of them
/// would not fit into a message: each byte of these names takes six in JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_children_fit_into_a_message() {
    const CHILDREN: usize = 1_500;
    let name = "\u{1}".repeat(1_000);
    let artifact = pack((0..CHILDREN).map(|_| (name.as_str(), "the same")));
    let cluster = Cluster::start(Config::default()).await;
    let objects = Arc::clone(&cluster.ports().objects);
    let cache = Arc::new(ArtifactCache::new(objects, CacheConfig::default()));
    let runner =
        Runner::new(cluster.ports().clone(), Arc::new(scripts::unpacker()), cache, 600_000);
    let command = Command {
        engine: scripts::UNPACKER.parse().unwrap(),
        request: cluster.request(&artifact, 600_000).await,
        file_type: scripts::file_type("box"),
        issued: cluster.clock.now(),
    };
    let done = runner.run(&command).await.unwrap();
    assert_eq!(done.children.len(), CHILDREN);
    assert_eq!(done.result.children.len(), CHILDREN);
    assert_eq!(done.result.outcome, Outcome::Verdict(Verdict::NoThreat));
    let message = wire::encode(&NodeEvent::Result(Box::new(done.result)));
    assert!(message.len() <= MAX_PAYLOAD_BYTES, "{}", message.len());
}
