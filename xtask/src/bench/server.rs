//! `palisade serve`, started and stopped: alone, or as several processes on real servers.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use palisade_services::{Cluster, Node};
use rustix::process::{Pid, Signal, kill_process};

use super::http;

/// How long a start may take, rules compiled anew.
const START: Duration = Duration::from_secs(180);

/// How long a stop may take before it is forced.
const STOP: Duration = Duration::from_secs(30);

/// A running server. It is stopped when this is dropped.
pub(super) struct Server {
    runs: Runs,
    pub(super) address: SocketAddr,
    /// Of role admin.
    pub(super) key: String,
    /// Seconds from the start of the process to the first 200 of `/readyz`.
    pub(super) ready_seconds: f64,
}

/// What a server is made of.
enum Runs {
    /// One process with its data directory.
    Embedded { child: Child, data: PathBuf },
    /// Several, and the servers behind them.
    Distributed { cluster: Box<Cluster>, nodes: Vec<(&'static str, Node)> },
}

impl Server {
    /// An installation of several processes on real servers, all on this machine: the stages in one,
    /// and one for each group of engines. `more` is added to the settings, before their first table.
    pub(super) fn distributed(
        binary: &Path,
        more: &str,
        engines: &[(&'static str, &[&str])],
    ) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut cluster = Box::new(Cluster::start(binary, more));
        let stages = cluster.serve("gateway,extractor,aggregator,janitor");
        let mut nodes = vec![("gateway, extractor, aggregator, janitor", stages)];
        for (name, engines) in engines {
            nodes.push((name, cluster.engine(engines)));
        }
        let (address, key) = match nodes.first() {
            Some((_, gateway)) => (gateway.address(), cluster.key(gateway)),
            None => bail!("no gateway"),
        };
        let server = Self {
            runs: Runs::Distributed { cluster, nodes },
            address,
            key,
            ready_seconds: started.elapsed().as_secs_f64(),
        };
        while !http::once(address, &http::get("/readyz", ""))
            .is_ok_and(|answer| answer.status == 200)
        {
            if started.elapsed() > START {
                bail!("the installation is not ready after {START:?}: {}", server.last_lines());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// One more host of these engines.
    pub(super) fn add_host(&mut self, name: &'static str, engines: &[&str]) {
        if let Runs::Distributed { cluster, nodes } = &mut self.runs {
            nodes.push((name, cluster.engine(engines)));
        }
    }

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
            runs: Runs::Embedded { child, data: data.to_owned() },
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: String::new(),
            ready_seconds: 0.0,
        };
        while !server.is_ready(&address_file) {
            if let Runs::Embedded { child, .. } = &mut server.runs
                && let Some(status) = child.try_wait()?
            {
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
        let log = match &self.runs {
            Runs::Embedded { data, .. } => {
                fs::read_to_string(data.with_extension("log")).unwrap_or_default()
            }
            Runs::Distributed { nodes, .. } => {
                nodes.iter().map(|(_, node)| node.tail()).collect::<Vec<_>>().join("\n")
            }
        };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Palisade's own processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        match &self.runs {
            Runs::Embedded { child, .. } => vec![child.id()],
            Runs::Distributed { nodes, .. } => {
                nodes.iter().filter_map(|(_, node)| node.pid()).collect()
            }
        }
    }

    /// Every part of a distributed installation by itself, the servers behind it too.
    pub(super) fn parts(&self) -> Vec<(&'static str, u32)> {
        let Runs::Distributed { cluster, nodes } = &self.runs else { return Vec::new() };
        let servers = &cluster.servers;
        let behind = [
            ("Kafka", servers.kafka.pid()),
            ("S3 server", servers.s3.pid()),
            ("PostgreSQL", servers.postgres.pid()),
        ];
        let own = nodes.iter().map(|(name, node)| (*name, node.pid()));
        own.chain(behind).filter_map(|(name, pid)| Some((name, pid?))).collect()
    }

    pub(super) fn metrics(&self) -> anyhow::Result<Metrics> {
        let addresses = match &self.runs {
            Runs::Embedded { .. } => vec![self.address],
            Runs::Distributed { nodes, .. } => {
                nodes.iter().map(|(_, node)| node.address()).collect()
            }
        };
        let mut text = String::new();
        for address in addresses {
            let answer = http::once(address, &http::get("/metrics", &self.key))?;
            text.push_str(&String::from_utf8(answer.body)?);
        }
        Ok(Metrics(text))
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
        let child = match &mut self.runs {
            Runs::Embedded { child, .. } => child,
            Runs::Distributed { nodes, .. } => {
                return nodes.iter_mut().for_each(|(_, node)| node.stop());
            }
        };
        if let Ok(pid) = i32::try_from(child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while let Ok(None) = child.try_wait() {
            if asked.elapsed() > STOP {
                let _ = child.kill();
                let _ = child.wait();
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
