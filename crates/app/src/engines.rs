//! The engines of one process: which there are, and how each is loaded.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use palisade_engines::reputation::{ListKind, ListSource};
use palisade_engines::yara::{Compiled, Compiler, RuleFile};
use palisade_engines::{analyzers, engine_name, filetype, memory_file, unpack, yara};
use palisade_jail::{EngineSpec, Pool, PoolConfig, WorkerLimits};
use palisade_model::{EngineName, Severity, UnixMillis};
use palisade_pipeline::extractor::Workflow;

use crate::config::Config;
use crate::{COMPILE, TEMPLATE};

/// How the jail of an engine is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JailSettings {
    pub(crate) workers: usize,
    pub(crate) artifacts_per_worker: u32,
    pub(crate) require_all_layers: bool,
    pub(crate) limits: WorkerLimits,
}

/// This program, as the kernel knows it: also after its file was replaced by an upgrade.
fn program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Starts a pool with these engines.
pub(crate) fn pool(jail: &JailSettings, engines: Vec<EngineSpec>) -> anyhow::Result<Pool> {
    let config = PoolConfig {
        executable: program(),
        arguments: vec![TEMPLATE.to_owned()],
        engines,
        workers: jail.workers,
        artifacts_per_worker: jail.artifacts_per_worker,
        limits: jail.limits,
        require_all_layers: jail.require_all_layers,
    };
    Ok(Pool::start(config)?)
}

/// An engine of the jail that has no settings and no definitions.
pub(crate) fn plain(name: &'static str) -> EngineSpec {
    EngineSpec {
        name: engine_name(name),
        settings: serde_json::Value::Null,
        definitions: Vec::new(),
    }
}

/// The rule compiler, keeping what it compiles under `cache`.
pub(crate) fn compiler(cache: Option<&Path>) -> Compiler {
    Compiler {
        executable: program(),
        arguments: vec![COMPILE.to_owned()],
        cache: cache.map(Path::to_owned),
    }
}

/// Every rule file that the settings name, ours first. What cannot be read is a line in the second
/// part; the others work.
pub(crate) fn rule_files(built_in: bool, paths: &[PathBuf]) -> (Vec<RuleFile>, Vec<String>) {
    let mut files = if built_in { yara::built_in_rules() } else { Vec::new() };
    let mut problems = Vec::new();
    for path in paths {
        files.extend(yara::read_rules(path, &mut problems));
    }
    (files, problems)
}

/// The yara engine with compiled rules.
pub(crate) fn yara_spec(
    compiled: &Compiled,
    default_severity: Severity,
    rule_timeout_ms: u64,
    time: UnixMillis,
) -> anyhow::Result<EngineSpec> {
    let version = compiled.version.clone();
    let settings = yara::Settings { version, time, default_severity, rule_timeout_ms };
    Ok(EngineSpec {
        name: engine_name(yara::NAME),
        settings: serde_json::to_value(settings)?,
        definitions: vec![memory_file(&compiled.blob).context("no memory file for the rules")?],
    })
}

/// The lists of the reputation engine.
pub(crate) fn list_sources(block: &[PathBuf], allow: &[PathBuf]) -> Vec<ListSource> {
    let source = |kind| move |path: &PathBuf| ListSource { path: path.clone(), kind };
    block
        .iter()
        .map(source(ListKind::Block))
        .chain(allow.iter().map(source(ListKind::Allow)))
        .collect()
}

/// The engines by name, in the order of a report.
pub(crate) fn names() -> Vec<EngineName> {
    [filetype::NAME, palisade_engines::reputation::NAME, unpack::NAME, yara::NAME]
        .into_iter()
        .chain(analyzers::names())
        .map(engine_name)
        .collect()
}

/// Which engine reads which types.
pub(crate) fn workflow() -> Workflow {
    let unpack = Workflow::new().limit(engine_name(unpack::NAME), unpack::types());
    analyzers::names().fold(unpack, |workflow, name| {
        workflow.limit(engine_name(name), analyzers::types(name).iter().copied())
    })
}

/// A static analyser with the certificates of the authorities whose code signatures are trusted.
pub(crate) fn analyzer_spec(name: &'static str, roots: &[Vec<u8>]) -> anyhow::Result<EngineSpec> {
    let definitions = roots.iter().map(|pem| memory_file(pem)).collect::<std::io::Result<_>>();
    Ok(EngineSpec {
        name: engine_name(name),
        settings: serde_json::Value::Null,
        definitions: definitions.context("no memory file for the certificates")?,
    })
}

/// Reads the certificate files of the settings.
pub(crate) fn trusted_roots(paths: &[PathBuf]) -> anyhow::Result<Vec<Vec<u8>>> {
    // As many as a pool takes as definitions.
    if paths.len() > 8 {
        bail!("at most 8 files of trusted certificates; put several into one");
    }
    let read = |path: &PathBuf| {
        std::fs::read(path)
            .with_context(|| format!("the certificates {} cannot be read", path.display()))
    };
    paths.iter().map(read).collect()
}

/// The names of the scanners that the settings declare.
///
/// # Errors
/// A name that is none for an engine, or one of ours.
pub(crate) fn declared(config: &Config) -> anyhow::Result<Vec<EngineName>> {
    let ours = names();
    let name = |text: &String| -> anyhow::Result<EngineName> {
        let name: EngineName = text.parse().with_context(|| {
            format!("[scanners.{text}]: a name has 1 to 32 of a-z, 0-9 and -, a letter first")
        })?;
        if ours.contains(&name) {
            bail!("[scanners.{name}]: there is an engine of this name already; choose another");
        }
        Ok(name)
    };
    config.scanners.0.keys().map(name).collect()
}

/// The engines that there are to be: those that the settings name, or all.
///
/// # Errors
/// As [`declared`].
pub(crate) fn expected(config: &Config) -> anyhow::Result<Vec<EngineName>> {
    let declared = declared(config)?;
    let mut engines = config.engines.clone().unwrap_or_else(|| [names(), declared].concat());
    // The extractor's own: without it nothing is planned.
    let prober = engine_name(filetype::NAME);
    if !engines.contains(&prober) {
        engines.insert(0, prober);
    }
    Ok(engines)
}
