//! From an act to the line of its incident.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use palisade_services::Image;

use super::Bench;
use super::act::{ACT, numbers};
use super::agent::{Defender, Settings, began};
use crate::bench::stats::Spread;
use crate::bench::table::{Table, Target};

const RULE: &str = "Bench marker";

const RULES: &str = "\
- rule: Bench marker
  desc: The program that marks a place in the stream was run.
  condition: evt.type in (execve, execveat) and proc.name = busybox-marker
  output: The marker was run (container=%container.id)
  priority: NOTICE
";

/// Every act is a story of its own, however many there are.
const TABLES: &str = "\
[incidents]
window_ms = 1
max_replicas = 1000000
max_opened_per_minute = 1000000
";

/// An incident that takes longer has not come.
const PATIENCE: Duration = Duration::from_secs(5);
const SETTLE: Duration = Duration::from_secs(3);

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let settings = Settings { rules: Some(RULES), tables: TABLES, ..Settings::default() };
    let defender = Defender::start(bench, &settings)?;
    let container = bench.docker.run(&bench.act.options(Image::Busybox))?;
    std::thread::sleep(SETTLE);
    let (mut times, mut missing) = (Vec::new(), 0.0);
    for _ in 0..bench.arguments.acts {
        let from = defender.told().len();
        let words = [ACT, "stamp", Image::MARKER, "true"];
        let done = container.exec(&words)?;
        let printed = String::from_utf8_lossy(&done.stdout);
        ensure!(done.status.success(), "stamp: {}", String::from_utf8_lossy(&done.stderr));
        let stamp = numbers(&printed).first().copied().context("no time of the act")? / 1e9;
        match arrival(&defender, from) {
            Some(at) => times.push((at - stamp) * 1e3),
            None => missing += 1.0,
        }
    }
    let spread = Spread::of(&times);
    let note = format!(
        "{} execs; from the clock of the act just before execve to the line on our pipe; max {:.1}",
        spread.samples, spread.max
    );
    table.add("act to incident: p50", spread.p50, "ms", None, note);
    let most = Some(Target::AtMost(50.0));
    let metrics = defender.metrics()?;
    let bound = metrics.quantile("incident_seconds", 0.99).unwrap_or(f64::NAN) * 1e3;
    let note = format!("by its own histogram at most {bound}");
    table.add("act to incident: p99", spread.p99, "ms", most, note);
    table.add("acts without an incident", missing, "", Some(Target::AtMost(0.0)), "");
    Ok(())
}

/// When the marker's incident came.
fn arrival(defender: &Defender, from: usize) -> Option<f64> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let told = defender.told();
        let line = told.iter().skip(from).find(|told| {
            began(&told.line) && told.line["finding_info"]["analytic"]["name"] == RULE
        });
        if let Some(line) = line {
            return Some(line.at);
        }
        drop(told);
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}
