//! How much a group has left to do, as anyone can see it: from the broker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_ports::PortResult;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{ANSWER, base};
use crate::log::is_unknown_topic;
use crate::marks::Marks;
use crate::{KafkaConfig, lock, unavailable};

/// A number older than this is asked for again. The port allows a second.
const FRESH: Duration = Duration::from_millis(400);

type Key = (String, String);
/// One question at a time for each group and topic; who comes meanwhile takes its answer.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, u64)>>>;

pub(crate) struct Backlogs {
    config: KafkaConfig,
    /// A client for each group: a group is a setting of the client. They never join.
    clients: Mutex<HashMap<String, Arc<BaseConsumer>>>,
    known: Mutex<HashMap<Key, Slot>>,
}

impl Backlogs {
    pub(crate) fn new(config: &KafkaConfig) -> Self {
        Self { config: config.clone(), clients: Mutex::default(), known: Mutex::default() }
    }

    pub(crate) async fn of(&self, group: &str, topic: &str) -> PortResult<u64> {
        let key = (group.to_owned(), topic.to_owned());
        let slot = Arc::clone(lock(&self.known).entry(key).or_default());
        let mut known = slot.lock().await;
        if let Some((at, backlog)) = *known
            && at.elapsed() < FRESH
        {
            return Ok(backlog);
        }
        let client = self.client(group)?;
        let topic = topic.to_owned();
        let asked = Instant::now();
        let backlog = tokio::task::spawn_blocking(move || measure(&client, &topic))
            .await
            .map_err(unavailable)?
            .map_err(unavailable)?;
        *known = Some((asked, backlog));
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

fn measure(client: &BaseConsumer, topic: &str) -> KafkaResult<u64> {
    let metadata = match client.fetch_metadata(Some(topic), ANSWER) {
        Ok(metadata) => metadata,
        Err(error) if is_unknown_topic(&error) => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut wanted = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        wanted.add_partition(topic, partition.id());
    }
    if wanted.count() == 0 {
        return Ok(0);
    }
    let committed = client.committed_offsets(wanted, ANSWER)?;
    let mut backlog = 0_u64;
    for partition in committed.elements() {
        let (low, high) = client.fetch_watermarks(topic, partition.partition(), ANSWER)?;
        let (low, high) = (u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0));
        let marks = match partition.offset() {
            Offset::Offset(next) => {
                Marks::committed(u64::try_from(next).unwrap_or(0).max(low), partition.metadata())
            }
            _ => Marks::committed(low, ""),
        };
        let left = high.saturating_sub(marks.next()).saturating_sub(marks.acknowledged_above());
        backlog = backlog.saturating_add(left);
    }
    Ok(backlog)
}
