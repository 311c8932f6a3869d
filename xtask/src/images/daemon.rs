//! A Docker engine of the suite's own: its own sockets, its own data, nothing of the machine's.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::command::{output, say};

/// Debian's own client: another one first in the path may be of another version than the engine.
const CLIENT: &str = "/usr/bin/docker";
const COMPOSE: &str = "/usr/bin/docker-compose";

/// The first that works is taken: the second works on every file system, and copies.
const STORAGE_DRIVERS: &[&str] = &["overlay2", "vfs"];

/// How long the engine may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Dropped, it is stopped, and its containers, images and volumes are gone.
pub(super) struct Daemon {
    process: Child,
    data: PathBuf,
    /// Sockets, and the client's settings. Not in the target directory: the path of a socket has at most
    /// 107 bytes.
    run: TempDir,
}

impl Daemon {
    /// An engine that answers.
    pub(super) fn start(home: &Path) -> anyhow::Result<Self> {
        let mut seen = String::new();
        for driver in STORAGE_DRIVERS {
            match Self::start_with(home, driver) {
                Ok(daemon) => {
                    say(&format!("a Docker engine runs (storage driver {driver})"));
                    return Ok(daemon);
                }
                Err(error) => seen.push_str(&format!("\nwith {driver}: {error:#}")),
            }
        }
        bail!("no Docker engine can run here, so the images cannot be tested:{seen}")
    }

    fn start_with(home: &Path, driver: &str) -> anyhow::Result<Self> {
        let run = TempDir::with_prefix("palisade-docker-")?;
        let data = home.join("docker");
        // Of a run that was killed.
        remove(&data)?;
        // The machine's own settings are for the machine's own engine.
        let settings = run.path().join("daemon.json");
        std::fs::write(&settings, "{}")?;
        let log = home.join("docker.log");
        let out = File::create(&log)?;
        // It ends with us, however we end.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "dockerd", "--storage-driver", driver, "--data-root"])
            .arg(&data)
            .arg("--exec-root")
            .arg(run.path().join("exec"))
            .arg("--pidfile")
            .arg(run.path().join("pid"))
            .arg("--host")
            .arg(socket(&run))
            .arg("--config-file")
            .arg(settings)
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .context("dockerd cannot be started")?;
        let mut daemon = Self { process, data, run };
        let started = Instant::now();
        while !daemon.answers()? {
            let ended = daemon.process.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let from = text.len().saturating_sub(3000);
                bail!("dockerd does not answer; its log:\n{}", text.get(from..).unwrap_or(&text));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(daemon)
    }

    fn answers(&self) -> anyhow::Result<bool> {
        let mut ask = self.docker();
        ask.args(["version", "--format", "{{.Server.Version}}"]);
        Ok(ask.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Nothing of the user's: no context, no credentials, no other engine.
        command
            .env("DOCKER_HOST", socket(&self.run))
            .env("DOCKER_CONFIG", self.run.path())
            .env("DOCKER_BUILDKIT", "1")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROJECT_NAME");
        command
    }

    /// The client.
    pub(super) fn docker(&self) -> Command {
        self.client(CLIENT)
    }

    /// The client for compose files.
    pub(super) fn compose(&self) -> Command {
        self.client(COMPOSE)
    }

    /// Builds an image by this recipe.
    pub(super) fn build(
        &self,
        recipe: &Path,
        context: &Path,
        image: &str,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let mut build = self.docker();
        build.args(["build", "--quiet", "--network", "host", "--tag", image, "--file"]).arg(recipe);
        for argument in arguments {
            build.args(["--build-arg", argument]);
        }
        output(build.arg(context)).map(drop)
    }
}

fn socket(run: &TempDir) -> String {
    format!("unix://{}", run.path().join("docker.sock").display())
}

/// What stands mounted below a directory: a killed engine leaves its containers' file systems, and every
/// engine leaves the host's network namespace.
fn unmount(below: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    // What was mounted last lies on top.
    for line in mounts.lines().rev() {
        let place = line.split(' ').nth(1).unwrap_or_default();
        if Path::new(place).starts_with(below) {
            let _ = Command::new("umount").arg("--lazy").arg(place).status();
        }
    }
}

/// Removes the engine's data.
fn remove(data: &Path) -> anyhow::Result<()> {
    unmount(data);
    match std::fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
            .with_context(|| format!("{} cannot be removed: what still uses it?", data.display())),
        _ => Ok(()),
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let left = self.docker().args(["ps", "--all", "--quiet"]).output();
            let left = left.map(|answer| answer.stdout).unwrap_or_default();
            let left = String::from_utf8_lossy(&left);
            for container in left.lines() {
                let mut end = self.docker();
                let _ = end.args(["rm", "--force", "--volumes", container]).output();
            }
            let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
            let started = Instant::now();
            while matches!(self.process.try_wait(), Ok(None)) && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        unmount(self.run.path());
        if let Err(error) = remove(&self.data) {
            crate::command::complain(&format!("{error:#}"));
        }
    }
}
