//! How busy each container is: from its cgroup's own account, every ten seconds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use palisade_model::event::ContainerId;

use super::core::Core;

const EVERY: Duration = Duration::from_secs(10);

/// Readings that are compared with the next.
#[derive(Debug, Default)]
pub(super) struct Processors {
    read: Option<Instant>,
    last: HashMap<ContainerId, (u64, Instant)>,
}

impl Processors {
    /// Container, nanoseconds busy, nanoseconds since the last reading; nothing when it is too early.
    pub(super) fn due(
        &mut self,
        core: &Core,
        folders: impl FnOnce() -> HashMap<u64, PathBuf>,
    ) -> Vec<(ContainerId, u64, u64)> {
        if self.read.is_some_and(|read| read.elapsed() < EVERY) {
            return Vec::new();
        }
        let time = Instant::now();
        self.read = Some(time);
        let folders = folders();
        let mut next = HashMap::new();
        let mut readings = Vec::new();
        for container in core.registry().running() {
            let identity = &container.identity;
            let Some(busy) = folders.get(&identity.cgroup).and_then(|folder| busy_ns(folder))
            else {
                continue;
            };
            if let Some((before, read)) = self.last.get(&identity.id) {
                let over = u64::try_from((time - *read).as_nanos()).unwrap_or(u64::MAX);
                readings.push((identity.id.clone(), busy.saturating_sub(*before), over));
            }
            next.insert(identity.id.clone(), (busy, time));
        }
        self.last = next;
        readings
    }
}

/// v2 in microseconds; on hybrid hosts the account is in v1's `cpuacct`, at the same path.
fn busy_ns(folder: &Path) -> Option<u64> {
    if let Ok(text) = std::fs::read_to_string(folder.join("cpu.stat")) {
        let used = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        if let Some(used) = used.and_then(|used| used.trim().parse::<u64>().ok()) {
            return Some(used.saturating_mul(1_000));
        }
    }
    let text = folder.to_str()?;
    let (root, path) = ["/unified/", "/memory/", "/pids/"]
        .iter()
        .find_map(|hierarchy| text.split_once(hierarchy))?;
    let account = Path::new(root).join("cpuacct").join(path).join("cpuacct.usage");
    std::fs::read_to_string(account).ok()?.trim().parse().ok()
}
