//! Implementations of the ports.
//!
//! Embedded: one SQLite database for the log and the records ([`sqlite`]), the local file system
//! for the objects ([`local`]), opened together by [`Embedded`]. Whoever uses them sees only the
//! traits of `palisade-ports`; the laws stand there, and the suites of
//! `palisade_ports::conformance` run against everything here.

pub mod clock;
pub mod embedded;
pub mod local;
pub mod sqlite;

pub use clock::SystemClock;
pub use embedded::{Embedded, EmbeddedConfig, OpenError};
pub use local::{LocalObjects, ObjectsConfig};
pub use sqlite::{LogConfig, RecordsConfig, SqliteLog, SqliteRecords, WriterConfig};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: every critical section here leaves its data whole at each
/// step, so a poisoned lock says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
