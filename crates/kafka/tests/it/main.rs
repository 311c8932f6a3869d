//! The log on a real broker.

mod conformance;
mod full;
mod secured;
mod support;
mod unplaced;
