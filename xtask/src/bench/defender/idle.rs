//! 20 containers that do nothing.

use std::time::{Duration, Instant};

use palisade_services::Image;

use super::Bench;
use super::agent::{Defender, Resident, Settings};
use crate::bench::processes::{cpu_seconds, usage};
use crate::bench::table::{Table, Target};

const CONTAINERS: usize = 20;

/// After the start, everything that runs is looked at and hashed once.
const SETTLE: Duration = Duration::from_secs(15);

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let mut containers = Vec::new();
    for _ in 0..CONTAINERS {
        containers.push(bench.docker.run(&bench.act.options(Image::Busybox))?);
    }
    let defender = Defender::start(bench, &Settings::default())?;
    std::thread::sleep(SETTLE.min(bench.length()));
    let (cpu, began) = (cpu_seconds(defender.pid()), Instant::now());
    std::thread::sleep(bench.length());
    let share = (cpu_seconds(defender.pid()) - cpu) / began.elapsed().as_secs_f64() * 100.0;
    let resident = Resident::of(&defender.processes());
    let proportional = usage(defender.pid()).pss as f64 / MIB;
    let watched = defender.metrics()?.sum("containers", &[]);
    let note = format!(
        "user and system of watchdog and agent over {} s; {watched} containers watched",
        bench.arguments.seconds
    );
    let percent = Some(Target::AtMost(1.0));
    table.add("idle, 20 containers: share of one core", share, "%", percent, note);
    let note = format!(
        "VmRSS of watchdog and agent; anonymous {:.1}, proportional set size {proportional:.1}",
        resident.anonymous as f64 / MIB
    );
    let most = Some(Target::AtMost(64.0));
    table.add("idle, 20 containers: resident", resident.all as f64 / MIB, "MiB", most, note);
    Ok(())
}
