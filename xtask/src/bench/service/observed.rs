//! What a run costs, seen from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::load::{Load, Run};
use super::super::processes::{Usage, cpu_seconds, machine_busy_seconds, usage};
use super::super::server::{Metrics, Server};
use super::super::stats::slope;

/// Between two samples of memory and backlog.
const SAMPLE: Duration = Duration::from_millis(500);

/// Beside a [`Run`].
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) processes: usize,
    pub(super) rss_max_mib: f64,
    pub(super) pss_max_mib: f64,
    /// KiB a minute, over the last half of the run.
    pub(super) rss_slope_kib: f64,
    pub(super) pss_slope_kib: f64,
    /// As last seen while requests came.
    pub(super) backlog_end: f64,
    pub(super) backlog_max: f64,
    /// Records a second, over the last half.
    pub(super) backlog_slope: f64,
    /// Of all processes of the server, user and system.
    pub(super) cpu_seconds: f64,
    /// Of the load generator.
    own_cpu_seconds: f64,
    /// Of everything else on the machine.
    other_cpu_seconds: f64,
    elapsed: f64,
    /// Processor seconds of each part of a distributed installation.
    pub(super) parts: Vec<(&'static str, f64)>,
    /// Files found inside the uploads.
    children: f64,
    /// Engine results that are failures of the engine.
    failures: f64,
    worker_deaths: f64,
}

impl Observed {
    /// What else there is to know of the run.
    pub(super) fn line(&self, run: &Run) -> String {
        let mut line = format!(
            "{:.2} processors (generator {:.2}, others {:.2})",
            self.cpu_seconds / self.elapsed,
            self.own_cpu_seconds / self.elapsed,
            self.other_cpu_seconds / self.elapsed,
        );
        if self.children > 0.0 {
            // What was refused was sent, but never opened.
            line.push_str(&format!(
                ", {:.0} KiB and {:.2} files inside each",
                run.bytes as f64 / 1024.0 / run.sent as f64,
                self.children / run.latencies.len() as f64
            ));
        }
        if self.failures > 0.0 {
            line.push_str(&format!(", {:.0} ENGINE FAILURES", self.failures));
        }
        if self.worker_deaths > 0.0 {
            line.push_str(&format!(", {:.0} worker deaths", self.worker_deaths));
        }
        line
    }
}

struct Sampled {
    at: f64,
    rss: f64,
    pss: f64,
    processes: usize,
    backlog: f64,
}

/// Makes the run, and looks at the server from time to time meanwhile.
pub(super) fn observe(server: &Server, load: Load<'_>) -> anyhow::Result<(Run, Observed)> {
    let (seconds, own) = (load.seconds, std::process::id());
    let before = server.metrics()?;
    let started = Instant::now();
    // This process's family is the server too.
    let of_all = |pids: &[u32]| pids.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>();
    let pids = server.pids();
    let cpu = || (of_all(&pids), cpu_seconds(own), machine_busy_seconds());
    let parts_before: Vec<f64> = server.parts().iter().map(|(_, pid)| cpu_seconds(*pid)).collect();
    let cpu_before = cpu();
    let stop = AtomicBool::new(false);
    let (run, samples) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(server, seconds, &stop));
        let run = load.run();
        stop.store(true, Ordering::Relaxed);
        (run, sampler.join().unwrap_or_default())
    });
    let run = run?;
    let cpu_after = cpu();
    let parts: Vec<(&'static str, f64)> = server
        .parts()
        .into_iter()
        .zip(parts_before)
        .map(|((name, pid), before)| (name, cpu_seconds(pid) - before))
        .collect();
    let elapsed = started.elapsed().as_secs_f64();
    let after = server.metrics()?;

    let last_half: Vec<&Sampled> =
        samples.iter().filter(|sample| sample.at >= seconds / 2.0).collect();
    let line = |value: fn(&Sampled) -> f64| {
        slope(&last_half.iter().map(|sample| (sample.at, value(sample))).collect::<Vec<_>>())
    };
    let most = |value: fn(&Sampled) -> f64| samples.iter().map(value).fold(0.0, f64::max);
    let gained = |value: &dyn Fn(&Metrics) -> f64| value(&after) - value(&before);
    let server_cpu = cpu_after.0 - cpu_before.0;
    // The servers behind a distributed installation are of this process's family too.
    let behind = parts.iter().map(|(_, seconds)| seconds).sum::<f64>().max(server_cpu);
    let family_cpu = cpu_after.1 - cpu_before.1;
    let mib = f64::from(1 << 20);
    let observed = Observed {
        processes: samples.iter().map(|sample| sample.processes).max().unwrap_or_default(),
        rss_max_mib: most(|sample| sample.rss) / mib,
        pss_max_mib: most(|sample| sample.pss) / mib,
        rss_slope_kib: line(|sample| sample.rss) * 60.0 / 1024.0,
        pss_slope_kib: line(|sample| sample.pss) * 60.0 / 1024.0,
        backlog_end: samples.last().map_or(0.0, |sample| sample.backlog),
        backlog_max: most(|sample| sample.backlog),
        backlog_slope: line(|sample| sample.backlog),
        cpu_seconds: server_cpu,
        own_cpu_seconds: (family_cpu - behind).max(0.0),
        other_cpu_seconds: (cpu_after.2 - cpu_before.2 - family_cpu).max(0.0),
        elapsed,
        parts,
        children: gained(&|metrics| metrics.sum("palisade_children_total")),
        failures: gained(&|metrics| {
            metrics.sum_where("palisade_engine_results_total", "outcome=\"failed\"")
                + metrics.sum_where("palisade_engine_results_total", "outcome=\"timed-out\"")
        }),
        worker_deaths: gained(&|metrics| metrics.sum("palisade_worker_deaths_total")),
    };
    Ok((run, observed))
}

/// Until told to stop, or the requests' time is over.
fn sample(server: &Server, seconds: f64, stop: &AtomicBool) -> Vec<Sampled> {
    let started = Instant::now();
    let mut samples = Vec::new();
    loop {
        std::thread::sleep(SAMPLE);
        let at = started.elapsed().as_secs_f64();
        if stop.load(Ordering::Relaxed) || at > seconds {
            return samples;
        }
        let memory = server.pids().into_iter().map(usage).fold(Usage::default(), Usage::plus);
        // A server too busy to say has more than it can count.
        let backlog = server.metrics().map_or(f64::NAN, |metrics| metrics.backlog());
        samples.push(Sampled {
            at,
            rss: memory.rss as f64,
            pss: memory.pss as f64,
            processes: memory.processes,
            backlog,
        });
    }
}
