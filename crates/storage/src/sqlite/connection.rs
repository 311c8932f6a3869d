use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// The database's file name in the data directory.
pub(crate) const DATABASE: &str = "palisade.db";

/// How long a connection waits for another process (`palisade keys …`) that writes at this moment.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Statements kept prepared by a connection: all of the records' plus two of each topic.
const STATEMENTS: usize = 256;

/// A connection that may write. Creates the database when there is none.
pub(crate) fn open_writer(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(dir, flags)?;
    // WAL is a property of the file; the rest are of the connection. Checkpoints are the keeper's.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32768;",
    )?;
    Ok(connection)
}

/// A connection that only reads: it takes no lock that a writer waits for.
pub(super) fn open_reader(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = open(dir, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;")?;
    Ok(connection)
}

fn open(dir: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(dir.join(DATABASE), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
