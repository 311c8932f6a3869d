//! Writing behind: derived records and the groups' marks, together.
//!
//! A mark must not be kept without what was made from the records below it. So one transaction takes
//! the marks first, then what every group is done with, and only then the records; whatever a group
//! was done with by the second step had everything made from it appended before the third
//! (`docs/decisions/0013-what-is-derived-is-written-behind.md`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use rusqlite::Connection;
use tokio::sync::Notify;

use super::group::Group;
use super::ring::State;
use super::topic::{Record, Topic};
use super::{Memory, Shared, WHAT};
use crate::sqlite::{Failure, to_sql};
use crate::{SystemClock, lock};

/// How long to wait after nothing could be written (a full disk).
const RETRY: Duration = Duration::from_millis(500);

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Groups whose marks have moved.
    moved: Mutex<Vec<Moved>>,
    /// Bytes of derived records appended since the last write, roughly.
    bytes: AtomicUsize,
    changed: Arc<Notify>,
}

/// A group and the topic whose mark it moved.
type Moved = (i64, Arc<Group>);

impl Behind {
    /// This group's mark is to be written.
    pub(super) fn moved(&self, topic: &Topic, group: &Arc<Group>) {
        lock(&self.moved).push((topic.id, Arc::clone(group)));
        self.wake();
    }

    /// So many bytes more are to be written.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.wake();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }
}

/// Starts the task that writes behind. It ends with the log.
pub(super) fn spawn(shared: &Arc<Shared>) {
    let changed = Arc::clone(&shared.memory.behind.changed);
    let delay = Duration::from_millis(shared.memory.config.behind_ms);
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        loop {
            changed.notified().await;
            tokio::time::sleep(delay).await;
            match Weak::upgrade(&shared) {
                None => return,
                Some(shared) => {
                    if let Err(error) = shared.write_behind().await {
                        tracing::warn!(%error, "what is derived could not be written");
                        drop(shared);
                        tokio::time::sleep(RETRY).await;
                        changed.notify_one();
                    }
                }
            }
        }
    });
}

impl Shared {
    /// Writes every mark that has moved, and every derived record that somebody may still need.
    pub(super) async fn write_behind(&self) -> PortResult<()> {
        self.write_together(Vec::new()).await
    }

    /// Writes the marks of groups that have none in the database yet, and everything else too.
    pub(super) async fn introduce(
        &self,
        members: impl Iterator<Item = (&Arc<Topic>, &Arc<Group>)> + Send,
    ) -> PortResult<()> {
        let new = members.filter(|(_, group)| !group.is_ephemeral() && !group.is_written());
        let new: Vec<_> = new.map(|(topic, group)| (topic.id, Arc::clone(group))).collect();
        if new.is_empty() {
            return Ok(());
        }
        self.write_together(new).await
    }

    async fn write_together(&self, new: Vec<Moved>) -> PortResult<()> {
        let bytes = self.memory.behind.bytes();
        let write = Write { memory: Arc::clone(&self.memory), taken: Arc::default() };
        let end = write.clone();
        let work = move |connection: &Connection| write.run(connection, new);
        let settle = move |result: &mut Result<(), Failure>| end.settle(result.is_ok());
        self.writer.write_then(WHAT, Durability::Process, bytes, work, settle).await
    }
}

/// One write, on the writer's thread.
#[derive(Clone)]
struct Write {
    memory: Arc<Memory>,
    taken: Arc<Mutex<Taken>>,
}

/// What a write has taken.
#[derive(Default)]
struct Taken {
    marks: Vec<Mark>,
    bytes: usize,
    records: Vec<OfTopic>,
}

/// Records of one topic, with their places.
type OfTopic = (Arc<Topic>, Vec<(u64, Record)>);

/// A topic, how far a group of it has come, and the group.
type Mark = (i64, u64, Arc<Group>);

impl Write {
    fn run(&self, connection: &Connection, new: Vec<Moved>) -> Result<(), Failure> {
        let mut taken = lock(&self.taken);
        let behind = &self.memory.behind;
        taken.bytes = behind.bytes.swap(0, Ordering::Relaxed);
        // First, second, third: see above. A topic that is new after the first step has nothing that
        // these marks need.
        let moved = std::mem::take(&mut *lock(&behind.moved)).into_iter().chain(new);
        taken.marks = moved.map(|(topic, group)| (topic, group.take_mark(), group)).collect();
        let topics: Vec<_> = lock(&self.memory.topics).values().cloned().collect();
        let done: Vec<_> = topics.iter().map(|topic| topic.done()).collect();
        for (topic, done) in topics.into_iter().zip(done) {
            let records = topic.take_unwritten(&done);
            taken.records.push((topic, records));
        }
        let at = to_sql(SystemClock::time().0);
        for (topic, records) in &taken.records {
            let records = records.iter().map(|(offset, record)| (*offset, record));
            topic.insert(connection, records, at)?;
        }
        let mut statement = connection.prepare_cached(
            "INSERT INTO offsets (\"group\", topic, next) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
        )?;
        for (topic, mark, group) in &taken.marks {
            statement.execute((&group.name, topic, to_sql(*mark)))?;
        }
        Ok(())
    }

    fn settle(&self, written: bool) {
        let Taken { marks, bytes, records } = std::mem::take(&mut *lock(&self.taken));
        let state = if written { State::Settled } else { State::Memory };
        for (topic, records) in records {
            let offsets = records.into_iter().map(|(offset, _)| offset);
            topic.settle(offsets, state, &self.memory.config);
        }
        if written {
            marks.into_iter().for_each(|(_, mark, group)| group.written(mark));
            return;
        }
        let behind = &self.memory.behind;
        behind.bytes.fetch_add(bytes, Ordering::Relaxed);
        lock(&behind.moved).extend(marks.into_iter().map(|(topic, _, group)| (topic, group)));
    }
}
