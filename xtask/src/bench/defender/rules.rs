//! 200 rules over a recorded stream, by the defender crate's example `rules_cost`.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use palisade_services::{ContainerNetwork, Image};

use super::Bench;
use super::act::ACT;
use super::nginx;
use crate::bench::table::{Table, Target};
use crate::command::{cargo, output, run};
use crate::{root, target};

const RULES: &str = "200";

/// Seconds of the stream.
const STREAM: u32 = 20;

/// What people do in containers, beside what `act mixed` does.
const ERRANDS: &str = "cat /etc/passwd >/dev/null; ls -R /etc >/dev/null; id; echo x > /tmp/x; \
                       cp /tmp/x /tmp/y; mv /tmp/y /tmp/z; chmod 600 /tmp/z; rm /tmp/x /tmp/z; \
                       find /usr/share -name '*.conf' | head -n 3 | xargs cat >/dev/null; ps >/dev/null; true";

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    run(cargo().current_dir(root()).args([
        "build",
        "--release",
        "--package",
        "palisade-defender",
        "--example",
        "rules_cost",
    ]))?;
    let program = target().join("release/examples/rules_cost");
    let stream = bench.directory.join("stream.jsonl");
    record(bench, &program, &stream)?;
    let printed = output(Command::new(&program).arg("measure").arg(&stream).arg(RULES))?;
    let of = |name: &str| {
        printed.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    let ns = of("ns ").with_context(|| format!("rules_cost says no time: {printed}"))?;
    let count = |name| of(name).unwrap_or(f64::NAN);
    let note = format!(
        "{} rules, {} recorded events, {} findings in a pass; counters included; \
         the median of {} passes' means, from {:.2} to {:.2} µs",
        count("rules "),
        count("events "),
        count("findings "),
        count("passes "),
        count("fastest ") / 1e3,
        count("slowest ") / 1e3
    );
    let most = Some(Target::AtMost(2.0));
    table.add("rules: one event, mean", ns / 1e3, "µs", most, note);
    Ok(())
}

/// Records what the host does while containers are busy.
fn record(bench: &Bench, program: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
    let seconds = STREAM.min(bench.arguments.seconds);
    let busy = bench.docker.run(&bench.act.options(Image::Busybox))?;
    let mut own = bench.act.options(Image::Debian);
    own.network = ContainerNetwork::Bridge;
    let desk = bench.docker.run(&own)?;
    let web = bench.docker.run(&nginx::options())?;
    let address = nginx::address(&web)?;
    let mut recorder = Command::new(program)
        .args(["record", &seconds.to_string()])
        .arg(to)
        .spawn()
        .with_context(|| format!("{} does not start", program.display()))?;
    // It loads programs into the kernel first.
    std::thread::sleep(Duration::from_secs(1));
    std::thread::scope(|scope| {
        scope.spawn(|| busy.exec(&[ACT, "mixed", &seconds.to_string()]));
        scope.spawn(|| nginx::wrk(&address, seconds));
        while matches!(recorder.try_wait(), Ok(None)) {
            if desk.exec(&["sh", "-c", ERRANDS]).is_err() {
                break;
            }
        }
    });
    let status = recorder.wait()?;
    anyhow::ensure!(status.success(), "the recorder failed: {status}");
    Ok(())
}
