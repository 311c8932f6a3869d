//! The stages of one process, by its roles.

use std::sync::Arc;

use palisade_api::{Api, Dialect};
use palisade_callbacks::{HttpCourier, Method, Secret};
use palisade_engines::{engine_name, filetype};
use palisade_jail::Layers;
use palisade_model::EngineName;
use palisade_pipeline::aggregator::Aggregator;
use palisade_pipeline::artifacts::{ArtifactCache, CacheConfig};
use palisade_pipeline::catalog::Catalog;
use palisade_pipeline::engine_host::{EngineHost, tell_of, tell_once};
use palisade_pipeline::extractor::Extractor;
use palisade_pipeline::gateway::{Gateway, Workflows};
use palisade_pipeline::notifier::Notifier;
use palisade_pipeline::{Ports, janitor};
use palisade_ports::{Courier, Engine};
use palisade_storage::SystemClock;
use palisade_telemetry::Metrics;
use tokio::task::JoinSet;

use super::hosted::{self, Hosted};
use super::ready::Ready;
use super::supervise::supervise;
use crate::config::{Config, StorageKind};
use crate::engines;
use crate::role::Role;
use crate::stores::Stores;

/// What runs.
pub(super) struct Platform {
    pub(super) ports: Ports,
    pub(super) gateway: Gateway,
    layers: Layers,
    tasks: JoinSet<()>,
}

/// Commands that may wait for an engine where the log tells of them late.
const COMMANDS_WAITING: u64 = 2_000;

/// Messages taken ahead where artifacts are fetched over the network.
const AHEAD: usize = 16;

/// Artifacts up to this size travel with their request there, in bytes: a request to the store costs
/// more than to carry them (docs/bench.md).
const INLINE: u64 = 64 << 10;

/// The ports over these stores.
pub(super) fn ports(stores: &Stores, metrics: Metrics) -> Ports {
    let clock = Arc::new(SystemClock);
    metrics.start_time.set(palisade_ports::Clock::now(&*clock).0 as f64 / 1e3);
    Ports {
        log: Arc::clone(&stores.log),
        objects: Arc::clone(&stores.objects),
        records: Arc::clone(&stores.records),
        clock,
        metrics,
    }
}

/// Starts the stages of this process's roles. When this returns, requests are worked on.
pub(super) async fn start(config: &Config, ports: Ports) -> anyhow::Result<Platform> {
    let host = config.host_name();
    let has = |role| config.roles.contains(&role);
    let expected = engines::expected(config)?;
    let prober = engine_name(filetype::NAME);
    // The extractor tells types itself, so whoever only runs engines needs no prober.
    let wanted: Vec<EngineName> = expected
        .iter()
        .filter(|name| has(if **name == prober { Role::Extractor } else { Role::Engines }))
        .cloned()
        .collect();
    let (outside, built_in): (Vec<EngineName>, Vec<EngineName>) =
        wanted.into_iter().partition(|name| config.scanners.0.contains_key(name.as_str()));
    let for_engines = config.clone();
    let mut hosted =
        tokio::task::spawn_blocking(move || hosted::load(&for_engines, &built_in)).await??;
    hosted.extend(hosted::outside(config, &outside)?);

    let mut catalog = Catalog::new(ports.clone());
    if config.storage == StorageKind::Distributed {
        // Hosts come and go; on their own none is missed.
        catalog = catalog.expecting(expected);
    }
    let artifacts =
        Arc::new(ArtifactCache::new(Arc::clone(&ports.objects), cache_config(config.storage)));
    let gateway = Gateway::new(
        ports.clone(),
        catalog.clone(),
        Arc::clone(&artifacts),
        config.gateway.clone(),
    )
    .with_workflows(Workflows::new(config.workflows.clone())?);
    let mut stages = Stages { config, ports, host, artifacts, tasks: JoinSet::new() };
    let mut layers = Layers::default();
    let mut probes = None;
    for Hosted { engine, layers: walls, follow } in hosted {
        layers = walls.unwrap_or(layers);
        // Told of once before anything is planned: the first plan knows every engine.
        tell_once(&engine, &stages.ports, &stages.host).await?;
        stages.tasks.spawn(tell_of(Arc::clone(&engine), stages.ports.clone(), stages.host.clone()));
        follow.into_iter().for_each(|follow| drop(stages.tasks.spawn(follow)));
        if *engine.name() == prober {
            probes = Some(engine);
        } else {
            stages.engine(engine);
        }
    }
    catalog.refresh().await?;
    stages.tasks.spawn(catalog.clone().run());
    if has(Role::Gateway) {
        stages.gateway(&gateway);
    }
    if let Some(prober) = probes {
        stages.extractor(&catalog, prober);
    }
    if has(Role::Aggregator) {
        stages.aggregator();
    }
    if has(Role::Janitor) {
        stages.tasks.spawn(janitor::run(stages.ports.clone(), config.retention.clone()));
    }
    let Stages { ports, tasks, .. } = stages;
    Ok(Platform { ports, gateway, layers, tasks })
}

/// Stages on their way to run, each kept running.
struct Stages<'a> {
    config: &'a Config,
    ports: Ports,
    host: String,
    artifacts: Arc<ArtifactCache>,
    tasks: JoinSet<()>,
}

impl Stages<'_> {
    fn gateway(&mut self, gateway: &Gateway) {
        let (gateway, host) = (gateway.clone(), self.host.clone());
        self.tasks.spawn(supervise("gateway".to_owned(), move || {
            let (gateway, host) = (gateway.clone(), host.clone());
            async move { gateway.run(&host).await }
        }));
    }

    fn extractor(&mut self, catalog: &Catalog, prober: Arc<dyn Engine>) {
        let (ports, catalog) = (self.ports.clone(), catalog.clone());
        let (artifacts, mut config) = (Arc::clone(&self.artifacts), self.config.extractor.clone());
        if self.config.storage == StorageKind::Distributed {
            config.max_commands_waiting.get_or_insert(COMMANDS_WAITING);
            config.ahead.get_or_insert(AHEAD);
        }
        self.tasks.spawn(supervise("extractor".to_owned(), move || {
            Extractor::new(
                ports.clone(),
                catalog.clone(),
                prober.clone(),
                Arc::clone(&artifacts),
                engines::workflow(),
                config.clone(),
            )
            .run()
        }));
    }

    fn engine(&mut self, engine: Arc<dyn Engine>) {
        let (ports, artifacts) = (self.ports.clone(), Arc::clone(&self.artifacts));
        let mut config = self.config.engine_host.clone();
        if self.config.storage == StorageKind::Distributed {
            config.ahead.get_or_insert(AHEAD);
        }
        self.tasks.spawn(supervise(format!("engine {}", engine.name()), move || {
            EngineHost::new(ports.clone(), engine.clone(), Arc::clone(&artifacts), &config).run()
        }));
    }

    fn aggregator(&mut self) {
        let ports = self.ports.clone();
        self.tasks.spawn(supervise("aggregator".to_owned(), move || {
            Aggregator::new(ports.clone()).run()
        }));
    }
}

/// Most open files are for connections.
fn cache_config(storage: StorageKind) -> CacheConfig {
    let open_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let share = usize::try_from(open_files.unwrap_or(u64::MAX) / 4).unwrap_or(usize::MAX);
    let default = CacheConfig::default();
    let inline_bytes = match storage {
        StorageKind::Embedded => 0,
        StorageKind::Distributed => INLINE,
    };
    CacheConfig { keep_count: default.keep_count.min(share), inline_bytes, ..default }
}

impl Platform {
    /// Starts telling callers of their reports. It is told what to send by the API.
    pub(super) fn notify(&mut self, config: &Config, api: &Api) -> anyhow::Result<()> {
        let secret = Secret::open_or_create(&config.secrets().join("callback-secret"))?;
        let method = match config.api.dialect {
            Dialect::Core => Method::Put,
            Dialect::Cloud => Method::Post,
        };
        let courier: Arc<dyn Courier> =
            Arc::new(HttpCourier::new(&config.callbacks, secret, method)?);
        let bodies = Arc::new(api.clone());
        let (ports, host) = (self.ports.clone(), config.host_name());
        let config = config.notifier.clone();
        self.tasks.spawn(supervise("notifier".to_owned(), move || {
            let notifier = Notifier::new(
                ports.clone(),
                Arc::clone(&courier),
                Arc::clone(&bodies) as _,
                config.clone(),
                &host,
            );
            notifier.run()
        }));
        Ok(())
    }

    /// What readiness depends on.
    pub(super) fn readiness(&self) -> Arc<Ready> {
        Arc::new(Ready::new(self.ports.clone(), self.layers.clone()))
    }

    /// Stops every stage. What they had not acknowledged is delivered again at the next start.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
