//! Batches: files that are asked for one by one and answered together.

use palisade_model::{Batch, BatchId, Failure, Subject};
use palisade_pipeline::gateway::{GatewayConfig, GatewayError, Submission};
use palisade_ports::records::{BatchEnd, RequestState};
use palisade_testkit::{Act, Cluster, Config, Moment, ScriptedEngine};

use crate::support::fresh;

async fn batch(cluster: &Cluster) -> BatchId {
    let id = cluster.gateway().new_batch_id();
    let batch = Batch {
        id,
        created: palisade_ports::Clock::now(&*cluster.clock),
        key: None,
        workflow: "default".to_owned(),
        user_agent: None,
        user_data: None,
    };
    cluster.gateway().create_batch(batch).await.unwrap();
    id
}

fn into(batch: BatchId) -> Submission {
    Submission { batch: Some(batch), ..fresh() }
}

#[tokio::test]
async fn it_is_done_when_it_has_ended_and_its_files_are_done() {
    let config = GatewayConfig { max_batch_files: 2, ..GatewayConfig::default() };
    let cluster = Cluster::start(Config { gateway: config, ..Config::default() }).await;
    let id = batch(&cluster).await;
    for bytes in [&b"fine"[..], b"evil"] {
        let accepted = cluster.submit_as(bytes, into(id)).await;
        cluster.report(accepted.id).await;
    }
    let full = cluster.try_submit(b"one more", into(id)).await;
    assert!(matches!(full, Err(GatewayError::BatchFull { limit: 2 })));
    let state = cluster.gateway().batch(id).await.unwrap();
    assert_eq!((state.files, state.unfinished, state.ended), (2, 0, None));
    let url = "https://callback.invalid/".to_owned();
    cluster.gateway().close_batch(id, Some(url.clone())).await.unwrap();
    let state = cluster.gateway().batch(id).await.unwrap();
    assert_eq!(state.ended.map(|(end, _)| end), Some(BatchEnd::Closed));
    let delivery = cluster.ports().records.delivery(Subject::Batch(id)).await.unwrap();
    assert_eq!(delivery.map(|delivery| delivery.url), Some(url));
    let late = cluster.try_submit(b"late", into(id)).await;
    assert!(matches!(late, Err(GatewayError::BatchEnded)));
    let unknown = cluster.try_submit(b"x", into(cluster.gateway().new_batch_id())).await;
    assert!(matches!(unknown, Err(GatewayError::UnknownBatch)));
}

#[tokio::test]
async fn a_file_that_could_not_be_accepted_is_not_in_it() {
    let cluster = Cluster::start(Config::default()).await;
    let id = batch(&cluster).await;
    cluster.faults.fail("log.append palisade.requests", Moment::Before, 1);
    assert!(cluster.try_submit(b"fine", into(id)).await.is_err());
    assert_eq!(cluster.gateway().batch(id).await.unwrap().files, 0);
}

#[tokio::test]
async fn cancelled_it_takes_its_open_files_back() {
    let hangs = ScriptedEngine::new("slow", |scene| match scene.bytes {
        b"quick" => Act::nothing(),
        _ => Act::Hang,
    });
    let cluster = Cluster::start(Config::with([hangs])).await;
    let id = batch(&cluster).await;
    let quick = cluster.submit_as(b"quick", into(id)).await.id;
    cluster.report(quick).await;
    let slow = cluster.submit_as(b"slow", into(id)).await.id;
    cluster.gateway().cancel_batch(id).await.unwrap();
    let report = cluster.report(slow).await;
    assert_eq!(report.verdict.failure, Some(Failure::Cancelled));
    assert!(cluster.report(quick).await.verdict.is_clean());
    let state = cluster.gateway().batch(id).await.unwrap();
    assert_eq!((state.files, state.unfinished), (2, 0));
    assert_eq!(state.ended.map(|(end, _)| end), Some(BatchEnd::Cancelled));
    let files = cluster.gateway().batch_files(id, 0, 10).await.unwrap();
    assert_eq!(files.iter().map(|file| file.request).collect::<Vec<_>>(), [quick, slow]);
    assert!(files.iter().all(|file| matches!(file.state, Some(RequestState::Finished { .. }))));
}
