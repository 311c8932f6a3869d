//! The broker's disk is full, and then it is not.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use palisade_kafka::KafkaLog;
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::{Log, PortError};
use palisade_services::{Kafka, SmallDisk};

use crate::support::{config, open};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);

fn record(number: u32) -> Append {
    let mut payload = vec![7; 10_000];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    Append { topic: Topic::Results, key: Bytes::from_static(b"key"), payload: payload.into() }
}

async fn append(log: &KafkaLog, number: u32) -> Result<(), PortError> {
    let append = log.append(vec![record(number)], Durability::Machine);
    tokio::time::timeout(HANGS, append).await.expect("an append hangs")
}

/// A broker whose only disk is full stops: appends are errors, and what it acknowledged is there when
/// somebody has made space and started it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("96m") else { return };
    let data = disk.path().join("data");
    let kafka = tokio::task::spawn_blocking(move || Kafka::on(&data, ""));
    let mut kafka = kafka.await.expect("a broker");
    let mut config = config(kafka.address(), 1);
    config.append_timeout_ms = 3_000;
    // Every record takes its length on the disk.
    config.properties.insert("compression.type".to_owned(), "none".to_owned());
    let log = open(&config);
    let mut acknowledged = BTreeSet::new();
    for number in 0..100 {
        append(&log, number).await.expect("there is space");
        acknowledged.insert(number);
    }
    disk.fill();
    // What is left of a page takes a record at most.
    let mut refused = None;
    for number in 100..120 {
        match append(&log, number).await {
            Ok(()) => acknowledged.insert(number),
            Err(error) => {
                refused = Some(error);
                break;
            }
        };
    }
    let refused = refused.expect("a full disk takes no 20 records");
    assert!(matches!(refused, PortError::Unavailable { .. }), "{refused:?}");
    disk.free();
    let kafka = tokio::task::spawn_blocking(move || {
        kafka.kill();
        kafka.up();
        kafka
    });
    let kafka = kafka.await.expect("the broker again");
    // The same clients go on.
    let last = 1_000;
    let mut tries = 0;
    while let Err(error) = append(&log, last).await {
        tries += 1;
        assert!(tries < 20, "the broker is there, and: {error:?}");
    }
    acknowledged.insert(last);
    let mut subscription =
        log.subscribe("group", &[Topic::Results], Start::Oldest).await.expect("one");
    let mut found = BTreeSet::new();
    while !found.contains(&last) {
        let next = tokio::time::timeout(HANGS, subscription.next(100)).await;
        for delivery in next.expect("nothing comes").expect("deliveries") {
            let number = delivery.payload.first_chunk().expect("a number");
            found.insert(u32::from_be_bytes(*number));
        }
    }
    let missing: Vec<_> = acknowledged.difference(&found).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    drop((subscription, log));
    tokio::task::spawn_blocking(move || drop(kafka)).await.expect("the end");
}
