//! The records on PostgreSQL.
//!
//! Every call is one statement, so it needs no transaction of its own and many can share a connection:
//! statements are pipelined, a few connections carry everything. What somebody outside is told of is
//! committed with `synchronous_commit` on; the rest with it off, which PostgreSQL's death may cost,
//! and this process's does not.

mod config;
mod failure;
mod records;
mod schema;
mod session;
mod tls;

pub use config::PostgresConfig;
pub use records::PostgresRecords;
pub use schema::SchemaError;
pub use session::ConnectError;

/// The port, for people.
const WHAT: &str = "the records";

/// As the database stores numbers. Above its range they stay at its end.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As the database stored it.
fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The database's text cannot hold the character zero.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
