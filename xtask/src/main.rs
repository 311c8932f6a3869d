//! Set-up, tests, benches and checks of the project: `cargo xtask --help`.

mod bench;
mod bpf;
mod command;
mod fuzz;
mod images;
mod packages;
mod services;
mod survey;
mod test;
mod tidy;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, tests, benches and checks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build what is needed, start the whole platform in the background, and scan a sample.
    Up(up::UpArguments),
    /// Stop what `up` started.
    Down,
    /// Install what the tests need, run every suite, and stop what was started.
    Test(test::TestArguments),
    /// Run every fuzz target for a while.
    Fuzz(fuzz::FuzzArguments),
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// Install what the distributed tests and benches run against: Kafka, an S3 server, PostgreSQL.
    Services,
    /// Scan the system and popular packages, and write down what is found in them and why.
    Survey(survey::SurveyArguments),
    /// Check dependency edges and the house rules.
    Tidy,
    /// Build the sensor's BPF objects anew, to be committed.
    Bpf,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// File scanning, beside its peers.
    Files(bench::FilesArgs),
    /// The Defender on containers, beside auditd. Needs root.
    Defender(bench::DefenderArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Up(arguments) => up::up(&arguments),
        Task::Down => up::down(),
        Task::Test(arguments) => test::test(&arguments),
        Task::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Task::Bench(Bench::Files(arguments)) => bench::files(arguments),
        Task::Bench(Bench::Defender(arguments)) => bench::defender(arguments),
        Task::Services => services::install(),
        Task::Survey(arguments) => survey::survey(&arguments),
        Task::Tidy => tidy::run(),
        Task::Bpf => bpf::build(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
