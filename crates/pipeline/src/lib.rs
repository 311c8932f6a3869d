//! The stages: gateway, extractor, engine host, aggregator, notifier.
//!
//! A message flows one way: the [`gateway`] stores an artifact and writes a request; the
//! [`extractor`] plans it and writes one command per engine; each [`engine_host`] runs its engine and
//! writes a result (and, for children, new requests of the same root); the [`aggregator`] folds the
//! results of a request into one report; the [`notifier`] tells those who asked to be told.
//!
//! Invariants: stages know the ports, never an implementation, a concrete engine, or each other.
//! None knows whether it runs embedded or distributed.

pub mod aggregator;
pub mod artifacts;
mod cancellations;
pub mod catalog;
pub mod engine_host;
pub mod extractor;
pub mod gateway;
pub mod janitor;
mod lanes;
pub mod notifier;
pub mod runner;
mod workers;

use std::sync::Arc;

use palisade_ports::{Clock, Log, Objects, Records};
use palisade_telemetry::Metrics;

/// What every stage is given.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The object store.
    pub objects: Arc<dyn Objects>,
    /// The records.
    pub records: Arc<dyn Records>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub metrics: Metrics,
}
