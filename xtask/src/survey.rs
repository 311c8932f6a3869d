//! `cargo xtask survey`: what the engines say of files that are known to be good. It scans them with
//! the program as users have it, and writes `docs/false-positives.md`. Reasons are written by people,
//! in `xtask/survey/reasons.toml`.

mod machine;
mod reasons;
mod report;
mod sets;
mod summary;
mod tally;

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use crate::command::{complain, say};
use crate::{root, up};
use reasons::Reasons;
use report::Report;
use sets::Set;
use tally::Tally;

/// How often the state is said.
const SAY_EVERY: Duration = Duration::from_secs(15);

/// How many places are printed of each finding that has no reason.
const PLACES_SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct SurveyArguments {
    /// Scan these instead of /usr and the packages, and print the summary.
    paths: Vec<PathBuf>,
    /// Write the summary here [default: docs/false-positives.md, unless paths are given].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A program that is built already [default: build it].
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Files scanned at once [default: as `palisade scan` chooses].
    #[arg(long, value_name = "N")]
    jobs: Option<u32>,
}

/// Scans, writes the summary, and prints what no reason covers.
///
/// # Errors
/// When something is malicious, or is found or fails without a reason in the data file; or when
/// something cannot be installed, run or written.
pub(crate) fn survey(arguments: &SurveyArguments) -> anyhow::Result<()> {
    let reasons = Reasons::read(&root().join("xtask/survey/reasons.toml"))?;
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => {
            crate::packages::ensure(up::BUILD)?;
            up::build()?
        }
    };
    let sets = if arguments.paths.is_empty() {
        sets::all()?
    } else {
        arguments.paths.iter().map(|path| Set::of_path(path)).collect()
    };
    let mut tally = Tally::new(&reasons);
    for set in &sets {
        say(&format!("scanning {}", set.name));
        scan(&program, set, arguments.jobs, &mut tally)?;
    }
    let text = summary::text(&machine::Machine::look(&program)?, &sets, &tally);
    match (&arguments.output, arguments.paths.is_empty()) {
        (Some(path), _) => write(path, &text)?,
        (None, true) => write(&root().join("docs/false-positives.md"), &text)?,
        (None, false) => say(&text),
    }
    judge(&tally, arguments.paths.is_empty())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    say(&format!("written to {}", path.display()));
    Ok(())
}

/// Reads the reports of one set one after another, as they are made.
fn scan(program: &Path, set: &Set, jobs: Option<u32>, tally: &mut Tally<'_>) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(["scan", "--quiet", "--format", "jsonl"]);
    // So that a busy machine shows no time-outs that say nothing of the files.
    command.args(["--scan-timeout", "120", "--timeout", "1200"]);
    if let Some(jobs) = jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    command.arg("--").args(&set.paths).stdin(Stdio::null()).stdout(Stdio::piped());
    let child =
        command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
    let mut scanning = Scanning(child);
    let output = scanning.0.stdout.take().context("the scanner's output is not there")?;
    let mut said = Instant::now();
    tally.begin(&set.name);
    // One report at a time: the memory is that of the largest tree.
    let reports = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, output));
    for report in reports.into_iter::<Report>() {
        tally.add(&report.context("the scanner's output cannot be read")?);
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            complain(&tally.state());
        }
    }
    let status = scanning.0.wait()?;
    complain(&tally.state());
    // 1 and 2 say what was found and what could not be scanned, which the reports say as well.
    match status.code() {
        Some(0..=2) => Ok(()),
        _ => bail!("the scanner ended early ({status}); its last words stand above"),
    }
}

/// A running scanner. Dropped, it is stopped.
struct Scanning(Child);

impl Drop for Scanning {
    fn drop(&mut self) {
        // It has ended, in all cases but an error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says what nobody has explained, and after everything was scanned also what needs no reason any more.
fn judge(tally: &Tally<'_>, everything: bool) -> anyhow::Result<()> {
    for (what, open) in tally.open() {
        complain(&format!("\n{what}: {} places without a reason", open.count));
        for place in &open.places {
            complain(&format!("  {}\n      {}", place.path, place.detail));
        }
        if open.count > open.places.len() as u64 {
            complain(&format!("  … and {} more", open.count - open.places.len() as u64));
        }
    }
    if everything {
        let reasons = tally.not_needed();
        reasons
            .for_each(|reason| complain(&format!("note: nothing here needs the reason {reason}")));
    }
    let open: u64 = tally.open().map(|(_, open)| open.count).sum();
    if tally.malicious() > 0 || open > 0 {
        bail!(
            "{} files are called malicious, and {open} places have no reason: look at each file, then \
             make the rule or the analyser more precise, or write the reason into \
             xtask/survey/reasons.toml",
            tally.malicious()
        );
    }
    Ok(())
}
