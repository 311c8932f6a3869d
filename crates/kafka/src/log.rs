//! The port.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use palisade_ports::log::{Append, Durability, Start, Subscription, Topic};
use palisade_ports::{Log, PortResult};
use rdkafka::producer::{FutureProducer, Producer};
use rdkafka::util::Timeout;

use crate::KafkaConfig;
use crate::append::append;
use crate::backlog::Backlogs;
use crate::client::{ConfigError, Words, base};
use crate::names::Names;
use crate::reader::{Reader, Told};
use crate::topics::Topics;
use crate::trouble::Trouble;

/// Told of records that the broker removed before a group was done with them: topic and how many
/// (law 7: every drop is counted).
pub type LostRecords = Arc<dyn Fn(&Topic, u64) + Send + Sync>;

/// The log on Kafka. Cheap to clone by [`Arc`]; connections are made when they are needed.
pub struct KafkaLog {
    config: KafkaConfig,
    names: Names,
    producer: FutureProducer<Words>,
    topics: Topics,
    backlogs: Backlogs,
    lost: LostRecords,
    trouble: Trouble,
}

impl KafkaLog {
    /// Makes the clients. Does not wait for a broker: until one is there, calls answer
    /// [`palisade_ports::PortError::Unavailable`].
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn open(config: KafkaConfig, lost: LostRecords) -> Result<Self, ConfigError> {
        let mut settings = base(&config)?;
        settings
            // One batch for what comes within these milliseconds: a stage writes several records for
            // each one that it reads.
            .set("linger.ms", "2")
            .set("batch.size", "262144")
            .set("compression.type", "lz4")
            .set("acks", "all")
            // Order within a key also when a batch is sent again (KIP-98).
            .set("enable.idempotence", "true")
            // As the Java client's default, so that other programs find the same partition.
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", config.append_timeout_ms.to_string())
            .set("queue.buffering.max.kbytes", config.producer_buffer_kib.to_string());
        let trouble = Trouble::new(config.security);
        let words = Words(trouble.clone());
        let producer = settings.create_with_context(words).map_err(ConfigError::Refused)?;
        Ok(Self {
            names: Names::new(&config.prefix),
            topics: Topics::new(&config, &trouble)?,
            backlogs: Backlogs::new(&config, &trouble),
            producer,
            lost,
            trouble,
            config,
        })
    }

    /// The topics, to make and to look at.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }
}

#[async_trait]
impl Log for KafkaLog {
    /// Kafka acknowledges when the record is in every in-sync replica's log, whatever durability is
    /// asked for: acks are a setting of the producer, and a second producer would not keep order.
    async fn append(&self, records: Vec<Append>, _: Durability) -> PortResult<()> {
        // librdkafka waits half a minute for a topic that is not there.
        self.topics.ensure(records.iter().map(|record| &record.topic)).await?;
        append(&self.producer, &self.names, &records)
            .await
            .map_err(|error| self.trouble.explain(error))
    }

    async fn subscribe(
        &self,
        group: &str,
        topics: &[Topic],
        start: Start,
    ) -> PortResult<Box<dyn Subscription>> {
        self.topics.ensure(topics.iter()).await?;
        let told = Told { lost: Arc::clone(&self.lost), trouble: self.trouble.clone() };
        let reader = Reader::join(&self.config, &self.names, group, topics, start, told).await?;
        Ok(Box::new(reader))
    }

    async fn backlog(&self, group: &str, topic: &Topic) -> PortResult<u64> {
        self.backlogs.of(&self.names.group(group), &self.names.topic(topic)).await
    }

    /// The broker removes by its own retention.
    async fn prune(&self, _: u64) -> PortResult<u64> {
        Ok(0)
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        // Everything that a caller was told of is delivered; what is under way gets a moment.
        let _ = self.producer.flush(Timeout::After(Duration::from_millis(500)));
    }
}
