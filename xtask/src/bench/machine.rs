//! What the numbers were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::processes::{kib, machine_busy_seconds};

#[derive(Debug, serde::Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) processors: usize,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
    pub(super) system: String,
    /// Of the data directory.
    pub(super) file_system: String,
    /// Milliseconds of one `write` of 4 KiB and `fdatasync` there, mean of 200.
    pub(super) fsync_ms: f64,
    pub(super) palisade: String,
    pub(super) revision: String,
    /// Seconds since 1970.
    pub(super) time: u64,
    /// Processors that something else kept busy before the first measurement.
    pub(super) busy_before: f64,
}

impl Machine {
    pub(super) fn look(binary: &Path, directory: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, name: &str, mark: char| {
            text.lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_once(mark))
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        let (busy, started) = (machine_busy_seconds(), Instant::now());
        std::thread::sleep(Duration::from_secs(2));
        let busy_before = (machine_busy_seconds() - busy) / started.elapsed().as_secs_f64();
        Ok(Self {
            processor: after(&read("/proc/cpuinfo"), "model name", ':'),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mib: kib(&read("/proc/meminfo"), "MemTotal:") >> 10,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: after(&read("/etc/os-release"), "PRETTY_NAME", '='),
            file_system: file_system(directory),
            fsync_ms: fsync_ms(directory)?,
            palisade: output(Command::new(binary).arg("--version")),
            revision: output(Command::new("git").args(["rev-parse", "--short", "HEAD"])),
            time: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |time| time.as_secs()),
            busy_before,
        })
    }
}

/// The type of the file system that is mounted deepest above a directory.
fn file_system(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut best = ("", "");
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(point), Some(kind)) = (fields.next(), fields.next()) else { continue };
        if directory.starts_with(point) && point.len() >= best.0.len() {
            best = (point, kind);
        }
    }
    best.1.to_owned()
}

fn fsync_ms(directory: &Path) -> anyhow::Result<f64> {
    const TIMES: u32 = 200;
    use std::io::Write;
    let mut file = tempfile::tempfile_in(directory)?;
    let started = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES))
}

/// The first line that a command prints; empty when it cannot be run.
fn output(command: &mut Command) -> String {
    let printed = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&printed).lines().next().unwrap_or_default().to_owned()
}
