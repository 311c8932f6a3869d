//! Back-pressure: a gateway that is asked for too much says so, and goes on answering.

use palisade_model::AnyHash;
use palisade_model::Priority;
use palisade_pipeline::gateway::{EXTRACTOR_GROUP, GatewayError};
use palisade_ports::log::Topic;
use palisade_ports::records::RequestState;
use palisade_telemetry::metrics::DropReason;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, Stage};
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::support::fresh;

#[tokio::test]
async fn a_backlog_above_the_limit_is_busy_and_polls_are_answered() {
    let mut config = Config { asleep: vec![Stage::Extractor], ..Config::default() };
    config.gateway.max_waiting = 3;
    let mut cluster = Cluster::start(config).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(cluster.submit(b"fine").await);
    }
    cluster.pass(200).await;
    cluster.until("it is measured", || cluster.gateway().admit().is_err()).await;
    let before = cluster.drops(DropReason::Backlog, "gateway");
    match cluster.try_submit(b"fine", fresh()).await {
        Err(GatewayError::Busy { retry_after_s, .. }) => assert!(retry_after_s > 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.drops(DropReason::Backlog, "gateway"), before + 1);

    let state = cluster.gateway().state(ids[0]).await.unwrap();
    assert!(matches!(state, Some(RequestState::Open { .. })));
    let sha256 = cluster.store(b"fine").await.sha256();
    assert!(cluster.gateway().by_hash(AnyHash::Sha256(sha256.0)).await.unwrap().is_none());

    cluster.wake(&Stage::Extractor);
    for id in ids {
        cluster.report(id).await;
    }
    cluster.idle().await;
    cluster.pass(200).await;
    cluster.until("it takes requests again", || cluster.gateway().admit().is_ok()).await;
    let id = cluster.submit(b"fine").await;
    cluster.report(id).await;
}

/// What waits, waits where the gateway sees it: before the extractor, not before an engine.
#[tokio::test]
async fn a_slow_engine_shows_before_the_extractor() {
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let slow = ScriptedEngine::new("slow", move |_| {
        Act::Wait(Arc::clone(&at_gate), Box::new(Act::nothing()))
    });
    let mut config = Config { engines: vec![slow], ..Config::default() };
    config.extractor.max_commands_waiting = Some(8);
    let cluster = Cluster::start(config).await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(cluster.submit(b"fine").await);
    }
    cluster.pass(500).await;
    let commands = Topic::Commands("slow".parse().unwrap(), Priority::Interactive);
    let waiting = cluster.backlog("engine.slow", &commands).await;
    assert!((8..=20).contains(&waiting), "{waiting}");
    let requests = cluster.backlog(EXTRACTOR_GROUP, &Topic::Requests(Priority::Interactive)).await;
    assert!(requests >= 40, "{requests}");
    gate.add_permits(60);
    for id in ids {
        assert!(cluster.report_in_time(id).await.verdict.is_clean());
    }
}
