//! Law 1: a caller gets its id only once the artifact and the request are durable.

use std::pin::pin;
use std::time::Duration;

use palisade_ports::log::Durability;
use palisade_testkit::{Cluster, Config, Moment};

use crate::support::fresh;

/// What must have happened before an id is given.
const STEPS: [&str; 3] = ["objects.commit", "records.open_request", "log.append palisade.requests"];

#[tokio::test]
async fn no_id_when_a_port_fails() {
    let cluster = Cluster::start(Config::default()).await;
    for what in STEPS.into_iter().chain(["objects.writer", "objects.write"]) {
        for moment in [Moment::Before, Moment::After] {
            cluster.faults.fail(what, moment, 1);
            let answer = cluster.try_submit(b"bytes", fresh()).await;
            assert!(answer.is_err(), "an id in spite of {what}, {moment:?}");
        }
    }
    let id = cluster.submit(b"bytes").await;
    assert!(cluster.report(id).await.verdict.is_clean());
}

#[tokio::test]
async fn no_id_while_a_port_stalls() {
    let cluster = Cluster::start(Config::default()).await;
    for what in STEPS {
        cluster.faults.stall(what);
        let mut answer = pin!(cluster.try_submit(b"bytes", fresh()));
        tokio::select! {
            answer = &mut answer => panic!("{answer:?} while {what} stalls"),
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
        cluster.faults.heal();
        let id = answer.await.expect("the port answers").id;
        cluster.report(id).await;
    }
}

#[tokio::test]
async fn the_request_is_asked_to_survive_the_machine() {
    let cluster = Cluster::start(Config::default()).await;
    let id = cluster.submit(b"bytes").await;
    cluster.report(id).await;
    let weakest = cluster.faults.weakest("gateway", "palisade.requests");
    assert_eq!(weakest, Some(Durability::Machine));
}

#[tokio::test]
async fn what_has_an_id_survives_the_death_of_the_process() {
    let mut cluster = Cluster::start(Config::default()).await;
    for round in 0..4_u8 {
        let id = cluster.submit(&[b"evil", [round].as_slice()].concat()).await;
        cluster.restart_all().await;
        let report = cluster.report(id).await;
        assert_eq!(report.verdict.verdict, palisade_model::Verdict::Malicious);
        cluster.stored(id, 1).await;
    }
}
