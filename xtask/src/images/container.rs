//! One container.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure};
use serde_json::Value;

use super::http::Server;
use crate::command::output;
use palisade_services::Daemon;

/// The longest that a container may take to be healthy: rules are compiled anew.
const HEALTHY: Duration = Duration::from_secs(120);

/// Dropped, it is gone.
pub(super) struct Container<'a> {
    daemon: &'a Daemon,
    name: String,
}

impl<'a> Container<'a> {
    /// `docker run --detach` with these arguments.
    pub(super) fn run<I>(daemon: &'a Daemon, name: &str, arguments: I) -> anyhow::Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut start = daemon.docker();
        start.args(["run", "--detach", "--network", "host", "--name", name]);
        let container = Self { daemon, name: name.to_owned() };
        output(start.args(arguments))?;
        Ok(container)
    }

    /// The end of what it wrote.
    pub(super) fn tail(&self) -> String {
        tail(self.daemon, &self.name)
    }

    /// What failed, with the end of what it wrote.
    pub(super) fn explain<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| anyhow!("{error:#}\n{}", self.tail()))
    }

    /// Until its own health check says so.
    pub(super) fn wait_until_healthy(&self) -> anyhow::Result<()> {
        wait_until_healthy(self.daemon, &self.name)
    }

    /// A file in it.
    pub(super) fn read(&self, path: &str) -> anyhow::Result<String> {
        output(self.daemon.docker().args(["exec", &self.name, "cat", path]))
    }

    /// The server in it, with its admin key.
    pub(super) fn server(&self, address: SocketAddr) -> anyhow::Result<Server> {
        let key = self.read("/var/lib/palisade/admin-key")?;
        Ok(Server::new(address, key.trim()))
    }

    /// Stops it as an operator does, and makes sure that it ended in order.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        output(self.daemon.docker().args(["stop", "--time", "30", &self.name]))?;
        ended_in_order(&state(self.daemon, &self.name)?)?;
        ensure!(started.elapsed() < Duration::from_secs(25), "it took too long to stop");
        ensure!(self.tail().contains("stopping"), "it did not say that it stops");
        Ok(())
    }

    /// Starts it again.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        output(self.daemon.docker().args(["start", &self.name])).map(drop)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let mut remove = self.daemon.docker();
        remove.args(["rm", "--force", "--volumes", &self.name]);
        let _ = remove.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The end of what a container wrote.
pub(super) fn tail(daemon: &Daemon, name: &str) -> String {
    let logs = daemon.docker().args(["logs", "--tail", "60", name]).output();
    let text = logs.map_or_else(
        |error| error.to_string(),
        |logs| String::from_utf8_lossy(&[logs.stdout, logs.stderr].concat()).into_owned(),
    );
    format!("the log of {name}:\n{text}")
}

/// What the engine knows of a container's state.
pub(super) fn state(daemon: &Daemon, name: &str) -> anyhow::Result<Value> {
    let text = output(daemon.docker().args(["inspect", "--format", "{{json .State}}", name]))?;
    Ok(serde_json::from_str(&text)?)
}

/// That SIGTERM ended it, and nothing harder.
pub(super) fn ended_in_order(state: &Value) -> anyhow::Result<()> {
    let in_order = state["ExitCode"] == 0 && state["OOMKilled"] == false;
    ensure!(in_order, "it did not end in order: {state}");
    Ok(())
}

/// Until a container's own health check says so.
pub(super) fn wait_until_healthy(daemon: &Daemon, name: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let state = state(daemon, name)?;
        if state["Health"]["Status"] == "healthy" {
            return Ok(());
        }
        let runs = state["Running"] == true && state["Restarting"] == false;
        if !runs || started.elapsed() > HEALTHY {
            bail!("{name} is not healthy: {state}\n{}", tail(daemon, name));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
