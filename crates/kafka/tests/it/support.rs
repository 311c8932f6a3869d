use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use palisade_kafka::{KafkaConfig, KafkaLog, TopicSettings};
use palisade_services::{Kafka, Shared};

/// The broker that tests share while any of them runs: starting one takes seconds.
pub(crate) fn shared() -> Arc<Kafka> {
    static BROKER: Shared<Kafka> = Shared::new();
    BROKER.get(Kafka::start)
}

/// Settings with topics and groups that nobody else has.
pub(crate) fn config(address: String, partitions: u32) -> KafkaConfig {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut config = KafkaConfig {
        bootstrap: vec![address],
        prefix: format!("t{}-{number}.", std::process::id()),
        ..KafkaConfig::default()
    };
    config.topics.default = TopicSettings { partitions, ..TopicSettings::default() };
    config
}

/// A log that has no records to lose. With `RUST_LOG` set, it tells what it does.
pub(crate) fn open(config: &KafkaConfig) -> KafkaLog {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let lost = Arc::new(|topic: &palisade_ports::log::Topic, records: u64| {
        panic!("{records} records of {topic} were lost");
    });
    KafkaLog::open(config.clone(), lost).expect("a log")
}
