//! Many events at once.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use palisade_services::{Container, Image, Mount};

use super::Bench;
use super::act::{ACT, numbers};
use super::agent::{Defender, Settings};
use super::limits::Watch;
use super::metrics::Metrics;
use crate::bench::table::{Table, Target};
use crate::command::output;

/// Containers that send: each below the Defender's rate of one container, 20,000 a second of a kind.
const SENDERS: u32 = 8;

/// Containers that open without end, and files of each.
const FLOODERS: u32 = 4;
const FLOODED: u32 = 50_000;

/// Processes that a fork bomb may have.
const BOMB: u32 = 500;

/// Where files are: memory of the container's own.
const FOLDER: &str = "/flood";

/// How long files may take to be made, and containers to end after their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers that stand still for so long have come to rest.
const REST: Duration = Duration::from_secs(4);

const OPENED: &[&str] = &["kind=\"open\""];

/// A rate, from several containers together: what was sent is told or counted as lost.
pub(super) fn events(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let seconds = bench.arguments.seconds;
    let each = bench.arguments.rate / SENDERS;
    let defender = Defender::start(bench, &Settings::default())?;
    // Each file's turn comes again after more than the second in which like events are one.
    let senders = flooders(bench, SENDERS, each.saturating_mul(5) / 2, each)?;
    let (before, lines) = (rest(&defender)?, defender.told().len());
    let watch = Watch::start(&defender)?;
    bench.act.go()?;
    let sent = ended(&senders, bench.length())?;
    watch.rows("events", &defender, table);
    let after = rest(&defender)?;

    let of = |name: &str, labels: &[&str]| after.sum(name, labels) - before.sum(name, labels);
    let told = of("events_total", OPENED);
    let lost = of("lost_events_total", OPENED);
    let by_cause: Vec<String> = ["buffer-full", "queue-full", "rate-limited"]
        .into_iter()
        .map(|cause| {
            let label = format!("cause=\"{cause}\"");
            format!("{cause} {:.0}", of("lost_events_total", &[OPENED[0], &label]))
        })
        .collect();
    let in_lines = lost_in_lines(&defender, lines);
    let rate = Some(Target::AtLeast(f64::from(each * SENDERS) * 0.999));
    let note = format!("{sent:.0} opens for writing from {SENDERS} containers in {seconds} s");
    table.add("events: sent", sent / f64::from(seconds), "/s", rate, note);
    table.add("events: told", told / f64::from(seconds), "/s", None, format!("{told:.0} in all"));
    let note = format!("{}; {in_lines:.0} in the lines of blind intervals", by_cause.join(", "));
    table.add("events: lost and counted", lost, "", None, note);
    // Both ways: a loss that is counted twice is as wrong, though it harms nobody.
    let gap = sent - told - lost;
    let none = Some(Target::AtMost(0.0));
    let note = format!("sent − told − lost = {gap:.0}");
    table.add("events: unaccounted for", gap.max(0.0), "", none, note);
    Ok(())
}

/// As much as it goes, until the end: its share of the machine is not exceeded.
pub(super) fn floods(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let defender = Defender::start(bench, &Settings::default())?;
    let containers = flooders(bench, FLOODERS, FLOODED, 0)?;
    let watch = Watch::start(&defender)?;
    bench.act.go()?;
    let opened = ended(&containers, bench.length())?;
    drop(containers);
    watch.rows("open flood", &defender, table);
    let rate = opened / f64::from(bench.arguments.seconds);
    table.add("open flood: opens", rate, "/s", None, format!("from {FLOODERS} containers"));
    // It watches on, and nothing of the flood waits any more.
    rest(&defender)?;

    bench.act.hold();
    let words = [ACT, "bomb", &bench.arguments.seconds.to_string()];
    let bomb = bench.docker.run(&bench.act.options(Image::Busybox).run(&words))?;
    let mut limit = bench.docker.command();
    output(limit.args(["update", "--pids-limit", &BOMB.to_string(), bomb.id()]))?;
    let (before, made) = (rest(&defender)?, forks());
    let watch = Watch::start(&defender)?;
    bench.act.go()?;
    ended(std::slice::from_ref(&bomb), bench.length())?;
    watch.rows("fork bomb", &defender, table);
    let made = (forks() - made) / f64::from(bench.arguments.seconds);
    let after = rest(&defender)?;
    let of = |name: &str| {
        let forks: &[&str] = &["kind=\"fork\""];
        after.sum(name, forks) - before.sum(name, forks)
    };
    let note = format!(
        "of the whole host; at most {BOMB} processes at a time; told {:.0}, lost and counted {:.0}",
        of("events_total"),
        of("lost_events_total")
    );
    table.add("fork bomb: forks", made, "/s", None, note);
    Ok(())
}

/// Processes and threads that were made since the machine started.
fn forks() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let forks = text.lines().find_map(|line| line.strip_prefix("processes "));
    forks.and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// Containers whose files are made, and that wait.
fn flooders(
    bench: &Bench,
    count: u32,
    files: u32,
    rate: u32,
) -> anyhow::Result<Vec<Container<'_>>> {
    bench.act.hold();
    let words = [files, rate, bench.arguments.seconds].map(|number| number.to_string());
    let [files, rate, seconds] = &words;
    let mut options = bench.act.options(Image::Busybox);
    options.mounts.push(Mount::Tmpfs(FOLDER.to_owned()));
    let options = options.run(&[ACT, "flood", FOLDER, files, rate, seconds]);
    let mut containers = Vec::new();
    for _ in 0..count {
        containers.push(bench.docker.run(&options)?);
    }
    let started = Instant::now();
    for container in &containers {
        while !container.logs()?.contains("ready") {
            let logs = container.logs()?;
            ensure!(container.pid()? != 0, "a sender ended: {logs}");
            ensure!(
                started.elapsed() < PATIENCE,
                "the senders' files are not made in time: {logs}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(containers)
}

/// What all of them did, once they have ended.
fn ended(containers: &[Container<'_>], length: Duration) -> anyhow::Result<f64> {
    std::thread::sleep(length);
    let mut sum = 0.0;
    for container in containers {
        let code = container.wait(PATIENCE)?;
        let logs = container.logs()?;
        ensure!(code == 0, "a sender failed ({code}): {logs}");
        sum += numbers(&logs).first().context("a sender said no number")?;
    }
    Ok(sum)
}

/// The numbers once nothing comes any more.
fn rest(defender: &Defender) -> anyhow::Result<Metrics> {
    let sum = |metrics: &Metrics| {
        metrics.sum("events_total", &[]) + metrics.sum("lost_events_total", &[])
    };
    let started = Instant::now();
    let (mut last, mut since) = (f64::NAN, Instant::now());
    loop {
        let metrics = defender.metrics()?;
        let now = sum(&metrics);
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > REST {
            return Ok(metrics);
        }
        if started.elapsed() > PATIENCE {
            bail!("events still come although nothing is done");
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Opens that the lines of blind intervals say were lost.
fn lost_in_lines(defender: &Defender, from: usize) -> f64 {
    let told = defender.told();
    let lost = told.iter().skip(from).map(|told| &told.line["unmapped"]["blind"]["lost"]["open"]);
    lost.filter_map(serde_json::Value::as_f64).fold(0.0, |sum, lost| sum + lost)
}
