use std::sync::Arc;

use palisade_model::{RequestId, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use rusqlite::Connection;

use super::reports::drop_unused;
use super::{SqliteRecords, WHAT, batches, counters, deliveries, engines};
use crate::sqlite::{Failure, to_sql};

/// Requests forgotten in one job, so that no write waits long behind it.
const CHUNK: u32 = 200;

impl SqliteRecords {
    /// Forgets requests, their reports, and what hangs on them; also batches and deliveries made and
    /// counts of scans of days before it, and engines not seen since.
    pub(super) async fn forget_before(&self, before: UnixMillis) -> PortResult<u64> {
        let mut forgotten = 0_u64;
        loop {
            let cache = Arc::clone(&self.cache);
            let work = move |connection: &Connection| forget_some(connection, before);
            let settle = move |result: &mut Result<u64, Failure>| {
                if result.as_ref().is_ok_and(|gone| *gone > 0) {
                    cache.clear();
                }
            };
            let bytes = CHUNK as usize * 4096;
            let gone =
                self.writer.write_then(WHAT, Durability::Process, bytes, work, settle).await?;
            if gone == 0 {
                break;
            }
            forgotten = forgotten.saturating_add(gone);
        }
        self.note(move |connection| {
            counters::forget_before(connection, before)?;
            batches::forget_before(connection, before)?;
            deliveries::forget_before(connection, before)?;
            engines::forget_before(connection, before)
        })
        .await?;
        Ok(forgotten)
    }

    /// Makes a finished request open again.
    pub(super) async fn drop_report_of(&self, id: RequestId) -> PortResult<bool> {
        let cache = Arc::clone(&self.cache);
        let work = move |connection: &Connection| {
            let report: Option<[u8; 16]> = connection
                .prepare_cached("SELECT report FROM requests WHERE id = ?1")?
                .query_map([id.as_bytes()], |row| row.get::<_, Option<[u8; 16]>>(0))?
                .next()
                .transpose()?
                .flatten();
            let Some(report) = report else { return Ok(false) };
            connection
                .prepare_cached(
                    "UPDATE requests SET report = NULL, finished = NULL, done = 0, expected = 0,
                                         cancelled = NULL
                     WHERE id = ?1",
                )?
                .execute([id.as_bytes()])?;
            drop_unused(connection, report)?;
            Ok(true)
        };
        let settle = move |_: &mut Result<bool, Failure>| cache.clear();
        self.writer.write_then(WHAT, Durability::Process, 1024, work, settle).await
    }
}

fn forget_some(connection: &Connection, before: UnixMillis) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT rowid, id, report FROM requests WHERE report IS NOT NULL AND finished < ?1
         LIMIT ?2",
    )?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?, row.get(2)?))
    };
    let before = to_sql(before.0);
    let mut gone: Vec<(i64, [u8; 16], Option<[u8; 16]>)> =
        statement.query_map((before, CHUNK), row)?.collect::<Result<_, _>>()?;
    if gone.is_empty() {
        gone = connection
            .prepare_cached(
                "SELECT rowid, id, NULL FROM requests WHERE report IS NULL AND accepted < ?1
                 LIMIT ?2",
            )?
            .query_map((before, CHUNK), row)?
            .collect::<Result<_, _>>()?;
    }
    let mut delete = connection.prepare_cached("DELETE FROM requests WHERE rowid = ?1")?;
    for (rowid, id, _) in &gone {
        delete.execute([rowid])?;
        counters::settle(connection, *id)?;
    }
    let mut reports: Vec<_> = gone.iter().filter_map(|(_, _, report)| *report).collect();
    reports.sort_unstable();
    reports.dedup();
    for report in reports {
        drop_unused(connection, report)?;
    }
    Ok(gone.len() as u64)
}
