//! `cargo xtask bench defender`: what watching costs, and what it holds, beside Debian's auditd. How it
//! measures and how to read it: `docs/bench.md`.

mod act;
mod agent;
mod audit;
mod cost;
mod flood;
mod hashes;
mod idle;
mod latency;
mod learned;
mod limits;
mod metrics;
mod nginx;
mod prevention;
mod rules;
mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use palisade_services::Docker;

use super::machine::Machine;
use super::table::{Table, say};
use crate::{packages, root, target};
use act::Act;
use audit::Audit;

/// What the engine, its images, the acts and the load are made of. PostgreSQL brings pgbench.
const PACKAGES: &[&str] = &[
    "busybox-static",
    "docker.io",
    "gcc",
    "iproute2",
    "libc6-dev",
    "mmdebstrap",
    "postgresql",
    "redis-tools",
    "wrk",
    "xz-utils",
];

/// What is measured, and for how long.
#[derive(Debug, Args)]
pub(crate) struct DefenderArgs {
    /// Write the results, with the machine, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Seconds of each measurement over time: idle, floods.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=86_400))]
    seconds: u32,

    /// Rounds of off, on, auditd whose medians are taken.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Events a second that are sent, over all containers.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(80..=10_000_000))]
    rate: u32,

    /// Forbidden programs that are started, for each way of forbidding.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    forbidden: u32,

    /// Acts whose incidents are waited for.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    acts: u32,

    /// Minutes of load on learned containers, and of learning before.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,

    /// Measure only this (repeatable) [default: all].
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<Part>,

    /// Leave auditd out: it is neither installed nor started.
    #[arg(long)]
    no_auditd: bool,

    /// The program that is measured [default: target/release/palisade].
    #[arg(long, value_name = "FILE", env = "PALISADE_BIN")]
    binary: Option<PathBuf>,

    /// Where state and logs are kept while it runs [default: target/bench].
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Processor time and memory with 20 containers that do nothing.
    Idle,
    /// What it adds to open, exec and connect.
    Cost,
    /// Requests a second of nginx.
    Nginx,
    /// Many events: sent, told, lost.
    Events,
    /// A fork bomb and a flood of opens: memory and processor time.
    Floods,
    /// Forbidden programs.
    Prevention,
    /// From the act to its incident.
    Latency,
    /// 200 rules over a recorded stream.
    Rules,
    /// Five million known-bad hashes.
    Hashes,
    /// False incidents of learned services.
    Learned,
}

/// Parts that are measured without, with, and with auditd instead.
const COMPARED: [Part; 2] = [Part::Cost, Part::Nginx];

/// Everything that is written as JSON.
#[derive(serde::Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    auditd: &'a str,
    seconds: u32,
    rounds: u32,
    #[serde(flatten)]
    table: &'a Table,
}

/// Measures a part.
type Measure = fn(&Bench, &mut Table) -> anyhow::Result<()>;

/// What every part works with.
struct Bench {
    binary: PathBuf,
    /// Of this run alone; removed at its end.
    directory: PathBuf,
    docker: Arc<Docker>,
    act: Act,
    audit: Option<Audit>,
    arguments: DefenderArgs,
}

impl Bench {
    fn length(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds.into())
    }
}

/// Measures, prints and writes.
///
/// # Errors
/// When something cannot be started, installed or written. A missed target is no error.
pub(crate) fn defender(arguments: DefenderArgs) -> anyhow::Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "the Defender and Docker need root");
    let binary =
        arguments.binary.clone().unwrap_or_else(|| target().join("release").join("palisade"));
    ensure!(
        binary.is_file(),
        "{} is not there: build it with `cargo build --release -p palisade`, or name one with --binary",
        binary.display()
    );
    packages::ensure(PACKAGES)?;
    let parent = arguments.directory.clone().unwrap_or_else(|| root().join("target/bench"));
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::Builder::new().prefix("run-").tempdir_in(parent.canonicalize()?)?;
    let machine = Machine::look(&binary, directory.path())?;
    say(&super::describe(&machine));
    let others = state::other_defenders();
    ensure!(others.is_empty(), "another Defender runs here (process {others:?}): end it first");

    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let (audit, form) = audit(&arguments, COMPARED.into_iter().any(wanted), directory.path());
    say(&form);
    let bench = Bench {
        binary: binary.canonicalize()?,
        directory: directory.path().to_owned(),
        docker: Docker::shared().context("a Docker engine")?,
        act: Act::compile(directory.path())?,
        audit,
        arguments,
    };
    let parts: [(Part, Measure); 10] = [
        (Part::Idle, idle::measure),
        (Part::Cost, cost::measure),
        (Part::Nginx, nginx::measure),
        (Part::Events, flood::events),
        (Part::Floods, flood::floods),
        (Part::Prevention, prevention::measure),
        (Part::Latency, latency::measure),
        (Part::Rules, rules::measure),
        (Part::Hashes, hashes::measure),
        (Part::Learned, learned::measure),
    ];
    let mut table = Table::default();
    let wanted = |part| bench.arguments.only.is_empty() || bench.arguments.only.contains(&part);
    for (part, measure) in parts {
        if wanted(part) {
            measure(&bench, &mut table).with_context(|| format!("{part:?}"))?;
        }
    }

    say(&format!("\n{}\n{form}\n\n{}", super::describe(&machine), table.text()));
    say(&match table.missed() {
        0 => "every target is reached".to_owned(),
        missed => format!("{missed} missed"),
    });
    if let Some(path) = &bench.arguments.json {
        let Bench { arguments: DefenderArgs { seconds, rounds, .. }, .. } = bench;
        let results = Results { machine: &machine, auditd: &form, seconds, rounds, table: &table };
        std::fs::write(path, serde_json::to_string_pretty(&results)? + "\n")
            .with_context(|| format!("{} cannot be written", path.display()))?;
        say(&format!("written to {}", path.display()));
    }
    Ok(())
}

/// The auditd to compare with, and in which form it runs, in words.
fn audit(
    arguments: &DefenderArgs,
    compared: bool,
    directory: &std::path::Path,
) -> (Option<Audit>, String) {
    if arguments.no_auditd || !compared {
        return (None, "auditd: left out".to_owned());
    }
    match Audit::prepare(directory) {
        Ok(audit) => {
            let form = format!("auditd: {}", audit.form());
            (Some(audit), form)
        }
        Err(error) => (None, format!("auditd: it cannot run here: {error:#}")),
    }
}
