use palisade_model::{DeadLetter, wire};
use palisade_ports::PortResult;
use palisade_ports::log::Durability;

use super::{SqliteRecords, WHAT};
use crate::sqlite::{Failure, to_sql};

impl SqliteRecords {
    pub(super) async fn put_letter(&self, letter: DeadLetter) -> PortResult<()> {
        let body = wire::encode(&letter);
        let bytes = body.len().saturating_add(512);
        let work = move |connection: &rusqlite::Connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO dead_letters (id, time, body) VALUES (?1, ?2, ?3)",
                )?
                .execute((letter.id, to_sql(letter.time.0), body))?;
            Ok(())
        };
        self.writer.write(WHAT, Durability::Process, bytes, work).await
    }

    pub(super) async fn newest_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT body FROM dead_letters ORDER BY time DESC, id LIMIT ?1")?;
            let mut rows = statement.query([limit])?;
            let mut letters = Vec::new();
            while let Some(row) = rows.next()? {
                letters.push(decode(row)?);
            }
            Ok(letters)
        })
        .await
    }

    pub(super) async fn letter(&self, id: &str) -> PortResult<Option<DeadLetter>> {
        let id = id.to_owned();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT body FROM dead_letters WHERE id = ?1")?;
            let mut rows = statement.query([id])?;
            rows.next()?.map(decode).transpose()
        })
        .await
    }

    pub(super) async fn remove_letter(&self, id: &str) -> PortResult<bool> {
        let id = id.to_owned();
        self.note(move |connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?;
            Ok(statement.execute([id])? > 0)
        })
        .await
    }
}

fn decode(row: &rusqlite::Row<'_>) -> Result<DeadLetter, Failure> {
    let body = row.get_ref(0)?.as_blob().map_err(Failure::corrupt)?;
    wire::decode(body).map_err(Failure::corrupt)
}
