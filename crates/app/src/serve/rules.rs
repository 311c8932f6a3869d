//! Keeps the yara engine on the rules that are on disk. A reconciler: it looks, on a timer, and acts
//! when what it sees has changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use palisade_engines::JailedEngine;
use palisade_engines::yara::{Compiler, RuleFile};
use palisade_jail::EngineSpec;
use palisade_storage::SystemClock;

use crate::config::YaraConfig;
use crate::engines::{rule_files, yara_spec};

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Problems named in the engine's status; the log has all.
const NAMED: usize = 3;

/// Rules ready to be put in force.
pub(super) struct Rules {
    pub(super) spec: EngineSpec,
    /// What is wrong with some of them.
    pub(super) degraded: Option<String>,
}

/// Reads and compiles.
pub(super) fn load(config: &YaraConfig, compiler: &Compiler) -> anyhow::Result<Rules> {
    let (files, unreadable) = rule_files(config.built_in, &config.rules);
    compile(config, compiler, &files, unreadable)
}

fn compile(
    config: &YaraConfig,
    compiler: &Compiler,
    files: &[RuleFile],
    mut problems: Vec<String>,
) -> anyhow::Result<Rules> {
    let compiled = compiler.compile(files)?;
    for problem in &compiled.problems {
        tracing::warn!(file = problem.file, "a rule does not compile:\n{}", problem.message);
        let line = problem.message.lines().next().unwrap_or_default();
        problems.push(format!("{}: {line}", problem.file));
    }
    tracing::info!(
        rules = compiled.rules,
        files = files.len(),
        version = compiled.version,
        "rules"
    );
    let more = problems.len().saturating_sub(NAMED);
    problems.truncate(NAMED);
    let mut degraded = (!problems.is_empty()).then(|| problems.join("; "));
    if let (Some(text), true) = (&mut degraded, more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    let spec =
        yara_spec(&compiled, config.default_severity, config.rule_timeout_ms, SystemClock::time())?;
    Ok(Rules { spec, degraded })
}

/// Follows the rules on disk for ever.
pub(super) async fn follow(config: YaraConfig, compiler: Compiler, engine: Arc<JailedEngine>) {
    let mut seen = look(&config.rules);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = look(&config.rules);
        if now == seen {
            continue;
        }
        // A file that is being written is seen in two states: wait until it rests.
        tokio::time::sleep(LOOK / 2).await;
        seen = look(&config.rules);
        let (config, compiler, engine) = (config.clone(), compiler.clone(), engine.clone());
        let applied = tokio::task::spawn_blocking(move || {
            let rules = load(&config, &compiler)?;
            engine.pool().reload(vec![rules.spec])?;
            engine.set_degraded(rules.degraded);
            anyhow::Ok(())
        })
        .await;
        match applied {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the new rules are not in force: {error:#}"),
            Err(error) => tracing::error!(%error, "the new rules are not in force"),
        }
    }
}

/// Every file below `paths` with its size and time.
pub(super) fn look(paths: &[PathBuf]) -> Vec<(PathBuf, u64, u128)> {
    let mut seen = Vec::new();
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = std::fs::metadata(&path) else {
            seen.push((path, 0, 0));
            continue;
        };
        let time = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        seen.push((path.clone(), metadata.len(), time.map_or(0, |time| time.as_nanos())));
        if metadata.is_dir() {
            waiting.extend(entries(&path));
        }
    }
    seen.sort();
    seen
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            // A link to a directory may point upwards.
            entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file())
                || entry.path().is_file()
        })
        .map(|entry| entry.path())
        .collect()
}
