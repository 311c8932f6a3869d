//! Proof that prevention is live: a program of our own, in the cgroup of each protected container, that the
//! kernel always refuses. One that runs is an incident. One that ends proves nothing by itself, since anybody
//! could have killed it: the kernel side has to say that it was its doing.
//!
//! The canary is this very program, started again. It joins the container's cgroup, and nothing else of
//! the container: it sees none of its files, and ends at once.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::UnixMillis;
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

/// What became of a canary, as we see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did not run. By whom it was stopped, only the kernel side can tell.
    Stopped,
    /// It ran.
    Missed,
    /// It could not be tried: the container has ended, the cgroup cannot be joined.
    Untried,
}

/// What a canary has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The kernel side stopped it.
    Passed,
    /// It ran.
    Missed,
    /// It ended, and the kernel side did not say so.
    Unproven,
}

/// The kernel side's word of a canary that has ended comes within this time, milliseconds.
const PROOF_MS: u64 = 2_000;
/// After this time nothing comes of a canary any more, milliseconds.
const FORGET_MS: u64 = 30_000;

/// Canaries under way, by cgroup.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<u64, Sent>);

#[derive(Debug)]
struct Sent {
    container: Arc<ContainerIdentity>,
    at: UnixMillis,
    proof: bool,
    ended: Option<(Outcome, UnixMillis)>,
}

impl Pending {
    /// One starts.
    pub(super) fn sent(&mut self, cgroup: u64, container: Arc<ContainerIdentity>, now: UnixMillis) {
        self.0.insert(cgroup, Sent { container, at: now, proof: false, ended: None });
    }

    /// The kernel side has stopped one.
    pub(super) fn proof(&mut self, cgroup: u64) {
        if let Some(sent) = self.0.get_mut(&cgroup) {
            sent.proof = true;
        }
    }

    /// One has ended.
    pub(super) fn ended(&mut self, cgroup: u64, outcome: Outcome, now: UnixMillis) {
        if let Some(sent) = self.0.get_mut(&cgroup) {
            sent.ended = Some((outcome, now));
        }
    }

    /// Those of which it is clear by now what they have shown.
    pub(super) fn settle(&mut self, now: UnixMillis) -> Vec<(Arc<ContainerIdentity>, Verdict)> {
        let mut settled = Vec::new();
        self.0.retain(|_, sent| {
            let verdict = match sent.ended {
                Some((Outcome::Missed, _)) => Verdict::Missed,
                Some((Outcome::Stopped, _)) if sent.proof => Verdict::Passed,
                Some((Outcome::Stopped, ended)) if now.since(ended) >= PROOF_MS => {
                    Verdict::Unproven
                }
                Some((Outcome::Untried, _)) => return false,
                _ => return now.since(sent.at) < FORGET_MS,
            };
            settled.push((Arc::clone(&sent.container), verdict));
            false
        });
        settled
    }
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

/// What an incident of lost prevention shows: ourselves, in the container.
pub(super) fn event(container: Option<Arc<ContainerIdentity>>) -> Event {
    let process = Process {
        key: ProcessKey::new(0, 0),
        inner_pid: 0,
        name: ARGUMENT.to_owned(),
        executable: Executable { file: FileRef::at("/proc/self/exe"), hash: None, fileless: false },
        args: vec!["palisade".to_owned(), ARGUMENT.to_owned()],
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials::default(),
        capabilities: Capabilities::default(),
        namespaces: Namespaces::default(),
        cgroup: container.as_ref().map_or(0, |container| container.cgroup),
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
        container,
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
                return Outcome::Stopped;
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

#[cfg(test)]
mod tests {
    use palisade_model::event::Runtime;

    use super::*;

    #[test]
    fn a_canary_that_somebody_else_killed_proves_nothing() {
        let container = |cgroup| {
            let id = "a".repeat(64).parse().expect("an id");
            Arc::new(ContainerIdentity::bare(id, Runtime::Docker, cgroup))
        };
        let at = UnixMillis;
        let mut pending = Pending::default();
        (1..=5).for_each(|cgroup| pending.sent(cgroup, container(cgroup), at(0)));
        pending.ended(1, Outcome::Stopped, at(10));
        pending.ended(2, Outcome::Stopped, at(10));
        pending.ended(3, Outcome::Missed, at(10));
        pending.ended(4, Outcome::Untried, at(10));
        pending.proof(1);
        pending.proof(3);
        pending.proof(77);
        let settled = |pending: &mut Pending, now| {
            let mut all: Vec<(u64, Verdict)> = pending
                .settle(at(now))
                .iter()
                .map(|(one, verdict)| (one.cgroup, *verdict))
                .collect();
            all.sort_by_key(|(cgroup, _)| *cgroup);
            all
        };
        assert_eq!(settled(&mut pending, 11), [(1, Verdict::Passed), (3, Verdict::Missed)]);
        assert!(settled(&mut pending, 10 + PROOF_MS - 1).is_empty());
        assert_eq!(settled(&mut pending, 10 + PROOF_MS), [(2, Verdict::Unproven)]);
        assert!(settled(&mut pending, FORGET_MS).is_empty());
        assert!(pending.0.is_empty());
    }
}
