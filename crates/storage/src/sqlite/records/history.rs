use std::sync::Arc;

use palisade_model::{RequestId, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{History, RequestState};

use super::SqliteRecords;
use super::requests::state;
use crate::sqlite::to_sql;

impl SqliteRecords {
    pub(super) async fn history_of(
        &self,
        of: History,
        skip: u32,
        limit: u32,
    ) -> PortResult<Vec<RequestState>> {
        let cache = Arc::clone(&self.cache);
        self.read(move |connection| {
            let select = |column: &str| {
                connection.prepare_cached(&format!(
                    "SELECT id FROM requests WHERE {column} = ?1
                     ORDER BY accepted DESC, rowid DESC LIMIT ?3 OFFSET ?2"
                ))
            };
            let id = |row: &rusqlite::Row<'_>| row.get(0).map(RequestId::from_bytes);
            let ids: rusqlite::Result<Vec<RequestId>> = match of {
                History::Artifact(sha256) => {
                    select("sha256")?.query_map((sha256.0, skip, limit), id)?.collect()
                }
                History::Key(key) => {
                    select("key")?.query_map((key.to_string(), skip, limit), id)?.collect()
                }
            };
            let mut states = Vec::new();
            for id in ids? {
                states.extend(state(connection, &cache, id)?);
            }
            Ok(states)
        })
        .await
    }

    pub(super) async fn mark_cancelled(
        &self,
        id: RequestId,
        when: UnixMillis,
    ) -> PortResult<Option<RequestState>> {
        let cache = Arc::clone(&self.cache);
        self.promise(0, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE requests SET cancelled = coalesce(cancelled, ?2)
                     WHERE id = ?1 AND report IS NULL",
                )?
                .execute((id.as_bytes(), to_sql(when.0)))?;
            state(connection, &cache, id)
        })
        .await
    }

    pub(super) async fn cancelled_since(
        &self,
        since: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<RequestId>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT id FROM requests WHERE cancelled >= ?1
                     ORDER BY cancelled DESC LIMIT ?2",
                )?
                .query_map((to_sql(since.0), limit), |row| row.get(0).map(RequestId::from_bytes))?
                .collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
