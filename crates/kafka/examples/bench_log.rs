//! What an append and a hop through the log cost, on a broker of its own: `bench_log [SECONDS]`.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use palisade_kafka::{KafkaConfig, KafkaLog};
use palisade_model::Priority;
use palisade_ports::Log;
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_services::Kafka;

/// Bytes of a record: a command.
const RECORD: usize = 900;

/// Records of one append: a plan and its commands.
const RECORDS: u64 = 4;

#[tokio::main]
async fn main() {
    let seconds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let kafka = tokio::task::spawn_blocking(Kafka::start).await.expect("a broker");
    let config = KafkaConfig { bootstrap: vec![kafka.address()], ..KafkaConfig::default() };
    let log = Arc::new(KafkaLog::open(config, Arc::new(|_, _| {})).expect("a log"));
    let topics = [Topic::Results, Topic::Requests(Priority::Interactive)];
    let read = Arc::new(AtomicU64::new(0));
    let mut reader = log.subscribe("reader", &topics, Start::Oldest).await.expect("join");
    let counted = Arc::clone(&read);
    tokio::spawn(async move {
        let acknowledger = reader.acknowledger();
        while let Ok(next) = reader.next(512).await {
            counted.fetch_add(next.len() as u64, Ordering::Relaxed);
            next.iter().for_each(|delivery| acknowledger.acknowledge(&delivery.position));
        }
    });
    for at_once in [1, 4, 16, 64] {
        let stop = Arc::new(AtomicBool::new(false));
        let before = read.load(Ordering::Relaxed);
        let tasks: Vec<_> = (0..at_once)
            .map(|task| {
                let (log, stop, topics) = (Arc::clone(&log), Arc::clone(&stop), topics.clone());
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    let mut number = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        number += 1;
                        let key = format!("{task} {number}");
                        let records = (0..RECORDS)
                            .map(|record| Append {
                                topic: topics[record as usize % 2].clone(),
                                key: Bytes::from(key.clone()),
                                payload: Bytes::from(vec![b'x'; RECORD]),
                            })
                            .collect();
                        let started = Instant::now();
                        log.append(records, Durability::Derived).await.expect("append");
                        took.push(started.elapsed());
                    }
                    took
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Ordering::Relaxed);
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("a task"));
        }
        took.sort_unstable();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{at_once:>3} at once: {:>6.0} appends/s of {RECORDS} records, p50 {:.1} ms, p99 {:.1} ms; read {:.0} records/s",
            took.len() as f64 / seconds as f64,
            at(0.5),
            at(0.99),
            (read.load(Ordering::Relaxed) - before) as f64 / seconds as f64,
        );
    }
}
