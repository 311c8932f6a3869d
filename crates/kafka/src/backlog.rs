//! How much a group has left to do, as anyone can see it: from the broker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_ports::PortResult;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{ANSWER, base};
use crate::marks::Marks;
use crate::{KafkaConfig, lock, unavailable};

/// A number older than this is asked for again, while the old one still answers.
const FRESH: Duration = Duration::from_millis(300);

/// A number older than this is no answer. The port allows a second.
const USABLE: Duration = Duration::from_millis(900);

/// How long a topic's partitions are believed: they can only become more.
const PARTITIONS: Duration = Duration::from_secs(30);

type Key = (String, String);

pub(crate) struct Backlogs {
    config: KafkaConfig,
    /// A client for each group: a group is a setting of the client. They never join.
    clients: Mutex<HashMap<String, Arc<BaseConsumer>>>,
    known: Mutex<HashMap<Key, Arc<Known>>>,
}

/// What is known of one group and topic.
#[derive(Default)]
struct Known {
    answer: Mutex<Option<(Instant, u64)>>,
    partitions: Mutex<Option<(Instant, Vec<i32>)>>,
    /// One question at a time; who comes meanwhile takes its answer.
    asking: tokio::sync::Mutex<()>,
}

impl Known {
    fn within(&self, age: Duration) -> Option<u64> {
        lock(&self.answer).filter(|(at, _)| at.elapsed() < age).map(|(_, backlog)| backlog)
    }

    async fn ask(self: &Arc<Self>, client: Arc<BaseConsumer>, topic: String) -> PortResult<u64> {
        let _alone = self.asking.lock().await;
        if let Some(backlog) = self.within(FRESH) {
            return Ok(backlog);
        }
        let known = Arc::clone(self);
        let measured = tokio::task::spawn_blocking(move || {
            let at = Instant::now();
            let backlog = known.measure(&client, &topic)?;
            *lock(&known.answer) = Some((at, backlog));
            Ok(backlog)
        });
        measured.await.map_err(unavailable)?.map_err(|error: rdkafka::error::KafkaError| unavailable(error))
    }

    /// Two questions to the broker, whatever the number of partitions.
    fn measure(&self, client: &BaseConsumer, topic: &str) -> KafkaResult<u64> {
        let partitions = self.partitions(client, topic)?;
        if partitions.is_empty() {
            return Ok(0);
        }
        let list = |offset| -> KafkaResult<TopicPartitionList> {
            let mut list = TopicPartitionList::new();
            for &partition in &partitions {
                list.add_partition_offset(topic, partition, offset)?;
            }
            Ok(list)
        };
        let committed = client.committed_offsets(list(Offset::Invalid)?, ANSWER)?;
        // The protocol's ListOffsets takes "the end" for a time.
        let ends = client.offsets_for_times(list(Offset::End)?, ANSWER)?;
        let mut backlog = 0_u64;
        for partition in committed.elements() {
            let number = partition.partition();
            let end = match ends.find_partition(topic, number).map(|end| end.offset()) {
                Some(Offset::Offset(end)) => u64::try_from(end).unwrap_or(0),
                _ => 0,
            };
            let marks = match partition.offset() {
                Offset::Offset(next) => {
                    Marks::committed(u64::try_from(next).unwrap_or(0), partition.metadata())
                }
                // Nothing committed yet: everything that is kept.
                _ => {
                    let (low, _) = client.fetch_watermarks(topic, number, ANSWER)?;
                    Marks::committed(u64::try_from(low).unwrap_or(0), "")
                }
            };
            let left = end.saturating_sub(marks.next()).saturating_sub(marks.acknowledged_above());
            backlog = backlog.saturating_add(left);
        }
        Ok(backlog)
    }

    fn partitions(&self, client: &BaseConsumer, topic: &str) -> KafkaResult<Vec<i32>> {
        let mut known = lock(&self.partitions);
        if let Some((at, partitions)) = &*known
            && at.elapsed() < PARTITIONS
            && !partitions.is_empty()
        {
            return Ok(partitions.clone());
        }
        let metadata = client.fetch_metadata(Some(topic), ANSWER)?;
        let topics = metadata.topics().iter();
        let partitions: Vec<i32> =
            topics.flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
        *known = Some((Instant::now(), partitions.clone()));
        Ok(partitions)
    }
}

impl Backlogs {
    pub(crate) fn new(config: &KafkaConfig) -> Self {
        Self { config: config.clone(), clients: Mutex::default(), known: Mutex::default() }
    }

    /// At once where an answer is known that is not too old; it is renewed meanwhile.
    pub(crate) async fn of(&self, group: &str, topic: &str) -> PortResult<u64> {
        let key = (group.to_owned(), topic.to_owned());
        let known = Arc::clone(lock(&self.known).entry(key).or_default());
        if let Some(backlog) = known.within(FRESH) {
            return Ok(backlog);
        }
        let client = self.client(group)?;
        let topic = topic.to_owned();
        let Some(backlog) = known.within(USABLE) else { return known.ask(client, topic).await };
        if known.asking.try_lock().is_ok() {
            tokio::spawn(async move {
                if let Err(error) = known.ask(client, topic).await {
                    tracing::debug!(%error, "backlog unknown");
                }
            });
        }
        Ok(backlog)
    }

    fn client(&self, group: &str) -> PortResult<Arc<BaseConsumer>> {
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(group) {
            return Ok(Arc::clone(client));
        }
        let mut settings = base(&self.config).map_err(unavailable)?;
        settings.set("group.id", group).set("enable.auto.commit", "false");
        let client: Arc<BaseConsumer> = Arc::new(settings.create().map_err(unavailable)?);
        clients.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}
