//! Where a Defender runs: a process of the host, or a container of its own by the line of its manual.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use palisade_services::Docker;
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::kit::{Setup, settings};
use super::seen::MARKER_RULES;
use crate::support::{program, stderr, stdout};

/// The manual, with the line that a user copies.
pub(super) const MANUAL: &str = include_str!("../../../../../docs/defender.md");

/// The image's recipe.
const RECIPE: &str = include_str!("../../../../../deploy/images/defender.Dockerfile");

/// Where a Defender runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// A process of the host.
    #[default]
    Host,
    /// Its own container, with the listed capabilities.
    Container,
}

/// Its settings and what they name, in this folder; `at` is where it finds them.
pub(super) fn write(folder: &Path, at: &Path, socket: Option<&Path>, setup: &Setup<'_>) {
    let file = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    let rules = at.join("marker.yaml").display().to_string();
    file("defend.toml", &format!("{}{}", settings(socket, &rules), setup.settings));
    file("marker.yaml", MARKER_RULES);
    if let Some(policy) = setup.policy {
        file("policy.toml", policy);
    }
}

/// What it is told behind its settings, which are at `at`. `disk`: where its state goes, if that is said.
pub(super) fn arguments(setup: &Setup<'_>, at: &Path, disk: Option<&Path>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--format", setup.format, "--metrics", "127.0.0.1:0"].map(OsString::from).into();
    let mut option = |name: &str, value: PathBuf| arguments.extend([name.into(), value.into()]);
    if setup.policy.is_some() {
        option("--policy", at.join("policy.toml"));
    }
    if let Some(disk) = disk {
        option("--state", disk.join("state"));
        if setup.disk.is_some() {
            option("--output", disk.join("out.jsonl"));
        }
    }
    arguments
}

/// The Defender's own container. Dropped, it is gone.
pub(super) struct OwnContainer {
    docker: Arc<Docker>,
    name: String,
}

/// Where its settings are in it.
const SETTINGS: &str = "/etc/palisade";
/// Where the disk of [`Setup`] is in it.
const DISK: &str = "/disk";

impl OwnContainer {
    /// What starts it: `docker run` as in the manual, with the engine's and the test's own places. In the
    /// background and started again by the engine when `as_written`, else attached.
    pub(super) fn new(
        folder: &Path,
        state: &Path,
        setup: &Setup<'_>,
        as_written: bool,
    ) -> (Self, Command) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let docker = Docker::shared().expect("a Docker engine");
        let name = format!("palisade-defender-{}-{count}", std::process::id());
        let own = Self { docker, name };

        std::fs::create_dir_all(state).expect("a folder");
        let socket = setup.socket.map(|socket| match socket.exists() {
            true => Path::new("/run/docker.sock"),
            false => socket,
        });
        // As the image's own settings have it.
        let limits = format!("{}\n[limits]\ncgroup = false\n", setup.settings);
        write(folder, Path::new(SETTINGS), socket, &Setup { settings: &limits, ..*setup });

        let mut command = own.docker.command();
        command.args(["run", "--name", &own.name]);
        let mut words = manual().into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value");
            match word {
                "-d" if !as_written => {}
                "--restart" if !as_written => _ = value(),
                // Its name is one of ours; and not root of every host may raise limits.
                "--name" => _ = value(),
                "--ulimit" if !may_raise() => _ = value(),
                "-v" => {
                    if let Some(volume) = own.volume(value(), state, setup.socket) {
                        command.args(["-v", &volume]);
                    }
                }
                "--cap-add" => {
                    let name = value();
                    if own.docker.knows_capability(name).expect("an answer") {
                        command.args(["--cap-add", name]);
                    }
                }
                word => _ = command.arg(word),
            }
        }
        command.arg("-v").arg(format!("{}:{SETTINGS}:ro", folder.display()));
        if let Some(disk) = setup.disk {
            command.arg("-v").arg(format!("{}:{DISK}", disk.display()));
        }
        let disk = setup.disk.map(|_| Path::new(DISK));
        command.arg(own.image()).args(arguments(setup, Path::new(SETTINGS), disk));
        (own, command)
    }

    /// The program under test, with what the recipe says about starting it.
    fn image(&self) -> String {
        let starts = ["USER ", "VOLUME ", "ENTRYPOINT "];
        let of_recipe =
            RECIPE.lines().filter(|line| starts.iter().any(|one| line.starts_with(one)));
        let changes: Vec<&str> = of_recipe.collect();
        assert_eq!(changes.len(), starts.len(), "{changes:?}");
        self.docker.program("defender", &program(), &changes).expect("an image")
    }

    /// A volume of the manual, with the places of this engine.
    fn volume(&self, written: &str, state: &Path, socket: Option<&Path>) -> Option<String> {
        let (from, to) = written.split_once(':').expect("two places");
        let from: PathBuf = match from {
            "palisade-defender" => state.to_owned(),
            "/run/docker.sock" => socket.filter(|socket| socket.exists())?.to_owned(),
            "/run/containerd" => self.docker.runtime(),
            from => match Path::new(from).strip_prefix("/var/lib/docker") {
                Ok(below) => self.docker.data().expect("a folder").join(below),
                Err(_) => from.into(),
            },
        };
        Some(format!("{}:{to}", from.display()))
    }

    /// A command of the client about it: its name comes last, before these.
    pub(super) fn docker(&self, command: &[&str], behind: &[&str]) -> Output {
        let mut client = self.docker.command();
        client.args(command).arg(&self.name).args(behind).stdin(Stdio::null());
        client.output().expect("the client runs")
    }

    /// Runs a program in it.
    pub(super) fn exec(&self, words: &[&str]) -> Output {
        self.docker(&["exec"], words)
    }

    /// What `docker inspect --format` says; `None` before it is there.
    pub(super) fn inspect(&self, format: &str) -> Option<String> {
        let output = self.docker(&["inspect", "--format", format], &[]);
        output.status.success().then(|| stdout(&output).trim().to_owned())
    }

    /// Its first process, in the host's numbers.
    pub(super) fn pid(&self) -> Option<u32> {
        self.inspect("{{.State.Pid}}")?.parse().ok().filter(|pid| *pid != 0)
    }

    /// What it wrote to its standard output and standard error, as the engine keeps it.
    pub(super) fn logs(&self) -> (String, String) {
        let logs = self.docker(&["logs"], &[]);
        (stdout(&logs), stderr(&logs))
    }
}

impl Drop for OwnContainer {
    fn drop(&mut self) {
        self.docker(&["rm", "--force", "--volumes"], &[]);
    }
}

/// Whether a limit may be raised by what we start. From Linux 5.11 on nothing depends on it.
fn may_raise() -> bool {
    let unlimited = getrlimit(Resource::Memlock).maximum.is_none();
    let sets = capabilities(None).expect("our own capabilities");
    unlimited || sets.effective.contains(CapabilitySet::SYS_RESOURCE)
}

/// The words of the manual's `docker run`, without the image's name at their end.
pub(super) fn manual() -> Vec<&'static str> {
    let (_, rest) = MANUAL.split_once("$ docker run ").expect("the line");
    let mut words = Vec::new();
    for line in rest.lines() {
        let (text, more) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        words.extend(text.split_whitespace());
        if !more {
            break;
        }
    }
    assert_eq!(words.pop(), Some("palisade-defender"), "{words:?}");
    words
}
