use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use tokio::sync::Notify;

use super::group::Group;
use super::topic::Topic;
use super::{Shared, WHAT};
use crate::lock;
use crate::sqlite::to_sql;

/// How long to wait after a mark could not be written (a full disk).
const RETRY: Duration = Duration::from_millis(500);

/// Marks that have moved and are not written yet.
#[derive(Debug, Default)]
pub(super) struct Marks {
    moved: Mutex<Vec<(i64, Arc<Group>)>>,
    changed: Arc<Notify>,
}

impl Marks {
    /// This group's mark is to be written soon.
    pub(super) fn add(&self, topic: &Topic, group: &Arc<Group>) {
        lock(&self.moved).push((topic.id, Arc::clone(group)));
        self.changed.notify_one();
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }
}

/// Starts the task that writes marks a little after they move, many in one commit. It ends with
/// the log.
pub(super) fn spawn(shared: &Arc<Shared>) {
    let changed = Arc::clone(&shared.marks.changed);
    let delay = Duration::from_millis(shared.config.mark_ms);
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        loop {
            changed.notified().await;
            tokio::time::sleep(delay).await;
            match Weak::upgrade(&shared) {
                None => return,
                Some(shared) => {
                    if let Err(error) = shared.write_marks().await {
                        tracing::warn!(%error, "positions of groups could not be written");
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
    /// Writes every mark that has moved.
    pub(super) async fn write_marks(&self) -> PortResult<()> {
        let moved = std::mem::take(&mut *lock(&self.marks.moved));
        let result = self.write_marks_of(moved.clone()).await;
        if result.is_err() {
            lock(&self.marks.moved).extend(moved);
        }
        result
    }

    /// Writes the marks of these groups as they are now.
    pub(super) async fn write_marks_of(&self, groups: Vec<(i64, Arc<Group>)>) -> PortResult<()> {
        if groups.is_empty() {
            return Ok(());
        }
        let marks: Vec<_> =
            groups.into_iter().map(|(topic, group)| (topic, group.take_mark(), group)).collect();
        let bytes = marks.len() * 128;
        let work = move |connection: &rusqlite::Connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO offsets (\"group\", topic, next) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
            )?;
            for (topic, mark, group) in &marks {
                statement.execute((&group.name, topic, to_sql(*mark)))?;
            }
            Ok(marks)
        };
        let marks = self.writer.write(WHAT, Durability::Process, bytes, work).await?;
        for (_, mark, group) in marks {
            group.written(mark);
        }
        Ok(())
    }

    /// Writes the marks of groups that have none in the database yet.
    pub(super) async fn introduce(
        &self,
        members: impl Iterator<Item = (&Arc<Topic>, &Arc<Group>)> + Send,
    ) -> PortResult<()> {
        let new = members.filter(|(_, group)| !group.is_ephemeral() && !group.is_written());
        let new = new.map(|(topic, group)| (topic.id, Arc::clone(group))).collect();
        self.write_marks_of(new).await
    }
}
