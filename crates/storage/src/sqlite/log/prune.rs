use std::sync::Arc;

use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use rusqlite::{Connection, OptionalExtension};

use super::topic::Topic;
use super::{Shared, WHAT};
use crate::sqlite::{Failure, from_sql, to_sql};
use crate::{SystemClock, lock};

/// Records removed in one job, so that no append waits long behind it.
const CHUNK: u64 = 1000;

impl Shared {
    /// Removes what every group has acknowledged and was appended `age_ms` ago or earlier.
    pub(super) async fn prune(&self, age_ms: u64) -> PortResult<u64> {
        let before = SystemClock::time().minus(age_ms);
        let topics: Vec<_> = lock(&self.memory.topics).values().cloned().collect();
        let mut removed = 0_u64;
        for topic in topics {
            loop {
                let (floor, end) = (topic.floor(), topic.needed_from());
                if floor >= end {
                    break;
                }
                let table = Arc::clone(&topic);
                let cut = to_sql(before.0);
                let work =
                    move |connection: &Connection| remove(connection, &table, (floor, end), cut);
                let (floor, gone) =
                    self.writer.write(WHAT, Durability::Process, 64 << 10, work).await?;
                topic.raise_floor(floor);
                removed = removed.saturating_add(gone);
                if gone < CHUNK {
                    break;
                }
            }
        }
        Ok(removed)
    }
}

/// Removes the first [`CHUNK`] records from `floor` to `end` (exclusive), up to the first that is
/// younger than `cut`. Gives the new floor and how many went.
fn remove(
    connection: &Connection,
    topic: &Topic,
    (floor, end): (u64, u64),
    cut: i64,
) -> Result<(u64, u64), Failure> {
    let id = topic.id;
    // Offsets have gaps, where records were done with before they were written.
    let after: Option<i64> = connection
        .prepare_cached(&format!(
            "SELECT \"offset\" FROM log_{id} WHERE \"offset\" >= ?1 AND \"offset\" < ?2
             ORDER BY \"offset\" LIMIT 1 OFFSET ?3"
        ))?
        .query_row((to_sql(floor), to_sql(end), to_sql(CHUNK)), |row| row.get(0))
        .optional()?;
    let end = after.map_or(end, from_sql);
    let young: Option<i64> = connection
        .prepare_cached(&format!(
            "SELECT min(\"offset\") FROM log_{id}
             WHERE \"offset\" >= ?1 AND \"offset\" < ?2 AND at > ?3"
        ))?
        .query_row((to_sql(floor), to_sql(end), cut), |row| row.get(0))?;
    let end = young.map_or(end, from_sql);
    let gone = connection
        .prepare_cached(&format!("DELETE FROM log_{id} WHERE \"offset\" < ?1"))?
        .execute([to_sql(end)])?;
    connection
        .prepare_cached("UPDATE topics SET floor = max(floor, ?2) WHERE id = ?1")?
        .execute((id, to_sql(end)))?;
    Ok((end.max(floor), gone as u64))
}
