//! The gateway: takes artifacts in, answers from the report cache, writes requests, and tells callers
//! how far they are. It knows no HTTP.

mod batch;
mod config;
mod error;
mod submission;
mod waiters;
mod workflows;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use palisade_model::{
    AnyHash, ArtifactRef, Delivery, NodeId, Policy, Progress, ReportNotice, Request, RequestId,
    RequestSummary, Sha256, Subject, UnixMillis, cache_key, wire,
};
use palisade_ports::PortError;
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::records::RequestState;
use palisade_telemetry::metrics::DropReason;
use rand::Rng;

pub use config::GatewayConfig;
pub use error::GatewayError;
pub use submission::Submission;
pub use workflows::{DEFAULT_WORKFLOW, Workflow, WorkflowLimits, Workflows, WorkflowsError};

use crate::Ports;
use crate::artifacts::{ArtifactCache, Intake};
use crate::catalog::{Catalog, palisade_error};
use waiters::Waiters;

/// How long after its deadline a request without a notice still counts as open, in milliseconds.
const NOTICE_LOST_MS: u64 = 10_000;

/// The consumer group of the extractors: the gateway measures what waits for it.
pub const EXTRACTOR_GROUP: &str = "extractor";

/// A request that was taken.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its id.
    pub id: RequestId,
    /// Whether it was answered from the report cache: then its report is there already.
    pub cached: bool,
}

/// The handle. Clones share one gateway.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
    workflows: Arc<Workflows>,
}

struct Inner {
    ports: Ports,
    catalog: Catalog,
    artifacts: Arc<ArtifactCache>,
    config: GatewayConfig,
    waiters: Waiters,
    /// Records that wait before the engines, as last measured.
    waiting: AtomicU64,
    /// Requests taken here that have no report yet, with their deadlines.
    open: Mutex<HashMap<RequestId, UnixMillis>>,
}

impl Gateway {
    /// A gateway over these ports. Call [`Gateway::run`] beside it.
    pub fn new(
        ports: Ports,
        catalog: Catalog,
        artifacts: Arc<ArtifactCache>,
        config: GatewayConfig,
    ) -> Self {
        let waiters = Waiters::default();
        Self {
            inner: Arc::new(Inner {
                ports,
                catalog,
                artifacts,
                config,
                waiters,
                waiting: AtomicU64::new(0),
                open: Mutex::default(),
            }),
            workflows: Arc::default(),
        }
    }

    /// With the operator's workflows. Clones made before do not know them.
    pub fn with_workflows(self, workflows: Workflows) -> Self {
        Self { workflows: Arc::new(workflows), ..self }
    }

    /// The workflows that a request may name.
    pub fn workflows(&self) -> &Workflows {
        &self.workflows
    }

    /// Requests that wait before the extractors, as last measured.
    pub fn waiting(&self) -> u64 {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    /// The settings.
    pub fn config(&self) -> &GatewayConfig {
        &self.inner.config
    }

    /// The engines as last seen.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The ports, for what needs no gateway: keys, dead letters, metrics.
    pub fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    /// Wakes waiters when reports are made, and measures what waits. Runs until it is dropped;
    /// returns only when the log cannot be read.
    ///
    /// # Errors
    /// The log's error.
    pub async fn run(&self, host: &str) -> Result<(), PortError> {
        let group = format!("tail.gateway.{host}");
        let mut reports =
            self.inner.ports.log.subscribe(&group, &[Topic::Reports], Start::Newest).await?;
        let acknowledger = reports.acknowledger();
        let measure = async {
            loop {
                self.measure().await;
                self.inner.ports.clock.sleep(self.inner.config.measure_ms).await;
            }
        };
        let wake = async {
            loop {
                for delivery in reports.next(256).await? {
                    match wire::decode::<ReportNotice>(&delivery.payload) {
                        Ok(notice) => {
                            self.open().remove(&notice.request);
                            self.inner.waiters.wake(notice.request);
                        }
                        Err(error) => {
                            self.inner.ports.metrics.drop(DropReason::Unreadable, "gateway");
                            tracing::error!(error = %palisade_error(&error), "unreadable notice");
                        }
                    }
                    acknowledger.acknowledge(&delivery.position);
                }
            }
        };
        tokio::select! {
            () = measure => Ok(()),
            end = wake => end,
        }
    }

    async fn measure(&self) {
        let ports = &self.inner.ports;
        let mut waiting = 0;
        for priority in palisade_model::Priority::ALL {
            let topic = Topic::Requests(priority);
            match ports.log.backlog(EXTRACTOR_GROUP, &topic).await {
                Ok(backlog) => {
                    waiting += backlog;
                    let label =
                        palisade_telemetry::metrics::TopicLabel { topic: topic.to_string() };
                    let backlog = i64::try_from(backlog).unwrap_or(i64::MAX);
                    ports.metrics.backlog.get_or_create(&label).set(backlog);
                }
                Err(error) => {
                    tracing::warn!(error = %palisade_error(&error), %topic, "backlog unknown");
                }
            }
        }
        self.inner.waiting.store(waiting, Ordering::Relaxed);
        // A notice can be lost with its process; no request is open long after its deadline.
        let now = ports.clock.now();
        self.open().retain(|_, deadline| now < deadline.plus(NOTICE_LOST_MS));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<RequestId, UnixMillis>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another request may come in: asked before its body is read.
    ///
    /// # Errors
    /// [`GatewayError::Busy`] when the log is backed up.
    pub fn admit(&self) -> Result<(), GatewayError> {
        let waiting = self.inner.waiting.load(Ordering::Relaxed);
        let open = self.open().len();
        if waiting > self.inner.config.max_waiting || open >= self.inner.config.max_open {
            self.inner.ports.metrics.drop(DropReason::Backlog, "gateway");
            return Err(GatewayError::Busy {
                reason: "too many requests wait to be scanned",
                retry_after_s: self.inner.config.retry_after_s,
            });
        }
        Ok(())
    }

    /// The largest file that a workflow takes, in bytes; the gateway's own limit for one that is not
    /// there.
    pub fn upload_limit(&self, workflow: &str) -> u64 {
        let own = self.inner.config.max_upload_bytes;
        let limit = self.workflows.get(workflow).and_then(|workflow| workflow.max_bytes);
        limit.unwrap_or(own).min(own)
    }

    /// Starts an artifact of at most so many bytes: write its bytes, then [`Intake::finish`], then
    /// [`Gateway::submit`].
    pub fn intake_within(&self, limit: u64) -> Intake {
        self.inner.artifacts.intake(limit)
    }

    /// As [`Gateway::intake_within`] the gateway's own limit.
    pub fn intake(&self) -> Intake {
        self.intake_within(self.inner.config.max_upload_bytes)
    }

    /// Milliseconds that a request is given to its report.
    pub fn allowed_ms(&self, submission: &Submission) -> u64 {
        let config = &self.inner.config;
        let own = self.workflows.get(&submission.workflow).and_then(|w| w.deadline_ms);
        let default = own.unwrap_or(match submission.priority {
            palisade_model::Priority::Interactive => config.deadline_ms,
            palisade_model::Priority::Batch => config.batch_deadline_ms,
        });
        submission.deadline_ms.unwrap_or(default).min(config.max_deadline_ms)
    }

    /// A fresh id for a request.
    pub fn new_id(&self) -> RequestId {
        RequestId::new(self.inner.ports.clock.now(), rand::rng().random())
    }

    /// Asks for a stored artifact to be scanned. When this returns, the request is durable (law 1).
    ///
    /// # Errors
    /// [`GatewayError`]; then nothing was promised.
    pub async fn submit(
        &self,
        artifact: ArtifactRef,
        submission: Submission,
    ) -> Result<Accepted, GatewayError> {
        let inner = &self.inner;
        if let Some(engines) = &submission.engines {
            let known = inner.catalog.entries();
            if let Some(unknown) = engines.iter().find(|engine| !known.contains_key(engine)) {
                return Err(GatewayError::UnknownEngine(unknown.to_string()));
            }
        }
        let id = submission.id.unwrap_or_else(|| self.new_id());
        let Some(batch) = submission.batch else {
            return self.accept(id, artifact, submission).await;
        };
        // Before it is accepted: a file that its batch does not want must not be scanned.
        self.join(batch, id).await?;
        let accepted = self.accept(id, artifact, submission).await;
        if accepted.is_err()
            && let Err(error) = inner.ports.records.remove_from_batch(batch, id).await
        {
            // Then the batch lists a file that never came, until it is given up.
            tracing::warn!(error = %palisade_error(&error), %batch, "a file stays in its batch");
        }
        accepted
    }

    async fn accept(
        &self,
        id: RequestId,
        artifact: ArtifactRef,
        submission: Submission,
    ) -> Result<Accepted, GatewayError> {
        let inner = &self.inner;
        let now = inner.ports.clock.now();
        let tell = submission.tell.clone();
        let request = self.request(id, artifact, submission, now)?;
        let bytes = request.artifact.size;
        // Before there can be a report: whoever has the id is told of it.
        if let Some(url) = tell {
            let delivery = Delivery::new(Subject::Request(id), url, now);
            inner.ports.records.put_delivery(delivery).await?;
        }

        if let Some(accepted) = self.answer_from_cache(&request, now).await? {
            inner.ports.metrics.accepted.inc();
            inner.ports.metrics.accepted_bytes.inc_by(bytes);
            inner.ports.metrics.cached.inc();
            return Ok(accepted);
        }

        let append = Append {
            topic: Topic::Requests(request.priority),
            key: Bytes::copy_from_slice(id.as_bytes()),
            payload: wire::encode(&request).into(),
        };
        // Before it is on the log: its notice may come at any moment after.
        self.open().insert(id, request.deadline);
        // The note in the records is for those who ask before the extractor came to it. It may be
        // lost with the machine, the log may not: the aggregator writes the note again.
        let (noted, appended) = tokio::join!(
            inner.ports.records.open_request(RequestSummary::of(&request), Progress::default()),
            inner.ports.log.append(vec![append], Durability::Machine),
        );
        if let Err(error) = noted.and(appended) {
            self.open().remove(&id);
            return Err(error.into());
        }
        inner.ports.metrics.accepted.inc();
        inner.ports.metrics.accepted_bytes.inc_by(bytes);
        Ok(Accepted { id, cached: false })
    }

    fn request(
        &self,
        id: RequestId,
        artifact: ArtifactRef,
        submission: Submission,
        now: UnixMillis,
    ) -> Result<Request, GatewayError> {
        let config = &self.inner.config;
        let Some(workflow) = self.workflows.get(&submission.workflow) else {
            let known = self.workflows.names();
            return Err(GatewayError::UnknownWorkflow { name: submission.workflow, known });
        };
        let deadline_ms = self.allowed_ms(&submission);
        let limits = submission.limits.unwrap_or_else(|| workflow.unpack.over(config.unpack));
        let engines = submission.engines.clone().or_else(|| workflow.engines.clone());
        let policy = (workflow.policy != Policy::default()).then(|| workflow.policy.clone());
        let facets = submission
            .cache
            .then(|| submission.facets(&limits, engines.as_deref(), policy.as_ref()));
        Ok(Request {
            node: NodeId::root(id),
            lineage: None,
            inline: self.inner.artifacts.to_inline(&artifact),
            artifact,
            name: submission.name,
            path: String::new(),
            workflow: submission.workflow,
            engines,
            passwords: submission.passwords,
            limits,
            accepted: now,
            deadline: now.plus(deadline_ms),
            priority: submission.priority,
            key: submission.key,
            user_agent: submission.user_agent,
            metadata: submission.metadata,
            callback: None,
            policy,
            facets,
        })
    }

    async fn answer_from_cache(
        &self,
        request: &Request,
        now: UnixMillis,
    ) -> Result<Option<Accepted>, GatewayError> {
        let inner = &self.inner;
        let Some(facets) = request.facets.filter(|_| inner.config.cache_ms > 0) else {
            return Ok(None);
        };
        let Some(key) = self.cache_key(request.artifact.sha256(), facets, request) else {
            return Ok(None);
        };
        let not_before = now.minus(inner.config.cache_ms);
        let Some((report, body)) = inner.ports.records.cached(key, not_before).await? else {
            return Ok(None);
        };
        let summary = RequestSummary::of(request);
        let id = request.node.root;
        let notice = ReportNotice {
            request: id,
            verdict: body.verdict,
            partial: body.partial,
            finished: now,
        };
        let append = Append {
            topic: Topic::Reports,
            key: Bytes::copy_from_slice(id.as_bytes()),
            payload: wire::encode(&notice).into(),
        };
        // Together: nobody knows the id yet, so nobody can be woken too early.
        let (finished, told) = tokio::join!(
            inner.ports.records.finish_from_cache(summary, report, now),
            inner.ports.log.append(vec![append], Durability::Derived),
        );
        finished?;
        told?;
        Ok(Some(Accepted { id, cached: true }))
    }

    /// The cache key under the definitions now in force; `None` while an engine is down, because its
    /// entry would be missing.
    fn cache_key(&self, artifact: Sha256, facets: Sha256, request: &Request) -> Option<Sha256> {
        let entries = self.inner.catalog.entries();
        let chosen: Vec<_> = entries
            .values()
            .filter(|entry| {
                request.engines.as_ref().is_none_or(|engines| engines.contains(&entry.engine))
            })
            .collect();
        let down =
            chosen.iter().any(|entry| entry.state == palisade_ports::records::EngineState::Down);
        if down || chosen.is_empty() {
            return None;
        }
        let definitions =
            chosen.iter().map(|entry| (&entry.engine, entry.definitions.version.as_str()));
        Some(cache_key(artifact, facets, definitions))
    }

    /// What a request's id leads to.
    ///
    /// # Errors
    /// The records' error.
    pub async fn state(&self, id: RequestId) -> Result<Option<RequestState>, GatewayError> {
        Ok(self.inner.ports.records.request(id).await?)
    }

    /// As [`Gateway::state`], but when it is open waits for its report until `until` at most.
    /// Cheap: a waiter costs a map entry, not a poll.
    ///
    /// # Errors
    /// The records' error.
    pub async fn wait(
        &self,
        id: RequestId,
        until: UnixMillis,
    ) -> Result<Option<RequestState>, GatewayError> {
        // Registered before the look: a report made in between wakes it.
        let woken = self.inner.waiters.register(id);
        match self.state(id).await? {
            Some(RequestState::Open { .. }) => {}
            state => return Ok(state),
        }
        tokio::select! {
            () = woken.woken() => {}
            () = self.inner.ports.clock.sleep_until(until) => {}
        }
        self.state(id).await
    }

    /// The newest report on these bytes.
    ///
    /// # Errors
    /// The records' error.
    pub async fn by_hash(&self, hash: AnyHash) -> Result<Option<RequestState>, GatewayError> {
        Ok(self.inner.ports.records.by_hash(hash).await?)
    }

    /// As [`Gateway::by_hash`] for many, in the order asked.
    ///
    /// # Errors
    /// The records' error.
    pub async fn by_hashes(
        &self,
        hashes: Vec<AnyHash>,
    ) -> Result<Vec<Option<RequestState>>, GatewayError> {
        Ok(self.inner.ports.records.by_hashes(hashes).await?)
    }
}
