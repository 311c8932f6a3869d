//! The Defender's cgroup: what it may take, and what it took.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::agent::{Defender, Resident};
use crate::bench::processes::{cpu_seconds, members};
use crate::bench::table::{Table, Target};

const NAME: &str = "palisade-defender";
const MIB: f64 = 1024.0 * 1024.0;

/// Between two looks at memory.
const LOOK: Duration = Duration::from_millis(200);

/// How far processor time may go beyond a quota within seconds: what a period of it had left, and clock ticks.
const SLACK: f64 = 1.05;

/// Where limits stand, in v1 or v2.
struct Limits {
    memory: PathBuf,
    cpu: PathBuf,
    second: bool,
}

impl Limits {
    fn find() -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let second = root.join("cgroup.controllers").exists();
        let (memory, cpu) = match second {
            true => (root.join(NAME), root.join(NAME)),
            false => (root.join("memory").join(NAME), root.join("cpu").join(NAME)),
        };
        (memory.exists() && cpu.exists()).then_some(Self { memory, cpu, second })
    }

    fn memory_limit(&self) -> Option<f64> {
        let name = if self.second { "memory.max" } else { "memory.limit_in_bytes" };
        number(&self.memory.join(name))
    }

    fn memory_peak_file(&self) -> PathBuf {
        self.memory.join(if self.second { "memory.peak" } else { "memory.max_usage_in_bytes" })
    }

    /// Processors.
    fn quota(&self) -> Option<f64> {
        if self.second {
            let text = fs::read_to_string(self.cpu.join("cpu.max")).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            return Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?);
        }
        let quota = number(&self.cpu.join("cpu.cfs_quota_us"))?;
        Some(quota / number(&self.cpu.join("cpu.cfs_period_us"))?)
    }

    fn throttled(&self) -> f64 {
        let text = fs::read_to_string(self.cpu.join("cpu.stat")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        line.and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Looks at a Defender while it is under load.
pub(super) struct Watch {
    limits: Limits,
    root: u32,
    began: Instant,
    cpu: f64,
    throttled: f64,
    restarts: usize,
    stop: Arc<AtomicBool>,
    sampler: JoinHandle<Resident>,
}

impl Watch {
    pub(super) fn start(defender: &Defender) -> anyhow::Result<Self> {
        let limits = Limits::find().context("the Defender has no cgroup of its own here")?;
        // v1's peak is of all who were ever in it.
        let _ = fs::write(limits.memory_peak_file(), "0");
        let root = defender.pid();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let sampler = std::thread::spawn(move || {
            let mut most = Resident::default();
            while !told.load(Ordering::Acquire) {
                let now = Resident::of(&members(root));
                most.all = most.all.max(now.all);
                most.anonymous = most.anonymous.max(now.anonymous);
                std::thread::sleep(LOOK);
            }
            most
        });
        Ok(Self {
            throttled: limits.throttled(),
            limits,
            root,
            began: Instant::now(),
            cpu: cpu_seconds(root),
            restarts: restarts(defender),
            stop,
            sampler,
        })
    }

    /// Adds what it took since.
    pub(super) fn rows(self, load: &str, defender: &Defender, table: &mut Table) {
        let cpu = (cpu_seconds(self.root) - self.cpu) / self.began.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Release);
        let most = self.sampler.join().unwrap_or_default();
        let limit = self.limits.memory_limit().unwrap_or(f64::NAN) / MIB;
        let peak = number(&self.limits.memory_peak_file()).unwrap_or(f64::NAN) / MIB;
        let note = format!(
            "its cgroup's own peak, kernel memory included; watchdog and agent resident at most {:.0} MiB, {:.0} of it anonymous",
            most.all as f64 / MIB,
            most.anonymous as f64 / MIB
        );
        table.add(format!("{load}: memory, peak"), peak, "MiB", Some(Target::AtMost(limit)), note);
        let quota = self.limits.quota().unwrap_or(f64::NAN);
        let note = format!(
            "its quota is {quota:.2}; throttled in {:.0} periods",
            self.limits.throttled() - self.throttled
        );
        let target = Some(Target::AtMost((quota * SLACK * 1e3).round() / 1e3));
        table.add(format!("{load}: processors"), cpu, "", target, note);
        let restarts = restarts(defender) - self.restarts;
        let none = Some(Target::AtMost(0.0));
        table.add(format!("{load}: agents that ended"), restarts as f64, "", none, "");
    }
}

/// How often the watchdog said that an agent ended.
fn restarts(defender: &Defender) -> usize {
    defender.log().matches("it starts again").count()
}
