use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use palisade_ports::PortResult;
use palisade_ports::log::{Acknowledge, Delivery, Position, Subscription, Topic as TopicName};
use tokio::sync::Notify;

use super::group::Group;
use super::topic::{Record, Topic, Window};
use super::{Shared, WHAT};

/// A group's reading end on a few topics.
pub(super) struct SqliteSubscription {
    shared: Arc<Shared>,
    sources: Vec<Source>,
    /// Which source is asked first, so that a busy one does not starve the others.
    turn: usize,
    wake: Arc<Notify>,
}

struct Source {
    name: TopicName,
    topic: Arc<Topic>,
    group: Arc<Group>,
    /// The next offset to hand out.
    cursor: u64,
}

/// What could be taken without waiting.
enum Taken {
    Records(Vec<Delivery>),
    /// The source at this index must be read from the database, up to this offset.
    Behind(usize, u64),
    /// Everything looked at was acknowledged already: look again.
    Passed,
    Nothing,
}

impl SqliteSubscription {
    pub(super) fn new(shared: &Arc<Shared>, wake: &Arc<Notify>) -> Self {
        let (shared, wake) = (Arc::clone(shared), Arc::clone(wake));
        Self { shared, sources: Vec::new(), turn: 0, wake }
    }

    /// Adds a topic, on which the group's place is taken for this subscription.
    pub(super) fn add(&mut self, name: TopicName, topic: Arc<Topic>, group: Arc<Group>) {
        let cursor = group.mark();
        self.sources.push(Source { name, topic, group, cursor });
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&Arc<Topic>, &Arc<Group>)> + Send {
        self.sources.iter().map(|source| (&source.topic, &source.group))
    }

    /// Takes what is in memory, source by source. One that must be read from the database is read
    /// when it is its turn.
    fn take(&mut self, max: usize) -> Taken {
        let count = self.sources.len();
        let mut deliveries = Vec::new();
        let mut bytes = self.shared.memory.config.next_bytes;
        let mut next_turn = None;
        let mut passed = false;
        for place in (self.turn..count).chain(0..self.turn) {
            let Some(source) = self.sources.get_mut(place) else { continue };
            source.keep_up();
            match source.topic.window(source.cursor, max - deliveries.len(), bytes) {
                Window::Empty => {}
                Window::Database(end) if deliveries.is_empty() => {
                    return Taken::Behind(place, end);
                }
                Window::Database(_) => {
                    next_turn.get_or_insert(place);
                }
                Window::Records(records, next) => {
                    let weight: usize = records.iter().map(|(_, record)| record.weight()).sum();
                    bytes = bytes.saturating_sub(weight);
                    source.pass_over(&self.shared, &records, next);
                    source.hand_out(records, &mut deliveries);
                    source.cursor = next;
                    passed = true;
                }
            }
            if deliveries.len() >= max || bytes == 0 {
                next_turn.get_or_insert((place + 1) % count);
                break;
            }
        }
        if deliveries.is_empty() {
            return if passed { Taken::Passed } else { Taken::Nothing };
        }
        self.turn = next_turn.unwrap_or(self.turn);
        Taken::Records(deliveries)
    }

    /// Reads from the database. Nothing changes before the read has ended: it may be cancelled.
    async fn read(&mut self, place: usize, end: u64, max: usize) -> PortResult<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        let Some(source) = self.sources.get_mut(place) else { return Ok(deliveries) };
        let (topic, cursor) = (Arc::clone(&source.topic), source.cursor);
        let bytes = self.shared.memory.config.next_bytes;
        let read = move |connection: &rusqlite::Connection| {
            topic.select(connection, (cursor, end), max, bytes)
        };
        let records = self.shared.readers.read(WHAT, read).await?;
        // The rest up to the end, when not all of it was read, is for the next time.
        let next = records.last().map_or(end, |(offset, _)| offset.saturating_add(1));
        source.pass_over(&self.shared, &records, next);
        source.hand_out(records, &mut deliveries);
        source.cursor = next;
        self.turn = (place + 1) % self.sources.len();
        Ok(deliveries)
    }
}

impl Source {
    /// Moves over what is gone: only an ephemeral group can be that far behind.
    fn keep_up(&mut self) {
        let floor = self.topic.floor();
        if self.cursor < floor {
            self.group.skip_to(floor);
            self.cursor = floor;
        }
    }

    /// Places up to `next` without a record: rolled back, or acknowledged before they were ever
    /// written. The group is done with them.
    fn pass_over(&self, shared: &Shared, records: &[(u64, Record)], next: u64) {
        let mut expected = self.cursor;
        for offset in records.iter().map(|(offset, _)| *offset).chain([next]) {
            for missing in expected..offset {
                if self.group.acknowledge(missing) {
                    shared.memory.behind.moved(&self.topic, &self.group);
                }
            }
            expected = offset.saturating_add(1).max(expected);
        }
    }

    /// Hands out records that are not acknowledged (some are, when a group comes back).
    fn hand_out(&mut self, records: Vec<(u64, Record)>, deliveries: &mut Vec<Delivery>) {
        for (offset, Record { key, payload }) in records {
            if !self.group.is_done(offset) {
                let position = Position { topic: self.name.clone(), partition: 0, offset };
                deliveries.push(Delivery { position, key, payload });
            }
        }
    }
}

#[async_trait]
impl Subscription for SqliteSubscription {
    async fn next(&mut self, max: usize) -> PortResult<Vec<Delivery>> {
        let max = max.max(1);
        loop {
            match self.take(max) {
                Taken::Records(deliveries) => return Ok(deliveries),
                Taken::Behind(place, end) => {
                    let deliveries = self.read(place, end, max).await?;
                    if !deliveries.is_empty() {
                        return Ok(deliveries);
                    }
                }
                Taken::Passed => {}
                Taken::Nothing => self.wake.notified().await,
            }
        }
    }

    fn acknowledger(&self) -> Arc<dyn Acknowledge> {
        let members = self.sources.iter().map(|source| {
            (source.name.clone(), (Arc::clone(&source.topic), Arc::clone(&source.group)))
        });
        Arc::new(SqliteAcknowledge { shared: Arc::clone(&self.shared), members: members.collect() })
    }
}

impl Drop for SqliteSubscription {
    fn drop(&mut self) {
        for source in &self.sources {
            if source.group.is_ephemeral() {
                source.topic.forget(&source.group);
            }
            source.group.leave();
        }
    }
}

struct SqliteAcknowledge {
    shared: Arc<Shared>,
    members: HashMap<TopicName, (Arc<Topic>, Arc<Group>)>,
}

#[async_trait]
impl Acknowledge for SqliteAcknowledge {
    fn acknowledge(&self, position: &Position) {
        let Some((topic, group)) = self.members.get(&position.topic) else { return };
        // What was never handed out cannot be done with.
        if position.offset < topic.head() && group.acknowledge(position.offset) {
            self.shared.memory.behind.moved(topic, group);
        }
    }

    async fn flush(&self) -> PortResult<()> {
        self.shared.write_behind().await
    }
}
