//! Everything is started, in the order in which it has to be.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use palisade_model::UnixMillis;
use palisade_model::event::Event;

use super::canaries::Canaries;
use super::{Agent, list_of, policy_stamp};
use crate::agent::alive::Alive;
use crate::agent::audit::Audit;
use crate::agent::config::Config;
use crate::agent::core::{Core, Order, Parts};
use crate::agent::eyes::{self, Eyes, Watching};
use crate::agent::gate::{Answers, Gate};
use crate::agent::hands::Hands;
use crate::agent::processors::Processors;
use crate::agent::sources::{self, PolicyError, SourceError, Stamp};
use crate::agent::{control, now};
use crate::containers::{
    Discovery, Hierarchy, HierarchyError, Host, HostError, Registry, Stopper, first_look,
    own_cgroup,
};
use crate::hashes::submit::Submitter;
use crate::hashes::{self, Hashed, Hasher, HasherSettings, KnownBad, ListSettings};
use crate::incidents::Incidents;
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
        let mut settings = config.incidents.clone();
        if settings.host.is_empty() {
            settings.host.clone_from(&device.hostname);
        }
        let mut incidents = Incidents::new(settings);
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
            processors: Processors::default(),
            alive,
            summary,
            config,
            runtime,
        })
    }
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
