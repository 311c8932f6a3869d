//! Programs that must not run: whether any reached its first `write()`.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use palisade_services::{Container, Image, Options};

use super::Bench;
use super::act::{ACT, numbers};
use super::agent::{Defender, Settings};
use crate::bench::table::{Table, Target};

/// Two ways of forbidding that the kernel's own lists hold: what did not come with the image, and a path.
const POLICY: &str = r#"
[[rule]]
name = "drift"
match = { labels = { bench = "drift" } }
process = { learned = false, drift = "prevent" }

[[rule]]
name = "path"
match = { labels = { bench = "path" } }
process = { learned = false, deny_effect = "prevent", deny = ["/tmp/forbidden"] }
"#;

/// Until a policy holds for a container that is new.
const PATIENCE: Duration = Duration::from_secs(20);

/// Without a Defender all of these run.
const CONTROL: u32 = 20;

/// What became of programs that were started.
struct Outcome {
    started: f64,
    refused: f64,
    killed: f64,
    wrote: f64,
}

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let ways = [("drift", "each", "not of the image"), ("path", "one", "a denied path")];
    for (label, names, _) in ways {
        let free = bench.docker.run(&options(bench, label))?;
        let control = start(&free, names, CONTROL)?;
        ensure!(control.wrote == f64::from(CONTROL), "without a Defender they do not run either");
    }
    let settings = Settings { policy: Some(POLICY), ..Settings::default() };
    let defender = Defender::start(bench, &settings)?;
    for (label, names, shown) in ways {
        let container = bench.docker.run(&options(bench, label))?;
        let started = Instant::now();
        while start(&container, names, 1)?.wrote > 0.0 {
            ensure!(
                started.elapsed() < PATIENCE,
                "{label}: nothing is refused:\n{}",
                defender.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let outcome = start(&container, names, bench.arguments.forbidden)?;
        let note = format!(
            "of {} started, each of another inode: {} refused, {} killed",
            outcome.started, outcome.refused, outcome.killed
        );
        let none = Some(Target::AtMost(0.0));
        table.add(format!("forbidden, {shown}: wrote"), outcome.wrote, "", none, note);
    }
    Ok(())
}

fn options(bench: &Bench, label: &str) -> Options {
    let mut options = bench.act.options(Image::Busybox);
    options.labels.push(("bench".to_owned(), label.to_owned()));
    options
}

fn start(container: &Container<'_>, names: &str, count: u32) -> anyhow::Result<Outcome> {
    let done = container.exec(&[ACT, "forbidden", "/tmp", &count.to_string(), names])?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "forbidden: {said}");
    let told = numbers(&String::from_utf8_lossy(&done.stdout));
    let [started, refused, killed, wrote] =
        <[f64; 4]>::try_from(told).ok().context("four numbers")?;
    Ok(Outcome { started, refused, killed, wrote })
}
