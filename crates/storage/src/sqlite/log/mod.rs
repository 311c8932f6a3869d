//! The log over SQLite: one table for each topic, one partition.

mod behind;
mod group;
mod prune;
mod ring;
mod subscription;
mod topic;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use palisade_ports::log::{
    Append, Durability, MAX_PAYLOAD_BYTES, Start, Subscription, Topic as TopicName,
};
use palisade_ports::{Log, PortError, PortResult};
use tokio::sync::Notify;

use self::behind::Behind;
use self::ring::State;
use self::subscription::SqliteSubscription;
use self::topic::{Record, Topic};
use super::{Failure, Readers, Writer, from_sql, to_sql};
use crate::{SystemClock, lock};

/// The port, for people.
const WHAT: &str = "the log";

/// Bounds of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// Records of a topic kept in memory for consumers that keep up. Default 8,192.
    pub ring_records: usize,
    /// Bytes of them. Default 8 MiB.
    pub ring_bytes: usize,
    /// Bytes after which one `next` hands out no further record. Default 16 MiB.
    pub next_bytes: usize,
    /// Milliseconds for which derived records and acknowledgements stay in memory only. A derived
    /// record that every group has acknowledged by then is never written. Default 500.
    pub behind_ms: u64,
    /// Bytes of derived records in memory only, after which they are written at once and whoever
    /// appends more waits for it. Default 32 MiB.
    pub behind_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            ring_records: 8192,
            ring_bytes: 8 << 20,
            next_bytes: 16 << 20,
            behind_ms: 200,
            behind_bytes: 16 << 20,
        }
    }
}

/// The embedded log.
///
/// A group has one subscriber at a time for each topic; a second is refused. A group whose name
/// starts with `tail.` is forgotten when its subscriber goes, and nothing is kept for it.
#[derive(Debug)]
pub struct SqliteLog {
    shared: Arc<Shared>,
}

/// What the log, its subscriptions and their acknowledgers share.
#[derive(Debug)]
struct Shared {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    memory: Arc<Memory>,
}

/// What of the log is in memory. Jobs of the writer hold it, and it holds no writer.
#[derive(Debug)]
struct Memory {
    config: LogConfig,
    /// By name, as the database knows them.
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    behind: Behind,
}

impl SqliteLog {
    /// Over a database that is ready. Blocks; must be called inside a runtime.
    pub(crate) fn open(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        config: LogConfig,
    ) -> Result<Self, Failure> {
        let topics = readers.read_here(|connection| {
            let mut statement = connection.prepare("SELECT name, id, floor FROM topics")?;
            let rows = statement
                .query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
            let mut topics = HashMap::new();
            for row in rows {
                let (name, id, floor) = row?;
                topics.insert(name, Arc::new(Topic::load(connection, id, from_sql(floor))?));
            }
            Ok(topics)
        })?;
        let memory = Memory { config, topics: Mutex::new(topics), behind: Behind::default() };
        let shared = Arc::new(Shared { writer, readers, memory: Arc::new(memory) });
        behind::spawn(&shared);
        Ok(Self { shared })
    }

    /// Writes what stands in memory only, and every mark that has moved: for an orderly stop.
    pub(crate) async fn flush(&self) -> PortResult<()> {
        self.shared.write_behind().await
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        // Lets the task that writes behind see that it is alone.
        self.shared.memory.behind.wake();
    }
}

impl Shared {
    /// The topic of this name, made when it is new.
    async fn topic(&self, name: &TopicName) -> PortResult<Arc<Topic>> {
        let name = name.to_string();
        if let Some(topic) = self.known(&name) {
            return Ok(topic);
        }
        let wanted = name.clone();
        let topic = self
            .writer
            .write(WHAT, Durability::Process, 4096, move |connection| {
                let (id, floor) = Topic::create(connection, &wanted)?;
                Topic::load(connection, id, floor)
            })
            .await?;
        match lock(&self.memory.topics).entry(name) {
            // Somebody made it at the same time; that one may be in use already.
            Entry::Occupied(entry) => Ok(Arc::clone(entry.get())),
            Entry::Vacant(entry) => Ok(Arc::clone(entry.insert(Arc::new(topic)))),
        }
    }

    fn known(&self, name: &str) -> Option<Arc<Topic>> {
        lock(&self.memory.topics).get(name).cloned()
    }
}

#[async_trait]
impl Log for SqliteLog {
    async fn append(&self, records: Vec<Append>, durability: Durability) -> PortResult<()> {
        let mut bytes = 0_usize;
        let mut batches: Vec<Batch> = Vec::new();
        let mut places: HashMap<TopicName, usize> = HashMap::new();
        for Append { topic, key, payload } in records {
            if payload.len() > MAX_PAYLOAD_BYTES {
                return Err(refused("a payload is larger than the log takes"));
            }
            let place = match places.get(&topic) {
                Some(place) => *place,
                None => {
                    let state = self.shared.topic(&topic).await?;
                    batches.push(Batch { topic: state, records: Vec::new() });
                    places.insert(topic, batches.len() - 1);
                    batches.len() - 1
                }
            };
            let record = Record { key, payload };
            bytes = bytes.saturating_add(record.weight());
            if let Some(batch) = batches.get_mut(place) {
                batch.records.push(record);
            }
        }
        if batches.is_empty() {
            return Ok(());
        }
        if durability == Durability::Derived {
            return self.shared.append_derived(batches, bytes).await;
        }
        self.shared.append_now(batches, bytes, durability).await
    }

    async fn subscribe(
        &self,
        group: &str,
        topics: &[TopicName],
        start: Start,
    ) -> PortResult<Box<dyn Subscription>> {
        let mut names: Vec<TopicName> = Vec::new();
        for topic in topics {
            if !names.contains(topic) {
                names.push(topic.clone());
            }
        }
        let wake = Arc::new(Notify::new());
        // From here on, dropping it frees what it has taken: also when this call is cancelled.
        let mut subscription = SqliteSubscription::new(&self.shared, &wake);
        for name in names {
            let topic = self.shared.topic(&name).await?;
            let first = match start {
                Start::Oldest => topic.floor(),
                Start::Newest => topic.head(),
            };
            let group = topic.group_or_new(group, first);
            if !group.join(&wake) {
                return Err(refused("this group has a subscriber on this topic already"));
            }
            subscription.add(name, topic, group);
        }
        // So that a crash before the first acknowledgement does not lose the start.
        self.shared.introduce(subscription.members()).await?;
        Ok(Box::new(subscription))
    }

    async fn backlog(&self, group: &str, topic: &TopicName) -> PortResult<u64> {
        let Some(topic) = self.shared.known(&topic.to_string()) else { return Ok(0) };
        Ok(match topic.group(group) {
            Some(group) => group.backlog(topic.head()),
            // Nobody of this group was ever here: everything waits for it.
            None => topic.head().saturating_sub(topic.floor()),
        })
    }

    async fn prune(&self, age_ms: u64) -> PortResult<u64> {
        self.shared.prune(age_ms).await
    }
}

/// Records of one call to one topic.
struct Batch {
    topic: Arc<Topic>,
    records: Vec<Record>,
}

impl Shared {
    /// Visible at once; written later, if anybody still needs it then.
    async fn append_derived(&self, batches: Vec<Batch>, bytes: usize) -> PortResult<()> {
        // Before and not after: where nothing can be written, no repeat adds to what waits for it.
        if self.memory.behind.bytes() > self.memory.config.behind_bytes {
            self.write_behind().await?;
        }
        for Batch { topic, records } in batches {
            topic.append(records, &self.memory.config);
        }
        self.memory.behind.add(bytes);
        Ok(())
    }

    /// Written first, then visible.
    async fn append_now(
        &self,
        batches: Vec<Batch>,
        bytes: usize,
        durability: Durability,
    ) -> PortResult<()> {
        let memory = Arc::clone(&self.memory);
        let places = Arc::new(Mutex::new(Vec::<(Arc<Topic>, Range<u64>)>::new()));
        let reserved = Arc::clone(&places);
        let work = move |connection: &rusqlite::Connection| {
            let at = to_sql(SystemClock::time().0);
            for Batch { topic, records } in &batches {
                let offsets = topic.reserve(records);
                lock(&reserved).push((Arc::clone(topic), offsets.clone()));
                topic.insert(connection, offsets.zip(records), at)?;
            }
            Ok(())
        };
        let settle = move |result: &mut Result<(), Failure>| {
            let state = if result.is_ok() { State::Settled } else { State::Void };
            for (topic, offsets) in lock(&places).drain(..) {
                topic.settle(offsets, state, &memory.config);
            }
        };
        self.writer.write_then(WHAT, durability, bytes, work, settle).await
    }
}

fn refused(why: &'static str) -> PortError {
    Failure::unavailable(why).into_port(WHAT)
}
