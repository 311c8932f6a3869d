//! A dead letter that is tried again: a plan accepted later than the report reopens the request.

use palisade_model::{NodeId, Progress, Request, RequestId, RequestSummary, wire};
use palisade_ports::Clock;
use palisade_ports::log::{Append, Durability, Topic};
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, Stage};

/// Kills three workers and then is cured.
fn cured_in_time() -> ScriptedEngine {
    ScriptedEngine::new("cured", |scene| match scene.earlier {
        0..3 if scene.bytes == b"kills" => Act::Die("not yet cured"),
        _ => Act::nothing(),
    })
}

/// What whoever serves the administrator does.
async fn again(cluster: &Cluster, id: RequestId) -> Request {
    let report = cluster.look(id).await.expect("a report");
    cluster.clock.advance(1);
    let now = cluster.clock.now();
    let allowed = report.request.deadline.since(report.request.accepted);
    let request = Request { accepted: now, deadline: now.plus(allowed), ..report.request.clone() };
    let ports = cluster.ports();
    ports.records.settle(id).await.unwrap();
    assert!(ports.records.reopen(id).await.unwrap());
    let summary = RequestSummary::of(&request);
    ports.records.open_request(summary, Progress::default()).await.unwrap();
    let append = Append {
        topic: Topic::Requests(request.priority),
        key: id.as_bytes().to_vec().into(),
        payload: wire::encode(&request).into(),
    };
    ports.log.append(vec![append], Durability::Machine).await.unwrap();
    let letter = format!("{}.cured", NodeId::root(id));
    assert!(ports.records.remove_dead_letter(&letter).await.unwrap());
    request
}

async fn retried(restart: bool) {
    let mut cluster = Cluster::start(Config::with([cured_in_time()])).await;
    let id = cluster.submit(b"kills").await;
    let first = cluster.report(id).await;
    assert!(first.partial);
    cluster.idle().await;
    if restart {
        cluster.restart(&Stage::Aggregator).await;
    }
    let request = again(&cluster, id).await;
    let second = cluster.report(id).await;
    assert!(!second.partial && second.verdict.is_clean(), "{second:#?}");
    assert_eq!(second.request.accepted, request.accepted);
    cluster.stored(id, 2).await;
    cluster.idle().await;
    assert!(cluster.ports().records.dead_letters(10).await.unwrap().is_empty());

    // Another acceptance, another report; a repeat of one, none.
    let append = Append {
        topic: Topic::Requests(request.priority),
        key: id.as_bytes().to_vec().into(),
        payload: wire::encode(&request).into(),
    };
    cluster.ports().log.append(vec![append], Durability::Machine).await.unwrap();
    cluster.idle().await;
    cluster.stored(id, 2).await;
}

#[tokio::test]
async fn a_finished_request_is_reopened_by_a_later_acceptance() {
    retried(false).await;
}

#[tokio::test]
async fn also_by_an_aggregator_that_remembers_nothing() {
    retried(true).await;
}
