//! Others that do the same, on the same files in the same run: A B C, A B C, A B C, medians.

pub(super) mod clamav;
mod install;
pub(super) mod yara;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

use super::Bench;
use super::stats::median;

/// Rounds of which medians are taken.
const ROUNDS: usize = 5;

/// Distinct variants of each file of the mix in the tree that is scanned.
const COPIES: u32 = 5;

/// A tree of files and its size.
struct Tree {
    path: PathBuf,
    files: u64,
    bytes: u64,
}

impl Tree {
    /// Writes it, once for all peers: it is in the page cache for everybody then.
    fn write(bench: &Bench) -> anyhow::Result<Self> {
        let path = bench.directory.join("tree");
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        let (files, bytes) = bench.corpus.write_tree(&path, COPIES)?;
        Ok(Self { path, files, bytes })
    }

    fn per_second(&self, seconds: f64) -> f64 {
        self.files as f64 / seconds
    }
}

/// How one run of a program ended.
struct Ran {
    seconds: f64,
    code: i32,
    /// Standard output.
    printed: String,
}

/// Runs a program to its end, its output in a file as a script would have it.
fn run(bench: &Bench, command: &mut Command) -> anyhow::Result<Ran> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = bench.directory.join("out.txt");
    let log = bench.directory.join("err.txt");
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&log)?);
    let started = Instant::now();
    let status = command.status().with_context(|| format!("{name} does not start"))?;
    let seconds = started.elapsed().as_secs_f64();
    let code = status.code().with_context(|| format!("{name} ended by a signal"))?;
    // Rule names and paths are all that is looked for.
    let printed = String::from_utf8_lossy(&fs::read(&out)?).into_owned();
    if code > 2 || (printed.is_empty() && code != 0) {
        let log = fs::read(&log)?;
        anyhow::bail!("{name} failed ({code}): {}", String::from_utf8_lossy(&log));
    }
    Ok(Ran { seconds, code, printed })
}

/// `palisade scan` with its own rule cache, kept for the whole benchmark.
fn palisade(bench: &Bench) -> Command {
    let mut command = Command::new(&bench.binary);
    command.env("XDG_CACHE_HOME", bench.directory.join("cache")).args(["scan", "--quiet"]);
    command
}

/// The times of one contender.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn median(&self) -> f64 {
        median(&self.0)
    }

    fn note(&self) -> String {
        let all: Vec<String> = self.0.iter().map(|seconds| format!("{seconds:.2}")).collect();
        format!("runs: {} s", all.join(" "))
    }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
