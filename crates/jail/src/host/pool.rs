//! A pool of workers with the same engines.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use palisade_model::{Definitions, EngineName};
use palisade_ports::engine::{Artifact, ChildSink, NoChildren, Opinion, ScanContext, ScanError};

use super::job::{JobEnd, run, run_async};
use super::process::{Template, WorkerHandle};
use crate::confine::Layers;
use crate::limits::WorkerLimits;

/// Workers that may be found dead before a job: they died with their template, or somebody killed
/// them. One more, and the job is taken for the reason.
const STILLBORN: u32 = 8;

/// After a template that could not be started: how long until the next try, doubling to
/// [`MAX_BACKOFF`].
const BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// An engine to load in the jail.
#[derive(Debug)]
pub struct EngineSpec {
    /// Which.
    pub name: EngineName,
    /// Its own settings, as its loader reads them.
    pub settings: serde_json::Value,
    /// Sealed memory files with its definitions; at most 8 for a whole pool.
    pub definitions: Vec<OwnedFd>,
}

/// Settings of a pool.
#[derive(Debug)]
pub struct PoolConfig {
    /// The program that runs as template: normally `/proc/self/exe`.
    pub executable: PathBuf,
    /// Its arguments: whatever makes it call [`crate::run_template`].
    pub arguments: Vec<String>,
    /// What it loads.
    pub engines: Vec<EngineSpec>,
    /// Workers at most.
    pub workers: usize,
    /// Artifacts that a worker looks at before it is replaced by a fresh one. 1 makes an exploit
    /// cost one result for certain; more is faster and lets an exploit that stays quiet see, and
    /// answer for, so many more.
    pub artifacts_per_worker: u32,
    /// Limits of each worker.
    pub limits: WorkerLimits,
    /// Whether to refuse to work when a wall of the jail is missing.
    pub require_all_layers: bool,
}

/// A pool that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The template cannot be started or does not answer.
    #[error("the jail cannot be started: {0}")]
    Start(String),
    /// An engine in it cannot be loaded.
    #[error("the engine cannot be loaded: {0}")]
    Load(String),
    /// The kernel lacks walls that a setting requires.
    #[error("the jail is not whole and the settings require it to be; missing: {}", .0.join(", "))]
    Layers(Vec<String>),
}

/// One artifact to look at.
pub struct Job {
    /// The bytes.
    pub artifact: Artifact,
    /// What is known of them.
    pub context: ScanContext,
    /// Which engines of the pool, in this order; `None` for all.
    pub engines: Option<Vec<EngineName>>,
    /// Milliseconds.
    pub timeout_ms: u64,
}

/// One engine's part in the outcome of a job.
#[derive(Debug)]
pub struct JobOutcome {
    /// Which.
    pub engine: EngineName,
    /// What it says.
    pub opinion: Result<Opinion, ScanError>,
    /// With which definitions.
    pub definitions: Definitions,
    /// Microseconds.
    pub micros: u64,
}

/// How a pool is.
#[derive(Debug, Clone)]
pub struct PoolHealth {
    /// Why it cannot work now; `None` when it can.
    pub broken: Option<String>,
    /// Workers alive or ready to be forked.
    pub workers: u32,
    /// Workers that died or were killed since the start.
    pub deaths: u64,
    /// The walls.
    pub layers: Layers,
}

/// The pool. Clones share it. Its calls block: give them a thread.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    config: Mutex<Arc<PoolConfig>>,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// The generation that new jobs go to. Workers of earlier ones end after their job.
    template: Option<Arc<Template>>,
    idle: VecDeque<WorkerHandle>,
    busy: usize,
    deaths: u64,
    failure: Option<Failure>,
    /// Whether somebody is starting a template.
    starting: bool,
    engines: Vec<(EngineName, Definitions)>,
    layers: Layers,
}

struct Failure {
    message: String,
    until: Instant,
    backoff: Duration,
}

impl Pool {
    /// Starts the template, loads the engines, forks the workers.
    ///
    /// # Errors
    /// [`PoolError`]: then nothing is left running.
    pub fn start(config: PoolConfig) -> Result<Self, PoolError> {
        let template = Arc::new(start_template(&config)?);
        let state = State {
            engines: template.engines.clone(),
            layers: template.layers.clone(),
            template: Some(template),
            idle: VecDeque::new(),
            busy: 0,
            deaths: 0,
            failure: None,
            starting: false,
        };
        let pool = Self {
            inner: Arc::new(Inner {
                config: Mutex::new(Arc::new(config)),
                state: Mutex::new(state),
                freed: Condvar::new(),
            }),
        };
        Ok(pool)
    }

    /// Puts other definitions in force. Scans under way end with the old ones (the engine port's
    /// third law); when the new ones cannot be loaded, the old ones stay.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn reload(&self, engines: Vec<EngineSpec>) -> Result<(), PoolError> {
        let old = self.config();
        let config = PoolConfig {
            executable: old.executable.clone(),
            arguments: old.arguments.clone(),
            engines,
            workers: old.workers,
            artifacts_per_worker: old.artifacts_per_worker,
            limits: old.limits,
            require_all_layers: old.require_all_layers,
        };
        let template = Arc::new(start_template(&config)?);
        *self.inner.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        let mut state = self.state();
        state.engines = template.engines.clone();
        state.layers = template.layers.clone();
        state.template = Some(template);
        state.failure = None;
        let retired = std::mem::take(&mut state.idle);
        drop(state);
        self.inner.freed.notify_all();
        drop(retired);
        Ok(())
    }

    /// The engines and their definitions in force.
    pub fn engines(&self) -> Vec<(EngineName, Definitions)> {
        self.state().engines.clone()
    }

    /// Workers at most.
    pub fn workers(&self) -> usize {
        self.config().workers
    }

    /// How it is. A template that has died is noticed here too, and started again in the background:
    /// whoever watches the health of an idle pool keeps it alive.
    pub fn health(&self) -> PoolHealth {
        let workers = u32::try_from(self.workers()).unwrap_or(u32::MAX);
        let mut state = self.state();
        let alive = state.template.as_ref().is_some_and(|template| template.is_alive());
        let broken = match &state.failure {
            Some(failure) => Some(failure.message.clone()),
            None if !alive => Some("its template ended and is being started again".to_owned()),
            None => None,
        };
        let due = state.failure.as_ref().is_none_or(|failure| Instant::now() >= failure.until);
        if !alive && due && !state.starting {
            state.starting = true;
            let pool = self.clone();
            std::thread::spawn(move || pool.start_again());
        }
        PoolHealth {
            workers: if broken.is_some() { 0 } else { workers },
            broken,
            deaths: state.deaths,
            layers: state.layers.clone(),
        }
    }

    /// Looks at one artifact with each engine asked for. Blocks until a worker is free, then for at
    /// most the job's time and a grace. An engine on which the worker dies gets
    /// [`ScanError::WorkerDied`], and the engines after it get a fresh worker.
    pub fn scan(&self, job: &Job, children: &mut dyn ChildSink) -> Vec<JobOutcome> {
        let deadline = Instant::now() + Duration::from_millis(job.timeout_ms);
        let mut outcomes = Vec::new();
        let mut stillborn = 0;
        let mut wanted: Option<VecDeque<EngineName>> = job.engines.clone().map(Into::into);
        loop {
            let mut worker = match self.take(deadline) {
                Ok(worker) => worker,
                Err(error) => {
                    let engines = self.state().engines.clone();
                    let mut error = Some(error);
                    for (engine, definitions) in engines {
                        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&engine)) {
                            let opinion = Err(error.take().unwrap_or(ScanError::TimedOut));
                            outcomes.push(JobOutcome { engine, opinion, definitions, micros: 0 });
                        }
                    }
                    return outcomes;
                }
            };
            let template = Arc::clone(&worker.template);
            let queue = wanted.get_or_insert_with(|| {
                template.engines.iter().map(|(engine, _)| engine.clone()).collect()
            });
            let indices: Vec<usize> = queue
                .iter()
                .filter_map(|name| template.engines.iter().position(|(known, _)| known == name))
                .collect();
            if indices.is_empty() {
                self.give_back(worker);
                return outcomes;
            }
            worker.served += 1;
            let limit = self.config().limits.answer_bytes;
            let run = run(&mut worker, job, &indices, deadline, limit, children);
            for answer in run.answers {
                let Some((engine, definitions)) = template.engines.get(answer.engine) else {
                    continue;
                };
                queue.retain(|waiting| waiting != engine);
                outcomes.push(JobOutcome {
                    engine: engine.clone(),
                    opinion: Ok(answer.opinion),
                    definitions: definitions.clone(),
                    micros: answer.micros,
                });
            }
            let Some(end) = run.end else {
                self.give_back(worker);
                return outcomes;
            };
            if matches!(end, JobEnd::NotBegun) && stillborn < STILLBORN {
                stillborn += 1;
                self.bury(worker, end);
                continue;
            }
            let error = self.bury(worker, end);
            let timed_out = matches!(error, ScanError::TimedOut);
            let sink_failed = matches!(error, ScanError::Sink(_));
            let mut error = Some(error);
            // The engine that was at work is the first that has not answered.
            while let Some(engine) = queue.pop_front() {
                let definitions = template
                    .engines
                    .iter()
                    .find(|(known, _)| *known == engine)
                    .map(|(_, definitions)| definitions.clone())
                    .unwrap_or_default();
                let opinion = Err(error.take().unwrap_or(ScanError::TimedOut));
                outcomes.push(JobOutcome { engine, opinion, definitions, micros: 0 });
                if !timed_out && !sink_failed {
                    break;
                }
            }
            if queue.is_empty() {
                return outcomes;
            }
        }
    }

    /// As [`Pool::scan`] with the one engine that the job names, on a thread that may block.
    pub async fn scan_on_thread(
        &self,
        job: Job,
        mut children: Box<dyn ChildSink>,
    ) -> Result<Option<JobOutcome>, ScanError> {
        let pool = self.clone();
        let scan = tokio::task::spawn_blocking(move || pool.scan(&job, children.as_mut()).pop());
        scan.await.map_err(|error| ScanError::Unavailable(error.to_string()))
    }

    /// As [`Pool::scan_on_thread`], of an engine that gives no children. While a worker is idle, it is
    /// a matter between the runtime and that worker.
    pub async fn ask(&self, job: Job) -> Result<Option<JobOutcome>, ScanError> {
        let engine = job.engines.as_deref().and_then(|engines| engines.first()).cloned();
        if let Some(engine) = engine
            && let Some(mut taken) = self.take_idle()
        {
            let deadline = Instant::now() + Duration::from_millis(job.timeout_ms);
            match self.ask_worker(&mut taken, &job, &engine, deadline).await {
                Asked::Done(outcome) => {
                    taken.give_back();
                    return Ok(outcome);
                }
                Asked::Ended(end, definitions) => {
                    let not_begun = matches!(end, JobEnd::NotBegun);
                    let buried = tokio::task::spawn_blocking(move || taken.bury(end)).await;
                    if !not_begun {
                        let opinion = Err(buried.unwrap_or(ScanError::TimedOut));
                        return Ok(Some(JobOutcome { engine, opinion, definitions, micros: 0 }));
                    }
                }
            }
        }
        self.scan_on_thread(job, Box::new(NoChildren)).await
    }

    async fn ask_worker(
        &self,
        taken: &mut Taken,
        job: &Job,
        engine: &EngineName,
        deadline: Instant,
    ) -> Asked {
        let Some(worker) = &mut taken.worker else { return Asked::Done(None) };
        let mut known = worker.template.engines.iter();
        let Some(index) = known.position(|(known, _)| known == engine) else {
            return Asked::Done(None);
        };
        let definitions = worker.template.engines[index].1.clone();
        worker.served += 1;
        let limit = self.config().limits.answer_bytes;
        let mut run = run_async(worker, job, &[index], deadline, limit).await;
        if let Some(end) = run.end {
            return Asked::Ended(end, definitions);
        }
        Asked::Done(run.answers.pop().map(|answer| JobOutcome {
            engine: engine.clone(),
            opinion: Ok(answer.opinion),
            definitions,
            micros: answer.micros,
        }))
    }

    fn take_idle(&self) -> Option<Taken> {
        let mut state = self.state();
        let worker = state.idle.pop_back()?;
        state.busy += 1;
        Some(Taken { pool: self.clone(), worker: Some(worker) })
    }

    fn config(&self) -> Arc<PoolConfig> {
        Arc::clone(&self.inner.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for one job.
    fn take(&self, deadline: Instant) -> Result<WorkerHandle, ScanError> {
        let config = self.config();
        let mut state = self.state();
        loop {
            if let Some(worker) = state.idle.pop_back() {
                state.busy += 1;
                return Ok(worker);
            }
            if state.busy < config.workers {
                state.busy += 1;
                drop(state);
                let forked = self.fork(deadline);
                if forked.is_err() {
                    self.state().busy -= 1;
                    self.inner.freed.notify_one();
                }
                return forked;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ScanError::TimedOut);
            }
            let waited = self.inner.freed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Forks a worker; starts the template again when it is gone, not more often than the back-off
    /// allows.
    fn fork(&self, deadline: Instant) -> Result<WorkerHandle, ScanError> {
        let unavailable = |error: &PoolError| ScanError::Unavailable(error.to_string());
        let mut state = self.state();
        loop {
            let alive = state.template.as_ref().filter(|template| template.is_alive());
            if let Some(template) = alive.map(Arc::clone) {
                drop(state);
                return template.fork().map_err(|error| {
                    // A template that does not answer is of no use: the next call starts another.
                    self.forget(&template);
                    unavailable(&error)
                });
            }
            if let Some(failure) = &state.failure
                && Instant::now() < failure.until
            {
                return Err(ScanError::Unavailable(failure.message.clone()));
            }
            if state.starting {
                // Somebody is at it.
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ScanError::TimedOut);
                }
                let waited = self.inner.freed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            state.starting = true;
            drop(state);
            self.start_again();
            state = self.state();
        }
    }

    /// Starts the template; whoever calls it has set `starting`.
    fn start_again(&self) {
        let config = self.config();
        let started = start_template(&config);
        let mut state = self.state();
        state.starting = false;
        match started {
            // While this one started, other definitions may have come into force.
            Ok(template) if Arc::ptr_eq(&config, &self.config()) => {
                tracing::warn!("a jail template had ended and was started again");
                state.template = Some(Arc::new(template));
                state.failure = None;
            }
            Ok(_) => {}
            Err(error) => {
                let backoff = state
                    .failure
                    .as_ref()
                    .map_or(BACKOFF, |failure| (failure.backoff * 2).min(MAX_BACKOFF));
                let message = error.to_string();
                tracing::error!(%message, "a jail template cannot be started");
                state.failure = Some(Failure { message, until: Instant::now() + backoff, backoff });
            }
        }
        drop(state);
        self.inner.freed.notify_all();
    }

    fn forget(&self, template: &Arc<Template>) {
        let mut state = self.state();
        if state.template.as_ref().is_some_and(|current| Arc::ptr_eq(current, template)) {
            state.template = None;
        }
    }

    fn give_back(&self, worker: WorkerHandle) {
        drop(self.keep_or_retire(worker));
    }

    /// Makes a worker idle, or gives it for its end, which takes the template a moment.
    fn keep_or_retire(&self, worker: WorkerHandle) -> Option<WorkerHandle> {
        let spent = worker.served >= self.config().artifacts_per_worker;
        let mut state = self.state();
        state.busy -= 1;
        let current = state.template.as_ref().is_some_and(|now| Arc::ptr_eq(now, &worker.template));
        let retired = if spent || !current {
            Some(worker)
        } else {
            state.idle.push_back(worker);
            None
        };
        drop(state);
        self.inner.freed.notify_one();
        retired
    }

    /// Ends a worker that did not end its job, and says why it did not.
    fn bury(&self, worker: WorkerHandle, end: JobEnd) -> ScanError {
        let how = worker.reap();
        let mut state = self.state();
        state.busy -= 1;
        if !matches!(end, JobEnd::Sink(_) | JobEnd::NotBegun) {
            state.deaths += 1;
        }
        drop(state);
        self.inner.freed.notify_one();
        match end {
            JobEnd::Sink(error) => ScanError::Sink(error),
            JobEnd::Died { last_words: Some(words) } => {
                ScanError::WorkerDied(format!("panic: {words}"))
            }
            JobEnd::Died { last_words: None } | JobEnd::NotBegun => ScanError::WorkerDied(how),
            JobEnd::Lied(what) => ScanError::WorkerDied(format!("it broke the protocol: {what}")),
            JobEnd::TimedOut => ScanError::TimedOut,
        }
    }
}

/// A worker at work for somebody who may go away: then it is killed, for it is still at work.
struct Taken {
    pool: Pool,
    worker: Option<WorkerHandle>,
}

/// How a worker that was asked ended its job.
#[expect(clippy::large_enum_variant, reason = "matched where it is returned, never kept")]
enum Asked {
    Done(Option<JobOutcome>),
    Ended(JobEnd, Definitions),
}

impl Taken {
    fn give_back(mut self) {
        let worker = self.worker.take();
        if let Some(retired) = worker.and_then(|worker| self.pool.keep_or_retire(worker)) {
            tokio::task::spawn_blocking(move || drop(retired));
        }
    }

    fn bury(mut self, end: JobEnd) -> ScanError {
        match self.worker.take() {
            Some(worker) => self.pool.bury(worker, end),
            None => ScanError::TimedOut,
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.pool.state().busy -= 1;
            self.pool.inner.freed.notify_one();
            // It takes the template a moment to end a worker.
            std::thread::spawn(move || drop(worker));
        }
    }
}

fn start_template(config: &PoolConfig) -> Result<Template, PoolError> {
    let template = Template::start(config)?;
    let missing = template.layers.missing();
    if config.require_all_layers && !missing.is_empty() {
        return Err(PoolError::Layers(missing));
    }
    if !missing.is_empty() {
        tracing::warn!(missing = missing.join(", "), "the jail is not whole on this kernel");
    }
    Ok(template)
}
