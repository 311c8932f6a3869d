//! `cargo xtask bench files`: what file scanning reaches on this machine, beside its peers. How it
//! measures and how to read it: `docs/bench.md`. `cargo xtask bench defender` is in `defender`.

mod corpus;
mod defender;
mod http;
mod load;
mod machine;
mod peers;
mod processes;
mod random;
mod server;
mod service;
mod stats;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use corpus::{ClassSummary, Corpus};
pub(crate) use defender::{DefenderArgs, defender};
use machine::Machine;
use table::{Table, say};

/// What is measured, and for how long.
#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Write the results, with the machine and the mix, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Seconds of each measurement at a fixed load.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=86_400))]
    seconds: u32,

    /// Measure only this (repeatable) [default: all].
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<Part>,

    /// Measure several processes on Kafka, S3 and PostgreSQL too, beside the embedded form.
    #[arg(long)]
    distributed: bool,

    /// The program that is measured [default: target/release/palisade].
    #[arg(long, value_name = "FILE", env = "PALISADE_BIN")]
    binary: Option<PathBuf>,

    /// Where data directories and trees are made; its file system counts [default: target/bench].
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Start to ready.
    Start,
    /// 44 requests a second.
    Pace,
    /// 440 requests a second, with memory and processor time; and the highest rate.
    Sustained,
    /// Each kind of files alone.
    Classes,
    /// The same bytes again, and hash look-ups.
    Again,
    /// One host of an engine, then two, with `--distributed`.
    Workers,
    /// Beside `yr` and `yara`.
    Yara,
    /// Beside `clamdscan`.
    Clamav,
}

/// Everything that is written as JSON.
#[derive(serde::Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    mix: &'a [ClassSummary],
    seconds: u32,
    #[serde(flatten)]
    table: &'a Table,
}

/// What every part works with.
struct Bench {
    binary: PathBuf,
    workspace: PathBuf,
    /// Of this run alone; removed at its end.
    directory: PathBuf,
    seconds: f64,
    corpus: Corpus,
}

/// Measures, prints and writes.
///
/// # Errors
/// When something cannot be started, installed or written. A missed target is no error.
pub(crate) fn files(arguments: FilesArgs) -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask stands in a workspace")?
        .to_owned();
    let binary =
        arguments.binary.clone().unwrap_or_else(|| workspace.join("target/release/palisade"));
    ensure!(
        binary.is_file(),
        "{} is not there: build it with `cargo build --release -p palisade`, or name one with --binary",
        binary.display()
    );
    let parent = arguments.directory.clone().unwrap_or_else(|| workspace.join("target/bench"));
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&parent)?;

    let machine = Machine::look(&binary, directory.path())?;
    say(&describe(&machine));
    let corpus = Corpus::collect()?;
    let mix = corpus.summary();
    say(&mix_text(&mix));
    let bench = Bench {
        binary: binary.canonicalize()?,
        workspace,
        directory: directory.path().to_owned(),
        seconds: f64::from(arguments.seconds),
        corpus,
    };
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut table = Table::default();
    service::measure(&bench, &wanted, &mut table)?;
    if arguments.distributed {
        crate::services::install()?;
        service::measure_distributed(&bench, &wanted, &mut table)?;
    }
    if wanted(Part::Yara) {
        peers::yara::measure(&bench, &mut table)?;
    }
    if wanted(Part::Clamav) {
        peers::clamav::measure(&bench, &mut table)?;
    }

    say(&format!("\n{}\n{}\n{}", describe(&machine), mix_text(&mix), table.text()));
    say(&match table.missed() {
        0 => "every target is reached".to_owned(),
        missed => format!("{missed} missed"),
    });
    if let Some(path) = arguments.json {
        let results =
            Results { machine: &machine, mix: &mix, seconds: arguments.seconds, table: &table };
        std::fs::write(&path, serde_json::to_string_pretty(&results)? + "\n")
            .with_context(|| format!("{} cannot be written", path.display()))?;
        say(&format!("written to {}", path.display()));
    }
    Ok(())
}

fn describe(machine: &Machine) -> String {
    format!(
        "{} at {}, on {} × {}, {} MiB, {}, Linux {}, data on {} (write and fdatasync of 4 KiB: \
         {:.2} ms). Busy before: {:.2} processors.\n",
        machine.palisade,
        machine.revision,
        machine.processors,
        machine.processor,
        machine.memory_mib,
        machine.system,
        machine.kernel,
        machine.file_system,
        machine.fsync_ms,
        machine.busy_before,
    )
}

fn mix_text(mix: &[ClassSummary]) -> String {
    let mut text =
        "| mix         | files | median KiB | mean KiB | total MiB | from\n|---|---:|---:|---:|---:|---\n"
            .to_owned();
    for class in mix {
        text.push_str(&format!(
            "| {:<11} | {:>5} | {:>10.1} | {:>8.1} | {:>9.1} | {}\n",
            class.class,
            class.files,
            class.median_bytes as f64 / 1024.0,
            class.mean_bytes as f64 / 1024.0,
            class.total_bytes as f64 / (1024.0 * 1024.0),
            class.from,
        ));
    }
    text
}
