//! The engines that this process hosts: how each is loaded, and kept on its definitions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::bail;
use palisade_engines::reputation::{self, ReputationEngine};
use palisade_engines::yara::Compiler;
use palisade_engines::{JailedEngine, analyzers, engine_name, filetype, unpack, yara};
use palisade_jail::Layers;
use palisade_model::EngineName;
use palisade_ports::Engine;
use palisade_storage::SystemClock;

use super::{lists, rules};
use crate::config::{Config, JailConfig};
use crate::engines::{self, JailSettings};

/// One engine, ready to scan.
pub(super) struct Hosted {
    pub(super) engine: Arc<dyn Engine>,
    /// The walls of its jail, where it has one.
    pub(super) layers: Option<Layers>,
    /// Keeps it on its definitions, for ever.
    pub(super) follow: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Hosted {
    fn jailed(engine: JailedEngine) -> Self {
        let layers = Some(engine.pool().health().layers);
        Self { engine: Arc::new(engine), layers, follow: None }
    }
}

/// Loads engines. Each takes tens of milliseconds; one after the other they would be most of the time
/// to readiness.
pub(super) fn load(config: &Config, names: &[EngineName]) -> anyhow::Result<Vec<Hosted>> {
    let jail = jail_settings(&config.jail);
    let compiler = engines::compiler(Some(&config.data.join("cache").join("yara")));
    std::thread::scope(|scope| {
        let loading: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(|| load_one(config, &jail, &compiler, name)))
            .collect();
        loading
            .into_iter()
            .map(|loading| {
                let panicked = |_| Err(anyhow::anyhow!("an engine's loading panicked"));
                loading.join().unwrap_or_else(panicked)
            })
            .collect()
    })
}

/// Begins to ask the scanners of these names. They poll in the background of this runtime, and are down
/// until they have answered once.
pub(super) fn outside(config: &Config, names: &[EngineName]) -> anyhow::Result<Vec<Hosted>> {
    let mut wanted = config.scanners.clone();
    wanted.0.retain(|name, _| names.iter().any(|engine| engine.as_str() == name));
    let engines = palisade_scanners::build(&wanted)?;
    Ok(engines.into_iter().map(|engine| Hosted { engine, layers: None, follow: None }).collect())
}

fn load_one(
    config: &Config,
    jail: &JailSettings,
    compiler: &Compiler,
    name: &EngineName,
) -> anyhow::Result<Hosted> {
    let plain = |name: &'static str, description: &'static str| {
        let pool = engines::pool(jail, vec![engines::plain(name)])?;
        anyhow::Ok(JailedEngine::new(engine_name(name), description, pool))
    };
    match name.as_str() {
        filetype::NAME => Ok(Hosted::jailed(plain(filetype::NAME, filetype::DESCRIPTION)?)),
        unpack::NAME => {
            Ok(Hosted::jailed(plain(unpack::NAME, unpack::DESCRIPTION)?.with_children()))
        }
        yara::NAME => load_yara(config, jail, compiler),
        reputation::NAME => load_reputation(config),
        other if let Some(analyzer) = analyzers::find(other) => {
            let roots = engines::trusted_roots(&config.analyzers.trusted_roots)?;
            let pool = engines::pool(jail, vec![engines::analyzer_spec(analyzer.name, &roots)?])?;
            let engine = JailedEngine::new(name.clone(), analyzer.description, pool);
            Ok(Hosted::jailed(match analyzer.gives_children {
                true => engine.with_children(),
                false => engine,
            }))
        }
        _ => {
            let known: Vec<String> = engines::names().iter().map(ToString::to_string).collect();
            bail!(
                "there is no engine `{name}`; there are {}, and the scanners that [scanners.NAME] \
                 declares",
                known.join(", ")
            )
        }
    }
}

fn load_yara(config: &Config, jail: &JailSettings, compiler: &Compiler) -> anyhow::Result<Hosted> {
    let rules = rules::load(&config.yara, compiler)?;
    let pool = engines::pool(jail, vec![rules.spec])?;
    let layers = Some(pool.health().layers);
    let engine = Arc::new(JailedEngine::new(engine_name(yara::NAME), yara::DESCRIPTION, pool));
    engine.set_degraded(rules.degraded);
    let follow = rules::follow(config.yara.clone(), compiler.clone(), Arc::clone(&engine));
    Ok(Hosted { engine, layers, follow: Some(Box::pin(follow)) })
}

fn load_reputation(config: &Config) -> anyhow::Result<Hosted> {
    let (index, summary) = lists::load(&config.reputation)?;
    let engine = Arc::new(ReputationEngine::new(index, summary, SystemClock::time()));
    let follow = lists::follow(config.reputation.clone(), Arc::clone(&engine));
    Ok(Hosted { engine, layers: None, follow: Some(Box::pin(follow)) })
}

fn jail_settings(jail: &JailConfig) -> JailSettings {
    JailSettings {
        workers: jail.workers.max(1),
        artifacts_per_worker: jail.artifacts_per_worker.max(1),
        require_all_layers: jail.require_all_layers,
        limits: jail.limits,
    }
}
