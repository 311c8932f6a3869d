//! The extractor: takes requests, tells what each artifact is, and writes the plan and one command
//! per engine.
//!
//! The file type engine runs here and not behind a topic of its own: its answer is what a plan is
//! made from (see `docs/decisions`). It runs in the jail like every other.

mod workflow;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use palisade_model::{
    Command, Definitions, EngineName, FileType, NodeEvent, Plan, Planned, PlannedEngine, Request,
    RequestSummary, wire,
};
use palisade_ports::log::{Append, Delivery, Durability, Topic};
use palisade_ports::records::EngineState;
use palisade_ports::{Engine, PortError};
use palisade_telemetry::metrics::DropReason;

pub use workflow::Workflow;

use crate::Ports;
use crate::artifacts::ArtifactCache;
use crate::catalog::{Catalog, palisade_error};
use crate::gateway::EXTRACTOR_GROUP;
use crate::lanes::Lanes;
use crate::runner::{Runner, encode};
use crate::workers::{self, Work};

/// Settings of the extractor.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractorConfig {
    /// Commands that may wait for one engine before the extractor pauses, so that what waits, waits
    /// where the gateway sees it, and little of it has to be written (decision 0013). Default 64;
    /// 2,000 on a log that tells its backlog late.
    pub max_commands_waiting: Option<u64>,
    /// Milliseconds for telling what one artifact is. Default 10,000.
    pub probe_timeout_ms: u64,
    /// Requests taken beyond what the prober runs at once, whose artifacts are fetched meanwhile.
    /// Default 0; 16 where the object store is on the network.
    pub ahead: Option<usize>,
}

impl Default for ExtractorConfig {
    fn default() -> Self {
        Self { max_commands_waiting: None, probe_timeout_ms: 10_000, ahead: None }
    }
}

/// The stage.
pub struct Extractor {
    ports: Ports,
    catalog: Catalog,
    runner: Runner,
    workflow: Workflow,
    config: ExtractorConfig,
    taken: AtomicU32,
}

/// Where no setting says another number.
const COMMANDS_WAITING: u64 = 64;

/// Requests taken between two looks at what waits for the engines.
const LOOK_EVERY: u32 = 8;

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
        Self { ports, catalog, runner, workflow, config, taken: AtomicU32::new(0) }
    }

    /// Works for ever; returns only when the log or the records fail.
    ///
    /// # Errors
    /// Theirs.
    pub async fn run(self) -> Result<(), PortError> {
        let lanes = Lanes::join(&*self.ports.log, EXTRACTOR_GROUP, Topic::Requests).await?;
        let cancellations = self.runner.cancellations().clone();
        tokio::select! {
            end = workers::run(lanes, self) => end,
            () = cancellations.run() => Ok(()),
        }
    }

    /// A request that was taken back is not planned. That it ends is said once more here: whoever
    /// marked it may have died before saying so.
    async fn cancel(&self, request: &Request) -> Result<(), PortError> {
        let event = NodeEvent::Cancel(Box::new(RequestSummary::of(request)));
        let append = Append {
            topic: Topic::Results,
            key: Bytes::copy_from_slice(request.node.root.as_bytes()),
            payload: wire::encode(&event).into(),
        };
        self.ports.log.append(vec![append], Durability::Derived).await
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
            if most <= self.config.max_commands_waiting.unwrap_or(COMMANDS_WAITING) {
                return Ok(());
            }
            self.ports.clock.sleep(10).await;
        }
    }

    async fn plan_one(&self, delivery: &Delivery) -> Result<(), PortError> {
        let request: Request = match wire::decode(&delivery.payload) {
            Ok(request) => request,
            Err(error) => {
                // The janitor ends the request by its deadline.
                self.ports.metrics.drop(DropReason::Unreadable, "extractor");
                tracing::error!(error = %palisade_error(&error), "unreadable request");
                return Ok(());
            }
        };
        if self.runner.cancellations().has(request.node.root) {
            return self.cancel(&request).await;
        }
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
        // The plan goes to the report.
        command.request.redact();
        let plan = Plan { request: command.request, file_type: command.file_type, engines };
        let asked_for_probe =
            plan.engines.iter().any(|planned| planned.engine == *self.runner.engine().name());
        append(Topic::Results, wire::encode(&NodeEvent::Plan(Box::new(plan))));
        if asked_for_probe {
            append(Topic::Results, encode(probed.result));
        }
        self.ports.log.append(appends, Durability::Derived).await
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

impl Work for Extractor {
    /// What the prober runs at once, and what is fetched ahead.
    fn at_once(&self) -> usize {
        let ahead = self.config.ahead.unwrap_or(0);
        self.runner.engine().concurrency().saturating_add(ahead)
    }

    async fn wait_for_room(&self) -> Result<(), PortError> {
        // The backlog moves by a few messages between two looks.
        if self.taken.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.wait_for_engines().await?;
        }
        Ok(())
    }

    async fn work(&self, messages: &[Delivery]) -> Result<(), PortError> {
        for message in messages {
            self.plan_one(message).await?;
        }
        Ok(())
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
