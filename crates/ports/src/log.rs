//! The log: topics of records, read by groups, at least once.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::{EngineName, Priority};

use crate::PortResult;
pub use crate::ranges::Ranges;

/// The name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// `palisade.requests`, in the lane of a priority.
    Requests(Priority),
    /// `palisade.commands.<engine>`, in the lane of a priority.
    Commands(EngineName, Priority),
    /// `palisade.results`.
    Results,
    /// `palisade.reports`.
    Reports,
    /// `palisade.dead-letters`.
    DeadLetters,
}

impl fmt::Display for Topic {
    /// The batch lane of a topic is a topic of its own with `.batch` at its end: a log has no
    /// priorities, so a lane that may wait must be a queue that may wait.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = |priority: &Priority| match priority {
            Priority::Interactive => "",
            Priority::Batch => ".batch",
        };
        match self {
            Self::Requests(priority) => write!(formatter, "palisade.requests{}", lane(priority)),
            Self::Commands(engine, priority) => {
                write!(formatter, "palisade.commands.{engine}{}", lane(priority))
            }
            Self::Results => formatter.write_str("palisade.results"),
            Self::Reports => formatter.write_str("palisade.reports"),
            Self::DeadLetters => formatter.write_str("palisade.dead-letters"),
        }
    }
}

/// A record to append.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where.
    pub topic: Topic,
    /// Records of one key stay in order: the root's id.
    pub key: Bytes,
    /// A wire form of the model. At most [`MAX_PAYLOAD_BYTES`].
    pub payload: Bytes,
}

/// The largest payload that every implementation takes: 8 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 8 << 20;

/// When an append may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// At once: the death of this process may take it, but then also every position acknowledged
    /// later. Enough for what is made from a record and appended before that record is acknowledged:
    /// it is made again.
    Derived,
    /// When it survives the death of this process; the machine's death may take it, but then also
    /// everything appended later and every position acknowledged later.
    Process,
    /// When it survives the machine's death (fsync; in-sync replicas). For what somebody outside
    /// is told (law 1).
    Machine,
}

/// Where a record stands: enough to acknowledge it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Its topic.
    pub topic: Topic,
    /// Its partition; 0 where a log has none.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: u64,
}

/// A record handed to a consumer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where it stands.
    pub position: Position,
    /// Its key.
    pub key: Bytes,
    /// A wire form of the model.
    pub payload: Bytes,
}

/// From where a group that has never acknowledged anything starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From the oldest record kept.
    Oldest,
    /// From what is appended after the subscription.
    Newest,
}

/// An append-only log.
///
/// Laws:
/// 1. When `append` returns `Ok`, every record of the call is on the log, with the durability asked
///    for. When it returns an error, any of them may be: the caller repeats, and readers know
///    repeats by the ids in the payload.
/// 2. Records of one key in one topic are delivered in the order of their appends.
/// 3. A record is delivered to each group at least once, until that group has acknowledged it. A
///    group that comes back (another process, the same name) gets again every record that it has not
///    acknowledged, and may get acknowledged ones behind the oldest of them again too.
/// 4. Acknowledging out of order is allowed: a slow record does not keep later ones from being
///    delivered.
/// 5. Nothing that a group has not acknowledged is removed while the group is alive, unless its
///    topic's retention says so, and then it is counted. A derived record that every group has
///    acknowledged may be gone at once: a group that comes new does not see it.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Appends all records.
    async fn append(&self, records: Vec<Append>, durability: Durability) -> PortResult<()>;

    /// Joins `group` on these topics. Two live subscriptions of one group share its records, where
    /// the implementation has partitions; an implementation without them allows one at a time per
    /// topic and answers a second with [`crate::PortError::Unavailable`].
    async fn subscribe(
        &self,
        group: &str,
        topics: &[Topic],
        start: Start,
    ) -> PortResult<Box<dyn Subscription>>;

    /// Records of `topic` that `group` has not acknowledged. May lag behind by a second. Cheap.
    async fn backlog(&self, group: &str, topic: &Topic) -> PortResult<u64>;

    /// Removes what every group has acknowledged and is older than `age_ms`; where the log's own
    /// retention does this, nothing. Returns how many records went.
    async fn prune(&self, age_ms: u64) -> PortResult<u64>;
}

/// A group's reading end.
#[async_trait]
pub trait Subscription: Send {
    /// Up to `max` records in order, as soon as there is one. Cancel-safe: a cancelled call loses
    /// nothing.
    async fn next(&mut self, max: usize) -> PortResult<Vec<Delivery>>;

    /// A handle to acknowledge with, from anywhere.
    fn acknowledger(&self) -> Arc<dyn Acknowledge>;

    /// Partitions that went to another member of the group since the last call. Whoever folds records
    /// into state asks after each `next` and before it folds, and drops what it knows of them: the other
    /// member reads them again from the mark. A partition that came back is read again here, and never
    /// before it stood in this list.
    fn lost(&mut self) -> Vec<(Topic, i32)> {
        Vec::new()
    }
}

/// The handle to acknowledge with.
#[async_trait]
pub trait Acknowledge: Send + Sync {
    /// Marks a record as done with. Does not wait: it is persisted soon after, and a repeat after a
    /// crash is allowed (law 3).
    fn acknowledge(&self, position: &Position);

    /// Waits until every acknowledgement so far is persisted (`Durability::Process`): for an
    /// orderly stop.
    async fn flush(&self) -> PortResult<()>;
}
