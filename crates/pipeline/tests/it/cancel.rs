//! Requests that are taken back: one report, made at once, of what was there.

use std::sync::Arc;

use palisade_model::{EngineEntry, Failure, Outcome, Report, Verdict};
use palisade_ports::records::RequestState;
use palisade_telemetry::metrics::DropReason;
use palisade_testkit::packing::pack;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, Stage};
use tokio::sync::Semaphore;

use crate::support::{entry, fresh};

fn assert_cancelled(report: &Report) {
    assert_eq!(report.verdict.failure, Some(Failure::Cancelled), "{report:#?}");
    assert!(report.partial && !report.verdict.is_clean());
}

fn outcome(entry: &EngineEntry) -> Outcome {
    match entry {
        EngineEntry::Done(result) => result.outcome,
        other => panic!("no answer: {other:?}"),
    }
}

/// `slow` waits at the gate, everybody else answers at once.
fn gated(gate: &Arc<Semaphore>) -> Config {
    let gate = Arc::clone(gate);
    Config::with([ScriptedEngine::new("slow", move |_| {
        Act::Wait(Arc::clone(&gate), Box::new(Act::nothing()))
    })])
}

#[tokio::test]
async fn the_report_is_made_of_what_is_there() {
    let gate = Arc::new(Semaphore::new(0));
    let cluster = Cluster::start(gated(&gate)).await;
    let id = cluster.submit(b"odd").await;
    cluster.until("the scan began", || !cluster.engine("slow").begun().is_empty()).await;
    let words = || async {
        let state = cluster.gateway().state(id).await.unwrap();
        matches!(state, Some(RequestState::Open { .. }))
    };
    assert!(words().await);
    cluster.pass(1_000).await;
    let state = cluster.gateway().cancel(id).await.unwrap();
    assert!(matches!(state, Some(RequestState::Open { .. })));
    // No deadline is near, and the gate stays closed.
    let report = cluster.report(id).await;
    assert_cancelled(&report);
    assert_eq!(report.verdict.verdict, Verdict::Suspicious, "what was found was found");
    let root = &report.nodes[0];
    assert_eq!(outcome(entry(root, "slow")), Outcome::Failure(Failure::Cancelled));
    assert_eq!(outcome(entry(root, "words")), Outcome::Verdict(Verdict::Suspicious));
    // The engine lets go of the scan, and its late result is dropped.
    cluster.idle_in_time().await;
    assert!(cluster.drops(DropReason::Late, "aggregator") >= 1);
    cluster.stored(id, 1).await;
    // Again: it has its report.
    let again = cluster.gateway().cancel(id).await.unwrap();
    assert!(matches!(again, Some(RequestState::Finished { .. })));
    assert_eq!(*cluster.report(id).await, *report);
}

#[tokio::test]
async fn commands_that_wait_are_not_run() {
    let gate = Arc::new(Semaphore::new(0));
    let cluster = Cluster::start(gated(&gate)).await;
    // Two are at the gate, the rest wait on the log.
    let mut ids = Vec::new();
    for number in 0..6_u8 {
        ids.push(cluster.submit(&[b'x', number]).await);
    }
    cluster.until("two scans began", || cluster.engine("slow").begun().len() == 2).await;
    for id in &ids {
        cluster.gateway().cancel(*id).await.unwrap();
    }
    for id in &ids {
        assert_cancelled(&*cluster.report(*id).await);
    }
    cluster.idle_in_time().await;
    assert_eq!(cluster.engine("slow").begun().len(), 2, "nobody waits for the others");
    for id in ids {
        cluster.stored(id, 1).await;
    }
}

#[tokio::test]
async fn a_request_that_nobody_has_planned_is_cancelled_all_the_same() {
    let config = Config { asleep: vec![Stage::Extractor], ..Config::default() };
    let mut cluster = Cluster::start(config).await;
    let id = cluster.submit_as(b"fine", fresh()).await.id;
    cluster.gateway().cancel(id).await.unwrap();
    let report = cluster.report(id).await;
    assert_cancelled(&report);
    assert_eq!(report.request.name, "file");
    // The extractor comes to it later and plans nothing.
    cluster.wake(&Stage::Extractor);
    cluster.idle_in_time().await;
    cluster.stored(id, 1).await;
    assert_eq!(*cluster.report(id).await, *report);
}

/// Whoever cancels dies after the mark and before the event: the engines and the extractor see the
/// mark, and the request ends long before its deadline.
#[tokio::test]
async fn the_mark_alone_is_enough() {
    let gate = Arc::new(Semaphore::new(0));
    let cluster = Cluster::start(gated(&gate)).await;
    let content = pack([("one", b"fine".to_vec()), ("two", b"odd".to_vec())]);
    let id = cluster.submit(&content).await;
    cluster.until("the scans began", || cluster.engine("slow").begun().len() >= 2).await;
    let now = palisade_ports::Clock::now(&*cluster.clock);
    cluster.ports().records.cancel(id, now).await.unwrap();
    let report = cluster.report_in_time(id).await;
    assert_cancelled(&report);
    assert!(report.finished.since(now) < 5_000, "{}", report.finished.since(now));
    cluster.idle_in_time().await;
    cluster.stored(id, 1).await;
}

#[tokio::test]
async fn nobody_can_take_back_what_is_not_there() {
    let cluster = Cluster::start(Config::default()).await;
    let nobody = "00000000000000000000000000000001".parse().unwrap();
    assert!(cluster.gateway().cancel(nobody).await.unwrap().is_none());
    let id = cluster.submit(b"fine").await;
    let report = cluster.report(id).await;
    assert!(report.verdict.is_clean());
    let state = cluster.gateway().cancel(id).await.unwrap();
    assert!(matches!(state, Some(RequestState::Finished { .. })));
    assert_eq!(*cluster.report(id).await, *report);
}
