//! The suite of the port.

use std::sync::Arc;

use async_trait::async_trait;
use palisade_kafka::{KafkaConfig, KafkaLog};
use palisade_ports::Log;
use palisade_ports::conformance::{self, Factory, Instance};
use palisade_services::Kafka;

use crate::support::{config, open, shared};

struct Broker {
    kafka: Arc<Kafka>,
    partitions: u32,
}

struct Fresh {
    config: KafkaConfig,
    log: Option<Arc<KafkaLog>>,
}

#[async_trait]
impl Factory<dyn Log> for Broker {
    async fn fresh(&self) -> Box<dyn Instance<dyn Log>> {
        let config = config(self.kafka.address(), self.partitions);
        let log = Some(Arc::new(open(&config)));
        Box::new(Fresh { config, log })
    }
}

#[async_trait]
impl Instance<dyn Log> for Fresh {
    fn port(&self) -> Arc<dyn Log> {
        self.log.clone().expect("open")
    }

    async fn restart(&mut self) {
        let before = self.log.take();
        tokio::task::spawn_blocking(move || drop(before)).await.expect("closing");
        self.log = Some(Arc::new(open(&self.config)));
    }
}

async fn suite(partitions: u32) {
    let kafka = tokio::task::spawn_blocking(shared).await.expect("a broker");
    conformance::log::suite(Broker { kafka, partitions }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_with_one_partition() {
    suite(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_with_many_partitions() {
    suite(7).await;
}
