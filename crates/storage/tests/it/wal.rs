//! The write-ahead log stays small.

use std::time::Duration;

use palisade_ports::log::{Durability, Topic};
use palisade_storage::{EmbeddedConfig, WriterConfig};

use crate::store::{Store, append};

/// Sixty times its limit is written; it never passes its bound by more than one commit, and is cut
/// when nothing is going on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_bounded_and_cut_when_idle() {
    let limit = 1 << 20;
    let writer = WriterConfig { wal_bytes: limit, ..WriterConfig::default() };
    let store = Store::new(EmbeddedConfig { writer, ..EmbeddedConfig::default() }).await;
    let size = || {
        let wal = std::fs::metadata(store.dir().join("palisade.db-wal"));
        wal.expect("the write-ahead log").len()
    };
    let mut largest = 0;
    for _ in 0..600 {
        append(&*store.open().log, Topic::Results, &[7; 100_000], Durability::Process).await;
        largest = largest.max(size());
    }
    assert!(largest >= limit, "{largest}: too little was written for this to say anything");
    assert!(largest <= 4 * limit + (1 << 20), "the write-ahead log grew to {largest} bytes");
    for _ in 0..100 {
        if size() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("idle, the write-ahead log still has {} bytes", size());
}
