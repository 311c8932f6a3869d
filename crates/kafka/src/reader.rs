//! A member of a consumer group: a thread that polls, and the partitions it has at the moment.

mod member;
mod poll;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use palisade_ports::PortResult;
use palisade_ports::log::{Acknowledge, Delivery, Position, Start, Subscription, Topic};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use self::member::Member;
use crate::client::{ANSWER, base};
use crate::log::LostRecords;
use crate::marks::Marks;
use crate::names::Names;
use crate::settling::{AGAIN, patiently};
use crate::trouble::Trouble;
use crate::{KafkaConfig, unavailable};

/// Groups whose name starts like this read what comes while they listen, each reader everything, and
/// nothing is kept for them.
const EPHEMERAL: &str = "tail.";

/// Records between the polling thread and the stage.
const AHEAD: usize = 512;

/// One consumer, shared by the polling thread and those who acknowledge.
pub(crate) struct Consuming {
    client: BaseConsumer<Member>,
    /// The reader is gone: the thread leaves the group and ends.
    stop: AtomicBool,
    keeps_marks: bool,
}

impl Consuming {
    fn member(&self) -> &Member {
        self.client.context()
    }

    /// Commits what has changed. Only who has left the group waits for the answer.
    fn commit(&self, mode: CommitMode) -> KafkaResult<()> {
        if !self.keeps_marks {
            return Ok(());
        }
        let Some(offsets) = self.member().take_changes() else { return Ok(()) };
        let done = self.client.commit(&offsets, mode);
        if done.is_err() {
            self.member().restore(&offsets);
        }
        done
    }
}

/// Who is told of what a member meets.
pub(crate) struct Told {
    pub(crate) lost: LostRecords,
    pub(crate) trouble: Trouble,
}

/// The reading end.
pub(crate) struct Reader {
    consuming: Arc<Handle>,
    deliveries: mpsc::Receiver<PortResult<Delivery>>,
}

/// Closing a consumer waits for the broker, so the last one who has it leaves that to a thread.
pub(crate) struct Handle(Option<Arc<Consuming>>);

impl Handle {
    fn get(&self) -> Option<&Arc<Consuming>> {
        self.0.as_ref()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let consuming = self.0.take();
        let closing = std::thread::Builder::new().name("kafka-close".to_owned());
        // Without a thread it is closed here.
        let _ = closing.spawn(move || drop(consuming));
    }
}

impl Reader {
    /// Joins a group.
    pub(crate) async fn join(
        config: &KafkaConfig,
        names: &Names,
        group: &str,
        topics: &[Topic],
        start: Start,
        told: Told,
    ) -> PortResult<Self> {
        let ephemeral = group.starts_with(EPHEMERAL);
        let mut settings = base(config).map_err(unavailable)?;
        settings
            .set("group.id", names.group(group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // Partitions that stay with their member go on being read while others move (KIP-429).
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", config.session_timeout_ms.to_string())
            .set("heartbeat.interval.ms", (config.session_timeout_ms / 4).max(1).to_string())
            // The thread polls whatever its stage does.
            .set("max.poll.interval.ms", "300000")
            .set("fetch.wait.max.ms", "250")
            .set("fetch.error.backoff.ms", "100")
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", config.fetch_buffer_kib.to_string());
        let by_name = names.topics(topics);
        let trouble = told.trouble.clone();
        let join = move || -> KafkaResult<Consuming> {
            let wanted: Vec<String> = by_name.keys().cloned().collect();
            let client: BaseConsumer<Member> =
                settings.create_with_context(Member::new(by_name, told))?;
            wait_for(&client, &wanted)?;
            if ephemeral {
                client.context().assign_from_now(&client, &wanted)?;
            } else {
                if start == Start::Newest {
                    remember_the_end(&client, &wanted)?;
                }
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                client.subscribe(&wanted)?;
            }
            Ok(Consuming { client, stop: AtomicBool::new(false), keeps_marks: !ephemeral })
        };
        let consuming = tokio::task::spawn_blocking(join)
            .await
            .map_err(unavailable)?
            .map_err(|error| trouble.explain(error))?;
        let consuming = Arc::new(consuming);
        let (sender, deliveries) = mpsc::channel(AHEAD);
        let polled = Arc::clone(&consuming);
        std::thread::Builder::new()
            .name("kafka-poll".to_owned())
            .spawn(move || poll::run(&polled, &sender))
            .map_err(unavailable)?;
        Ok(Self { consuming: Arc::new(Handle(Some(consuming))), deliveries })
    }
}

/// Waits until the brokers tell of these topics. One that was made a moment ago may not have reached
/// them: a member would join without it, and hear of it at its next look, half a minute later.
fn wait_for(client: &BaseConsumer<Member>, topics: &[String]) -> KafkaResult<()> {
    let until = Instant::now() + ANSWER;
    for topic in topics {
        let topic = std::slice::from_ref(topic);
        while partitions(client, topic)?.count() == 0 && Instant::now() < until {
            std::thread::sleep(AGAIN);
        }
    }
    Ok(())
}

/// A group that has never acknowledged anything starts at what is appended from now on, and comes
/// back to that: the place is committed before anything is read.
fn remember_the_end(client: &BaseConsumer<Member>, topics: &[String]) -> KafkaResult<()> {
    let all = partitions(client, topics)?;
    let committed = patiently(|| client.committed_offsets(all.clone(), ANSWER))?;
    let mut ends = TopicPartitionList::new();
    for partition in committed.elements() {
        if !matches!(partition.offset(), Offset::Offset(_)) {
            let (topic, number) = (partition.topic(), partition.partition());
            let (_, end) = patiently(|| client.fetch_watermarks(topic, number, ANSWER))?;
            ends.add_partition_offset(topic, number, Offset::Offset(end))?;
        }
    }
    if ends.count() == 0 { Ok(()) } else { client.commit(&ends, CommitMode::Sync) }
}

/// Every partition of these topics.
fn partitions(client: &BaseConsumer<Member>, topics: &[String]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), ANSWER)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            list.add_partition(topic, partition.id());
        }
    }
    Ok(list)
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, max: usize) -> PortResult<Vec<Delivery>> {
        loop {
            let first = match self.deliveries.recv().await {
                Some(first) => first?,
                None => return Err(unavailable("the polling thread has ended")),
            };
            let mut taken = vec![first];
            while taken.len() < max
                && let Ok(next) = self.deliveries.try_recv()
            {
                match next {
                    Ok(delivery) => taken.push(delivery),
                    // What was taken is handed out; an error that lasts comes again.
                    Err(error) => {
                        tracing::warn!(%error, "reading from the log");
                        break;
                    }
                }
            }
            // Of partitions that have gone to somebody else meanwhile, who gets it too.
            if let Some(consuming) = self.consuming.get() {
                consuming.member().keep_own(&mut taken);
            }
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
    }

    fn acknowledger(&self) -> Arc<dyn Acknowledge> {
        Arc::new(Acknowledger(Arc::clone(&self.consuming)))
    }

    fn lost(&mut self) -> Vec<(Topic, i32)> {
        self.consuming.get().map(|consuming| consuming.member().take_lost()).unwrap_or_default()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(consuming) = self.consuming.get() {
            consuming.stop.store(true, Ordering::Release);
        }
    }
}

struct Acknowledger(Arc<Handle>);

#[async_trait]
impl Acknowledge for Acknowledger {
    fn acknowledge(&self, position: &Position) {
        if let Some(consuming) = self.0.get() {
            consuming.member().acknowledge(position);
        }
    }

    async fn flush(&self) -> PortResult<()> {
        let Some(consuming) = self.0.get().cloned() else { return Ok(()) };
        tokio::task::spawn_blocking(move || {
            if consuming.stop.load(Ordering::Acquire) {
                consuming.member().wait_until_left();
            }
            consuming.commit(CommitMode::Sync)
        })
        .await
        .map_err(unavailable)?
        .map_err(unavailable)
    }
}

/// Where a group stands in a partition whose oldest record is `low`, and from where it is read.
fn marks_of(committed: Offset, metadata: &str, low: i64) -> (Marks, i64) {
    match committed {
        // The broker has removed what is below `low`.
        Offset::Offset(next) if next >= low => {
            (Marks::committed(u64::try_from(next).unwrap_or(0), metadata), next)
        }
        Offset::Offset(next) => (Marks::committed(u64::try_from(next).unwrap_or(0), metadata), low),
        _ => (Marks::committed(u64::try_from(low).unwrap_or(0), ""), low),
    }
}
