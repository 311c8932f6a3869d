//! Runs one engine on one artifact and always has a result at the end: strikes, dead letters,
//! deadlines and bounds are here, for the engine host and the extractor alike.

mod children;
mod message;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use palisade_model::{
    Command, DeadLetter, EngineResult, Failure, Outcome, Problem, ProblemKind, Request, Verdict,
    wire,
};
use palisade_ports::Engine;
use palisade_ports::PortError;
use palisade_ports::engine::{Artifact, ChildSink, NoChildren, Opinion, ScanError};
use palisade_ports::log::{Append, Durability, Topic};
use palisade_telemetry::metrics::{DropReason, EngineLabel, EngineOutcome};
use tokio::sync::Semaphore;

use crate::Ports;
use crate::aggregator::tree::CANCELLED;
use crate::artifacts::{ArtifactCache, ArtifactError, IntakeError};
use crate::cancellations::Cancellations;
use crate::catalog::palisade_error;
use children::Children;
pub use children::{UNPACKER, join_path};
pub(crate) use message::encode;

/// Workers that a command may cost (law 4).
pub const MAX_STRIKES: u32 = 3;

/// How long an engine without a worker, or a full disk, is waited for before the result says so, in
/// milliseconds.
const PATIENCE_MS: u64 = 3_000;

/// Between two tries, in milliseconds.
const RETRY_MS: u64 = 100;

/// What one command came to.
pub struct Done {
    /// For the results topic.
    pub result: EngineResult,
    /// For the requests topic: children of the same root.
    pub children: Vec<Request>,
    /// What the artifact is, when the engine is the one that tells.
    pub file_type: Option<palisade_model::FileType>,
}

/// Runs commands on one engine.
#[derive(Clone)]
pub struct Runner {
    ports: Ports,
    engine: Arc<dyn Engine>,
    artifacts: Arc<ArtifactCache>,
    scan_timeout_ms: u64,
    /// As many as the engine runs at once: what waits here has its artifact already, and loses none of
    /// its own time.
    places: Arc<Semaphore>,
    cancellations: Cancellations,
}

/// How a try ended.
enum Try {
    Done(Box<Opinion>, Vec<Request>, Vec<palisade_model::ChildRef>),
    Died(String),
    Failed(Failure, String),
    /// Says nothing of the artifact; worth another try.
    Again(String),
    /// A store does not answer: nothing can be done without it, so it is waited for as long as the
    /// request may take.
    Wait(String),
}

impl Runner {
    /// A runner of `engine`, whose scans may take `scan_timeout_ms` each.
    pub fn new(
        ports: Ports,
        engine: Arc<dyn Engine>,
        artifacts: Arc<ArtifactCache>,
        scan_timeout_ms: u64,
    ) -> Self {
        let cancellations = Cancellations::new(ports.clone());
        let places = Arc::new(Semaphore::new(engine.concurrency().max(1)));
        Self { ports, engine, artifacts, scan_timeout_ms, places, cancellations }
    }

    /// Which requests were taken back. Run it beside the commands.
    pub(crate) fn cancellations(&self) -> &Cancellations {
        &self.cancellations
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Runs a command to its result. The result is there by the command's deadline, give or take the
    /// engine's own grace.
    ///
    /// # Errors
    /// Only when the records cannot be written: then the command must be delivered again.
    pub async fn run(&self, command: &Command) -> Result<Done, PortError> {
        let started = self.ports.clock.now();
        let wait_ms = started.since(command.issued);
        let patience_ends = started.plus(PATIENCE_MS).min(command.request.deadline);
        let mut definitions = self.engine.definitions();
        let mut waited_for = None;
        let end = loop {
            let now = self.ports.clock.now();
            if now >= command.request.deadline {
                let why = waited_for.unwrap_or_else(|| "not started by the deadline".to_owned());
                break Try::Failed(Failure::TimedOut, why);
            }
            // A scan that is dropped gives its worker up, which ends it.
            let end = tokio::select! {
                biased;
                () = self.cancellations.of(command.request.node.root) => {
                    break Try::Failed(Failure::Cancelled, CANCELLED.to_owned());
                }
                end = self.try_once(command, &mut definitions) => end?,
            };
            match end {
                Try::Died(how) => {
                    self.count_death();
                    let strikes = self.ports.records.strike(command.id()).await?;
                    if strikes >= MAX_STRIKES {
                        let reason = self.bury(command, &how, strikes).await?;
                        break Try::Failed(Failure::Failed, reason);
                    }
                    tracing::warn!(command = %command.id(), how, strikes, "a worker died");
                }
                Try::Again(why) => {
                    if self.ports.clock.now() >= patience_ends {
                        break Try::Failed(Failure::Failed, why);
                    }
                    self.ports.clock.sleep(RETRY_MS).await;
                }
                Try::Wait(why) => {
                    if waited_for.is_none() {
                        tracing::warn!(command = %command.id(), why, "waiting for a store");
                    }
                    waited_for = Some(why);
                    self.ports.clock.sleep(RETRY_MS).await;
                }
                end => break end,
            }
        };
        let scan_ms = self.ports.clock.now().since(started);
        Ok(self.done(command, end, definitions, wait_ms, scan_ms))
    }

    async fn try_once(
        &self,
        command: &Command,
        definitions: &mut palisade_model::Definitions,
    ) -> Result<Try, PortError> {
        // The permit of a large artifact is held until the scan is over.
        let (artifact, _permit) = match self.artifact(command).await {
            Ok(artifact) => artifact,
            Err(ArtifactError::Port(error @ PortError::Unavailable { .. })) => {
                return Ok(Try::Wait(palisade_error(&error)));
            }
            Err(error) => return Ok(Try::Failed(Failure::Failed, palisade_error(&error))),
        };
        let children =
            Children::new(&self.ports, &self.artifacts, &command.request, &*self.engine).await?;
        let sink: Box<dyn ChildSink> = match &children {
            Some(children) => Box::new(children.sink()),
            None => Box::new(NoChildren),
        };
        // Never closed, so never an error.
        let place = self.places.acquire().await.ok();
        let left_ms = command.request.deadline.since(self.ports.clock.now());
        if left_ms == 0 {
            return Ok(Try::Failed(Failure::TimedOut, "not started by the deadline".to_owned()));
        }
        let timeout_ms = left_ms.min(self.scan_timeout_ms);
        let scan = self.engine.scan(command, artifact, timeout_ms, sink);
        // A panic of the engine's own code is a death like a worker's: it must not take the stage
        // with it, over and over, and with it what others scan at the same time (law 4).
        let opinion = match AssertUnwindSafe(scan).catch_unwind().await {
            Ok((opinion, with)) => {
                *definitions = with;
                opinion
            }
            Err(_) => Err(ScanError::WorkerDied("the engine panicked".to_owned())),
        };
        drop(place);
        let (mut problems, requests, references) = match children {
            Some(children) => match children.finish().await {
                Ok(finished) => finished,
                Err(error @ PortError::Unavailable { .. }) => {
                    return Ok(Try::Wait(palisade_error(&error)));
                }
                Err(error @ PortError::Full { .. }) => {
                    return Ok(Try::Again(palisade_error(&error)));
                }
                Err(error) => return Err(error),
            },
            None => Default::default(),
        };
        Ok(match opinion {
            Ok(mut opinion) => {
                opinion.problems.append(&mut problems);
                Try::Done(Box::new(opinion), requests, references)
            }
            // The sink stopped the scan because a bound of the tree was reached: what came out until
            // then counts, and the problem says why there is no more.
            Err(ScanError::Sink(_)) if !problems.is_empty() => Try::Done(
                Box::new(Opinion { problems, ..Opinion::default() }),
                requests,
                references,
            ),
            // What came out before the time was up counts too.
            Err(ScanError::TimedOut) if !references.is_empty() => {
                problems.push(Problem {
                    kind: ProblemKind::TimedOut,
                    name: String::new(),
                    detail: "unpacking did not end in time".to_owned(),
                });
                let outcome = Some(Outcome::Failure(Failure::TimedOut));
                let opinion = Opinion { outcome, problems, ..Opinion::default() };
                Try::Done(Box::new(opinion), requests, references)
            }
            Err(ScanError::TimedOut) => {
                Try::Failed(Failure::TimedOut, format!("not done in {timeout_ms} ms"))
            }
            Err(ScanError::WorkerDied(how)) => Try::Died(how),
            Err(ScanError::Sink(error)) if is_away(&error) => Try::Wait(palisade_error(&error)),
            Err(error @ (ScanError::Unavailable(_) | ScanError::Sink(_))) => {
                Try::Again(palisade_error(&error))
            }
        })
    }

    async fn artifact(
        &self,
        command: &Command,
    ) -> Result<(Option<Artifact>, Option<tokio::sync::OwnedSemaphorePermit>), ArtifactError> {
        if !self.engine.needs_bytes() {
            return Ok((None, None));
        }
        if let Some(inline) = &command.request.inline {
            let artifact = self.artifacts.get_inline(&command.request.artifact, inline)?;
            return Ok((Some(artifact), None));
        }
        let (artifact, permit) = self.artifacts.get(&command.request.artifact).await?;
        Ok((Some(artifact), permit))
    }

    fn count_death(&self) {
        let engine = self.engine.name().to_string();
        self.ports.metrics.worker_deaths.get_or_create(&EngineLabel { engine }).inc();
    }

    /// Writes the dead letter; returns the reason for the report.
    async fn bury(&self, command: &Command, how: &str, attempts: u32) -> Result<String, PortError> {
        let topic = Topic::Commands(command.engine.clone(), command.request.priority);
        let id = format!("{}.{}", command.request.node, command.engine);
        let mut kept = command.clone();
        kept.request.redact();
        let letter = DeadLetter {
            id: id.clone(),
            topic: topic.to_string(),
            key: command.request.node.root.to_string(),
            reason: format!("it killed its worker {attempts} times: {how}"),
            attempts,
            time: self.ports.clock.now(),
            payload: String::from_utf8(wire::encode(&kept)).unwrap_or_default(),
        };
        self.ports.records.put_dead_letter(letter.clone()).await?;
        let append = Append {
            topic: Topic::DeadLetters,
            key: Bytes::copy_from_slice(command.request.node.root.as_bytes()),
            payload: wire::encode(&letter).into(),
        };
        self.ports.log.append(vec![append], Durability::Process).await?;
        self.ports.metrics.drop(DropReason::DeadLetter, command.engine.as_str());
        tracing::error!(letter = id, how, "a command went to the dead letters");
        // A repeat of the command may have cost one more worker by now; the answer is the same.
        Ok(format!("it killed its worker {MAX_STRIKES} times ({how}); dead letter {id}"))
    }

    fn done(
        &self,
        command: &Command,
        end: Try,
        definitions: palisade_model::Definitions,
        wait_ms: u64,
        scan_ms: u64,
    ) -> Done {
        let mut result = EngineResult {
            wait_us: wait_ms * 1000,
            scan_us: scan_ms * 1000,
            ..EngineResult::new(command.id(), definitions)
        };
        let mut requests = Vec::new();
        let mut file_type = None;
        match end {
            Try::Done(opinion, children, references) => {
                file_type = opinion.file_type.clone();
                apply(&mut result, *opinion);
                result.children = references;
                requests = children;
            }
            Try::Failed(failure, reason) => {
                result.outcome = Outcome::Failure(failure);
                result.reason = Some(reason);
            }
            // `run` ends neither way.
            Try::Died(reason) | Try::Again(reason) | Try::Wait(reason) => {
                result.outcome = Outcome::Failure(Failure::Failed);
                result.reason = Some(reason);
            }
        }
        self.count(&result);
        Done { result, children: requests, file_type }
    }

    fn count(&self, result: &EngineResult) {
        let metrics = &self.ports.metrics;
        let engine = result.command.engine.to_string();
        let label = EngineLabel { engine: engine.clone() };
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        metrics.scan_seconds.get_or_create(&label).observe(seconds(result.scan_us));
        metrics.wait_seconds.get_or_create(&label).observe(seconds(result.wait_us));
        let outcome = outcome_name(result.outcome);
        metrics.results.get_or_create(&EngineOutcome { engine, outcome }).inc();
        metrics.children.inc_by(result.children.len() as u64);
    }
}

/// Whether a child could not be stored because a store does not answer; a full one does.
fn is_away(error: &std::io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    let port = match inner.downcast_ref::<IntakeError>() {
        Some(IntakeError::Port(port)) => Some(port),
        Some(IntakeError::TooLarge { .. }) => None,
        None => inner.downcast_ref::<PortError>(),
    };
    matches!(port, Some(PortError::Unavailable { .. }))
}

/// Puts an opinion into a result: where the engine names no outcome, the findings decide.
pub fn apply(result: &mut EngineResult, opinion: Opinion) {
    result.outcome = opinion
        .outcome
        .unwrap_or_else(|| Outcome::Verdict(EngineResult::gravest(&opinion.findings).verdict()));
    result.threat = opinion.threat;
    result.reason = opinion.reason;
    result.findings = opinion.findings;
    result.problems = opinion.problems;
    result.observables = opinion.observables;
    result.properties = opinion.properties;
}

/// An outcome as a metric label.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Verdict(Verdict::NoThreat) => "no-threat",
        Outcome::Verdict(Verdict::Unknown) => "unknown",
        Outcome::Verdict(Verdict::Suspicious) => "suspicious",
        Outcome::Verdict(Verdict::Malicious) => "malicious",
        Outcome::Failure(Failure::Failed) => "failed",
        Outcome::Failure(Failure::TimedOut) => "timed-out",
        Outcome::Failure(Failure::Encrypted) => "encrypted",
        Outcome::Failure(Failure::NotScanned) => "not-scanned",
        Outcome::Failure(Failure::Cancelled) => "cancelled",
    }
}
