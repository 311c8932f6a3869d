//! The suites of the ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use palisade_ports::conformance::{self, Factory, Instance};
use palisade_ports::{Clock, Log, Objects, Records};
use palisade_storage::{
    EmbeddedConfig, LogConfig, ObjectsConfig, RecordsConfig, SystemClock, WriterConfig,
};

use crate::store::Store;

/// Bounds so small that every path is taken: nothing fits into memory, nothing shares a commit for
/// long, the write-ahead log is copied all the time.
fn tight() -> EmbeddedConfig {
    EmbeddedConfig {
        writer: WriterConfig {
            queue: 2,
            queue_bytes: 4096,
            group: 3,
            group_bytes: 1000,
            wal_bytes: 16 << 10,
        },
        readers: 1,
        log: LogConfig {
            ring_records: 3,
            ring_bytes: 1000,
            next_bytes: 500,
            behind_ms: 1,
            behind_bytes: 600,
        },
        records: RecordsConfig { cache_bytes: 0 },
        objects: ObjectsConfig { small_bytes: 100 },
    }
}

/// A little memory: entries come and go.
fn small() -> EmbeddedConfig {
    EmbeddedConfig {
        log: LogConfig { ring_records: 64, ..LogConfig::default() },
        records: RecordsConfig { cache_bytes: 100 << 10 },
        ..EmbeddedConfig::default()
    }
}

struct Stores(EmbeddedConfig);

macro_rules! port {
    ($port:path, $field:ident) => {
        #[async_trait]
        impl Factory<dyn $port> for Stores {
            async fn fresh(&self) -> Box<dyn Instance<dyn $port>> {
                Box::new(Store::new(self.0).await)
            }
        }

        #[async_trait]
        impl Instance<dyn $port> for Store {
            fn port(&self) -> Arc<dyn $port> {
                Arc::clone(&self.open().$field) as Arc<dyn $port>
            }

            async fn restart(&mut self) {
                self.reopen().await;
            }
        }
    };
}

port!(Log, log);
port!(Objects, objects);
port!(Records, records);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log() {
    conformance::log::suite(Stores(EmbeddedConfig::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_with_little_memory() {
    conformance::log::suite(Stores(small())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_with_tight_bounds() {
    conformance::log::suite(Stores(tight())).await;
}

/// With one thread for everything, nothing may block it.
#[tokio::test]
async fn log_on_one_thread() {
    conformance::log::suite(Stores(EmbeddedConfig::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects() {
    conformance::objects::suite(Stores(EmbeddedConfig::default())).await;
}

#[tokio::test]
async fn objects_with_tight_bounds() {
    conformance::objects::suite(Stores(tight())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records() {
    conformance::records::suite(Stores(EmbeddedConfig::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_with_little_memory() {
    conformance::records::suite(Stores(small())).await;
}

#[tokio::test]
async fn records_with_tight_bounds() {
    conformance::records::suite(Stores(tight())).await;
}

struct Clocks;

#[async_trait]
impl Factory<dyn Clock> for Clocks {
    async fn fresh(&self) -> Box<dyn Instance<dyn Clock>> {
        Box::new(Clocks)
    }

    fn time_step(&self) -> Duration {
        Duration::from_millis(1)
    }
}

#[async_trait]
impl Instance<dyn Clock> for Clocks {
    fn port(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    async fn restart(&mut self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clock() {
    conformance::clock::suite(Clocks).await;
}
