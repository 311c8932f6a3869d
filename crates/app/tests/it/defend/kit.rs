//! A Defender that watches this host.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use palisade_services::{Container, Docker, Image};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::place::{self, OwnContainer, Place};
use super::seen::{MARKER, Seen};
use crate::support::{eventually, program, stderr, stdout};

/// What the Defender writes to its standard error when it sees all that it will see.
pub(super) const READY: &str = "watching";

/// How long it may take to come so far: it loads programs into the kernel.
const START: Duration = Duration::from_secs(60);

/// Its settings, as both places have them: a runtime's socket, if there is one, and the marker's rule.
pub(super) fn settings(socket: Option<&Path>, rules: &str) -> String {
    let sockets =
        socket.map(|path| format!("{{ path = \"{}\", api = \"docker\" }}", path.display()));
    // Every container is a story of its own here, however many there are of one image.
    format!(
        "rules = [\"{rules}\"]\n[containers]\nsockets = [{}]\n[incidents]\nmax_replicas = 100000\n",
        sockets.unwrap_or_default()
    )
}

/// How long an incident may take to come.
pub(super) const INCIDENT: Duration = Duration::from_secs(20);

/// What a Defender is given beside the marker's rule.
#[derive(Clone, Copy)]
pub(super) struct Setup<'a> {
    /// Where it runs.
    pub(super) place: Place,
    /// A runtime's socket.
    pub(super) socket: Option<&'a Path>,
    /// Settings: tables other than `containers` and `incidents`.
    pub(super) settings: &'a str,
    /// A policy.
    pub(super) policy: Option<&'a str>,
    /// Its state and a second output go here, as `state` and `out.jsonl`.
    pub(super) disk: Option<&'a Path>,
    /// The form of its standard output.
    pub(super) format: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            place: Place::Host,
            socket: None,
            settings: "",
            policy: None,
            disk: None,
            format: "jsonl",
        }
    }
}

/// `palisade defend`. Dropped, it is stopped.
pub(super) struct Defender {
    /// The watchdog, or the client that is attached to its container.
    process: Child,
    container: Option<OwnContainer>,
    folder: TempDir,
    state: PathBuf,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

impl Defender {
    /// One that watches the containers of this engine.
    pub(super) fn start(place: Place, docker: &Docker) -> Self {
        Self::with(&Setup { place, socket: Some(&docker.socket()), ..Setup::default() })
    }

    /// One that is set up like this.
    pub(super) fn with(setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = setup.disk.unwrap_or(folder.path());
        let state = disk.join("state");
        let (container, mut command) = match setup.place {
            Place::Host => {
                place::write(folder.path(), folder.path(), setup.socket, setup);
                let mut command = Command::new(program());
                command.args(["defend", "--config"]).arg(folder.path().join("defend.toml"));
                command.args(place::arguments(setup, folder.path(), Some(disk)));
                (None, command)
            }
            Place::Container => {
                let settings = folder.path().join("settings");
                std::fs::create_dir(&settings).expect("a folder");
                let (container, command) = OwnContainer::new(&settings, &state, setup, false);
                (Some(container), command)
            }
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("the Defender starts");
        let stdout = process.stdout.take().expect("its output");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let into = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                into.lock().unwrap_or_else(PoisonError::into_inner).take(&line);
            }
        });
        let mut defender = Self { process, container, folder, state, seen, reader: Some(reader) };
        let started = Instant::now();
        while defender.starts() == 0 {
            let ended = defender.process.try_wait().expect("its state");
            let late = started.elapsed() > START;
            assert!(ended.is_none() && !late, "it does not watch ({ended:?}):\n{}", defender.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        defender
    }

    /// How many of its agents came so far that they watch.
    pub(super) fn starts(&self) -> usize {
        self.log().lines().filter(|line| line.starts_with(READY)).count()
    }

    /// Its state directory.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// Its own container, if it has one.
    pub(super) fn container(&self) -> Option<&OwnContainer> {
        self.container.as_ref()
    }

    /// The watchdog's number, the host's.
    pub(super) fn watchdog(&self) -> u32 {
        match &self.container {
            Some(container) => container.pid().unwrap_or_default(),
            None => self.process.id(),
        }
    }

    /// The agent's number: the watchdog's child.
    pub(super) fn agent(&self) -> Option<u32> {
        child(self.watchdog())
    }

    /// `palisade models`, with its state.
    pub(super) fn models(&self, arguments: &[&str]) -> Output {
        if let Some(container) = &self.container {
            return container.exec(&[&["palisade", "models", "--json"][..], arguments].concat());
        }
        let mut command = Command::new(program());
        command.args(["models", "--json", "--state"]).arg(&self.state).args(arguments);
        command.stdin(Stdio::null()).output().expect("the program starts")
    }

    /// The same, which is to succeed, as JSON.
    pub(super) fn told_of_models(&self, arguments: &[&str]) -> Value {
        let output = self.models(arguments);
        assert!(output.status.success(), "models {arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The lines of its metrics.
    pub(super) fn metrics(&self) -> String {
        let log = self.log();
        let address = log.lines().rev().find_map(|line| line.strip_prefix("metrics: "));
        let address = address.expect("an address");
        if let Some(container) = &self.container {
            return stdout(&container.exec(&["curl", "--silent", address]));
        }
        let answer = ureq::get(address).call();
        answer.and_then(|mut answer| answer.body_mut().read_to_string()).unwrap_or_default()
    }

    /// The entries of its audit log for this container.
    pub(super) fn audit(&self, container: &Container<'_>) -> Vec<Value> {
        let text = std::fs::read_to_string(self.state.join("audit.jsonl")).unwrap_or_default();
        // The last line may be under way.
        let whole = text.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
        let entries = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        entries.filter(|entry: &Value| entry["container"] == container.id()).collect()
    }

    /// Runs the marker in this container, whose story has none yet, and waits until it is told: what was
    /// done there before has been looked at.
    pub(super) fn close(&self, container: &Container<'_>) {
        let marker = container.exec(&[Image::MARKER, "env", "true"]).expect("the client runs");
        assert!(marker.status.success(), "the marker: {}", stderr(&marker));
        let told = self.tells(container.id(), MARKER, INCIDENT);
        assert!(told, "the marker was not told:\n{}", self.log());
    }

    /// What it wrote to its standard error.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Looks at what it has told so far.
    pub(super) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this rule finds something in this container within so long.
    pub(super) fn tells(&self, container: &str, rule: &str, patience: Duration) -> bool {
        let started = Instant::now();
        loop {
            if self.seen(|seen| seen.has(container, rule)) {
                return true;
            }
            if started.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Defender {
    fn drop(&mut self) {
        match &self.container {
            // As an operator stops it; the client that is attached ends with it.
            Some(container) => drop(container.docker(&["stop"], &[])),
            None => signal(self.process.id(), Signal::TERM),
        }
        let started = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if started.elapsed() > Duration::from_secs(20) {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// Sends a signal; a process that is gone gets none.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Waits until this process is gone, or a zombie.
pub(super) fn gone(pid: u32) {
    eventually(30, "the process ends", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'));
        state.unwrap_or(true).then_some(())
    });
}

/// The first child of a process.
pub(super) fn child(process: u32) -> Option<u32> {
    // The kernel's own children are nobody's that we know.
    let process = Some(process).filter(|process| *process != 0)?;
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| parent(*pid) == Some(process))
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}
