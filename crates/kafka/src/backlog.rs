//! How much a group has left to do, as anyone can see it: from the broker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_ports::PortResult;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;

use crate::client::{ANSWER, Words, base};
use crate::marks::Marks;
use crate::settling::patiently;
use crate::trouble::Trouble;
use crate::{KafkaConfig, lock, unavailable};

/// Between two questions about the same group and topic.
const EVERY: Duration = Duration::from_millis(250);

/// A number older than this is no answer any more: the broker does not answer.
const USABLE: Duration = Duration::from_secs(2);

/// What nobody asks for is not looked for any longer.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// How long a topic's partitions are believed: they can only become more.
const PARTITIONS: Duration = Duration::from_secs(30);

type Key = (String, String);

pub(crate) struct Backlogs {
    config: KafkaConfig,
    trouble: Trouble,
    /// A client for each group: a group is a setting of the client. They never join.
    clients: Mutex<HashMap<String, Arc<BaseConsumer<Words>>>>,
    known: Mutex<HashMap<Key, Arc<Known>>>,
}

/// What is known of one group and topic, renewed by a task as long as somebody asks.
struct Known {
    answer: watch::Sender<Answer>,
    partitions: Mutex<Option<(Instant, Vec<i32>)>>,
    asked: Mutex<Instant>,
}

/// The last number with its time, and why there is no newer one.
#[derive(Clone, Default)]
struct Answer {
    backlog: Option<(Instant, u64)>,
    error: Option<String>,
}

impl Answer {
    fn usable(&self) -> Option<u64> {
        self.backlog.filter(|(at, _)| at.elapsed() < USABLE).map(|(_, backlog)| backlog)
    }
}

impl Known {
    /// Looks until nobody has asked for a while.
    async fn renew(self: Arc<Self>, client: Arc<BaseConsumer<Words>>, topic: String) {
        loop {
            let (known, client, topic) = (Arc::clone(&self), Arc::clone(&client), topic.clone());
            let at = Instant::now();
            let measured =
                tokio::task::spawn_blocking(move || patiently(|| known.measure(&client, &topic)))
                    .await;
            self.answer.send_modify(|answer| match measured {
                Ok(Ok(backlog)) => *answer = Answer { backlog: Some((at, backlog)), error: None },
                Ok(Err(error)) => answer.error = Some(error.to_string()),
                Err(error) => answer.error = Some(error.to_string()),
            });
            if lock(&self.asked).elapsed() > FORGOTTEN {
                return;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Two questions to the broker, whatever the number of partitions.
    fn measure(&self, client: &BaseConsumer<Words>, topic: &str) -> KafkaResult<u64> {
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

    fn partitions(&self, client: &BaseConsumer<Words>, topic: &str) -> KafkaResult<Vec<i32>> {
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
    pub(crate) fn new(config: &KafkaConfig, trouble: &Trouble) -> Self {
        Self {
            config: config.clone(),
            trouble: trouble.clone(),
            clients: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// At once, but for the first time: the number is renewed beside who asks.
    pub(crate) async fn of(&self, group: &str, topic: &str) -> PortResult<u64> {
        let known = self.known(group, topic)?;
        *lock(&known.asked) = Instant::now();
        let mut answers = known.answer.subscribe();
        let first = answers.wait_for(|answer| answer.usable().is_some() || answer.error.is_some());
        let answer = match tokio::time::timeout(ANSWER, first).await {
            Ok(Ok(answer)) => answer.clone(),
            Ok(Err(_)) => return Err(unavailable("nobody looks for the backlog")),
            Err(_) => Answer::default(),
        };
        answer.usable().ok_or_else(|| {
            let error = answer.error.unwrap_or_else(|| "the broker does not answer".to_owned());
            // Why it cannot be reached, where that is known.
            unavailable(self.trouble.reason().unwrap_or(error))
        })
    }

    /// What is known, with a task that renews it.
    fn known(&self, group: &str, topic: &str) -> PortResult<Arc<Known>> {
        let key = (group.to_owned(), topic.to_owned());
        if let Some(known) = lock(&self.known).get(&key)
            && lock(&known.asked).elapsed() < FORGOTTEN
        {
            return Ok(Arc::clone(known));
        }
        let client = self.client(group)?;
        let known = Arc::new(Known {
            answer: watch::channel(Answer::default()).0,
            partitions: Mutex::default(),
            asked: Mutex::new(Instant::now()),
        });
        lock(&self.known).insert(key, Arc::clone(&known));
        tokio::spawn(Arc::clone(&known).renew(client, topic.to_owned()));
        Ok(known)
    }

    fn client(&self, group: &str) -> PortResult<Arc<BaseConsumer<Words>>> {
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(group) {
            return Ok(Arc::clone(client));
        }
        let mut settings = base(&self.config).map_err(unavailable)?;
        settings.set("group.id", group).set("enable.auto.commit", "false");
        let words = Words(self.trouble.clone());
        let client: Arc<BaseConsumer<Words>> =
            Arc::new(settings.create_with_context(words).map_err(unavailable)?);
        clients.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}
