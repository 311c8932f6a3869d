//! `palisade scan`: the same engines in the same jail and the same fold into a report, without a
//! server, a log or a store.

mod artifact;
mod file;
mod output;
mod pending;
mod progress;
mod scanner;
mod walk;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use anyhow::bail;
use palisade_engines::{analyzers, engine_name, filetype, reputation, unpack, yara};
use palisade_jail::WorkerLimits;
use palisade_model::{EngineName, HashKind, Report, Severity, UnpackLimits};
use palisade_pipeline::artifacts::Wanted;
use palisade_storage::SystemClock;

use crate::cli::{Format, ScanArguments};
use crate::config::processors;
use crate::engines::{self, JailSettings};
use crate::text::{complain, printable};
use output::{Output, Summary};
use progress::Progress;
use scanner::{Engines, Scanner, Settings};
use walk::{Source, walk};

/// Sources found and not scanned yet.
const AHEAD: usize = 1_024;

/// Reports made and not shown yet: few, because one may tell of 20,000 files.
const WAITING: usize = 32;

/// What became of one source.
pub(crate) enum Scanned {
    Report(Box<Report>),
    /// It could not be read at all.
    Unreadable {
        name: String,
        reason: String,
    },
}

pub(crate) fn run(arguments: ScanArguments) -> anyhow::Result<ExitCode> {
    // Two for each processor: while one file is in the jail, another is read and hashed.
    let jobs = arguments.jobs.unwrap_or_else(|| 2 * processors()).max(1);
    let engines = Arc::new(load(&arguments, jobs)?);
    let settings = Settings {
        limits: UnpackLimits {
            max_depth: arguments.limits.max_depth,
            max_files: arguments.limits.max_files,
            max_file_bytes: arguments.limits.max_unpacked_file_size,
            max_total_bytes: arguments.limits.max_unpacked_size,
            max_ratio: arguments.limits.max_ratio,
        },
        max_file_bytes: arguments.limits.max_file_size,
        timeout_ms: arguments.limits.timeout.saturating_mul(1_000),
        scan_timeout_ms: arguments.limits.scan_timeout.saturating_mul(1_000),
        passwords: arguments.password.clone(),
    };
    let mut output = Output::new(arguments.format, arguments.verbose, arguments.quiet)?;
    let progress = Progress::new(!arguments.quiet);
    let started = Instant::now();
    let mut summary = Summary::default();
    let stop = AtomicBool::new(false);

    std::thread::scope(|scope| -> anyhow::Result<()> {
        let (to_scan, sources) = sync_channel::<Source>(AHEAD);
        // Shared by the scanning threads: when all have ended, the walk's sends fail and it ends too.
        let sources = Arc::new(std::sync::Mutex::new(sources));
        let (to_show, scanned) = sync_channel::<Scanned>(WAITING);
        let (arguments, progress, stop) = (&arguments, &progress, &stop);
        scope.spawn(move || walk(arguments, progress, stop, &to_scan));
        for _ in 0..jobs {
            let scanner = Scanner::new(Arc::clone(&engines), settings.clone());
            let (to_show, sources) = (to_show.clone(), Arc::clone(&sources));
            scope.spawn(move || work(&scanner, &sources, &to_show, progress));
        }
        drop((to_show, sources));
        show(&scanned, &mut output, &mut summary, progress).inspect_err(|_| {
            // Nobody reads: let the others end too.
            stop.store(true, Ordering::Relaxed);
            while scanned.recv().is_ok() {}
        })
    })?;

    progress.finish();
    summary.seconds = started.elapsed().as_secs_f64();
    output.finish(&summary)?;
    Ok(ExitCode::from(summary.exit_code()))
}

/// One scanning thread.
fn work(
    scanner: &Scanner,
    sources: &std::sync::Mutex<Receiver<Source>>,
    to_show: &SyncSender<Scanned>,
    progress: &Progress,
) {
    loop {
        let next = sources.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
        let Ok(source) = next else { return };
        let scanned = match source {
            Source::Unreadable { name, reason } => Scanned::Unreadable { name, reason },
            source => scanner.scan(source),
        };
        progress.done(&scanned);
        if to_show.send(scanned).is_err() {
            return;
        }
    }
}

fn show(
    scanned: &Receiver<Scanned>,
    output: &mut Output,
    summary: &mut Summary,
    progress: &Progress,
) -> anyhow::Result<()> {
    while let Ok(scanned) = scanned.recv() {
        summary.count(&scanned);
        progress.suspended(|| output.show(&scanned))?;
    }
    Ok(())
}

/// The engines asked for.
fn load(arguments: &ScanArguments, jobs: usize) -> anyhow::Result<Engines> {
    let all = engines::names();
    let mut asked: Vec<EngineName> = Vec::new();
    for name in &arguments.engines {
        let known = all.iter().find(|engine| engine.as_str() == name);
        let Some(engine) = known else {
            let names: Vec<&str> = all.iter().map(EngineName::as_str).collect();
            bail!("there is no engine named `{}`; there are {}", printable(name), names.join(", "));
        };
        asked.push(engine.clone());
    }
    let wanted = |name| asked.is_empty() || asked.contains(&engine_name(name));

    let index = if wanted(reputation::NAME) {
        let sources = engines::list_sources(&arguments.blocklist, &arguments.allowlist);
        let (index, summary) = reputation::load(&sources)?;
        summary.problems.iter().for_each(|problem| complain(&format!("warning: {problem}")));
        Some(index)
    } else {
        None
    };

    let mut specs = Vec::new();
    for name in [filetype::NAME, unpack::NAME] {
        if wanted(name) {
            specs.push(engines::plain(name));
        }
    }
    for name in analyzers::names() {
        if wanted(name) {
            specs.push(engines::analyzer_spec(name, &[])?);
        }
    }
    if wanted(yara::NAME) {
        let cache = cache_directory();
        let (files, unreadable) =
            engines::rule_files(!arguments.no_built_in_rules, &arguments.rules);
        if let Some(first) = unreadable.first() {
            bail!("the rules cannot be read: {first}");
        }
        let compiled = engines::compiler(cache.as_deref()).compile(&files)?;
        for problem in &compiled.problems {
            complain(&format!("warning: rules left out\n{}", problem.message));
        }
        specs.push(engines::yara_spec(
            &compiled,
            Severity::Malicious,
            arguments.limits.rule_timeout.saturating_mul(1_000),
            SystemClock::time(),
        )?);
    }
    let jail = JailSettings {
        workers: jobs,
        artifacts_per_worker: arguments.jail.artifacts_per_worker.max(1),
        require_all_layers: arguments.jail.require_all_layers,
        limits: WorkerLimits {
            memory_bytes: arguments.jail.worker_memory,
            ..WorkerLimits::default()
        },
    };
    let pool = if specs.is_empty() { None } else { Some(engines::pool(&jail, specs)?) };
    if let Some(pool) = &pool {
        let missing = pool.health().layers.missing();
        if !missing.is_empty() {
            complain(&format!(
                "warning: this kernel lacks walls of the jail: {}",
                missing.join(", ")
            ));
        }
    }
    let chosen = all.into_iter().filter(|name| asked.is_empty() || asked.contains(name));
    let chosen: Vec<_> = chosen.collect();
    let unpacks = chosen.iter().any(gives_children);
    let hashes = hashes(arguments.format, index.as_ref(), unpacks);
    Ok(Engines { pool, hashes, index, chosen, workflow: engines::workflow() })
}

/// Whether an engine finds children.
fn gives_children(name: &EngineName) -> bool {
    name.as_str() == unpack::NAME
        || analyzers::find(name.as_str()).is_some_and(|analyzer| analyzer.gives_children)
}

/// The hashes that somebody will look at: a list, whoever looks for an archive inside itself, or
/// whoever reads the report.
fn hashes(format: Format, index: Option<&reputation::Index>, unpacks: bool) -> Wanted {
    if matches!(format, Format::Json | Format::Jsonl) {
        return Wanted::ALL;
    }
    let listed = |kind| index.is_some_and(|index| index.has(kind));
    Wanted {
        sha256: format == Format::Sarif || index.is_some() || unpacks,
        md5: listed(HashKind::Md5),
        sha1: listed(HashKind::Sha1),
        sha512: false,
    }
}

/// Where compiled rules are kept between runs.
fn cache_directory() -> Option<std::path::PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(std::path::PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| {
            std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".cache"))
        })?;
    Some(base.join("palisade").join("yara"))
}
