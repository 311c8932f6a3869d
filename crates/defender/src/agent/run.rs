//! Starting, the main loop, and the end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use palisade_model::event::{Blind, BlindCause, ContainerId, ContainerIdentity, Event, Kind};
use palisade_model::{Sha256, UnixMillis};
use palisade_sensor::Observation;

use super::alive::Alive;
use super::audit::Audit;
use super::config::Config;
use super::core::{Core, Order, Parts};
use super::eyes::{self, Eyes, Watching};
use super::gate::{Answers, Gate, Told};
use super::hands::{Done, Hands, Saved};
use super::now;
use super::sources::{self, PolicyError, SourceError, Stamp};
use super::{canary, control};
use crate::containers::{
    Discovery, Finder, Hierarchy, HierarchyError, Host, HostError, Registry, Stopper, first_look,
    own_cgroup,
};
use crate::hashes::submit::{Candidate, Judged, Submitter, Verdict};
use crate::hashes::{self, Hashed, Hasher, HasherSettings, KnownBad, ListSettings};
use crate::incidents::Incidents;
use crate::manners::watchdog::Line;
use crate::manners::{capabilities, limits};
use crate::metrics::{Endpoint, Health, Metrics};
use crate::models::{Keeper, Store};
use crate::output::{Device, Output};
use crate::policy::Enforce;

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The policy.
    #[error("the policy cannot be used")]
    Policy(#[from] PolicyError),
    /// A rule file.
    #[error("the rules cannot be used")]
    Rules(#[from] SourceError),
    /// `allow` entries.
    #[error("an entry of `allow` cannot be used")]
    Allow(#[from] crate::incidents::SuppressionError),
    /// The host's files.
    #[error("the host's files cannot be had (containers.host_root)")]
    Host(#[from] HostError),
    /// The cgroups.
    #[error("there is no cgroup hierarchy that tells containers apart")]
    Hierarchy(#[from] HierarchyError),
    /// The models' directory.
    #[error("the behaviour models cannot be kept")]
    Models(#[from] crate::models::StoreError),
    /// The outputs.
    #[error("an output cannot be used")]
    Output(#[from] crate::output::OutputError),
    /// The metrics' address.
    #[error("metrics cannot be served")]
    Metrics(#[from] crate::metrics::EndpointError),
    /// The list of hashes.
    #[error("the list of known-bad hashes cannot be used")]
    Hashes(#[from] hashes::ListError),
    /// Submission.
    #[error("executables cannot be submitted")]
    Submit(#[from] hashes::submit::SubmitError),
    /// fanotify's threads.
    #[error("fanotify cannot be served")]
    Gate(#[from] palisade_sensor::SensorError),
    /// The operating system.
    #[error("{0}")]
    Io(&'static str, #[source] std::io::Error),
}

/// What others tell a running agent.
#[derive(Debug, Default)]
pub struct Signals {
    /// It is to end.
    pub stop: AtomicBool,
    /// Files are to be read again and opened anew.
    pub reload: AtomicBool,
}

/// A started agent.
pub struct Agent {
    config: Config,
    core: Core,
    hands: Hands,
    finder: Finder,
    observations: Receiver<Vec<Observation>>,
    told: Receiver<Told>,
    questions: Option<tokio::sync::mpsc::Receiver<control::Question>>,
    done: tokio::sync::mpsc::UnboundedReceiver<Done>,
    saved: tokio::sync::mpsc::UnboundedReceiver<Saved>,
    hashed: tokio::sync::mpsc::Receiver<Hashed<Arc<Event>>>,
    judged: tokio::sync::mpsc::Receiver<Judged<Arc<Event>>>,
    submitter: Option<Submitter<Arc<Event>>>,
    known_bad: Option<Arc<KnownBad>>,
    watching: Arc<Watching>,
    reader: Option<std::thread::JoinHandle<()>>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    endpoint: Option<Endpoint>,
    stamps: (Stamp, Stamp),
    canaries: Canaries,
    /// What can be refused once fanotify is given up.
    without_gate: Enforce,
    processors: super::processors::Processors,
    alive: Alive,
    summary: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

/// Observations of one turn; between two, everything else gets its turn.
const TURN: usize = 64;
/// The decider looks at everything else at least so often.
const PATIENCE: Duration = Duration::from_millis(25);
const TICK: Duration = Duration::from_secs(1);
/// At the end, models that are being written are waited for.
const LAST_SAVES: Duration = Duration::from_secs(5);
/// Between two looks at files that may have changed.
const LOOK: Duration = Duration::from_secs(2);

impl Agent {
    /// Starts everything. `device`: what this host is called. `warn` says something to the operator.
    ///
    /// # Errors
    ///
    /// [`AgentError`]. A kernel that allows less is no error: what is missing is in [`Agent::summary`].
    pub fn start(
        config: Config,
        device: &Device,
        warn: Box<dyn Fn(&str) + Send>,
    ) -> Result<Self, AgentError> {
        let start = now();
        std::fs::create_dir_all(&config.state)
            .map_err(|error| AgentError::Io("the state directory cannot be made", error))?;
        let mut summary = Vec::new();
        let policy = Arc::new(sources::policy(config.policy.as_deref())?);
        let deadline = Duration::from_millis(policy.settings().deadline_ms);
        let root = &config.containers.host_root;
        let (detector, problems) =
            sources::detector(&config.rules, config.built_in_rules, &config.detect, root)?;
        let detector = detector.on_host(&device.hostname);
        problems.iter().for_each(|problem| warn(&problem.to_string()));
        let mut incidents = Incidents::new(config.incidents.clone());
        incidents.suppress(config.allow.clone())?;
        let host = Arc::new(Host::open(&config.containers.host_root)?);
        let hierarchy = Hierarchy::find(&host, &config.containers)?;
        let own = own_cgroup(&hierarchy, &config.containers);
        manners(&config, &hierarchy, &warn);

        let sight = eyes::open(&config, &hierarchy, host.proc());
        let live = sight.live(config.sensor.kinds);
        let enforce = Enforce::from_ladder(&sight.ladder);
        let without_gate = Enforce::without_fanotify(&sight.ladder);
        summary.push(format!("sensor: rung {}, {}", sight.ladder.best().number(), enforce));
        let store = Store::open(config.state.join("models"), config.models.clone())?;
        let registry = Registry::new(config.containers.clone(), hierarchy.number);
        let rules = detector.rules().rules().filter(|(_, rule)| rule.runs()).count();
        summary.push(format!("rules: {rules}; policy: {} ({})", policy.name(), policy.version()));
        let parts = Parts {
            registry,
            detector,
            keeper: Keeper::new(store.clone()),
            policy,
            enforce,
            incidents,
            live,
            own,
        };
        let mut core = Core::new(parts, start);

        let mut sensor_eyes = sight.eyes;
        let mut orders = Vec::new();
        let boot = UnixMillis(palisade_sensor::track::boot_time());
        let (alive, blind) = Alive::open(&config.state, boot, now(), live);
        if let Some(blind) = blind {
            core.blind(blind, now(), &mut orders);
        }
        for found in first_look(&host, &hierarchy, &config.containers) {
            core.found(found, now(), &mut orders);
        }
        existing(&mut sensor_eyes, &mut core, &mut orders, &warn);
        let proc = host.proc();
        match capabilities::drop_after_set_up() {
            Ok(kept) => summary.push(format!("capabilities kept: {}", kept.join(", "))),
            Err(error) => warn(&format!("capabilities could not be given up: {error}")),
        }

        // Threads from here on: they have only what is left.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("io")
            .enable_all()
            .build()
            .map_err(|error| AgentError::Io("threads cannot be started", error))?;
        let metrics = Arc::new(Metrics::new());
        let health = Arc::new(Health::default());
        let entered = runtime.enter();
        let endpoint = match &config.metrics {
            Some(settings) => {
                let started = Endpoint::start(*settings, Arc::clone(&metrics), Arc::clone(&health));
                Some(runtime.block_on(started)?)
            }
            None => None,
        };
        let output = Output::start(&config.output, device, Arc::clone(&metrics))?;
        let (discovery, finder) =
            Discovery::start(config.containers.clone(), Arc::clone(&host), hierarchy.clone());
        let stopper = Arc::new(Stopper::new(
            config.containers.clone(),
            hierarchy.clone(),
            discovery.sockets(),
        ));
        let (known_bad, hasher, hashed) = hashing(&config, &core, &proc, &warn)?;
        let (judgements, judged) = tokio::sync::mpsc::channel(256);
        let submitter = match (&config.submit, &known_bad) {
            (Some(settings), Some(known_bad)) => {
                Some(Submitter::start(settings.clone(), Arc::clone(known_bad), judgements)?)
            }
            _ => None,
        };
        let questions = match control::listen(&config.state) {
            Ok(questions) => Some(questions),
            Err(error) => {
                warn(&format!("`palisade models` cannot ask this Defender: {error}"));
                None
            }
        };
        drop(entered);

        let watching = Arc::new(Watching::default());
        let (tell, told) = sync_channel(1_024);
        let gate = match sight.guard {
            Some(guard) => {
                let answers = Answers {
                    hierarchy: hierarchy.clone(),
                    proc: proc.clone(),
                    hasher: hasher.clone(),
                    known_bad: known_bad.clone(),
                    metrics: Arc::clone(&metrics),
                    told: tell,
                    watching: Arc::clone(&watching),
                    deadline,
                };
                Some(Gate::start(guard, answers)?)
            }
            None => None,
        };
        let (done_sender, done) = tokio::sync::mpsc::unbounded_channel();
        let (saved_sender, saved) = tokio::sync::mpsc::unbounded_channel();
        let mut hands = Hands {
            sensor: sight.sensor,
            gate,
            discovery,
            stopper,
            output,
            audit: Audit::open(&config.state),
            hasher,
            submits: submitter.is_some(),
            known: Vec::new(),
            metrics: Arc::clone(&metrics),
            runtime: runtime.handle().clone(),
            done: done_sender,
            store,
            saved: saved_sender,
            hierarchy,
            containers: config.containers.clone(),
            proc,
            walked: HashMap::new(),
            marks: Default::default(),
            proofs: Default::default(),
            warn,
            warned: Default::default(),
        };
        hands.carry_out(&mut orders);

        let batches = (config.sensor.waiting / eyes::BATCH).max(4);
        let (sender, observations) = sync_channel(batches);
        let shared = Arc::clone(&watching);
        let reader = std::thread::Builder::new()
            .name("eyes".to_owned())
            .spawn(move || eyes::watch(sensor_eyes, &sender, &shared))
            .map_err(|error| AgentError::Io("threads cannot be started", error))?;
        let stamps = (Stamp::of(&config.rules), policy_stamp(&config));
        let canaries = Canaries::new(config.canary.seconds);
        health.ready();
        palisade_sensor::memory::give_back();
        Ok(Self {
            core,
            hands,
            finder,
            observations,
            told,
            questions,
            done,
            saved,
            hashed,
            judged,
            submitter,
            known_bad,
            watching,
            reader: Some(reader),
            health,
            metrics,
            endpoint,
            stamps,
            canaries,
            without_gate,
            processors: super::processors::Processors::default(),
            alive,
            summary,
            config,
            runtime,
        })
    }

    /// What is watched and what can be done, a line each.
    pub fn summary(&self) -> &[String] {
        &self.summary
    }

    /// The containers that run now.
    pub fn containers(&self) -> Vec<Arc<ContainerIdentity>> {
        let running = self.core.registry().running();
        running.map(|container| Arc::clone(&container.identity)).collect()
    }

    /// Where metrics are served.
    pub fn metrics_address(&self) -> Option<std::net::SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::address)
    }

    /// Runs until told to stop, or until the watchdog is gone. False when the sensor's thread has ended by
    /// itself: nothing is seen any more, and another agent is to be started.
    pub fn run(mut self, signals: &Signals, mut line: Option<Line>) -> bool {
        let mut orders = Vec::new();
        let mut sees = true;
        let (mut ticked, mut looked) = (Instant::now(), Instant::now());
        // From here on the watchdog is as patient as with an agent that runs, not as with one that starts.
        if let Some(line) = &mut line {
            line.beat();
        }
        while !signals.stop.load(Ordering::Acquire) {
            self.turn(&mut orders);
            if signals.reload.swap(false, Ordering::AcqRel) {
                self.hands.output.reopen();
                self.stamps = Default::default();
                looked = Instant::now().checked_sub(LOOK).unwrap_or(looked);
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick(&mut orders);
                self.health.beat();
                self.alive.touch();
                if line.as_mut().is_some_and(|line| !line.beat()) {
                    self.hands.say("the watchdog is gone: this agent ends, and lets go of all");
                    break;
                }
            }
            if self.reader.as_ref().is_some_and(|reader| reader.is_finished()) {
                self.tick(&mut orders);
                self.health.unready("the sensor's thread has ended".to_owned());
                self.hands.say("nothing is seen any more: this agent ends, to be started again");
                sees = false;
                break;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.reload(&mut orders);
            }
            self.gate_lost(&mut orders);
            self.hands.carry_out(&mut orders);
        }
        self.end(orders);
        sees
    }

    fn turn(&mut self, orders: &mut Vec<Order>) {
        for turn in 0..TURN {
            let batch = if turn == 0 {
                match self.observations.recv_timeout(PATIENCE) {
                    Ok(batch) => batch,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        std::thread::sleep(PATIENCE);
                        break;
                    }
                }
            } else {
                let Ok(batch) = self.observations.try_recv() else { break };
                batch
            };
            let (began, count) = (Instant::now(), batch.len().max(1));
            for observation in batch {
                self.core.observe(observation, now(), orders);
            }
            self.metrics.rules_seconds.observe(began.elapsed().as_secs_f64() / count as f64);
            self.hands.carry_out(orders);
        }
        while let Some(found) = self.finder.ready() {
            self.core.found(found, now(), orders);
        }
        while let Ok(Told::Refused(event, answered)) = self.told.try_recv() {
            self.core.refused(*event, &answered, now(), orders);
        }
        while let Ok(done) = self.done.try_recv() {
            let Done { container, process, response } = done;
            self.core.responded(container.as_ref(), process.as_ref(), response, now(), orders);
        }
        self.saved(orders);
        while !self.core.is_saving()
            && let Some(Ok(question)) = self.questions.as_mut().map(|one| one.try_recv())
        {
            let reply = self.core.command(&question.command, now(), orders);
            let _ = question.answer.send(reply.map_err(|error| error.to_string()));
        }
        for (hash, event) in std::mem::take(&mut self.hands.known) {
            self.known_bad(hash, &event, orders);
        }
        while let Ok(hashed) = self.hashed.try_recv() {
            self.hashed(hashed, orders);
        }
        while let Ok(judged) = self.judged.try_recv() {
            self.judged(judged, orders);
        }
    }

    fn saved(&mut self, orders: &mut Vec<Order>) {
        while let Ok((snapshot, outcome)) = self.saved.try_recv() {
            self.core.saved(&snapshot, outcome, orders);
        }
    }

    fn hashed(&mut self, hashed: Hashed<Arc<Event>>, orders: &mut Vec<Order>) {
        let event = hashed.context;
        let Ok(hash) = hashed.outcome else {
            if hashed.file.is_none() {
                self.hands.ran_and_ended(event);
            }
            return;
        };
        if self.known_bad(hash, &event, orders) {
            return;
        }
        let executable = &event.process.executable;
        let (Some(submitter), Some(file)) = (&self.submitter, hashed.file) else { return };
        let image = event.container.as_ref().map(|container| container.image.clone());
        submitter.offer(
            Candidate {
                hash,
                file,
                about: executable.file.clone(),
                fileless: executable.fileless,
                image: image.unwrap_or_default(),
                context: Arc::clone(&event),
            },
            now(),
        );
    }

    /// Whether a program that ran is on the list; it is told then, at every run of it.
    fn known_bad(&mut self, hash: Sha256, event: &Arc<Event>, orders: &mut Vec<Order>) -> bool {
        let name = self.known_bad.as_ref().and_then(|known_bad| known_bad.find(&hash));
        let Some(name) = name else { return false };
        let finding = hashes::malware(hash, &name, &event.process.executable.file);
        self.core.learned_bad(event, finding, now(), orders);
        true
    }

    fn judged(&mut self, judged: Judged<Arc<Event>>, orders: &mut Vec<Order>) {
        let finding = match &judged.verdict {
            Verdict::Malicious(name) => hashes::malware(judged.hash, name, &judged.about),
            Verdict::Suspicious(name) => hashes::suspicious(judged.hash, name, &judged.about),
            _ => return,
        };
        self.core.learned_bad(&judged.context, finding, now(), orders);
    }

    fn tick(&mut self, orders: &mut Vec<Order>) {
        let time = now();
        for blind in self.losses() {
            self.core.blind(blind, time, orders);
        }
        self.core.tick(time, orders);
        if let Some(failed) =
            self.watching.failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
        {
            self.health.unready(failed.clone());
            self.hands.say(&format!("nothing is seen any more: {failed}"));
        }
        self.canaries(orders);
        if self.canaries.due() {
            self.send_canaries();
        }
        let readings = self.processors.due(&self.core, || self.hands.folders());
        for (container, busy, over) in readings {
            self.core.processor(&container, busy, over, time, orders);
        }
        self.expose();
    }

    fn canaries(&mut self, orders: &mut Vec<Order>) {
        let time = now();
        for (cgroup, outcome) in self.canaries.outcomes.try_iter() {
            self.canaries.pending.ended(cgroup, outcome, time);
        }
        for cgroup in self.hands.proofs.drain() {
            self.canaries.pending.proof(cgroup);
        }
        for (container, verdict) in self.canaries.pending.settle(time) {
            match verdict {
                canary::Verdict::Passed => self.metrics.canary("passed"),
                canary::Verdict::Missed => {
                    self.metrics.canary("missed");
                    self.core.canary_missed(canary::event(Some(container)), time, orders);
                }
                canary::Verdict::Unproven => {
                    self.metrics.canary("unproven");
                    let name = container.shown();
                    self.hands.say(&format!(
                        "container {name}: a canary ended, and not by what refuses programs there"
                    ));
                }
            }
        }
    }

    /// Nobody is asked any more before a program runs: everybody who relied on it hears of it.
    fn gate_lost(&mut self, orders: &mut Vec<Order>) {
        let Some(why) = self.hands.gate.as_ref().and_then(|gate| gate.lost()).map(str::to_owned)
        else {
            return;
        };
        self.hands.gate = None;
        self.hands.say(&format!("fanotify is given up, programs are not asked about: {why}"));
        self.core.gate_lost(&why, self.without_gate, canary::event, now(), orders);
    }

    /// What was lost since the last tick, as blind intervals by container and cause.
    fn losses(&self) -> Vec<Blind> {
        type Spans = HashMap<
            (Option<ContainerId>, BlindCause),
            (UnixMillis, UnixMillis, std::collections::BTreeMap<Kind, u64>),
        >;
        let mut spans: Spans = HashMap::new();
        let registry = self.core.registry();
        let mut add = |cgroup: u64, cause, kind, count, from: UnixMillis, until: UnixMillis| {
            let container = registry.by_cgroup(cgroup).map(|one| one.id.clone());
            let fresh = (from, until, Default::default());
            let (first, last, lost) = spans.entry((container, cause)).or_insert(fresh);
            *first = (*first).min(from);
            *last = (*last).max(until);
            *lost.entry(kind).or_default() += count;
        };
        let boot = palisade_sensor::track::boot_time();
        let wall = |ns: u64| UnixMillis(boot.saturating_add(ns / 1_000_000));
        let sensor = self.hands.sensor.as_ref();
        for loss in sensor.and_then(|sensor| sensor.take_losses().ok()).unwrap_or_default() {
            let kind = u8::try_from(loss.kind).ok().and_then(Kind::from_number);
            let cause = match loss.reason {
                2 => BlindCause::RateLimited,
                4 => BlindCause::Unreadable,
                _ => BlindCause::BufferFull,
            };
            let Some(kind) = kind else {
                self.watching.lost.cgroups.fetch_add(loss.count, Ordering::Relaxed);
                continue;
            };
            add(loss.cgroup, cause, kind, loss.count, wall(loss.first_ns), wall(loss.last_ns));
        }
        for ((cgroup, kind), span) in self.watching.lost.take() {
            add(cgroup, BlindCause::QueueFull, kind, span.count, span.from, span.until);
        }
        spans
            .into_iter()
            .map(|((container, cause), (from, until, lost))| {
                Blind::counted(from, until, cause, container, lost)
            })
            .collect()
    }

    fn send_canaries(&mut self) {
        let Some(sensor) = self.hands.sensor.clone() else { return };
        let Ok((device, inode)) = canary::identity() else { return };
        let protected = self.core.protected();
        if protected.is_empty() {
            return;
        }
        let mut folders = self.hands.folders();
        let mut failed = None;
        for (container, cgroup) in protected {
            let Some(folder) = folders.remove(&cgroup) else { continue };
            match sensor.canary(cgroup, device, inode) {
                Ok(()) => {
                    self.canaries.pending.sent(cgroup, container, now());
                    self.canaries.send(&self.runtime, cgroup, folder);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            self.hands.say(&format!("canaries cannot be sent: {error}"));
        }
    }

    fn expose(&mut self) {
        let as_i64 = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let running = self.core.registry().running().count();
        self.metrics.containers.set(as_i64(running));
        let counts = *self.watching.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.metrics.processes.set(as_i64(counts.track.processes));
        let steps = i64::try_from(self.core.runtime_steps()).unwrap_or(i64::MAX);
        self.metrics.runtime_steps.set(steps);
        let mut phases = std::collections::BTreeMap::from([
            ("learning", 0),
            ("dry-run", 0),
            ("active", 0),
            ("archived", 0),
        ]);
        for model in self.core.keeper().models().iter() {
            let phase = match model.archived() {
                Some(_) => "archived",
                None => model.phase().as_str(),
            };
            *phases.entry(phase).or_default() += 1;
        }
        for (phase, count) in phases {
            self.metrics.models(phase, count);
        }
        let registry = self.core.registry().counters();
        for (reason, count) in [
            ("damaged-records", counts.damaged + counts.track.damaged),
            ("missing-records", counts.missing),
            ("processes-unplaced", counts.track.unplaced),
            ("processes-shortened", counts.track.shortened),
            ("connector-overruns", self.watching.overruns.load(Ordering::Relaxed)),
            ("cgroup-changes", self.watching.lost.cgroups.load(Ordering::Relaxed)),
            ("audit-entries", self.hands.audit.failed),
            ("containers-refused", registry.containers_refused),
            ("cgroups-refused", registry.cgroups_refused),
            ("early-events", self.core.early_lost()),
        ] {
            self.metrics.trouble(reason, count);
        }
    }

    /// Rules, policy and hash lists that changed are read again. What is wrong leaves the old in force.
    fn reload(&mut self, orders: &mut Vec<Order>) {
        let rules = Stamp::of(&self.config.rules);
        if rules != self.stamps.0 {
            self.stamps.0 = rules;
            let config = &self.config;
            let root = &config.containers.host_root;
            match sources::detector(&config.rules, config.built_in_rules, &config.detect, root) {
                Ok((detector, problems)) => {
                    problems.iter().for_each(|problem| self.hands.say(&problem.to_string()));
                    self.core.set_detector(detector);
                    (self.hands.warn)("rules: read again");
                }
                Err(error) => self.hands.say(&format!("the old rules stay in force: {error}")),
            }
        }
        let policy = policy_stamp(&self.config);
        if policy != self.stamps.1 {
            self.stamps.1 = policy;
            match sources::policy(self.config.policy.as_deref()) {
                Ok(policy) => {
                    (self.hands.warn)(&format!("policy: {} is in force", policy.version()));
                    self.core.set_policy(Arc::new(policy), now(), orders);
                }
                Err(error) => (self.hands.warn)(&format!("the old policy stays in force: {error}")),
            }
        }
        if let Some(known_bad) = &self.known_bad {
            known_bad.follow(list_of(&self.config, &self.core));
            if let Err(error) = known_bad.reload() {
                self.hands.say(&format!("the old list of hashes stays in force: {error}"));
            }
        }
    }

    fn end(mut self, mut orders: Vec<Order>) {
        eyes::stop(&self.watching);
        let waiting = Instant::now();
        while self.core.is_saving() && waiting.elapsed() < LAST_SAVES {
            std::thread::sleep(PATIENCE);
            self.saved(&mut orders);
        }
        self.core.stop(now(), &mut orders);
        self.hands.carry_out(&mut orders);
        if let Some(sensor) = &self.hands.sensor {
            sensor.stop();
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        drop(self.hands.gate.take());
        for late in self.hands.output.stop(Duration::from_secs(5)) {
            (self.hands.warn)(&format!("output {late}: not everything was delivered"));
        }
        drop(self.endpoint);
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

fn policy_stamp(config: &Config) -> Stamp {
    let paths: Vec<PathBuf> = config.policy.iter().cloned().collect();
    Stamp::of(&paths)
}

/// None of it may keep the agent from starting.
fn manners(config: &Config, hierarchy: &Hierarchy, warn: &dyn Fn(&str)) {
    let cgroups = hierarchy.root.ancestors().find(|path| path.ends_with("cgroup"));
    if let Some(cgroups) = cgroups
        && let Err(error) = limits::apply(&config.limits, cgroups)
    {
        warn(&format!("no limits of its own: {error}"));
    }
    if let Err(error) = limits::oom_score(config.limits.oom_score) {
        warn(&format!("the OOM score could not be set: {error}"));
    }
}

fn existing(eyes: &mut Eyes, core: &mut Core, orders: &mut Vec<Order>, warn: &dyn Fn(&str)) {
    let mut give = |observation| core.observe(observation, now(), orders);
    match eyes {
        Eyes::Sensor(reader) => {
            if let Err(error) = reader.existing(&mut give) {
                warn(&format!("processes that run already are looked up as they act: {error}"));
            }
        }
        Eyes::Fallback(fallback) => fallback.existing(&mut give),
    }
}

type Hashing = (
    Option<Arc<KnownBad>>,
    Option<Arc<Hasher<Arc<Event>>>>,
    tokio::sync::mpsc::Receiver<Hashed<Arc<Event>>>,
);

/// The list of known-bad hashes: the policy's, where it names one.
fn list_of(config: &Config, core: &Core) -> Option<PathBuf> {
    core.known_bad_file().or_else(|| config.hashes.known_bad.clone())
}

fn hashing(
    config: &Config,
    core: &Core,
    proc: &std::path::Path,
    warn: &dyn Fn(&str),
) -> Result<Hashing, AgentError> {
    let (results, hashed) = tokio::sync::mpsc::channel(1_024);
    if !config.hashes.enabled {
        return Ok((None, None, hashed));
    }
    let list = ListSettings {
        file: list_of(config, core),
        directory: config.state.join("hashes"),
        ..ListSettings::default()
    };
    let known_bad = Arc::new(KnownBad::open(list)?);
    // Before anybody is asked about: the first program that runs is compared with it. A list that cannot be
    // read is looked at again every two seconds, and what else is seen does not wait for it.
    if let Err(error) = known_bad.reload() {
        warn(&format!("no list of known-bad hashes is in force: {error}"));
    }
    let settings = HasherSettings {
        max_cached: config.hashes.max_cached,
        max_bytes: config.hashes.max_bytes,
        bytes_per_second: config.hashes.bytes_per_second,
        proc: proc.to_owned(),
        ..HasherSettings::default()
    };
    let hasher = Hasher::start(settings, results)
        .map_err(|error| AgentError::Io("threads cannot be started", error))?;
    Ok((Some(known_bad), Some(Arc::new(hasher)), hashed))
}

/// Canaries that are under way.
struct Canaries {
    every: Option<Duration>,
    sent: Instant,
    sender: mpsc::Sender<(u64, canary::Outcome)>,
    outcomes: Receiver<(u64, canary::Outcome)>,
    pending: canary::Pending,
}

impl Canaries {
    fn new(seconds: u64) -> Self {
        let (sender, outcomes) = mpsc::channel();
        let every = (seconds > 0).then(|| Duration::from_secs(seconds));
        let pending = canary::Pending::default();
        Self { every, sent: Instant::now(), sender, outcomes, pending }
    }

    fn due(&mut self) -> bool {
        let due = self.every.is_some_and(|every| self.sent.elapsed() >= every);
        if due {
            self.sent = Instant::now();
        }
        due
    }

    fn send(&self, runtime: &tokio::runtime::Runtime, cgroup: u64, folder: PathBuf) {
        let sender = self.sender.clone();
        runtime.spawn_blocking(move || {
            let _ = sender.send((cgroup, canary::send(&folder)));
        });
    }
}
