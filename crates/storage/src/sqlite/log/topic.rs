use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rusqlite::Connection;

use super::LogConfig;
use super::group::Group;
use crate::lock;
use crate::sqlite::{Failure, from_sql, to_sql};

/// A record without its place.
#[derive(Debug, Clone)]
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
    /// These records.
    Records(Vec<(u64, Record)>),
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
    /// The next offset to give out. Only the writer's thread moves it; it runs ahead of the head
    /// by what is not committed.
    pending: AtomicU64,
    /// The first offset that is not committed.
    head: AtomicU64,
    /// The first offset that is kept.
    floor: AtomicU64,
    ring: Mutex<Ring>,
    groups: Mutex<HashMap<String, Arc<Group>>>,
}

/// The newest records, without gaps up to the head.
#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Record>,
    bytes: usize,
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
        let head = last.map_or(floor, |last| from_sql(last).saturating_add(1).max(floor));
        let mut groups = HashMap::new();
        let mut statement =
            connection.prepare("SELECT \"group\", next FROM offsets WHERE topic = ?1")?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let group = Arc::new(Group::new(&name, from_sql(row.get(1)?), true));
            groups.insert(name, group);
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
            pending: AtomicU64::new(head),
            head: AtomicU64::new(head),
            floor: AtomicU64::new(floor),
            ring: Mutex::default(),
            groups: Mutex::new(groups),
        })
    }

    /// Writes records inside the writer's transaction; gives the first one's offset.
    pub(super) fn insert(
        &self,
        connection: &Connection,
        records: &[Record],
        at: i64,
    ) -> Result<u64, Failure> {
        let first = self.pending.load(Ordering::Relaxed);
        let mut statement = connection.prepare_cached(&self.insert)?;
        for (offset, record) in (first..).zip(records) {
            statement.execute((to_sql(offset), &*record.key, &*record.payload, at))?;
        }
        Ok(first)
    }

    /// The records from `first` on are written, in a transaction that is still open.
    pub(super) fn reserve(&self, first: u64, count: usize) {
        self.pending.store(first.saturating_add(count as u64), Ordering::Relaxed);
    }

    /// A write was rolled back: what it reserved is free again. On the writer's thread, after the
    /// commits of its group that came before it and before those that came after.
    pub(super) fn roll_back(&self) {
        self.pending.store(self.head(), Ordering::Relaxed);
    }

    /// Records are committed: readers may see them. On the writer's thread, in offset order.
    pub(super) fn publish(&self, first: u64, records: Vec<Record>, config: &LogConfig) {
        let head = first.saturating_add(records.len() as u64);
        let mut ring = lock(&self.ring);
        for record in records {
            ring.bytes = ring.bytes.saturating_add(record.weight());
            ring.records.push_back(record);
        }
        while ring.records.len() > config.ring_records || ring.bytes > config.ring_bytes {
            let Some(record) = ring.records.pop_front() else { break };
            ring.bytes = ring.bytes.saturating_sub(record.weight());
        }
        self.head.store(head, Ordering::Release);
        drop(ring);
        // A roll-back settled just before may have taken this reservation away.
        self.pending.fetch_max(head, Ordering::Relaxed);
        for group in lock(&self.groups).values() {
            group.wake();
        }
    }

    /// Up to `max` records and about `bytes` bytes from `cursor` on, as far as they are in memory.
    pub(super) fn window(&self, cursor: u64, max: usize, bytes: usize) -> Window {
        let ring = lock(&self.ring);
        let head = self.head();
        if cursor >= head {
            return Window::Empty;
        }
        let start = head.saturating_sub(ring.records.len() as u64);
        if cursor < start {
            return Window::Database(start);
        }
        let skip = usize::try_from(cursor - start).unwrap_or(usize::MAX);
        let mut left = bytes;
        let mut records = Vec::new();
        for (offset, record) in (cursor..).zip(ring.records.iter().skip(skip)).take(max) {
            if !records.is_empty() && record.weight() > left {
                break;
            }
            left = left.saturating_sub(record.weight());
            records.push((offset, record.clone()));
        }
        Window::Records(records)
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

    /// The first offset that some group still needs: below, all may go.
    pub(super) fn needed_from(&self) -> u64 {
        let groups = lock(&self.groups);
        let marks = groups.values().filter(|group| !group.is_ephemeral());
        marks.map(|group| group.kept_from()).min().unwrap_or(u64::MAX).min(self.head())
    }
}
