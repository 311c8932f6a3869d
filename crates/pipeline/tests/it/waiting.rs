//! Waiting for a report costs no polls, wakes everybody, and leaves nothing behind.

use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_ports::Clock;
use palisade_ports::records::RequestState;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

async fn gated() -> (Cluster, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let slow = ScriptedEngine::new("slow", move |_| {
        Act::Wait(Arc::clone(&at_gate), Box::new(Act::nothing()))
    });
    (Cluster::start(Config::with([slow])).await, gate)
}

#[tokio::test]
async fn everybody_who_waits_is_woken_by_the_report() {
    let (cluster, gate) = gated().await;
    let id = cluster.submit(b"fine").await;
    let other = cluster.submit(b"other").await;
    let for_ever = UnixMillis(u64::MAX);
    let mut waiters = JoinSet::new();
    for _ in 0..500 {
        let gateway = cluster.gateway().clone();
        waiters.spawn(async move { gateway.wait(id, for_ever).await });
    }
    cluster.until("the scans began", || cluster.engine("slow").begun().len() == 2).await;
    assert!(waiters.try_join_next().is_none());
    gate.add_permits(2);
    let all = async {
        while let Some(ended) = waiters.join_next().await {
            let state = ended.unwrap().unwrap();
            assert!(matches!(state, Some(RequestState::Finished { .. })), "{state:?}");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("all are woken");
    cluster.report(other).await;
}

#[tokio::test]
async fn who_waits_in_vain_is_told_at_the_end_of_the_wait() {
    let (cluster, _gate) = gated().await;
    let id = cluster.submit(b"fine").await;
    let until = cluster.clock.now().plus(1_000);
    let gateway = cluster.gateway().clone();
    let waiter = tokio::spawn(async move { gateway.wait(id, until).await });
    cluster.until("the scan began", || !cluster.engine("slow").begun().is_empty()).await;
    assert!(!waiter.is_finished());
    cluster.clock.advance(1_000);
    let state = waiter.await.unwrap().unwrap();
    assert!(matches!(state, Some(RequestState::Open { .. })), "{state:?}");
}

#[tokio::test]
async fn nobody_waits_for_what_is_finished_or_unknown() {
    let cluster = Cluster::start(Config::default()).await;
    let id = cluster.submit(b"fine").await;
    cluster.report(id).await;
    let for_ever = UnixMillis(u64::MAX);
    let state = cluster.gateway().wait(id, for_ever).await.unwrap();
    assert!(matches!(state, Some(RequestState::Finished { .. })));
    let unknown = palisade_model::RequestId::new(UnixMillis(1), [1; 10]);
    assert!(cluster.gateway().wait(unknown, for_ever).await.unwrap().is_none());
}
