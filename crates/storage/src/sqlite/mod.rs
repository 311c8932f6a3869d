//! The log and the records in one SQLite database, `palisade.db`, with one writer.
//!
//! One file, so that one fsync serves both, and so that what the log says and what the records say
//! can never fall apart by a crash between two files. The measurements behind the choice of SQLite
//! are printed by `examples/bench_storage.rs`.

mod connection;
mod epoch;
mod failure;
mod group;
mod keeper;
pub mod log;
mod readers;
pub mod records;
mod schema;
mod writer;

pub use log::{LogConfig, SqliteLog};
pub use records::{RecordsConfig, SqliteRecords};
pub use writer::WriterConfig;

pub(crate) use connection::{DATABASE, open_writer};
pub(crate) use epoch::{Epoch, Moment};
pub(crate) use failure::Failure;
pub(crate) use readers::Readers;
pub(crate) use schema::{SchemaError, VERSION, prepare, require_current};
pub(crate) use writer::{Surroundings, Writer};

/// As SQLite stores it. Numbers that do not fit (no time or size that is real) count as the
/// largest.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As SQLite stored it.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
