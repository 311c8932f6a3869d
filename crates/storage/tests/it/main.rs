//! The embedded implementations: the suites of the ports, and what is theirs alone.

mod beside;
mod conformance;
mod disk;
mod kill;
mod schema;
mod store;
