//! The log on a real broker.

mod conformance;
mod support;
