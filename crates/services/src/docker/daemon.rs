//! A Docker engine of our own: its own sockets, its own data, nothing of the machine's.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::tool;

/// Debian's own client: another one first in the path may be of another version than the engine.
pub(super) const CLIENT: &str = "/usr/bin/docker";
const COMPOSE: &str = "/usr/bin/docker-compose";

/// The first that works is taken: the second works on every file system, and copies.
const STORAGE_DRIVERS: &[&str] = &["overlay2", "vfs"];

/// How long the engine may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// What containers are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bridge {
    /// Nothing: they use the host's network, or none.
    None,
    /// A bridge of the engine's own, without a way beyond this host.
    Own,
}

/// An engine. Dropped, it is stopped, and its containers, images and volumes are gone.
#[derive(Debug)]
pub struct Daemon {
    process: Child,
    driver: &'static str,
    data: PathBuf,
    /// Sockets, and the client's settings. Not in the target directory: the path of a socket has at most
    /// 107 bytes.
    run: TempDir,
    _bridge: Option<Interface>,
    /// Holds the thread that started the process: the kernel ends a child with its parent *thread*
    /// (`PR_SET_PDEATHSIG`), and a test's thread ends before the last one that uses the engine.
    _parent: Sender<()>,
}

impl Daemon {
    /// An engine that answers, with its data in `home`. At most one for each home.
    ///
    /// # Errors
    /// When none can run here: the message has its log's end.
    pub fn start(home: &Path, bridge: Bridge) -> io::Result<Self> {
        let mut seen = String::new();
        for driver in STORAGE_DRIVERS {
            match Self::start_with(home, bridge, driver) {
                Ok(daemon) => return Ok(daemon),
                Err(error) => seen.push_str(&format!("\nwith {driver}: {error}")),
            }
        }
        Err(io::Error::other(format!("no Docker engine can run here:{seen}")))
    }

    fn start_with(home: &Path, bridge: Bridge, driver: &'static str) -> io::Result<Self> {
        let run = TempDir::with_prefix("palisade-docker-")?;
        let data = home.join("docker");
        // Of a run that was killed.
        remove(&data)?;
        let bridge = match bridge {
            Bridge::None => None,
            Bridge::Own => Some(Interface::bridge()?),
        };
        // The machine's own settings are for the machine's own engine.
        let settings = run.path().join("daemon.json");
        std::fs::write(&settings, "{}")?;
        let log = home.join("docker.log");
        let out = File::create(&log)?;
        // It ends with us, however we end.
        let mut command = Command::new("setpriv");
        command
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
            .arg("--bridge")
            .arg(bridge.as_ref().map_or("none", |bridge| &bridge.0))
            .args(["--iptables=false", "--ip6tables=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let (process, parent) = spawn(command)?;
        let mut daemon = Self { process, driver, data, run, _bridge: bridge, _parent: parent };
        let started = Instant::now();
        while !daemon.answers()? {
            let ended = daemon.process.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let end = tool::end(&text);
                return Err(io::Error::other(format!("dockerd does not answer; its log:\n{end}")));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(daemon)
    }

    /// How it stores images.
    pub fn driver(&self) -> &str {
        self.driver
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.run.path().join("docker.sock")
    }

    /// Where its containerd keeps what runs.
    pub fn runtime(&self) -> PathBuf {
        self.run.path().join("exec/containerd/daemon")
    }

    fn answers(&self) -> io::Result<bool> {
        let mut ask = self.docker();
        ask.args(["version", "--format", "{{.Server.Version}}"]);
        let answer = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(answer.map_err(|error| tool::cannot(&ask, &error))?.success())
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
    pub fn docker(&self) -> Command {
        self.client(CLIENT)
    }

    /// The client for compose files.
    pub fn compose(&self) -> Command {
        self.client(COMPOSE)
    }

    /// Builds an image by this recipe.
    ///
    /// # Errors
    /// When the build fails: the message is the client's.
    pub fn build(
        &self,
        recipe: &Path,
        context: &Path,
        image: &str,
        arguments: &[&str],
    ) -> io::Result<()> {
        let mut build = self.docker();
        build.args(["build", "--quiet", "--network", "host", "--tag", image, "--file"]).arg(recipe);
        for argument in arguments {
            build.args(["--build-arg", argument]);
        }
        tool::output(build.arg(context)).map(drop)
    }
}

/// Starts a process from a thread that lives as long as the sender.
fn spawn(mut command: Command) -> io::Result<(Child, Sender<()>)> {
    let (parent, ends) = channel::<()>();
    let (answer, started) = channel();
    std::thread::Builder::new().name("docker".to_owned()).spawn(move || {
        let child = command.spawn().map_err(|error| tool::cannot(&command, &error));
        let _ = answer.send(child);
        let _ = ends.recv();
    })?;
    Ok((started.recv().map_err(io::Error::other)??, parent))
}

/// A network interface. Dropped, it is gone.
#[derive(Debug)]
struct Interface(String);

impl Interface {
    /// A bridge with an address of a private block (RFC 1918) that nobody else is likely to use.
    fn bridge() -> io::Result<Self> {
        let pid = std::process::id();
        let name = format!("palb{}", pid % 1_000_000);
        // Of a process with our id that was killed.
        drop(Self(name.clone()));
        ip(&format!("link add {name} type bridge"))?;
        let bridge = Self(name);
        let name = &bridge.0;
        ip(&format!("address add 10.214.{}.1/24 dev {name}", pid % 256))?;
        ip(&format!("link set {name} up"))?;
        Ok(bridge)
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        let _ = ip(&format!("link delete {}", self.0));
    }
}

fn ip(arguments: &str) -> io::Result<()> {
    tool::output(Command::new("ip").args(arguments.split(' '))).map(drop)
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
fn remove(data: &Path) -> io::Result<()> {
    unmount(data);
    match std::fs::remove_dir_all(data) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let path = data.display();
            let text = format!("{path} cannot be removed: what still uses it? {error}");
            Err(io::Error::new(error.kind(), text))
        }
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
            let _ = writeln!(io::stderr(), "{error}");
        }
    }
}
