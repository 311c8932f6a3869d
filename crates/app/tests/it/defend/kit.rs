//! A Defender on this host.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use palisade_services::Docker;
use tempfile::TempDir;

use super::seen::{MARKER_RULES, Seen};
use crate::support::program;

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

/// `palisade defend`. Dropped, it is stopped.
pub(super) struct Defender {
    process: Child,
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

impl Defender {
    /// One that watches the containers of this engine.
    pub(super) fn start(docker: &Docker) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("marker.yaml"), MARKER_RULES).expect("rules");
        let rules = at("marker.yaml").display().to_string();
        let text = settings(Some(&docker.socket()), &rules);
        std::fs::write(at("defend.toml"), text).expect("settings");
        let mut process = Command::new(program())
            .args(["defend", "--format", "jsonl", "--config"])
            .arg(at("defend.toml"))
            .arg("--state")
            .arg(at("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(at("log")).expect("a log"))
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
        let mut defender = Self { process, folder, seen, reader: Some(reader) };
        let started = Instant::now();
        while !defender.log().contains(READY) {
            let ended = defender.process.try_wait().expect("its state");
            let late = started.elapsed() > START;
            assert!(ended.is_none() && !late, "it does not watch ({ended:?}):\n{}", defender.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        defender
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
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
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
