//! Law 3: every request ends by its deadline, and says what is missing.

use std::sync::Arc;

use palisade_model::{EngineEntry, Failure, Outcome, Report, Request, wire};
use palisade_ports::log::{Append, Durability, Topic};
use palisade_ports::records::EngineState;
use palisade_testkit::packing::pack;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, Stage, scripts};
use tokio::sync::Semaphore;

use crate::support::{at, due_in, entry, fresh};

/// The grace and the tick of the aggregator, in milliseconds.
const LATEST_MS: u64 = 350;

/// What the janitor adds: it leaves the aggregator time, and looks once a second.
const JANITOR_MS: u64 = 3_000;

fn engine(name: &str, act: impl Fn() -> Act + Send + Sync + 'static) -> ScriptedEngine {
    ScriptedEngine::new(name, move |_| act())
}

fn assert_partial(report: &Report) {
    assert!(report.partial, "{report:#?}");
    assert!(!report.verdict.is_clean(), "{report:#?}");
    assert!(report.verdict.failure.is_some(), "{report:#?}");
}

#[tokio::test]
async fn a_slow_engine_does_not_hold_a_report_beyond_its_deadline() {
    let cluster = Cluster::start(Config::with([engine("slow", || Act::Hang)])).await;
    let id = cluster.submit_as(b"odd", due_in(5_000)).await.id;
    cluster.until("the scan began", || !cluster.engine("slow").begun().is_empty()).await;
    cluster.clock.advance(4_999);
    for _ in 0..20 {
        assert!(cluster.look(id).await.is_none());
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    cluster.clock.advance(1 + LATEST_MS);
    let report = cluster.report(id).await;
    assert_partial(&report);
    assert_eq!(report.verdict.failure, Some(Failure::TimedOut));
    // What the others found counts all the same.
    assert_eq!(report.verdict.verdict, palisade_model::Verdict::Suspicious);
    assert!(report.finished.since(report.request.deadline) <= LATEST_MS);
}

#[tokio::test]
async fn a_host_that_is_gone_is_waited_for_until_the_deadline_only() {
    let mut config = Config::with([engine("dead", Act::nothing)]);
    config.asleep = vec![Stage::Engine("dead".to_owned())];
    let cluster = Cluster::start(config).await;
    let id = cluster.submit_as(b"fine", due_in(2_000)).await.id;
    let report = cluster.report_in_time(id).await;
    assert_partial(&report);
    assert_eq!(*entry(&report.nodes[0], "dead"), EngineEntry::TimedOut);
}

#[tokio::test]
async fn an_engine_that_is_known_to_be_down_is_not_waited_for() {
    let cluster = Cluster::start(Config::with([engine("down", || Act::Hang)])).await;
    cluster.engine("down").set_health(EngineState::Down, "on strike");
    cluster.refresh().await;
    let id = cluster.submit(b"fine").await;
    let report = cluster.report(id).await;
    assert_partial(&report);
    assert_eq!(*entry(&report.nodes[0], "down"), EngineEntry::Down("on strike".to_owned()));
}

#[tokio::test]
async fn an_engine_that_is_not_heard_of_is_down() {
    let mut config = Config::with([engine("silent", || Act::Hang)]);
    config.asleep = vec![Stage::Status];
    let cluster = Cluster::start(config).await;
    cluster.clock.advance(11_000);
    cluster.gateway().catalog().refresh().await.unwrap();
    let id = cluster.submit(b"fine").await;
    let report = cluster.report(id).await;
    assert_partial(&report);
    assert!(matches!(entry(&report.nodes[0], "silent"), EngineEntry::Down(_)));
}

#[tokio::test]
async fn an_engine_without_workers_gets_a_failed_entry() {
    let broken = engine("broken", || Act::Unavailable("no memory"));
    let cluster = Cluster::start(Config::with([broken])).await;
    let id = cluster.submit(b"fine").await;
    let report = cluster.report_in_time(id).await;
    assert_partial(&report);
    assert_eq!(report.verdict.failure, Some(Failure::Failed));
    assert!(report.finished < report.request.deadline);
    assert!(cluster.engine("broken").begun().len() > 3, "it was tried again");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_refused_or_stated() {
    let cluster = Cluster::start(Config::default()).await;
    let ghost = Some(vec!["ghost".parse().unwrap(), "words".parse().unwrap()]);
    let asked = palisade_pipeline::gateway::Submission { engines: ghost.clone(), ..fresh() };
    assert!(cluster.try_submit(b"fine", asked).await.is_err());

    // The gateway knew it, and the extractor does not: a gateway of another version, another host.
    for engines in [ghost, Some(vec![]), Some(vec!["ghost".parse().unwrap()])] {
        let request = Request { engines, ..cluster.request(b"fine", 60_000).await };
        append(&cluster, &request).await;
        let report = cluster.report(request.node.root).await;
        assert!(!report.verdict.is_clean(), "{report:#?}");
    }
}

#[tokio::test]
async fn a_request_that_nobody_planned_is_ended() {
    let config = Config { asleep: vec![Stage::Extractor], ..Config::default() };
    let cluster = Cluster::start(config).await;
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(cluster.submit_as(b"fine", due_in(1_000)).await.id);
    }
    cluster.clock.advance(1_000 + JANITOR_MS);
    for id in ids {
        let report = cluster.report(id).await;
        assert_partial(&report);
        assert_eq!(report.verdict.failure, Some(Failure::TimedOut));
        cluster.stored(id, 1).await;
    }
}

#[tokio::test]
async fn a_request_that_was_never_on_the_log_is_ended() {
    let cluster = Cluster::start(Config::default()).await;
    let request = cluster.request(b"fine", 1_000).await;
    let summary = palisade_model::RequestSummary::of(&request);
    cluster.ports().records.open_request(summary, Default::default()).await.unwrap();
    let report = cluster.report_in_time(request.node.root).await;
    assert_partial(&report);
}

#[tokio::test]
async fn a_deadline_in_the_past_ends_at_once() {
    let cluster = Cluster::start(Config::default()).await;
    let id = cluster.submit_as(b"fine", due_in(0)).await.id;
    let report = cluster.report(id).await;
    assert_partial(&report);
    let EngineEntry::Done(result) = entry(&report.nodes[0], "words") else { panic!("{report:#?}") };
    assert_eq!(result.outcome, Outcome::Failure(Failure::TimedOut));
    assert!(cluster.engine("words").begun().is_empty(), "nothing is scanned in vain");
}

#[tokio::test]
async fn children_that_nobody_planned_are_missed() {
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let unpack = ScriptedEngine::new(scripts::UNPACKER, move |scene| {
        let (members, _) = palisade_testkit::packing::open(scene.bytes);
        let unpack = Act::Unpack(members, Default::default());
        Act::Wait(Arc::clone(&at_gate), Box::new(unpack))
    });
    let engines = vec![unpack, scripts::scanner("words")];
    let mut cluster = Cluster::start(Config { engines, ..Config::default() }).await;
    let bytes = pack([("a", "fine"), ("b", "fine")]);
    let id = cluster.submit_as(&bytes, due_in(5_000)).await.id;
    cluster.until("it is unpacked", || !cluster.engine("unpack").begun().is_empty()).await;
    cluster.kill(&Stage::Extractor).await;
    gate.add_permits(1);
    let report = cluster.report_in_time(id).await;
    assert_partial(&report);
    assert_eq!(report.nodes[0].children.len(), 2, "its parent tells of them");
    assert_eq!(report.verdict.failure, Some(Failure::TimedOut));
}

async fn append(cluster: &Cluster, request: &Request) {
    let append = Append {
        topic: Topic::Requests(request.priority),
        key: request.node.root.as_bytes().to_vec().into(),
        payload: wire::encode(request).into(),
    };
    cluster.ports().log.append(vec![append], Durability::Machine).await.unwrap();
}

#[tokio::test]
async fn nodes_are_found_by_their_path() {
    let cluster = Cluster::start(Config::default()).await;
    let id = cluster.submit(&crate::support::mixed()).await;
    let report = cluster.report(id).await;
    assert!(!report.partial);
    assert_eq!(at(&report, "middle/deep/worse").own.verdict, palisade_model::Verdict::Malicious);
    assert_eq!(at(&report, "plain").whole, palisade_model::ReportVerdict::default());
    assert_eq!(report.verdict.verdict, palisade_model::Verdict::Malicious);
    assert_eq!(report.verdict.failure, Some(Failure::Encrypted));
}
