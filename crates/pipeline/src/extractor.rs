//! The extractor: takes requests, tells what each artifact is, and writes the plan and one command
//! per engine.
//!
//! The file type engine runs here and not behind a topic of its own: its answer is what a plan is
//! made from (see `docs/decisions`). It runs in the jail like every other.

mod workflow;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use palisade_model::{
    Command, Definitions, EngineName, FileType, NodeEvent, Plan, Planned, PlannedEngine, Request,
    wire,
};
use palisade_ports::log::{Append, Delivery, Durability, Topic};
use palisade_ports::records::EngineState;
use palisade_ports::{Engine, PortError};
use palisade_telemetry::metrics::DropReason;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use workflow::Workflow;

use crate::Ports;
use crate::artifacts::ArtifactCache;
use crate::catalog::{Catalog, palisade_error};
use crate::gateway::EXTRACTOR_GROUP;
use crate::lanes::Lanes;
use crate::runner::{Runner, encode};

/// Settings of the extractor.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractorConfig {
    /// Requests worked on at once. Default 16.
    pub concurrency: usize,
    /// Commands that may wait for one engine before the extractor pauses, so that what waits, waits
    /// where the gateway sees it. Default 512.
    pub max_commands_waiting: u64,
    /// Milliseconds for telling what one artifact is. Default 10,000.
    pub probe_timeout_ms: u64,
}

impl Default for ExtractorConfig {
    fn default() -> Self {
        Self { concurrency: 16, max_commands_waiting: 512, probe_timeout_ms: 10_000 }
    }
}

/// The stage.
pub struct Extractor {
    ports: Ports,
    catalog: Catalog,
    runner: Runner,
    workflow: Workflow,
    config: ExtractorConfig,
}

impl Extractor {
    /// An extractor that tells types with `prober` (the file type engine) and plans by `workflow`.
    pub fn new(
        ports: Ports,
        catalog: Catalog,
        prober: Arc<dyn Engine>,
        artifacts: Arc<ArtifactCache>,
        workflow: Workflow,
        config: ExtractorConfig,
    ) -> Self {
        let runner = Runner::new(ports.clone(), prober, artifacts, config.probe_timeout_ms);
        Self { ports, catalog, runner, workflow, config }
    }

    /// Works for ever; returns only when the log or the records fail.
    ///
    /// # Errors
    /// Theirs.
    pub async fn run(self) -> Result<(), PortError> {
        let mut lanes = Lanes::join(&*self.ports.log, EXTRACTOR_GROUP, Topic::Requests).await?;
        let acknowledger = lanes.acknowledger();
        let places = Arc::new(Semaphore::new(self.config.concurrency));
        let concurrency = u32::try_from(self.config.concurrency).unwrap_or(u32::MAX);
        let this = Arc::new(self);
        let mut tasks = JoinSet::new();
        let mut taken = 0_u32;
        loop {
            if taken.is_multiple_of(concurrency) {
                this.wait_for_engines().await?;
            }
            taken = taken.wrapping_add(1);
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            // A task that failed ends the stage at once and not with the next message: what it could
            // not do is delivered again to the next one.
            let delivery = loop {
                tokio::select! {
                    biased;
                    Some(ended) = tasks.join_next() => {
                        ended.unwrap_or_else(|panic| Err(panicked(panic)))?;
                    }
                    delivery = lanes.next() => break delivery?,
                }
            };
            let this = Arc::clone(&this);
            let acknowledger = acknowledger.clone();
            tasks.spawn(async move {
                let done = this.work(&delivery).await;
                if done.is_ok() {
                    acknowledger.acknowledge(&delivery.position);
                }
                drop(place);
                done
            });
        }
    }

    /// Waits while an engine has more commands waiting than it should.
    async fn wait_for_engines(&self) -> Result<(), PortError> {
        loop {
            let mut most = 0;
            for (engine, entry) in self.catalog.entries().iter() {
                // Nobody takes from the topic of a dead engine; its commands end by their deadline.
                if entry.state == EngineState::Down || engine == self.runner.engine().name() {
                    continue;
                }
                let group = crate::engine_host::group(engine);
                for priority in palisade_model::Priority::ALL {
                    let topic = Topic::Commands(engine.clone(), priority);
                    most = most.max(self.ports.log.backlog(&group, &topic).await?);
                }
            }
            if most <= self.config.max_commands_waiting {
                return Ok(());
            }
            self.ports.clock.sleep(10).await;
        }
    }

    async fn work(&self, delivery: &Delivery) -> Result<(), PortError> {
        let request: Request = match wire::decode(&delivery.payload) {
            Ok(request) => request,
            Err(error) => {
                // The janitor ends the request by its deadline.
                self.ports.metrics.drop(DropReason::Unreadable, "extractor");
                tracing::error!(error = %palisade_error(&error), "unreadable request");
                return Ok(());
            }
        };
        let probe = Command {
            engine: self.runner.engine().name().clone(),
            issued: self.ports.clock.now(),
            file_type: FileType::default(),
            request,
        };
        let probed = self.runner.run(&probe).await?;
        let request = probe.request;
        let file_type = probed.file_type.unwrap_or_else(unknown_type);
        let engines = self.plan(&request, &file_type, &probed.result.definitions);

        let key = Bytes::copy_from_slice(request.node.root.as_bytes());
        let issued = self.ports.clock.now();
        let mut appends = Vec::with_capacity(engines.len() + 1);
        let mut append = |topic, payload: Vec<u8>| {
            appends.push(Append { topic, key: key.clone(), payload: payload.into() });
        };
        let mut command = Command { request, file_type, issued, engine: probe.engine };
        for planned in &engines {
            let is_probe = planned.engine == command.engine;
            if planned.planned != Planned::Run || is_probe {
                continue;
            }
            let own = Command { engine: planned.engine.clone(), ..command.clone() };
            append(
                Topic::Commands(planned.engine.clone(), own.request.priority),
                wire::encode(&own),
            );
        }
        // The plan goes to the report: no secrets in it.
        command.request.passwords.clear();
        let plan = Plan { request: command.request, file_type: command.file_type, engines };
        let asked_for_probe =
            plan.engines.iter().any(|planned| planned.engine == *self.runner.engine().name());
        append(Topic::Results, wire::encode(&NodeEvent::Plan(Box::new(plan))));
        if asked_for_probe {
            append(Topic::Results, encode(probed.result));
        }
        self.ports.log.append(appends, Durability::Process).await
    }

    fn plan(
        &self,
        request: &Request,
        file_type: &FileType,
        probed_with: &Definitions,
    ) -> Vec<PlannedEngine> {
        let catalog = self.catalog.entries();
        let prober = self.runner.engine().name();
        let mut engines = Vec::new();
        let asked =
            |engine: &EngineName| request.engines.as_ref().is_none_or(|e| e.contains(engine));
        for (engine, entry) in catalog.iter().filter(|(engine, _)| asked(engine)) {
            let (planned, definitions) = if engine == prober {
                (Planned::Run, probed_with.clone())
            } else if entry.state == EngineState::Down {
                (Planned::Down(entry.detail.clone()), entry.definitions.clone())
            } else {
                let planned = match self.workflow.skips(engine, file_type) {
                    Some(reason) => Planned::NotApplicable(reason),
                    None => Planned::Run,
                };
                (planned, entry.definitions.clone())
            };
            engines.push(PlannedEngine { engine: engine.clone(), planned, definitions });
        }
        // The gateway saw a host of it, and none is known here: that is no reason to be silent.
        let named: BTreeSet<&EngineName> = request.engines.iter().flatten().collect();
        for engine in named.into_iter().filter(|engine| !catalog.contains_key(engine)) {
            engines.push(PlannedEngine {
                engine: engine.clone(),
                planned: Planned::Down("no host of it is known".to_owned()),
                definitions: Definitions::default(),
            });
        }
        engines
    }
}

fn unknown_type() -> FileType {
    FileType {
        id: "unknown".to_owned(),
        description: "could not be told".to_owned(),
        mime: "application/octet-stream".to_owned(),
        extension: String::new(),
        category: "other".to_owned(),
    }
}

/// A panic in a stage's task ends the stage: whoever runs it starts it again, and what was not
/// acknowledged is delivered again.
pub(crate) fn panicked(error: tokio::task::JoinError) -> PortError {
    PortError::Unavailable { what: "a task of this stage", source: Box::new(error) }
}
