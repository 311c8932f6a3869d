//! What goes from the log, exactly; other implementations may be slower about it.

use palisade_ports::Log;
use palisade_ports::log::{Durability, Start, Topic};
use palisade_storage::{EmbeddedConfig, LogConfig};

use crate::store::{Store, append, drain};

#[tokio::test]
async fn tails_hold_nothing_back_and_are_not_remembered() {
    let log = LogConfig { ring_records: 4, ..LogConfig::default() };
    let mut store = Store::new(EmbeddedConfig { log, ..EmbeddedConfig::default() }).await;
    let log = &store.open().log;
    let topic = Topic::Reports;
    let mut tail = log
        .subscribe("tail.console", std::slice::from_ref(&topic), Start::Newest)
        .await
        .expect("subscribe");
    let mut worker = log
        .subscribe("worker", std::slice::from_ref(&topic), Start::Oldest)
        .await
        .expect("subscribe");
    for number in 0..2500_u32 {
        append(&**log, topic.clone(), &number.to_be_bytes(), Durability::Process).await;
    }
    assert_eq!(log.prune(0).await.expect("prune"), 0, "the worker has done nothing");
    let acknowledger = worker.acknowledger();
    for delivery in drain(&mut *worker).await.iter().take(2400) {
        acknowledger.acknowledge(&delivery.position);
    }
    acknowledger.flush().await.expect("flush");
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    assert_eq!(log.prune(0).await.expect("prune"), 2400, "in several chunks, to the mark");
    assert_eq!(log.prune(0).await.expect("prune"), 0, "nothing is left to do");
    // The tail has lost what went, goes on with the rest, and knows how much that is.
    let seen = drain(&mut *tail).await;
    assert_eq!(seen.first().map(|delivery| delivery.position.offset), Some(2400));
    assert_eq!(seen.len(), 100);
    assert_eq!(log.backlog("tail.console", &topic).await.expect("backlog"), 100);
    drop((tail, worker, acknowledger));
    store.reopen().await;
    let log = &store.open().log;
    let mut tail = log
        .subscribe("tail.console", std::slice::from_ref(&topic), Start::Newest)
        .await
        .expect("subscribe");
    assert!(drain(&mut *tail).await.is_empty(), "a tail was remembered");
    let mut worker = log.subscribe("worker", &[topic], Start::Newest).await.expect("subscribe");
    assert_eq!(drain(&mut *worker).await.len(), 100, "a worker was not remembered");
}
