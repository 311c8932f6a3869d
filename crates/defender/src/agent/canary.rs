//! Proof that prevention is live: a program of our own, in the cgroup of each protected container, that the
//! kernel always refuses. One that runs is an incident.
//!
//! The canary is this very program, started again. It joins the container's cgroup, and nothing else of
//! the container: it sees none of its files, and ends at once.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::event::{
    Activity, Ancestors, Capabilities, ContainerIdentity, Credentials, Effect, Event, Executable,
    FileRef, Namespaces, Process, ProcessKey, Rung, Source,
};

use super::now;

/// The argument that makes the program a canary; the cgroup's `cgroup.procs` follows.
pub const ARGUMENT: &str = "defender-canary";
/// In place of the file, once it runs where it should not.
const RAN: &str = "ran";
/// Exit status of a canary that ran.
const MISSED: u8 = 42;
/// Exit status of one that could not join the cgroup.
const NOT_THERE: u8 = 43;
/// A canary that takes longer says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a canary said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused.
    Passed,
    /// It ran.
    Missed,
    /// It could not be tried: the container has ended, the cgroup cannot be joined.
    Untried,
}

/// The canary itself, with what follows [`ARGUMENT`].
pub fn main(argument: Option<&str>) -> ExitCode {
    let Some(procs) = argument.filter(|argument| *argument != RAN) else {
        return ExitCode::from(MISSED);
    };
    let joined = std::fs::OpenOptions::new()
        .write(true)
        .open(procs)
        .and_then(|mut file| file.write_all(b"0"));
    if joined.is_err() {
        return ExitCode::from(NOT_THERE);
    }
    // Comes back only when it is refused before it starts.
    let refused = Command::new("/proc/self/exe").args([ARGUMENT, RAN]).exec();
    match refused.raw_os_error() {
        Some(1) => ExitCode::SUCCESS,
        _ => ExitCode::from(NOT_THERE),
    }
}

/// Device and inode of this program, as the kernel has to know the canary.
///
/// # Errors
///
/// When it cannot be looked at.
pub fn identity() -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata("/proc/self/exe")?;
    Ok((metadata.dev(), metadata.ino()))
}

/// What an incident of a canary shows: ourselves, in the container.
pub(super) fn event(container: Arc<ContainerIdentity>) -> Event {
    let process = Process {
        key: ProcessKey::new(0, 0),
        inner_pid: 0,
        name: ARGUMENT.to_owned(),
        executable: Executable { file: FileRef::at("/proc/self/exe"), hash: None, fileless: false },
        args: vec!["palisade".to_owned(), ARGUMENT.to_owned()],
        args_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials::default(),
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: container.cgroup,
        session: 0,
        terminal: 0,
        started: now(),
        ancestors: Ancestors::default(),
    };
    Event {
        time: now(),
        boot_ns: 0,
        source: Source { rung: Rung::Tracepoint, hook: "canary".into(), cpu: 0, sequence: 0 },
        process: Arc::new(process),
        thread: 0,
        container: Some(container),
        activity: Activity::Exec { script: None, previous: String::new(), gained: 0 },
        error: 0,
        call: None,
        effect: Effect::Seen,
    }
}

/// Sends one. Blocks for as long as it takes, milliseconds.
pub fn send(cgroup: &Path) -> Outcome {
    let spawned = Command::new("/proc/self/exe")
        .arg(ARGUMENT)
        .arg(cgroup.join("cgroup.procs"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut canary) = spawned else { return Outcome::Untried };
    let end = Instant::now() + PATIENCE;
    loop {
        match canary.try_wait() {
            Ok(Some(status)) if status.signal() == Some(9) || status.success() => {
                return Outcome::Passed;
            }
            Ok(Some(status)) if status.code() == Some(MISSED.into()) => return Outcome::Missed,
            Ok(Some(_)) | Err(_) => return Outcome::Untried,
            Ok(None) if Instant::now() >= end => {
                let _ = canary.kill();
                let _ = canary.wait();
                return Outcome::Untried;
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
