//! The partitions that a member has, and how they come and go.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use palisade_ports::log::{Delivery, Position, Topic};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::{Told, marks_of, partitions};
use crate::client::{ANSWER, complain, say};
use crate::lock;
use crate::marks::Marks;
use crate::settling::patiently;

/// The longest that a flush waits for the thread to have left the group.
const LEAVING: Duration = Duration::from_secs(5);

/// What librdkafka tells, and what is known of each partition.
pub(crate) struct Member {
    topics: HashMap<String, Topic>,
    partitions: Mutex<HashMap<(Topic, i32), Marks>>,
    /// Taken away since somebody asked.
    lost: Mutex<Vec<(Topic, i32)>>,
    /// The reader is leaving by itself: what is acknowledged from now on still counts.
    leaving: AtomicBool,
    left: (Mutex<bool>, Condvar),
    /// An assignment failed half-way: its records are not handed out until the group was joined
    /// again.
    rejoin: AtomicBool,
    told: Told,
}

impl Member {
    pub(super) fn new(topics: HashMap<String, Topic>, told: Told) -> Self {
        Self {
            topics,
            partitions: Mutex::default(),
            lost: Mutex::default(),
            leaving: AtomicBool::new(false),
            left: Default::default(),
            rejoin: AtomicBool::new(false),
            told,
        }
    }

    /// Reads every partition from its end on, as no member of any group.
    pub(super) fn assign_from_now(
        &self,
        client: &BaseConsumer<Self>,
        topics: &[String],
    ) -> KafkaResult<()> {
        let mut list = partitions(client, topics)?;
        let ends: Vec<(String, i32)> = list
            .elements()
            .iter()
            .map(|partition| (partition.topic().to_owned(), partition.partition()))
            .collect();
        for (topic, partition) in ends {
            let (_, end) = patiently(|| client.fetch_watermarks(&topic, partition, ANSWER))?;
            list.set_partition_offset(&topic, partition, Offset::Offset(end))?;
            if let Some(known) = self.topics.get(&topic) {
                let marks = Marks::committed(u64::try_from(end).unwrap_or(0), "");
                lock(&self.partitions).insert((known.clone(), partition), marks);
            }
        }
        client.assign(&list)
    }

    /// A message as a delivery; `None` for one that the group is done with.
    pub(super) fn deliver(&self, message: &BorrowedMessage<'_>) -> Option<Delivery> {
        let topic = self.topics.get(message.topic())?;
        let offset = u64::try_from(message.offset()).ok()?;
        let place = (topic.clone(), message.partition());
        let (wanted, removed) = {
            let mut partitions = lock(&self.partitions);
            // Of a partition that has just gone to somebody else.
            let marks = partitions.get_mut(&place)?;
            let removed = marks.arrive(offset);
            (marks.deliver(offset), removed)
        };
        if removed > 0 {
            (self.told.lost)(topic, removed);
        }
        wanted.then(|| Delivery {
            position: Position { topic: place.0, partition: place.1, offset },
            key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
            payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        })
    }

    /// Leaves only what is of partitions that this member has.
    pub(super) fn keep_own(&self, deliveries: &mut Vec<Delivery>) {
        let partitions = lock(&self.partitions);
        deliveries.retain(|delivery| {
            let position = &delivery.position;
            partitions.contains_key(&(position.topic.clone(), position.partition))
        });
    }

    pub(super) fn acknowledge(&self, position: &Position) {
        let place = (position.topic.clone(), position.partition);
        if let Some(marks) = lock(&self.partitions).get_mut(&place) {
            marks.acknowledge(position.offset);
        }
    }

    pub(super) fn take_lost(&self) -> Vec<(Topic, i32)> {
        std::mem::take(&mut *lock(&self.lost))
    }

    /// The offsets to commit.
    pub(super) fn take_changes(&self) -> Option<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), marks) in lock(&self.partitions).iter_mut() {
            if let Some(name) = self.name(topic) {
                add(&mut list, name, *partition, marks);
            }
        }
        (list.count() > 0).then_some(list)
    }

    /// These were not committed.
    pub(super) fn restore(&self, offsets: &TopicPartitionList) {
        let mut partitions = lock(&self.partitions);
        for partition in offsets.elements() {
            if let Some(topic) = self.topics.get(partition.topic())
                && let Some(marks) = partitions.get_mut(&(topic.clone(), partition.partition()))
            {
                marks.restore();
            }
        }
    }

    fn name(&self, topic: &Topic) -> Option<&str> {
        self.topics.iter().find(|(_, known)| *known == topic).map(|(name, _)| name.as_str())
    }

    /// Joins the group again, if that is needed.
    pub(super) fn mend(&self, client: &BaseConsumer<Self>) {
        if !self.rejoin.swap(false, Ordering::AcqRel) {
            return;
        }
        let topics: Vec<&str> = self.topics.keys().map(String::as_str).collect();
        client.unsubscribe();
        if let Err(error) = client.subscribe(&topics) {
            tracing::warn!(%error, "the group cannot be joined");
            self.rejoin.store(true, Ordering::Release);
        }
    }

    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(super) fn has_left(&self) {
        *lock(&self.left.0) = true;
        self.left.1.notify_all();
    }

    pub(super) fn wait_until_left(&self) {
        let left = lock(&self.left.0);
        let waited = self.left.1.wait_timeout_while(left, LEAVING, |left| !*left);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Starts each new partition where its group is: behind the mark, without what is done above it.
    fn assigned(
        &self,
        client: &BaseConsumer<Self>,
        list: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        let committed = patiently(|| client.committed_offsets(list.clone(), ANSWER))?;
        for partition in committed.elements() {
            let (name, number) = (partition.topic(), partition.partition());
            let Some(topic) = self.topics.get(name) else { continue };
            let (low, _) = patiently(|| client.fetch_watermarks(name, number, ANSWER))?;
            let (mut marks, from) = marks_of(partition.offset(), partition.metadata(), low);
            let removed = marks.skip_to(u64::try_from(from).unwrap_or(0));
            if removed > 0 {
                (self.told.lost)(topic, removed);
            }
            list.set_partition_offset(name, number, Offset::Offset(from))?;
            tracing::debug!(
                name,
                number,
                from,
                done_above = marks.acknowledged_above(),
                "assigned"
            );
            lock(&self.partitions).insert((topic.clone(), number), marks);
        }
        Ok(())
    }

    /// Nothing of these partitions is handed out.
    fn forget(&self, list: &TopicPartitionList) {
        let mut partitions = lock(&self.partitions);
        for partition in list.elements() {
            if let Some(topic) = self.topics.get(partition.topic()) {
                partitions.remove(&(topic.clone(), partition.partition()));
            }
        }
    }

    /// Commits what was done of these partitions, and forgets them.
    fn revoked(&self, client: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let leaving = self.leaving.load(Ordering::Acquire);
        let mut last = TopicPartitionList::new();
        for partition in list.elements() {
            let Some(topic) = self.topics.get(partition.topic()) else { continue };
            let place = (topic.clone(), partition.partition());
            let mut partitions = lock(&self.partitions);
            if let Some(marks) = partitions.get_mut(&place) {
                add(&mut last, partition.topic(), partition.partition(), marks);
            }
            tracing::debug!(topic = %place.0, partition = place.1, leaving, "revoked");
            if !leaving {
                partitions.remove(&place);
                lock(&self.lost).push(place);
            }
        }
        // Without waiting: what does not arrive is delivered again.
        if last.count() > 0
            && !client.assignment_lost()
            && let Err(error) = client.commit(&last, CommitMode::Async)
        {
            tracing::warn!(%error, "what was acknowledged last is delivered again");
            self.restore(&last);
        }
    }
}

fn add(list: &mut TopicPartitionList, topic: &str, partition: i32, marks: &mut Marks) {
    let Some((next, metadata)) = marks.take() else { return };
    let Ok(next) = i64::try_from(next) else { return };
    let mut entry = list.add_partition(topic, partition);
    // Any offset that is not negative can be set.
    if entry.set_offset(Offset::Offset(next)).is_ok() {
        entry.set_metadata(metadata);
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.told.trouble.note(facility, text);
        say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let cooperative = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            if let Err(error) = self.assigned(client, list) {
                tracing::warn!(%error, "where the group stands is not known; it is joined again");
                self.forget(list);
                self.rejoin.store(true, Ordering::Release);
            }
            if cooperative { client.incremental_assign(list) } else { client.assign(list) }
        } else {
            self.revoked(client, list);
            if cooperative { client.incremental_unassign(list) } else { client.unassign() }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a rebalance failed; the group is joined again");
            self.rejoin.store(true, Ordering::Release);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets were not committed");
            self.restore(offsets);
        }
    }
}
