use std::sync::Arc;

use palisade_model::{Batch, BatchId, RequestId, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{Added, BatchEnd, BatchFile, BatchState, MEMBER_GRACE_MS};
use rusqlite::{Connection, OptionalExtension};

use super::SqliteRecords;
use super::requests::state;
use crate::sqlite::{Failure, from_sql, to_sql};

/// Of a file `f` and its request `r`, by LEFT JOIN: that it is not done. `?2` is the time from which
/// on a file whose request is not known was added too lately to be given up.
pub(super) const UNFINISHED: &str =
    "(r.id IS NULL AND f.added > ?2 OR r.id IS NOT NULL AND r.report IS NULL)";

/// Batches forgotten in one job.
const CHUNK: u32 = 50;

impl SqliteRecords {
    pub(super) async fn store_batch(&self, batch: Batch) -> PortResult<()> {
        let body = wire::encode(&batch);
        self.promise(body.len(), move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO batches (id, created, body, files) VALUES (?1, ?2, ?3, 0)
                     ON CONFLICT (id) DO NOTHING",
                )?
                .execute((batch.id.as_bytes(), to_sql(batch.created.0), body))?;
            Ok(())
        })
        .await
    }

    pub(super) async fn batch_at(
        &self,
        id: BatchId,
        now: UnixMillis,
    ) -> PortResult<Option<BatchState>> {
        self.read(move |connection| {
            let row = connection
                .prepare_cached("SELECT body, outcome, ended, files FROM batches WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| {
                    let outcome: Option<String> = row.get(1)?;
                    let ended: Option<i64> = row.get(2)?;
                    Ok((row.get::<_, Vec<u8>>(0)?, outcome.zip(ended), row.get(3)?))
                })
                .optional()?;
            let Some((body, ended, files)) = row else { return Ok(None) };
            let ended = ended.map(|(outcome, when)| {
                end_of(&outcome).map(|end| (end, UnixMillis(from_sql(when))))
            });
            let added_since = now.minus(MEMBER_GRACE_MS);
            let unfinished = connection
                .prepare_cached(&format!(
                    "SELECT count(*) FROM batch_files f LEFT JOIN requests r ON r.id = f.request
                     WHERE f.batch = ?1 AND {UNFINISHED}"
                ))?
                .query_row((id.as_bytes(), to_sql(added_since.0)), |row| row.get(0))?;
            let batch = wire::decode(&body).map_err(Failure::corrupt)?;
            Ok(Some(BatchState { batch, ended: ended.transpose()?, files, unfinished }))
        })
        .await
    }

    pub(super) async fn add_file(
        &self,
        id: BatchId,
        request: RequestId,
        when: UnixMillis,
        limit: u32,
    ) -> PortResult<Added> {
        self.promise(0, move |connection| {
            let row = connection
                .prepare_cached("SELECT ended IS NOT NULL, files FROM batches WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?)))
                .optional()?;
            let Some((ended, files)) = row else { return Ok(Added::Unknown) };
            let there = connection
                .prepare_cached("SELECT 1 FROM batch_files WHERE batch = ?1 AND request = ?2")?
                .exists((id.as_bytes(), request.as_bytes()))?;
            if there {
                return Ok(Added::Yes);
            }
            if ended {
                return Ok(Added::Ended);
            }
            if files >= limit {
                return Ok(Added::Full);
            }
            connection
                .prepare_cached(
                    "INSERT INTO batch_files (batch, place, request, added)
                     SELECT ?1, coalesce(max(place) + 1, 0), ?2, ?3
                     FROM batch_files WHERE batch = ?1",
                )?
                .execute((id.as_bytes(), request.as_bytes(), to_sql(when.0)))?;
            count(connection, id, 1)?;
            Ok(Added::Yes)
        })
        .await
    }

    pub(super) async fn remove_file(&self, id: BatchId, request: RequestId) -> PortResult<()> {
        self.note(move |connection| {
            let gone = connection
                .prepare_cached("DELETE FROM batch_files WHERE batch = ?1 AND request = ?2")?
                .execute((id.as_bytes(), request.as_bytes()))?;
            if gone > 0 {
                count(connection, id, -1)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn set_end(
        &self,
        id: BatchId,
        end: BatchEnd,
        when: UnixMillis,
    ) -> PortResult<bool> {
        self.promise(0, move |connection| {
            Ok(connection
                .prepare_cached(
                    "UPDATE batches SET outcome = coalesce(outcome, ?2), ended = coalesce(ended, ?3)
                     WHERE id = ?1",
                )?
                .execute((id.as_bytes(), end_name(end), to_sql(when.0)))?
                > 0)
        })
        .await
    }

    pub(super) async fn files_of(
        &self,
        id: BatchId,
        skip: u32,
        limit: u32,
    ) -> PortResult<Vec<BatchFile>> {
        let cache = Arc::clone(&self.cache);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT request FROM batch_files WHERE batch = ?1
                 ORDER BY place LIMIT ?3 OFFSET ?2",
            )?;
            let mut rows = statement.query((id.as_bytes(), skip, limit))?;
            let mut files = Vec::new();
            while let Some(row) = rows.next()? {
                let request = RequestId::from_bytes(row.get(0)?);
                files.push(BatchFile { request, state: state(connection, &cache, request)? });
            }
            Ok(files)
        })
        .await
    }
}

fn count(connection: &Connection, id: BatchId, add: i64) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE batches SET files = files + ?2 WHERE id = ?1")?
        .execute((id.as_bytes(), add))?;
    Ok(())
}

fn end_name(end: BatchEnd) -> &'static str {
    match end {
        BatchEnd::Closed => "closed",
        BatchEnd::Cancelled => "cancelled",
    }
}

fn end_of(name: &str) -> Result<BatchEnd, Failure> {
    match name {
        "closed" => Ok(BatchEnd::Closed),
        "cancelled" => Ok(BatchEnd::Cancelled),
        _ => Err(Failure::corrupt("a batch with an unknown end")),
    }
}

/// Forgets batches made before this time, as many as go into one job; more come with the next call.
pub(super) fn forget_before(connection: &Connection, before: UnixMillis) -> Result<(), Failure> {
    let old: Vec<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM batches WHERE created < ?1 LIMIT ?2")?
        .query_map((to_sql(before.0), CHUNK), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in old {
        connection.prepare_cached("DELETE FROM batch_files WHERE batch = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM batches WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}
