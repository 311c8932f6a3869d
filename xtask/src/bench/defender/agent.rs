//! `palisade defend`, started and stopped; what it tells and counts.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::super::{http, processes};
use super::Bench;
use super::metrics::Metrics;

/// How long a start may take: programs are loaded into the kernel.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);

/// What it writes when it sees all that it will see.
const READY: &str = "watching";

/// OCSF's Detection Finding.
const FINDING: u64 = 2004;

/// What a measurement asks for beside the defaults.
#[derive(Default)]
pub(super) struct Settings<'a> {
    /// A policy's text.
    pub(super) policy: Option<&'a str>,
    /// Rules' text, in Falco's language.
    pub(super) rules: Option<&'a str>,
    /// Tables of the settings file; `[containers]` is taken.
    pub(super) tables: &'a str,
}

/// A line of what it told.
pub(super) struct Told {
    /// When it came to us: seconds since 1970.
    pub(super) at: f64,
    pub(super) line: Value,
}

/// A running Defender. Dropped, it is stopped.
pub(super) struct Defender {
    process: Child,
    folder: PathBuf,
    metrics: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    reader: Option<JoinHandle<()>>,
}

impl Defender {
    /// One that watches the containers of the bench's engine. It tells incidents and blind intervals, no
    /// events, and keeps its own default limits.
    pub(super) fn start(bench: &Bench, settings: &Settings<'_>) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("defender-").tempdir_in(&bench.directory)?.keep();
        let at = |name: &str| folder.join(name);
        let socket = bench.docker.socket();
        let mut text = String::new();
        if let Some(rules) = settings.rules {
            fs::write(at("rules.yaml"), rules)?;
            text.push_str(&format!("rules = [\"{}\"]\n", at("rules.yaml").display()));
        }
        text.push_str(&format!(
            "[containers]\nsockets = [{{ path = \"{}\", api = \"docker\" }}]\n{}",
            socket.display(),
            settings.tables
        ));
        fs::write(at("defend.toml"), text)?;
        let metrics = palisade_services::free_address();
        // It ends with us, however we end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(&bench.binary);
        command.args(["defend", "--format", "jsonl", "--events", "none", "--config"]);
        command.arg(at("defend.toml")).arg("--state").arg(at("state"));
        command.arg("--metrics").arg(metrics.to_string());
        if let Some(policy) = settings.policy {
            fs::write(at("policy.toml"), policy)?;
            command.arg("--policy").arg(at("policy.toml"));
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(at("log"))?)
            .spawn()
            .with_context(|| format!("{} does not start", bench.binary.display()))?;
        let stdout = process.stdout.take().context("its output")?;
        let told = Arc::default();
        let into = Arc::clone(&told);
        let reader = std::thread::spawn(move || read(stdout, &into));
        let mut defender = Self { process, folder, metrics, told, reader: Some(reader) };
        let started = Instant::now();
        while !defender.log().contains(READY) {
            if let Some(status) = defender.process.try_wait()? {
                bail!("the Defender ended ({status}):\n{}", defender.log());
            }
            if started.elapsed() > START {
                bail!("the Defender does not watch:\n{}", defender.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(defender)
    }

    /// What it wrote to its standard error.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The watchdog's process, of which the agent is a child.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Watchdog and agent; more only for a moment.
    pub(super) fn processes(&self) -> Vec<u32> {
        processes::members(self.pid())
    }

    pub(super) fn metrics(&self) -> anyhow::Result<Metrics> {
        let answer = http::once(self.metrics, &http::get("/metrics", "none"))?;
        Ok(Metrics::parse(&String::from_utf8_lossy(&answer.body)))
    }

    /// What it has told so far.
    pub(super) fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The titles of incidents that began since the `from`th line.
    pub(super) fn incidents(&self, from: usize) -> Vec<String> {
        let told = self.told();
        let lines = told.iter().skip(from).map(|told| &told.line);
        lines.filter(|line| began(line)).map(title).collect()
    }
}

/// Whether a line is an incident's beginning.
pub(super) fn began(line: &Value) -> bool {
    line["class_uid"] == FINDING && line["activity_id"] == 1
}

fn title(line: &Value) -> String {
    let image = line["container"]["image"]["name"].as_str().unwrap_or("the host");
    let image = image.rsplit('/').next().unwrap_or(image);
    format!("{}: {}", image, line["message"].as_str().unwrap_or_default())
}

fn read(from: impl std::io::Read, into: &Mutex<Vec<Told>>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        let at = seconds();
        let line = serde_json::from_str(&line).unwrap_or(Value::Null);
        into.lock().unwrap_or_else(PoisonError::into_inner).push(Told { at, line });
    }
}

/// Seconds since 1970.
pub(super) fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Drop for Defender {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let started = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if started.elapsed() > STOP {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// Memory of some processes in bytes, by two lines of `/proc/PID/status`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resident {
    /// All pages, those of files too.
    pub(super) all: u64,
    /// What is nobody's file: heap, stacks.
    pub(super) anonymous: u64,
}

impl Resident {
    pub(super) fn of(processes: &[u32]) -> Self {
        let mut sum = Self::default();
        for pid in processes {
            let status = Path::new("/proc").join(pid.to_string()).join("status");
            let Ok(text) = fs::read_to_string(status) else { continue };
            sum.all += processes::kib(&text, "VmRSS:") << 10;
            sum.anonymous += processes::kib(&text, "RssAnon:") << 10;
        }
        sum
    }
}
