//! The records on a real PostgreSQL.

mod conformance;
mod secured;
