//! The embedded implementations: the suites of the ports, and what is theirs alone.

mod beside;
mod conformance;
mod derived;
mod disk;
mod kill;
mod local;
mod prune;
mod schema;
mod store;
mod wal;
