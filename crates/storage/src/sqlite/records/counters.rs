use palisade_model::{CommandId, KeyId, NodeId, RequestId, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{Charged, Counts};
use rusqlite::{Connection, OptionalExtension};

use super::SqliteRecords;
use crate::sqlite::{Failure, from_sql, to_sql};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

impl SqliteRecords {
    pub(super) async fn add_strike(&self, command: CommandId) -> PortResult<u32> {
        self.note(move |connection| {
            Ok(connection
                .prepare_cached(
                    "INSERT INTO strikes (root, command, count) VALUES (?1, ?2, 1)
                     ON CONFLICT DO UPDATE SET count = min(count + 1, 4294967295)
                     RETURNING count",
                )?
                .query_row((command.node.root.as_bytes(), command.to_string()), |row| row.get(0))?)
        })
        .await
    }

    pub(super) async fn put_charge(&self, node: NodeId, charge: Charged) -> PortResult<Charged> {
        self.note(move |connection| {
            let (root, name) = (node.root.as_bytes(), node.to_string());
            let old = connection
                .prepare_cached("SELECT files, bytes FROM charges WHERE root = ?1 AND node = ?2")?
                .query_row((root, &name), charged)
                .optional()?
                .unwrap_or_default();
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO charges (root, node, files, bytes)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((root, &name, to_sql(charge.files), to_sql(charge.bytes)))?;
            let sum = connection
                .prepare_cached("SELECT files, bytes FROM trees WHERE root = ?1")?
                .query_row([root], charged)
                .optional()?
                .unwrap_or_default();
            let sum = Charged {
                files: sum.files.saturating_sub(old.files).saturating_add(charge.files),
                bytes: sum.bytes.saturating_sub(old.bytes).saturating_add(charge.bytes),
            };
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO trees (root, files, bytes) VALUES (?1, ?2, ?3)",
                )?
                .execute((root, to_sql(sum.files), to_sql(sum.bytes)))?;
            Ok(sum)
        })
        .await
    }

    pub(super) async fn settle_tree(&self, root: RequestId) -> PortResult<()> {
        self.note(move |connection| settle(connection, *root.as_bytes())).await
    }

    pub(super) async fn add_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32> {
        self.note(move |connection| {
            Ok(connection
                .prepare_cached(
                    "INSERT INTO scans (key, day, count) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET count = min(count + excluded.count, 4294967295)
                     RETURNING count",
                )?
                .query_row((key.to_string(), day, add), |row| row.get(0))?)
        })
        .await
    }

    pub(super) async fn sums(&self) -> PortResult<Counts> {
        self.read(|connection| {
            let (open, finished) = connection
                .prepare_cached("SELECT open, finished FROM totals")?
                .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let dead_letters = connection
                .prepare_cached("SELECT count(*) FROM dead_letters")?
                .query_row((), |row| row.get(0))?;
            let oldest_open: Option<i64> = connection
                .prepare_cached("SELECT min(accepted) FROM requests WHERE report IS NULL")?
                .query_row((), |row| row.get(0))?;
            Ok(Counts {
                open: from_sql(open),
                finished: from_sql(finished),
                dead_letters: from_sql(dead_letters),
                oldest_open: oldest_open.map(|accepted| UnixMillis(from_sql(accepted))),
            })
        })
        .await
    }
}

/// Forgets what a tree has cost.
pub(super) fn settle(connection: &Connection, root: [u8; 16]) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM strikes WHERE root = ?1")?.execute([root])?;
    connection.prepare_cached("DELETE FROM charges WHERE root = ?1")?.execute([root])?;
    connection.prepare_cached("DELETE FROM trees WHERE root = ?1")?.execute([root])?;
    Ok(())
}

/// Forgets the scans of days that were over at `before`.
pub(super) fn forget_before(connection: &Connection, before: UnixMillis) -> Result<(), Failure> {
    let day = to_sql(before.0 / DAY);
    connection.prepare_cached("DELETE FROM scans WHERE day < ?1")?.execute([day])?;
    Ok(())
}

fn charged(row: &rusqlite::Row<'_>) -> rusqlite::Result<Charged> {
    Ok(Charged { files: from_sql(row.get(0)?), bytes: from_sql(row.get(1)?) })
}
