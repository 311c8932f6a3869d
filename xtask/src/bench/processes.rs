//! Memory and processor time of a process and everything it started, from `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs;

/// Of all processes together.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(super) struct Usage {
    pub(super) processes: usize,
    /// Bytes. Pages that several processes map count in each.
    pub(super) rss: u64,
    /// Bytes. Shared pages count once, in shares ("proportional set size").
    pub(super) pss: u64,
}

impl Usage {
    /// Of both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            processes: self.processes + other.processes,
            rss: self.rss + other.rss,
            pss: self.pss + other.pss,
        }
    }
}

/// A process as `/proc/PID/stat` tells it (proc_pid_stat(5)).
struct Stat {
    parent: u32,
    /// Clock ticks of its own and of the children it waited for, in user and kernel mode.
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything, brackets too.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let ticks = (11..15).filter_map(number).sum();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks })
}

/// The process and its descendants.
fn family(root: u32) -> Vec<(u32, Stat)> {
    let mut all: HashMap<u32, Stat> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(stat) = stat(pid)
        {
            all.insert(pid, stat);
        }
    }
    let mut members = HashSet::from([root]);
    loop {
        let before = members.len();
        for (pid, stat) in &all {
            if members.contains(&stat.parent) {
                members.insert(*pid);
            }
        }
        if members.len() == before {
            break;
        }
    }
    all.into_iter().filter(|(pid, _)| members.contains(pid)).collect()
}

/// The process and its descendants, by number.
pub(super) fn members(root: u32) -> Vec<u32> {
    family(root).into_iter().map(|(pid, _)| pid).collect()
}

/// Memory now.
pub(super) fn usage(root: u32) -> Usage {
    let mut usage = Usage::default();
    for (pid, _) in family(root) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        usage.processes += 1;
        usage.rss += kib(&text, "Rss:") << 10;
        usage.pss += kib(&text, "Pss:") << 10;
    }
    usage
}

/// Processor seconds, user and kernel, so far. Workers that ended count through whoever waited for
/// them.
pub(super) fn cpu_seconds(root: u32) -> f64 {
    let ticks: u64 = family(root).iter().map(|(_, stat)| stat.ticks).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Processor seconds of the whole machine that were not idle.
pub(super) fn machine_busy_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    // user, nice, system, then idle and iowait, then irq, softirq. Guests count in user already.
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|index| fields.get(*index)).sum();
    busy as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// A line of a `/proc` file that is in KiB.
pub(super) fn kib(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_child_adds_to_it() {
        let root = std::process::id();
        let alone = usage(root);
        assert!(alone.processes >= 1 && alone.rss > 0 && alone.pss > 0);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let both = family(root).len();
        assert!(family(root).iter().any(|(pid, _)| *pid == child.id()), "{both}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(machine_busy_seconds() > 0.0);
    }
}
