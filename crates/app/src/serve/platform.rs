//! Every engine and stage of one machine.

use std::sync::Arc;

use palisade_engines::reputation::ReputationEngine;
use palisade_engines::yara::Compiler;
use palisade_engines::{JailedEngine, engine_name, filetype, unpack, yara};
use palisade_jail::Layers;
use palisade_pipeline::aggregator::Aggregator;
use palisade_pipeline::artifacts::{ArtifactCache, CacheConfig};
use palisade_pipeline::catalog::Catalog;
use palisade_pipeline::engine_host::{EngineHost, tell_of};
use palisade_pipeline::extractor::{Extractor, Workflow};
use palisade_pipeline::gateway::Gateway;
use palisade_pipeline::{Ports, janitor};
use palisade_ports::Engine;
use palisade_storage::{Embedded, SystemClock};
use palisade_telemetry::Metrics;
use tokio::task::JoinSet;

use super::ready::Ready;
use super::supervise::supervise;
use super::{lists, rules};
use crate::config::{Config, JailConfig};
use crate::engines::{self, JailSettings};

/// What runs.
pub(super) struct Platform {
    pub(super) ports: Ports,
    pub(super) gateway: Gateway,
    layers: Layers,
    tasks: JoinSet<()>,
}

/// The engines, each with what can be changed about it while it runs.
struct Engines {
    filetype: Arc<JailedEngine>,
    unpack: Arc<JailedEngine>,
    yara: Arc<JailedEngine>,
    reputation: Arc<ReputationEngine>,
    layers: Layers,
    compiler: Compiler,
}

/// Starts everything. When this returns, requests are worked on.
pub(super) async fn start(config: &Config, embedded: &Embedded) -> anyhow::Result<Platform> {
    let ports = Ports {
        log: Arc::clone(&embedded.log) as _,
        objects: Arc::clone(&embedded.objects) as _,
        records: Arc::clone(&embedded.records) as _,
        clock: Arc::new(SystemClock::default()),
        metrics: Metrics::new(),
    };
    ports.metrics.start_time.set(ports.clock.now().0 as f64 / 1e3);
    // One server has the data directory, so its host's name is name enough, and a restarted server
    // replaces what it told before.
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();

    let for_engines = config.clone();
    let engines = tokio::task::spawn_blocking(move || load(&for_engines)).await??;
    let catalog = Catalog::new(ports.clone());
    let artifacts = Arc::new(ArtifactCache::new(Arc::clone(&ports.objects), cache_config()));
    let gateway = Gateway::new(
        ports.clone(),
        catalog.clone(),
        Arc::clone(&artifacts),
        config.gateway.clone(),
    );
    let mut tasks = JoinSet::new();

    let hosted: [Arc<dyn Engine>; 3] =
        [engines.unpack.clone(), engines.yara.clone(), engines.reputation.clone()];
    let all = hosted.iter().cloned().chain([engines.filetype.clone() as Arc<dyn Engine>]);
    for engine in all {
        // Told of once before anything is planned: the first plan knows every engine.
        palisade_pipeline::engine_host::tell_once(&engine, &ports, &host).await?;
        tasks.spawn(tell_of(engine, ports.clone(), host.clone()));
    }
    catalog.refresh().await?;
    tasks.spawn(catalog.clone().run());

    {
        let (gateway, host) = (gateway.clone(), host.clone());
        tasks.spawn(supervise("gateway".to_owned(), move || {
            let (gateway, host) = (gateway.clone(), host.clone());
            async move { gateway.run(&host).await }
        }));
    }
    {
        let (ports, catalog, prober) = (ports.clone(), catalog, engines.filetype.clone());
        let (artifacts, config) = (Arc::clone(&artifacts), config.extractor.clone());
        tasks.spawn(supervise("extractor".to_owned(), move || {
            Extractor::new(
                ports.clone(),
                catalog.clone(),
                prober.clone(),
                Arc::clone(&artifacts),
                workflow(),
                config.clone(),
            )
            .run()
        }));
    }
    for engine in hosted {
        let (ports, artifacts) = (ports.clone(), Arc::clone(&artifacts));
        let config = config.engine_host.clone();
        tasks.spawn(supervise(format!("engine {}", engine.name()), move || {
            EngineHost::new(ports.clone(), engine.clone(), Arc::clone(&artifacts), &config).run()
        }));
    }
    {
        let ports = ports.clone();
        tasks.spawn(supervise("aggregator".to_owned(), move || {
            Aggregator::new(ports.clone()).run()
        }));
    }
    tasks.spawn(janitor::run(ports.clone(), config.retention.clone()));
    tasks.spawn(rules::follow(config.yara.clone(), engines.compiler, engines.yara));
    tasks.spawn(lists::follow(config.reputation.clone(), engines.reputation));

    Ok(Platform { ports, gateway, layers: engines.layers, tasks })
}

/// Most open files are for connections.
fn cache_config() -> CacheConfig {
    let open_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let share = usize::try_from(open_files.unwrap_or(u64::MAX) / 4).unwrap_or(usize::MAX);
    let default = CacheConfig::default();
    CacheConfig { keep_count: default.keep_count.min(share), ..default }
}

/// Which engine reads which types.
pub(crate) fn workflow() -> Workflow {
    Workflow::new().limit(engine_name(unpack::NAME), unpack::types())
}

fn load(config: &Config) -> anyhow::Result<Engines> {
    let jail = jail_settings(&config.jail);
    let cache = config.data.join("cache").join("yara");
    let compiler = engines::compiler(Some(&cache));
    // Each takes tens of milliseconds; together they would be most of the time to readiness.
    std::thread::scope(|scope| {
        let filetype = scope.spawn(|| engines::pool(&jail, vec![engines::plain(filetype::NAME)]));
        let unpack = scope.spawn(|| engines::pool(&jail, vec![engines::plain(unpack::NAME)]));
        let lists = scope.spawn(|| lists::load(&config.reputation));
        let rules = rules::load(&config.yara, &compiler)?;
        let yara = engines::pool(&jail, vec![rules.spec])?;
        let join = |handle: std::thread::ScopedJoinHandle<'_, anyhow::Result<_>>| {
            handle.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a pool's thread panicked")))
        };
        let filetype = join(filetype)?;
        let unpack = join(unpack)?;
        let (index, summary) =
            lists.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the lists' thread panicked")))?;
        let layers = filetype.health().layers;
        let now = SystemClock::time();
        let yara = Arc::new(JailedEngine::new(engine_name(yara::NAME), yara::DESCRIPTION, yara));
        yara.set_degraded(rules.degraded);
        Ok(Engines {
            filetype: Arc::new(JailedEngine::new(
                engine_name(filetype::NAME),
                filetype::DESCRIPTION,
                filetype,
            )),
            unpack: Arc::new(
                JailedEngine::new(engine_name(unpack::NAME), unpack::DESCRIPTION, unpack)
                    .with_children(),
            ),
            yara,
            reputation: Arc::new(ReputationEngine::new(index, summary, now)),
            layers,
            compiler: compiler.clone(),
        })
    })
}

fn jail_settings(jail: &JailConfig) -> JailSettings {
    JailSettings {
        workers: jail.workers.max(1),
        artifacts_per_worker: jail.artifacts_per_worker.max(1),
        require_all_layers: jail.require_all_layers,
        limits: jail.limits,
    }
}

impl Platform {
    /// What readiness depends on.
    pub(super) fn readiness(&self) -> Arc<Ready> {
        Arc::new(Ready::new(self.ports.clone(), self.layers.clone()))
    }

    /// Stops every stage. What they had not acknowledged is delivered again at the next start.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
