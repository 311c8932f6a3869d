//! The engine host: takes the commands of one engine, runs them, writes results and, for children,
//! new requests of the same root.

use std::sync::Arc;

use bytes::Bytes;
use palisade_model::{Command, EngineName, wire};
use palisade_ports::log::{Append, Delivery, Durability, Topic};
use palisade_ports::records::EngineStatus;
use palisade_ports::{Engine, PortError};
use palisade_telemetry::metrics::{DropReason, EngineLabel};

use crate::Ports;
use crate::artifacts::ArtifactCache;
use crate::catalog::palisade_error;
use crate::lanes::Lanes;
use crate::runner::{Runner, encode};
use crate::workers::{self, Work};

/// How often a host tells of its engine, in milliseconds; at once when something changes.
const HEARTBEAT_MS: u64 = 2_000;

/// How often it looks whether something has changed, in milliseconds.
const LOOK_MS: u64 = 100;

/// Records in one append: an archive with many children gives many requests.
const APPEND_RECORDS: usize = 1_000;

/// The consumer group of an engine's hosts.
pub fn group(engine: &EngineName) -> String {
    format!("engine.{engine}")
}

/// Settings of an engine host.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineHostConfig {
    /// Milliseconds for one scan, whatever the request's deadline allows. Default 30,000.
    pub scan_timeout_ms: u64,
    /// Commands taken beyond what the engine runs at once, whose artifacts are fetched meanwhile.
    /// Default 0; 16 where the object store is on the network.
    pub ahead: Option<usize>,
}

impl Default for EngineHostConfig {
    fn default() -> Self {
        Self { scan_timeout_ms: 30_000, ahead: None }
    }
}

/// The stage, for one engine.
pub struct EngineHost {
    ports: Ports,
    runner: Runner,
    ahead: usize,
}

impl EngineHost {
    /// A host of `engine`.
    pub fn new(
        ports: Ports,
        engine: Arc<dyn Engine>,
        artifacts: Arc<ArtifactCache>,
        config: &EngineHostConfig,
    ) -> Self {
        let runner = Runner::new(ports.clone(), engine, artifacts, config.scan_timeout_ms);
        Self { ports, runner, ahead: config.ahead.unwrap_or(0) }
    }

    /// Works for ever; returns only when the log or the records fail.
    ///
    /// # Errors
    /// Theirs.
    pub async fn run(self) -> Result<(), PortError> {
        let name = self.runner.engine().name().clone();
        let group = group(&name);
        let topic = |priority| Topic::Commands(name.clone(), priority);
        let lanes = Lanes::join(&*self.ports.log, &group, topic).await?;
        let cancellations = self.runner.cancellations().clone();
        tokio::select! {
            end = workers::run(lanes, self) => end,
            () = cancellations.run() => Ok(()),
        }
    }

    /// What one command comes to: children first, the result last. Once the result is on the log,
    /// everything it names is.
    async fn answer(&self, delivery: &Delivery) -> Result<Vec<Append>, PortError> {
        let command: Command = match wire::decode(&delivery.payload) {
            Ok(command) => command,
            Err(error) => {
                // The aggregator ends the request by its deadline.
                let place = self.runner.engine().name().as_str();
                self.ports.metrics.drop(DropReason::Unreadable, place);
                tracing::error!(error = %palisade_error(&error), place, "unreadable command");
                return Ok(Vec::new());
            }
        };
        let done = self.runner.run(&command).await?;
        let key = Bytes::copy_from_slice(command.request.node.root.as_bytes());
        let mut appends: Vec<Append> = done
            .children
            .iter()
            .map(|child| Append {
                topic: Topic::Requests(child.priority),
                key: key.clone(),
                payload: wire::encode(child).into(),
            })
            .collect();
        let payload = encode(done.result).into();
        appends.push(Append { topic: Topic::Results, key, payload });
        Ok(appends)
    }
}

impl Work for EngineHost {
    /// What the engine runs at once, and what is fetched ahead: what was taken can neither give way to
    /// what is more urgent nor go to another host.
    fn at_once(&self) -> usize {
        self.runner.engine().concurrency().saturating_add(self.ahead)
    }

    fn together(&self) -> usize {
        self.runner.engine().together()
    }

    async fn work(&self, messages: &[Delivery]) -> Result<(), PortError> {
        let mut appends = Vec::new();
        for message in messages {
            appends.extend(self.answer(message).await?);
        }
        while !appends.is_empty() {
            let rest = appends.split_off(appends.len().min(APPEND_RECORDS));
            self.ports.log.append(appends, Durability::Derived).await?;
            appends = rest;
        }
        Ok(())
    }
}

/// How an engine is, as the records keep it.
fn status(engine: &dyn Engine, ports: &Ports, host: &str) -> EngineStatus {
    let health = engine.health();
    EngineStatus {
        engine: engine.name().clone(),
        host: host.to_owned(),
        state: health.state,
        detail: health.detail,
        definitions: engine.definitions(),
        workers: health.workers,
        seen: ports.clock.now(),
    }
}

/// Tells of an engine once: before the first plan is made.
///
/// # Errors
/// The records'.
pub async fn tell_once(
    engine: &Arc<dyn Engine>,
    ports: &Ports,
    host: &str,
) -> Result<(), PortError> {
    ports.records.put_engine(status(&**engine, ports, host)).await
}

/// Tells of an engine, for ever: to the records, where every gateway and extractor sees it.
pub async fn tell_of(engine: Arc<dyn Engine>, ports: Ports, host: String) {
    let mut told: Option<EngineStatus> = None;
    loop {
        let status = status(&*engine, &ports, &host);
        let due = told.as_ref().is_none_or(|told| {
            let same = EngineStatus { seen: told.seen, ..status.clone() };
            same != *told || status.seen.since(told.seen) >= HEARTBEAT_MS
        });
        if due {
            let label = EngineLabel { engine: engine.name().to_string() };
            ports.metrics.workers.get_or_create(&label).set(i64::from(status.workers));
            match ports.records.put_engine(status.clone()).await {
                Ok(()) => told = Some(status),
                Err(error) => {
                    tracing::warn!(error = %palisade_error(&error), "an engine's status is not kept");
                }
            }
        }
        ports.clock.sleep(LOOK_MS).await;
    }
}
