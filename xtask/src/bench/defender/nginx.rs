//! nginx under wrk.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use palisade_services::{Container, ContainerNetwork, Image, Options};

use super::Bench;
use super::state::State;
use crate::bench::stats::median;
use crate::bench::table::{Table, Target};
use crate::command::output;

const SETTLE: Duration = Duration::from_secs(2);

/// Seconds of one run of wrk.
const RUN: u32 = 10;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let states = bench.states();
    let mut rates = vec![Vec::new(); states.len()];
    let seconds = RUN.min(bench.arguments.seconds);
    for _ in 0..bench.arguments.rounds {
        for (state, rates) in states.iter().zip(&mut rates) {
            let _watching = bench.enter(*state)?;
            let container = bench.docker.run(&options())?;
            std::thread::sleep(SETTLE);
            let address = address(&container)?;
            // Fills caches, and is not counted.
            wrk(&address, 1)?;
            rates.push(wrk(&address, seconds)?);
        }
    }
    let Some(off) = rates.first() else { return Ok(()) };
    for (state, on) in states.iter().zip(&rates) {
        let listed: Vec<String> = on.iter().map(|rate| format!("{rate:.0}")).collect();
        let note = format!("rounds: {}", listed.join(" "));
        let lost: Vec<f64> = on.iter().zip(off).map(|(on, off)| (1.0 - on / off) * 100.0).collect();
        let lost = median(&lost);
        match state {
            State::Empty => {
                let name = "nginx: requests lost to an empty program";
                table.add(name, lost, "%", None, format!("the kernel's part; {note}"));
            }
            State::Off => table.add("nginx: requests without", median(on), "/s", None, note),
            State::Palisade => {
                table.add("nginx: requests with it", median(on), "/s", None, note);
                let most = Some(Target::AtMost(2.0));
                table.add("nginx: requests lost", lost, "%", most, "median of the rounds'");
            }
            State::Auditd => {
                table.add("nginx: requests with auditd", median(on), "/s", None, note);
                table.add("nginx: requests lost to auditd", lost, "%", None, "");
            }
        }
    }
    Ok(())
}

/// A web server that the host reaches.
pub(super) fn options() -> Options {
    Options { network: ContainerNetwork::Bridge, ..Options::of(Image::Nginx) }
}

/// Its address on the bridge.
pub(super) fn address(container: &Container<'_>) -> anyhow::Result<String> {
    Ok(container.inspect("{{.NetworkSettings.IPAddress}}")?)
}

/// Requests a second.
pub(super) fn wrk(address: &str, seconds: u32) -> anyhow::Result<f64> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c32", &format!("-d{seconds}s"), &format!("http://{address}/")]);
    let printed = output(&mut wrk)?;
    let rate = printed.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok())
        .with_context(|| format!("wrk says no rate: {printed}"))
}
