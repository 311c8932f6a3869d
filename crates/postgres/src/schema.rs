use palisade_ports::PortError;

use crate::session::Pool;

/// What makes each version of the one before. Only ever append: a database in the field has run what
/// stands here.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// A database that this code must not touch.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It was made by a newer program.
    #[error("the database's schema {found} is newer than this program knows ({known})")]
    TooNew {
        /// Its version.
        found: i32,
        /// The newest that this program knows.
        known: usize,
    },
    /// The database's own error.
    #[error("the database's schema cannot be prepared")]
    Database(#[from] PortError),
}

/// Any number that no other program uses for its own lock: `palisade` as bytes.
const LOCK: i64 = 0x0070_616c_6973_6164;

/// Brings the database to the newest version. Each step is one transaction under a lock, so several
/// processes may start at once.
pub(crate) async fn prepare(pool: &Pool) -> Result<(), SchemaError> {
    pool.batch(&format!(
        "BEGIN;
         SELECT pg_advisory_xact_lock({LOCK});
         CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL);
         COMMIT"
    ))
    .await?;
    loop {
        let rows =
            pool.query("SELECT coalesce(max(version), 0) FROM schema_version", &[], &[]).await?;
        let found: i32 = rows.first().map_or(0, |row| row.get(0));
        let known = MIGRATIONS.len();
        let next = usize::try_from(found).unwrap_or(usize::MAX);
        if next == known {
            return Ok(());
        }
        let Some(migration) = MIGRATIONS.get(next) else {
            return Err(SchemaError::TooNew { found, known });
        };
        // Whoever comes second finds the version there, and its insert in vain undoes its step.
        let step = pool
            .batch(&format!(
                "BEGIN;
                 SELECT pg_advisory_xact_lock({LOCK});
                 DO $check$ BEGIN
                     IF (SELECT coalesce(max(version), 0) FROM schema_version) <> {found} THEN
                         RAISE EXCEPTION 'somebody else was first' USING ERRCODE = '40001';
                     END IF;
                 END $check$;
                 {migration}
                 INSERT INTO schema_version VALUES ({found} + 1);
                 COMMIT"
            ))
            .await;
        if let Err(error) = step {
            // The session is inside a transaction that failed.
            pool.batch("ROLLBACK").await?;
            let rows = pool
                .query("SELECT coalesce(max(version), 0) FROM schema_version", &[], &[])
                .await?;
            if rows.first().is_none_or(|row| row.get::<_, i32>(0) == found) {
                return Err(error.into());
            }
        }
    }
}
