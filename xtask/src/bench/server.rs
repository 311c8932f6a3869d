//! `palisade serve`, started and stopped.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::http;

/// How long a start may take, rules compiled anew.
const START: Duration = Duration::from_secs(180);

/// How long a stop may take before it is forced.
const STOP: Duration = Duration::from_secs(30);

/// A running server. It is stopped when this is dropped.
pub(super) struct Server {
    child: Child,
    data: PathBuf,
    pub(super) address: SocketAddr,
    /// Of role admin.
    pub(super) key: String,
    /// Seconds from the start of the process to the first 200 of `/readyz`.
    pub(super) ready_seconds: f64,
}

impl Server {
    /// Starts one on a free port of 127.0.0.1 with this data directory.
    pub(super) fn start(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(data)?;
        let address_file = data.join("address");
        let _ = fs::remove_file(&address_file);
        let log = data.with_extension("log");
        let started = Instant::now();
        // Ends with this process, however that ends: nobody else would stop it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .arg(binary)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .env_remove("PALISADE_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut server = Self {
            child,
            data: data.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: String::new(),
            ready_seconds: 0.0,
        };
        while !server.is_ready(&address_file) {
            if let Some(status) = server.child.try_wait()? {
                bail!("palisade serve ended ({status}): {}", server.last_lines());
            }
            if started.elapsed() > START {
                bail!("palisade serve is not ready after {START:?}: {}", server.last_lines());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready_seconds = started.elapsed().as_secs_f64();
        let key = data.join("admin-key");
        server.key = fs::read_to_string(&key)
            .with_context(|| format!("{} cannot be read", key.display()))?
            .trim()
            .to_owned();
        Ok(server)
    }

    fn is_ready(&mut self, address_file: &Path) -> bool {
        let address =
            fs::read_to_string(address_file).ok().and_then(|text| text.trim().parse().ok());
        let Some(address) = address else { return false };
        self.address = address;
        http::once(address, &http::get("/readyz", "")).is_ok_and(|answer| answer.status == 200)
    }

    /// The end of its log.
    pub(super) fn last_lines(&self) -> String {
        let log = fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn metrics(&self) -> anyhow::Result<Metrics> {
        let answer = http::once(self.address, &http::get("/metrics", &self.key))?;
        Ok(Metrics(String::from_utf8(answer.body)?))
    }

    /// Waits until nothing is being worked on; false when there still are some after this long.
    pub(super) fn settle(&self, limit: Duration) -> anyhow::Result<bool> {
        let started = Instant::now();
        loop {
            let metrics = self.metrics()?;
            if metrics.backlog() + metrics.sum("palisade_open_trees") == 0.0 {
                return Ok(true);
            }
            if started.elapsed() > limit {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn stop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if asked.elapsed() > STOP {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What `/metrics` says.
pub(super) struct Metrics(String);

impl Metrics {
    /// The sum of every series of this name.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// The sum of those whose labels contain `label`.
    pub(super) fn sum_where(&self, name: &str, label: &str) -> f64 {
        self.series(name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
    }

    /// Records that were written and not yet worked on, over all topics.
    pub(super) fn backlog(&self) -> f64 {
        self.sum("palisade_backlog")
    }

    /// Labels and value of every series of this name.
    pub(super) fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let known = labels.is_empty() || labels.starts_with('{');
            known.then(|| Some((labels, value.parse().ok()?)))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_whole_name() {
        let metrics = Metrics(
            "# TYPE palisade_backlog gauge\npalisade_backlog{topic=\"a b\"} 3\n\
             palisade_backlog{topic=\"c\"} 4\npalisade_backlog_other 9\npalisade_accepted_total 7\n"
                .to_owned(),
        );
        assert_eq!(metrics.backlog(), 7.0);
        assert_eq!(metrics.sum_where("palisade_backlog", "topic=\"c\""), 4.0);
        assert_eq!(metrics.sum("palisade_accepted_total"), 7.0);
    }
}
