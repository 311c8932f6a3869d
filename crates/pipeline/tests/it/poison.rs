//! Messages that nobody can read, and messages that do not fit: each is counted (law 7), costs at most
//! its own request, and holds nobody up.

use palisade_model::{EngineEntry, Failure, Finding, Outcome, Priority};
use palisade_ports::engine::Opinion;
use palisade_ports::log::{Append, Durability, Topic};
use palisade_telemetry::metrics::DropReason;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine};

use crate::support::{due_in, entry};

#[tokio::test]
async fn unreadable_messages_are_counted_and_passed_over() {
    let cluster = Cluster::start(Config::default()).await;
    let engine = "words".parse().unwrap();
    let topics = [
        (Topic::Requests(Priority::Interactive), "extractor"),
        (Topic::Requests(Priority::Batch), "extractor"),
        (Topic::Commands(engine, Priority::Interactive), "words"),
        (Topic::Results, "aggregator"),
        (Topic::Reports, "gateway"),
    ];
    let payloads: [&[u8]; 5] =
        [b"", b"{", b"\xff\xfe", b"{\"v\":1,\"body\":{}}", b"{\"v\":99,\"body\":null}"];
    for (topic, _) in &topics {
        let appends = payloads.iter().map(|payload| Append {
            topic: topic.clone(),
            key: vec![1; 16].into(),
            payload: payload.to_vec().into(),
        });
        cluster.ports().log.append(appends.collect(), Durability::Process).await.unwrap();
    }
    let id = cluster.submit(b"fine").await;
    assert!(cluster.report(id).await.verdict.is_clean());
    cluster.idle().await;
    for (place, count) in [("extractor", 10), ("words", 5), ("aggregator", 5), ("gateway", 5)] {
        let counted = || cluster.drops(DropReason::Unreadable, place) == count;
        cluster.until(place, counted).await;
    }
}

/// A worker under an attacker's control may say more than fits into a message.
#[tokio::test]
async fn a_result_that_does_not_fit_is_a_failed_one() {
    let talkative = ScriptedEngine::new("talkative", |scene| match scene.bytes {
        b"talk" => Act::Say(Opinion {
            findings: (0..10).map(long_finding).collect(),
            ..Opinion::default()
        }),
        _ => Act::nothing(),
    });
    let cluster = Cluster::start(Config::with([talkative])).await;
    let id = cluster.submit(b"talk").await;
    let other = cluster.submit(b"fine").await;
    assert!(cluster.report(other).await.verdict.is_clean());
    let report = cluster.report(id).await;
    let EngineEntry::Done(result) = entry(&report.nodes[0], "talkative") else { panic!() };
    assert_eq!(result.outcome, Outcome::Failure(Failure::Failed));
    assert!(report.partial && !report.verdict.is_clean());
    assert_eq!(cluster.engine("talkative").begun().len(), 2, "nothing is scanned again");
}

fn long_finding(n: usize) -> Finding {
    Finding { id: format!("f{n}"), explanation: "x".repeat(1 << 20), ..Finding::default() }
}

#[tokio::test]
async fn results_that_come_after_the_report_are_counted() {
    let slow = ScriptedEngine::new("slow", |_| Act::Hang);
    let cluster = Cluster::start(Config::with([slow])).await;
    // The host gives the scan up at the deadline: its result comes when the report is made or about
    // to be; a repeat of the request afterwards is late for certain.
    let id = cluster.submit_as(b"fine", due_in(1_000)).await.id;
    let report = cluster.report_in_time(id).await;
    let request = report.request.clone();
    let append = Append {
        topic: Topic::Requests(Priority::Interactive),
        key: id.as_bytes().to_vec().into(),
        payload: palisade_model::wire::encode(&request).into(),
    };
    cluster.idle().await;
    let before = cluster.drops(DropReason::Late, "aggregator");
    cluster.ports().log.append(vec![append], Durability::Process).await.unwrap();
    // The plan, the prober's result and those of three engines, `unpack` being not applicable.
    let late = || cluster.drops(DropReason::Late, "aggregator") >= before + 4;
    cluster.until("late results are counted", late).await;
    cluster.stored(id, 1).await;
}
