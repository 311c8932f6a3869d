use palisade_model::{RequestId, UnixMillis};
use palisade_ports::PortResult;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use crate::to_sql;

/// Requests forgotten in one statement, so that its locks are held briefly.
const CHUNK: i64 = 500;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Forgets some requests and what hangs on them, and the reports that no other request refers to:
/// those of the requests that stay are looked for beside those that go, because one statement does not
/// see its own deletions.
macro_rules! forget_some {
    ($which:literal) => {
        concat!(
            "WITH old AS (
                 SELECT id, report FROM requests WHERE ",
            $which,
            " LIMIT $2 FOR UPDATE SKIP LOCKED),
             gone AS (DELETE FROM requests USING old WHERE requests.id = old.id
                      RETURNING requests.id),
             strikes AS (DELETE FROM strikes USING old WHERE root = old.id),
             charges AS (DELETE FROM charges USING old WHERE root = old.id),
             trees AS (DELETE FROM trees USING old WHERE root = old.id),
             reports AS (
                 DELETE FROM reports
                 USING (SELECT DISTINCT report FROM old WHERE report IS NOT NULL) AS answered
                 WHERE reports.id = answered.report
                   AND NOT EXISTS (SELECT 1 FROM requests AS other
                                   WHERE other.report = answered.report
                                     AND NOT EXISTS (SELECT 1 FROM old WHERE old.id = other.id)))
             SELECT count(*) FROM gone"
        )
    };
}

impl PostgresRecords {
    /// Forgets requests, their reports, and what hangs on them; also batches and deliveries made and
    /// counts of scans of days before it, and engines not seen since.
    pub(super) async fn forget_before(&self, before: UnixMillis) -> PortResult<u64> {
        let mut forgotten = 0_u64;
        for statement in [
            forget_some!("report IS NOT NULL AND finished < $1"),
            forget_some!("report IS NULL AND accepted < $1"),
        ] {
            loop {
                let rows = self
                    .run(statement, &[Type::INT8, Type::INT8], &[&to_sql(before.0), &CHUNK])
                    .await?;
                let gone: i64 = rows.first().map_or(0, |row| row.get(0));
                forgotten = forgotten.saturating_add(u64::try_from(gone).unwrap_or(0));
                if gone < CHUNK {
                    break;
                }
            }
        }
        self.run(
            "WITH scans AS (DELETE FROM scans WHERE day < $2),
                  batches AS (DELETE FROM batches WHERE created < $1),
                  deliveries AS (DELETE FROM deliveries WHERE created < $1)
             DELETE FROM engines WHERE seen < $1",
            &[Type::INT8, Type::INT8],
            &[&to_sql(before.0), &to_sql(before.0 / DAY)],
        )
        .await?;
        Ok(forgotten)
    }

    /// Makes a finished request open again.
    pub(super) async fn drop_report_of(&self, id: RequestId) -> PortResult<bool> {
        let rows = self
            .run(
                "WITH old AS (
                     SELECT id, report FROM requests WHERE id = $1 AND report IS NOT NULL FOR UPDATE),
                 opened AS (
                     UPDATE requests SET report = NULL, finished = NULL, done = 0, expected = 0,
                                         cancelled = NULL
                     FROM old WHERE requests.id = old.id RETURNING 1),
                 dropped AS (
                     DELETE FROM reports USING old
                     WHERE reports.id = old.report
                       AND NOT EXISTS (SELECT 1 FROM requests AS other
                                       WHERE other.report = old.report AND other.id <> old.id))
                 SELECT EXISTS (SELECT 1 FROM opened)",
                &[Type::BYTEA],
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }
}
