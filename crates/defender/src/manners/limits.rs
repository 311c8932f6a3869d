//! The Defender's own share of the machine, by a cgroup of its own (v2, or v1 with or beside it).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How much the Defender may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Whether a cgroup is made at all. In a container the runtime's own limits hold: set it to false, or
    /// leave it; where cgroups cannot be written nothing is made. Default true.
    pub cgroup: bool,
    /// Processors, in thousandths of one. Default 1,000; at least 50.
    pub cpu_millis: u32,
    /// Bytes of memory; beyond it the kernel ends the Defender, and the watchdog starts it again. Default
    /// 256 MiB; at least 64 MiB.
    pub memory: u64,
    /// `oom_score_adj`, -1000 to 1000: when the host's memory ends, higher goes first. Default 300: the
    /// workload comes before its guard.
    pub oom_score: i16,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { cgroup: true, cpu_millis: 1_000, memory: 256 << 20, oom_score: 300 }
    }
}

const NAME: &str = "palisade-defender";
/// Microseconds in which the share is counted.
const PERIOD: u64 = 100_000;

/// Puts this process into its cgroup with these limits. Returns the folders that hold; none when cgroups
/// cannot be written here.
///
/// # Errors
///
/// When a cgroup was made but refuses a limit or this process.
pub fn apply(settings: &LimitSettings, cgroups: &Path) -> io::Result<Vec<PathBuf>> {
    if !settings.cgroup {
        return Ok(Vec::new());
    }
    let quota = PERIOD * u64::from(settings.cpu_millis.max(50)) / 1_000;
    let memory = settings.memory.max(64 << 20).to_string();
    let mut held = Vec::new();
    if cgroups.join("cgroup.controllers").exists() {
        // The root hands its controllers on only where somebody has said so.
        let _ = fs::write(cgroups.join("cgroup.subtree_control"), "+cpu +memory");
        let limits = [("cpu.max", format!("{quota} {PERIOD}")), ("memory.max", memory)];
        held.extend(join(&cgroups.join(NAME), &limits, "cgroup.procs")?);
        return Ok(held);
    }
    let cpu = [("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
    let memory = [("memory.limit_in_bytes", memory)];
    held.extend(join(&cgroups.join("cpu").join(NAME), &cpu, "cgroup.procs")?);
    held.extend(join(&cgroups.join("memory").join(NAME), &memory, "cgroup.procs")?);
    Ok(held)
}

/// `None` when there is no such hierarchy, or it cannot be written.
fn join(folder: &Path, limits: &[(&str, String)], procs: &str) -> io::Result<Option<PathBuf>> {
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(_) => return Ok(None),
    }
    for (file, value) in limits {
        fs::write(folder.join(file), value)?;
    }
    fs::write(folder.join(procs), "0")?;
    Ok(Some(folder.to_owned()))
}

/// Says when this process may go, of all the host's.
///
/// # Errors
///
/// When a lower score than now needs `CAP_SYS_RESOURCE` and it is not there.
pub fn oom_score(score: i16) -> io::Result<()> {
    fs::write("/proc/self/oom_score_adj", score.clamp(-1_000, 1_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_hierarchy_gets_its_own_files() {
        let one = tempfile::tempdir().expect("a folder");
        fs::write(one.path().join("cgroup.controllers"), "cpu memory").expect("written");
        let settings = LimitSettings { cpu_millis: 250, ..LimitSettings::default() };
        let held = apply(&settings, one.path()).expect("applied");
        let own = one.path().join(NAME);
        assert_eq!(held, std::slice::from_ref(&own));
        assert_eq!(fs::read_to_string(own.join("cpu.max")).expect("there"), "25000 100000");
        assert_eq!(fs::read_to_string(own.join("memory.max")).expect("there"), "268435456");

        let two = tempfile::tempdir().expect("a folder");
        fs::create_dir(two.path().join("cpu")).expect("made");
        let held = apply(&settings, two.path()).expect("applied");
        assert_eq!(held, [two.path().join("cpu").join(NAME)]);
        let none = tempfile::tempdir().expect("a folder");
        assert_eq!(apply(&settings, none.path()).expect("applied"), Vec::<PathBuf>::new());
    }
}
