//! The whole platform in one process.

mod stages;
mod submit;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use palisade_model::{Priority, Report, RequestId, UnixMillis, UnpackLimits};
use palisade_pipeline::Ports;
use palisade_pipeline::aggregator::GROUP;
use palisade_pipeline::artifacts::{ArtifactCache, CacheConfig};
use palisade_pipeline::catalog::Catalog;
use palisade_pipeline::engine_host::{EngineHostConfig, group, tell_once};
use palisade_pipeline::extractor::{ExtractorConfig, Workflow};
use palisade_pipeline::gateway::{EXTRACTOR_GROUP, Gateway, GatewayConfig, Workflows};
use palisade_ports::Engine;
use palisade_ports::log::Topic;
use palisade_ports::records::RequestState;
use palisade_storage::{Embedded, EmbeddedConfig};
use palisade_telemetry::Metrics;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::clock::ManualClock;
use crate::engine::ScriptedEngine;
use crate::faults::Faults;
use crate::scripts;

pub use submit::comparable;

/// Real time after which a test that waits has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Real time between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Wakes those who wait, measures the backlog. Its handle answers without it.
    Gateway,
    /// Tells of the engines and reads what is told.
    Status,
    /// Plans.
    Extractor,
    /// Runs one engine.
    Engine(String),
    /// Makes reports.
    Aggregator,
    /// Ends what nobody ended.
    Janitor,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => formatter.write_str("gateway"),
            Self::Status => formatter.write_str("status"),
            Self::Extractor => formatter.write_str("extractor"),
            Self::Engine(engine) => write!(formatter, "engine {engine}"),
            Self::Aggregator => formatter.write_str("aggregator"),
            Self::Janitor => formatter.write_str("janitor"),
        }
    }
}

/// What a cluster is made of.
pub struct Config {
    /// Tells types, in the extractor.
    pub prober: ScriptedEngine,
    /// Each gets a host.
    pub engines: Vec<ScriptedEngine>,
    /// The gateway's.
    pub gateway: GatewayConfig,
    /// What requests may name.
    pub workflows: Workflows,
    /// The extractor's.
    pub extractor: ExtractorConfig,
    /// Every engine host's.
    pub host: EngineHostConfig,
    /// Every stage's own.
    pub cache: CacheConfig,
    /// Stages that are not started with the cluster.
    pub asleep: Vec<Stage>,
}

impl Default for Config {
    /// The plain [`scripts`]: a prober, an unpacker and the scanner `words`.
    fn default() -> Self {
        Self {
            prober: scripts::prober(),
            engines: vec![scripts::unpacker(), scripts::scanner("words")],
            gateway: GatewayConfig::default(),
            workflows: Workflows::default(),
            extractor: ExtractorConfig::default(),
            host: EngineHostConfig::default(),
            cache: CacheConfig::default(),
            asleep: Vec::new(),
        }
    }
}

impl Config {
    /// The plain one with more engines.
    pub fn with(engines: impl IntoIterator<Item = ScriptedEngine>) -> Self {
        let mut config = Self::default();
        config.engines.extend(engines);
        config
    }
}

/// The platform. Dropped, it is gone with its data.
pub struct Cluster {
    /// Between every stage and its ports.
    pub faults: Faults,
    /// Everybody's time.
    pub clock: Arc<ManualClock>,
    metrics: Metrics,
    requests: AtomicU64,
    prober: Arc<ScriptedEngine>,
    engines: Vec<Arc<ScriptedEngine>>,
    config: Settings,
    running: BTreeMap<Stage, JoinHandle<()>>,
    open: Option<Open>,
    directory: TempDir,
}

struct Settings {
    gateway: GatewayConfig,
    workflows: Workflows,
    extractor: ExtractorConfig,
    host: EngineHostConfig,
    cache: CacheConfig,
    asleep: Vec<Stage>,
    workflow: Workflow,
}

/// What a restart makes anew.
struct Open {
    ports: Ports,
    catalog: Catalog,
    gateway: Gateway,
}

impl Cluster {
    /// Starts it, on an empty data directory.
    ///
    /// # Panics
    /// When it does not start, as everything here: it is for tests.
    pub async fn start(config: Config) -> Self {
        let directory = directory();
        let clock = Arc::new(ManualClock::new(UnixMillis(1_700_000_000_000)));
        let metrics = Metrics::new();
        let faults = Faults::default();
        let unpacker = scripts::UNPACKER.parse().expect("an engine's name");
        let settings = Settings {
            gateway: config.gateway,
            workflows: config.workflows,
            extractor: config.extractor,
            host: config.host,
            cache: config.cache,
            asleep: config.asleep,
            workflow: Workflow::new().limit(unpacker, ["box"]),
        };
        let engines: Vec<_> = config.engines.into_iter().map(Arc::new).collect();
        let prober = Arc::new(config.prober);
        for engine in engines.iter().chain([&prober]) {
            engine.set_clock(Arc::clone(&clock) as _);
        }
        let open = Some(open(&directory, &clock, &metrics, &faults, &settings).await);
        let running = BTreeMap::new();
        let mut cluster = Self {
            faults,
            clock,
            metrics,
            requests: AtomicU64::new(0),
            prober,
            engines,
            config: settings,
            running,
            open,
            directory,
        };
        cluster.start_all().await;
        cluster
    }

    fn open(&self) -> &Open {
        self.open.as_ref().expect("the data is open")
    }

    /// The ports without faults.
    pub fn ports(&self) -> &Ports {
        &self.open().ports
    }

    /// The gateway's handle.
    pub fn gateway(&self) -> &Gateway {
        &self.open().gateway
    }

    /// Other bounds of unpacking in the gateway's settings, from its next start on.
    pub fn set_unpack(&mut self, limits: UnpackLimits) {
        self.config.gateway.unpack = limits;
    }

    /// The metrics of all lives of the cluster.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// An engine, or the prober.
    pub fn engine(&self, name: &str) -> &ScriptedEngine {
        let mut all = self.engines.iter().chain([&self.prober]);
        all.find(|engine| engine.name().as_str() == name).expect("an engine of this name")
    }

    /// Lets everybody know at once how the engines are now.
    pub async fn refresh(&self) {
        for engine in self.engines.iter().chain([&self.prober]) {
            let engine: Arc<dyn Engine> = Arc::clone(engine) as _;
            tell_once(&engine, &self.open().ports, "host").await.expect("the records");
        }
        self.open().catalog.refresh().await.expect("the records");
    }

    /// Whether nothing waits on the log: every message was worked on and acknowledged.
    pub async fn is_idle(&self) -> bool {
        self.waiting().await.is_empty()
    }

    /// What waits on the log: group, topic and how many messages of each.
    async fn waiting(&self) -> String {
        let mut groups = vec![(GROUP.to_owned(), Topic::Results)];
        for priority in Priority::ALL {
            groups.push((EXTRACTOR_GROUP.to_owned(), Topic::Requests(priority)));
            for engine in &self.engines {
                let name = engine.name();
                groups.push((group(name), Topic::Commands(name.clone(), priority)));
            }
        }
        let mut waiting = String::new();
        for (group, topic) in groups {
            let backlog = self.backlog(&group, &topic).await;
            if backlog > 0 {
                waiting += &format!("{backlog} of {topic} wait for {group}; ");
            }
        }
        waiting
    }

    /// Waits until nothing waits on the log.
    pub async fn idle(&self) {
        let start = Instant::now();
        while !self.is_idle().await {
            assert!(start.elapsed() < PATIENCE, "for ever: {}", self.waiting().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing waits on the log, while time passes in large steps: what is kept for a while
    /// in case that more of it comes is let go of.
    pub async fn idle_in_time(&self) {
        let start = Instant::now();
        while !self.is_idle().await {
            assert!(start.elapsed() < PATIENCE, "for ever: {}", self.waiting().await);
            self.clock.advance(10_000);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What a group has not acknowledged of a topic.
    pub async fn backlog(&self, group: &str, topic: &Topic) -> u64 {
        self.ports().log.backlog(group, topic).await.expect("the log")
    }

    /// Waits, in real time, until something is so.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The report of a request, if there is one.
    pub async fn look(&self, id: RequestId) -> Option<Arc<Report>> {
        match self.open().ports.records.request(id).await.expect("the records") {
            Some(RequestState::Finished { report, .. }) => Some(report),
            _ => None,
        }
    }

    /// Waits for the report of a request while the clock stands still.
    pub async fn report(&self, id: RequestId) -> Arc<Report> {
        self.report_while(id, 0).await
    }

    /// Waits for the report of a request while the time passes, in steps of 50 ms.
    pub async fn report_in_time(&self, id: RequestId) -> Arc<Report> {
        self.report_while(id, 50).await
    }

    async fn report_while(&self, id: RequestId, step_ms: u64) -> Arc<Report> {
        let start = Instant::now();
        loop {
            if let Some(report) = self.look(id).await {
                return report;
            }
            assert!(start.elapsed() < PATIENCE, "{id} has no report; {}", self.waiting().await);
            self.clock.advance(step_ms);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Makes sure that so many reports were stored for a request, and no more. Who dies just when a
    /// report was stored does not live to count it: after a death, fewer may be counted.
    pub async fn stored(&self, id: RequestId, reports: u32) {
        let start = Instant::now();
        while self.faults.stored(id) < reports && !self.faults.has_killed() {
            assert!(start.elapsed() < PATIENCE, "{id} has too few reports");
            tokio::time::sleep(LOOK).await;
        }
        let stored = self.faults.stored(id);
        assert!(stored <= reports, "{stored} reports of {id}");
    }

    /// Lets time pass in steps of 50 ms, with a little real time after each.
    pub async fn pass(&self, milliseconds: u64) {
        for _ in 0..milliseconds.div_ceil(50) {
            self.clock.advance(50);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How much was dropped of this kind at this place.
    pub fn drops(&self, kind: palisade_telemetry::metrics::DropReason, place: &str) -> u64 {
        let label = palisade_telemetry::metrics::DropLabel { kind, place: place.to_owned() };
        self.metrics.drops.get_or_create(&label).get()
    }
}

/// In memory where there is such a place: hundreds of clusters need not wait for a disk, and what a
/// process leaves behind when it dies is the same.
fn directory() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

async fn open(
    directory: &TempDir,
    clock: &Arc<ManualClock>,
    metrics: &Metrics,
    faults: &Faults,
    settings: &Settings,
) -> Open {
    let embedded = Embedded::open(directory.path(), EmbeddedConfig::default()).await;
    let embedded = embedded.expect("the data directory");
    let ports = Ports {
        log: Arc::clone(&embedded.log) as _,
        objects: Arc::clone(&embedded.objects) as _,
        records: Arc::clone(&embedded.records) as _,
        clock: Arc::clone(clock) as _,
        metrics: metrics.clone(),
    };
    let catalog = Catalog::new(ports.clone());
    let gateway = gateway(&ports, &catalog, faults, settings);
    Open { ports, catalog, gateway }
}

fn gateway(ports: &Ports, catalog: &Catalog, faults: &Faults, settings: &Settings) -> Gateway {
    let ports = faults.between(&Stage::Gateway.to_string(), ports);
    let artifacts = ArtifactCache::new(Arc::clone(&ports.objects), settings.cache);
    Gateway::new(ports, catalog.clone(), Arc::new(artifacts), settings.gateway.clone())
        .with_workflows(settings.workflows.clone())
}
