use rusqlite::{Connection, TransactionBehavior};

/// The version that this code writes.
pub(crate) const VERSION: u32 = 2;

/// What makes each version of the one before. Only ever append: a database in the field has run
/// what stands here.
const MIGRATIONS: [&str; VERSION as usize] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// A database that this code must not touch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("database schema {found} is newer than this program knows ({VERSION})")]
    TooNew { found: u32 },
    #[error("database schema {found} is older than this program's ({VERSION})")]
    TooOld { found: u32 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings the database to [`VERSION`]. All in one transaction: it is done or not begun.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), SchemaError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let Some(missing) = MIGRATIONS.get(found as usize..) else {
        return Err(SchemaError::TooNew { found });
    };
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// That the database is of [`VERSION`]: for a process beside a server, which must not migrate
/// under its feet.
pub(crate) fn require_current(connection: &Connection) -> Result<(), SchemaError> {
    match version(connection)? {
        VERSION => Ok(()),
        found if found > VERSION => Err(SchemaError::TooNew { found }),
        found => Err(SchemaError::TooOld { found }),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
