use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rusqlite::Connection;

use super::LogConfig;
use super::group::{Done, Group};
use super::ring::{Ring, State};
use crate::lock;
use crate::sqlite::{Failure, from_sql, to_sql};

/// A record without its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) key: Bytes,
    pub(super) payload: Bytes,
}

impl Record {
    /// Bytes that it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        self.key.len().saturating_add(self.payload.len()).saturating_add(64)
    }
}

/// What can be read at once from an offset on.
pub(super) enum Window {
    /// These records, and the offset after them.
    Records(Vec<(u64, Record)>, u64),
    /// Nothing was appended yet.
    Empty,
    /// The records up to this offset (exclusive) are only in the database.
    Database(u64),
}

/// One topic: its table, its newest records in memory, its groups.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) id: i64,
    insert: String,
    select: String,
    /// The first offset that is not to be seen.
    head: AtomicU64,
    /// The first offset that is kept.
    floor: AtomicU64,
    ring: Mutex<Ring>,
    groups: Mutex<HashMap<String, Arc<Group>>>,
}

impl Topic {
    /// Creates the table of a topic if there is none; gives its number and its first offset.
    pub(super) fn create(connection: &Connection, name: &str) -> Result<(i64, u64), Failure> {
        connection.execute("INSERT OR IGNORE INTO topics (name, floor) VALUES (?1, 0)", [name])?;
        let (id, floor) = connection.query_row(
            "SELECT id, floor FROM topics WHERE name = ?1",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS log_{id} (
                 \"offset\" INTEGER PRIMARY KEY,
                 key        BLOB NOT NULL,
                 payload    BLOB NOT NULL,
                 at         INTEGER NOT NULL
             ) STRICT"
        ))?;
        Ok((id, from_sql(floor)))
    }

    /// A topic as it stands in the database.
    pub(super) fn load(connection: &Connection, id: i64, floor: u64) -> Result<Self, Failure> {
        let last: Option<i64> =
            connection.query_row(&format!("SELECT max(\"offset\") FROM log_{id}"), (), |row| {
                row.get(0)
            })?;
        let mut head = last.map_or(floor, |last| from_sql(last).saturating_add(1).max(floor));
        let mut groups = HashMap::new();
        let mut statement =
            connection.prepare("SELECT \"group\", next FROM offsets WHERE topic = ?1")?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let mark = from_sql(row.get(1)?);
            // What it was done with may never have been written; its place is not used again.
            head = head.max(mark);
            groups.insert(name.clone(), Arc::new(Group::new(&name, mark, true)));
        }
        Ok(Self {
            id,
            insert: format!(
                "INSERT INTO log_{id} (\"offset\", key, payload, at) VALUES (?1, ?2, ?3, ?4)"
            ),
            select: format!(
                "SELECT \"offset\", key, payload FROM log_{id}
                 WHERE \"offset\" >= ?1 AND \"offset\" < ?2 ORDER BY \"offset\""
            ),
            head: AtomicU64::new(head),
            floor: AtomicU64::new(floor),
            ring: Mutex::new(Ring::new(head)),
            groups: Mutex::new(groups),
        })
    }

    /// Appends records that are nowhere else yet; everybody sees them.
    pub(super) fn append(&self, records: Vec<Record>, config: &LogConfig) {
        self.change(config, |ring| {
            ring.push(records, State::Memory);
        });
    }

    /// Gives records places that nobody sees until [`Topic::settle`].
    pub(super) fn reserve(&self, records: &[Record]) -> Range<u64> {
        let first = lock(&self.ring).push(records.iter().cloned(), State::Pending);
        first..first.saturating_add(records.len() as u64)
    }

    /// The places of an append or of a write behind stand like this now that it has ended.
    pub(super) fn settle(
        &self,
        offsets: impl IntoIterator<Item = u64>,
        state: State,
        config: &LogConfig,
    ) {
        self.change(config, |ring| ring.settle(offsets, state));
    }

    /// What nobody needs any more, at this moment.
    pub(super) fn done(&self) -> Done {
        Done::by(lock(&self.groups).values())
    }

    /// What is to be written because it stands nowhere else and was not `done` with.
    pub(super) fn take_unwritten(&self, done: &Done) -> Vec<(u64, Record)> {
        lock(&self.ring).take_unwritten(done)
    }

    /// Writes records inside the writer's transaction.
    pub(super) fn insert<'a>(
        &self,
        connection: &Connection,
        records: impl Iterator<Item = (u64, &'a Record)>,
        at: i64,
    ) -> Result<(), Failure> {
        let mut statement = connection.prepare_cached(&self.insert)?;
        for (offset, record) in records {
            statement.execute((to_sql(offset), &*record.key, &*record.payload, at))?;
        }
        Ok(())
    }

    fn change(&self, config: &LogConfig, change: impl FnOnce(&mut Ring)) {
        let needed_from = self.read_from();
        let mut ring = lock(&self.ring);
        change(&mut ring);
        ring.trim(needed_from, config.ring_records, config.ring_bytes);
        let head = ring.head();
        let moved = self.head.swap(head, Ordering::AcqRel) < head;
        drop(ring);
        if moved {
            for group in lock(&self.groups).values() {
                group.wake();
            }
        }
    }

    /// The first offset that some group has not acknowledged, written or not.
    fn read_from(&self) -> u64 {
        let groups = lock(&self.groups);
        groups.values().map(|group| group.mark()).min().unwrap_or(0)
    }

    /// Up to `max` records and about `bytes` bytes from `cursor` on, as far as they are in memory.
    pub(super) fn window(&self, cursor: u64, max: usize, bytes: usize) -> Window {
        let ring = lock(&self.ring);
        if cursor >= ring.head() {
            return Window::Empty;
        }
        if cursor < ring.first() {
            return Window::Database(ring.first());
        }
        let (records, next) = ring.window(cursor, max, bytes);
        Window::Records(records, next)
    }

    /// As [`Topic::window`], from the database.
    pub(super) fn select(
        &self,
        connection: &Connection,
        (cursor, end): (u64, u64),
        max: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Record)>, Failure> {
        let mut statement = connection.prepare_cached(&self.select)?;
        let mut rows = statement.query((to_sql(cursor), to_sql(end)))?;
        let mut records = Vec::new();
        let mut left = bytes;
        while records.len() < max
            && let Some(row) = rows.next()?
        {
            let record = Record {
                key: Bytes::from(row.get::<_, Vec<u8>>(1)?),
                payload: Bytes::from(row.get::<_, Vec<u8>>(2)?),
            };
            let spent = record.weight() > left;
            left = left.saturating_sub(record.weight());
            records.push((from_sql(row.get(0)?), record));
            if spent {
                break;
            }
        }
        Ok(records)
    }

    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    pub(super) fn raise_floor(&self, floor: u64) {
        self.floor.fetch_max(floor, Ordering::AcqRel);
    }

    pub(super) fn group(&self, name: &str) -> Option<Arc<Group>> {
        lock(&self.groups).get(name).cloned()
    }

    /// The group of this name, or a new one that starts at `mark`.
    pub(super) fn group_or_new(&self, name: &str, mark: u64) -> Arc<Group> {
        let mut groups = lock(&self.groups);
        let group = groups
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Group::new(name, mark, false)));
        Arc::clone(group)
    }

    /// Forgets an ephemeral group.
    pub(super) fn forget(&self, group: &Group) {
        lock(&self.groups).remove(&group.name);
    }

    /// The first offset that some group still needs, or that is not written yet: below, all may go.
    pub(super) fn needed_from(&self) -> u64 {
        let written = lock(&self.ring).written_to();
        let groups = lock(&self.groups);
        let marks = groups.values().filter(|group| !group.is_ephemeral());
        marks.map(|group| group.kept_from()).min().unwrap_or(u64::MAX).min(written)
    }
}
