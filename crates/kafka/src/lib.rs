//! The log on Apache Kafka.
//!
//! ```text
//! append ──► producer (idempotent, acks from all in-sync replicas)
//! next   ◄── reader thread ◄── consumer group: partitions come and go
//! acknowledge ──► marks (per partition: all below, and runs above) ──► committed offsets
//! ```
//!
//! - **Out-of-order completion.** A slow record must not hold up the partition behind it. Every
//!   partition has [`marks`]: the offset below which everything is acknowledged, which is what is
//!   committed, and the runs acknowledged above it, which travel in the commit's metadata. Whoever
//!   gets the partition next skips them. This is the idea of Confluent's Parallel Consumer; share
//!   groups (KIP-932) need clients that librdkafka is not yet.
//! - **At least once**, without broker transactions: what follows from a record has ids that make
//!   repeats harmless, and KAFKA-17754 makes transactions with librdkafka unsafe.
//! - A consumer is polled by a thread of its own, whatever its stage is doing: a rebalance never
//!   waits for a slow scan.

mod append;
mod backlog;
mod client;
mod config;
mod log;
mod marks;
mod names;
mod reader;
mod security;
mod settling;
mod topics;
mod trouble;

pub use client::ConfigError;
pub use config::{KafkaConfig, SaslMechanism, Security};
pub use log::{KafkaLog, LostRecords};
pub use topics::{TopicChange, TopicSettings, Topics, TopicsConfig};

/// The port, for people.
const WHAT: &str = "the log";

/// The mutex of a thread that panicked still guards whole values.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unavailable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> palisade_ports::PortError {
    palisade_ports::PortError::Unavailable { what: WHAT, source: error.into() }
}
