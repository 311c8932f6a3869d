//! `cargo xtask fuzz`: every target for a while, coverage-guided, on the toolchain of the project.
//!
//! The coverage instrumentation needs only stable code generation options; libFuzzer itself comes
//! with the crate `libfuzzer-sys`. Address sanitizing would need nightly, and there is no `unsafe`
//! in what is fuzzed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;

use crate::command::{cargo, complain, output, run, say};
use crate::{packages, root, target};

#[derive(Debug, Args)]
pub(crate) struct FuzzArguments {
    /// Minutes for all targets together.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only targets whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// What libFuzzer needs of the compiler (as cargo-fuzz sets it, without a sanitizer).
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module \
     -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Cdebug-assertions -Ccodegen-units=1";

/// An input that takes longer is a finding.
const SECONDS_FOR_AN_INPUT: u32 = 10;

pub(crate) fn fuzz(arguments: &FuzzArguments) -> anyhow::Result<()> {
    packages::ensure(&["g++"])?;
    let home = root().join("fuzz");
    let names = targets(&home)?;
    let names: Vec<&String> = names.iter().filter(|name| name.contains(&arguments.only)).collect();
    if names.is_empty() {
        bail!("no fuzz target has `{}` in its name", arguments.only);
    }
    run_seeds(&home)?;
    let host = host()?;
    // By name: what writes the first inputs has no libFuzzer to link with.
    let programs = names.iter().flat_map(|name| ["--bin", name.as_str()]);
    run(cargo_in(&home)
        .env("RUSTFLAGS", INSTRUMENTATION)
        .args(["build", "--release", "--target", &host])
        .args(programs))?;
    let seconds = (arguments.minutes * 60.0 / names.len() as f64).ceil().max(1.0);
    let mut failed = Vec::new();
    for name in &names {
        say(&format!("\n== {name}: {seconds} s"));
        let program = built().join(&host).join("release").join(name);
        if let Err(error) = fuzz_one(&program, &home, name, seconds) {
            complain(&format!("{error:#}"));
            failed.push(name.as_str());
        }
    }
    say(&format!("\ntargets: {} passed, {} failed", names.len() - failed.len(), failed.len()));
    if !failed.is_empty() {
        bail!("failed: {}; the inputs are in fuzz/artifacts", failed.join(", "));
    }
    Ok(())
}

/// That every target still fits what it fuzzes: they are a workspace of their own, which nothing else compiles.
pub(crate) fn check() -> anyhow::Result<()> {
    packages::ensure(&["g++"])?;
    run(cargo_in(&root().join("fuzz")).args(["check", "--locked", "--bins"]))
}

/// Where their builds are kept, with all others.
fn built() -> PathBuf {
    target().join("fuzz")
}

fn cargo_in(fuzz: &Path) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(fuzz).env("CARGO_TARGET_DIR", built());
    cargo
}

fn targets(fuzz: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(fuzz.join("fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Writes the first inputs of every target into `fuzz/corpus`.
fn run_seeds(fuzz: &Path) -> anyhow::Result<()> {
    run(cargo_in(fuzz).args(["run", "--quiet", "--release", "--bin", "seeds"]))
}

fn host() -> anyhow::Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc does not name its host")
}

fn fuzz_one(program: &Path, fuzz: &Path, name: &str, seconds: f64) -> anyhow::Result<()> {
    let corpus: PathBuf = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    run(Command::new(program)
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={SECONDS_FOR_AN_INPUT}"))
        .args(["-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=0", "-verbosity=0"]))
}
