//! The thread that programs wait for (fanotify): it answers whether they may run, where policy asks what
//! the kernel cannot tell by itself: patterns, parents, users, hashes.
//!
//! Fails open: a question that is not answered in time is answered by the guard's own watchdog, which
//! gives fanotify up and lets every waiter go. Why is in [`Gate::lost`], and the decider says it to all.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use palisade_model::Sha256;
use palisade_model::event::{
    Activity, Ancestor, Ancestors, Capabilities, ContainerId, ContainerIdentity, Credentials,
    Effect, Event, Executable, FileIdentity, FileKind, FileRef, Kind, Namespaces, Process,
    ProcessKey, Rung, Source, readable,
};
use palisade_sensor::fanotify::{Answer, Guard, Marked, Question};
use palisade_sensor::procfs;
use palisade_sensor::{SensorError, procfs::Snapshot};
use sha2::{Digest as _, Sha256 as Hash};

use super::core::{Answered, Asked};
use super::eyes::Watching;
use super::now;
use crate::containers::Hierarchy;
use crate::hashes::{self, Hasher, KnownBad};
use crate::metrics::Metrics;
use crate::policy::{ExecQuestion, HashVerdict};

/// Executables up to this many bytes are hashed while they wait; larger ones are not known then.
const MAX_HASHED: u64 = 32 << 20;
/// Cgroups above a program's own that are looked at: it may have made one in its container's.
const MAX_ABOVE: usize = 32;

/// What the gate tells the decider.
#[derive(Debug)]
pub(super) enum Told {
    /// A program was refused.
    Refused(Box<Event>, Box<Answered>),
}

/// By cgroup: whose programs ask, and by which rules.
type Sheets = HashMap<u64, (Arc<ContainerIdentity>, Asked)>;

/// The gate, as the decider's side has it.
pub(super) struct Gate {
    guard: Arc<Guard>,
    sheets: Arc<RwLock<Sheets>>,
    proc: PathBuf,
    stop: Arc<AtomicBool>,
}

/// What the thread needs.
pub(super) struct Answers {
    pub(super) hierarchy: Hierarchy,
    pub(super) proc: PathBuf,
    pub(super) hasher: Option<Arc<Hasher<Arc<Event>>>>,
    pub(super) known_bad: Option<Arc<KnownBad>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) told: SyncSender<Told>,
    /// What finds no room there is counted here.
    pub(super) watching: Arc<Watching>,
    /// A program waits so long at most; then all are let go, and nobody is asked about any more.
    pub(super) deadline: Duration,
}

impl Gate {
    /// Starts the thread. Nothing is marked yet, so nobody asks.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started.
    pub(super) fn start(guard: Guard, answers: Answers) -> Result<Self, SensorError> {
        guard.watch(answers.deadline)?;
        let gate = Self {
            guard: Arc::new(guard),
            sheets: Arc::default(),
            proc: answers.proc.clone(),
            stop: Arc::default(),
        };
        let (guard, sheets, stop) =
            (Arc::clone(&gate.guard), Arc::clone(&gate.sheets), Arc::clone(&gate.stop));
        std::thread::Builder::new()
            .name("gate".to_owned())
            .spawn(move || answers.run(&guard, &sheets, &stop))
            .map_err(|error| SensorError::os("a thread cannot be started", error))?;
        Ok(gate)
    }

    /// Asks by these rules about programs of a container from now on, or no more. What is not marked
    /// ([`Gate::mark`]) does not ask.
    pub(super) fn ask(
        &self,
        container: &Arc<ContainerIdentity>,
        cgroups: &[u64],
        asked: Option<Asked>,
    ) {
        let mut sheets = self.sheets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(asked) = asked else {
            sheets.retain(|_, (known, _)| known.id != container.id);
            return;
        };
        for cgroup in cgroups {
            sheets.insert(*cgroup, (Arc::clone(container), asked.clone()));
        }
    }

    /// Marks the mounts of a container's process.
    ///
    /// # Errors
    ///
    /// As [`Guard::mark_mounts`].
    pub(super) fn mark(&self, tgid: u32) -> Result<Marked, SensorError> {
        self.guard.mark_mounts(&self.proc, tgid)
    }

    /// A container's own cgroup, where programs of it are asked about.
    pub(super) fn cgroup_of(&self, container: &ContainerId) -> Option<u64> {
        let sheets = self.sheets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        sheets
            .values()
            .map(|(known, _)| known)
            .find(|known| known.id == *container)
            .map(|one| one.cgroup)
    }

    /// Why nobody is asked any more; `None` while programs are.
    pub(super) fn lost(&self) -> Option<&str> {
        self.guard.lost()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Lets go of everybody who waits when it is dropped.
struct Open<'a>(&'a Guard);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.close("the thread that answers has ended");
    }
}

impl Answers {
    fn run(self, guard: &Guard, sheets: &RwLock<Sheets>, stop: &AtomicBool) {
        // However this thread ends: nobody else answers those who wait.
        let _open = Open(guard);
        while !stop.load(Ordering::Acquire) {
            if guard.wait(Duration::from_millis(200)).is_err() {
                self.metrics.fanotify("timed-out");
                return;
            }
            loop {
                let outcome = guard.answer(|question| self.answer(question, sheets));
                match outcome {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::warn!(%error, "an answer to a program that waits was not taken");
                        break;
                    }
                }
            }
        }
    }

    fn answer(&self, question: &Question, sheets: &RwLock<Sheets>) -> Answer {
        let Ok(tgid) = u32::try_from(question.pid) else { return Answer::Allow };
        let Some(snapshot) = procfs::without_arguments(&self.proc, tgid) else {
            return Answer::Allow;
        };
        let cgroups = self.cgroups(&snapshot);
        let sheets = sheets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let found = cgroups.iter().find_map(|cgroup| sheets.get(cgroup));
        let Some((container, asked)) = found else { return Answer::Allow };
        let (container, asked) = (Arc::clone(container), asked.clone());
        drop(sheets);
        let cgroup = container.cgroup;
        let Ok(file) = question.file.try_clone().map(File::from) else { return Answer::Allow };
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let path = std::fs::read_link(link).unwrap_or_default();
        let path = readable(path.as_os_str().as_encoded_bytes());
        let parent = procfs::without_arguments(&self.proc, snapshot.parent);
        let inside = parent
            .as_ref()
            .filter(|parent| self.cgroups(parent).contains(&cgroup))
            .map_or(String::new(), |parent| readable(&parent.executable));
        let bad = self.known_bad(&file);
        let hash = bad.as_ref().map(|(_, name)| HashVerdict::KnownBad(name.clone()));
        let answer = asked.rules.decide_exec(
            &ExecQuestion {
                path: &path,
                parent: Some(&inside),
                user: Some(snapshot.uids[1]),
                // What the kernel alone sees is the kernel's to refuse.
                upper: None,
                fileless: path.starts_with("/memfd:"),
                auxiliary: is_auxiliary(&path, &file),
                hash: hash.unwrap_or_default(),
            },
            asked.model.as_deref(),
        );
        if answer.allow {
            self.metrics.fanotify("allow");
            return Answer::Allow;
        }
        self.metrics.fanotify("deny");
        let process = would_be(&snapshot, parent.as_ref(), cgroup, &path, &file);
        let about = &process.executable.file;
        let malware = bad.map(|(hash, name)| hashes::malware(hash, &name, about));
        let answered = Answered { answer, version: asked.version, malware };
        self.tell(&snapshot, process, &container, answered);
        Answer::Deny
    }

    /// Its own cgroup, then those above.
    fn cgroups(&self, snapshot: &Snapshot) -> Vec<u64> {
        let lines = snapshot.cgroups.join("\n");
        let path = self.hierarchy.path_of(&lines);
        let Some(folder) = path.and_then(|path| self.hierarchy.directory(path)) else {
            return Vec::new();
        };
        folder
            .ancestors()
            .take_while(|above| above.starts_with(&self.hierarchy.root))
            .take(MAX_ABOVE)
            .filter_map(|above| Some(std::fs::metadata(above).ok()?.ino()))
            .collect()
    }

    /// The hash of its bytes and what that is called, if it is known to be bad. Read at its own place: the
    /// descriptor's is the waiting program's.
    fn known_bad(&self, file: &File) -> Option<(Sha256, String)> {
        let (known_bad, hasher) = (self.known_bad.as_ref()?, self.hasher.as_ref()?);
        let metadata = file.metadata().ok()?;
        let identity = identity(&metadata);
        let hash = hasher.known(&identity).or_else(|| {
            let hash = (metadata.len() <= MAX_HASHED)
                .then(|| digest(file, self.deadline / 2))
                .flatten()?;
            hasher.remember(identity, hash);
            Some(hash)
        })?;
        known_bad.find(&hash).map(|name| (hash, name))
    }

    fn tell(
        &self,
        caller: &Snapshot,
        process: Process,
        container: &Arc<ContainerIdentity>,
        answered: Answered,
    ) {
        let event = Event {
            time: now(),
            boot_ns: 0,
            source: Source {
                rung: Rung::Fanotify,
                hook: "FAN_OPEN_EXEC_PERM".into(),
                cpu: 0,
                sequence: 0,
            },
            thread: caller.tgid,
            process: Arc::new(process),
            container: Some(Arc::clone(container)),
            activity: Activity::Exec {
                script: None,
                previous: readable(&caller.executable),
                gained: 0,
            },
            error: 1,
            call: None,
            effect: Effect::Refused,
        };
        self.hand_over(event, answered);
    }

    /// Never waits: the next program does. A refusal that the decider has no room for is a lost event.
    fn hand_over(&self, event: Event, answered: Answered) {
        let cgroup = event.process.cgroup;
        if self.told.try_send(Told::Refused(Box::new(event), Box::new(answered))).is_err() {
            self.watching.lost.note_one(cgroup, Kind::Exec, now());
            self.metrics.fanotify("untold");
        }
    }
}

/// A script, or the dynamic loader: it is opened for the start of another program, which is asked about by
/// itself. The loader started as a program of its own is the kernel side's to refuse.
fn is_auxiliary(path: &str, file: &File) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut start = [0; 2];
    let script = file.read_exact_at(&mut start, 0).is_ok() && start == *b"#!";
    let name = path.rsplit('/').next().unwrap_or_default();
    script || ["ld-linux", "ld-musl-", "ld.so", "ld-2."].iter().any(|start| name.starts_with(start))
}

/// The caller as it would have been.
fn would_be(
    caller: &Snapshot,
    parent: Option<&Snapshot>,
    cgroup: u64,
    path: &str,
    file: &File,
) -> Process {
    let [uid, euid, suid] = caller.uids;
    let metadata = file.metadata().ok();
    let executable = Executable {
        file: FileRef {
            identity: metadata.as_ref().map(identity),
            kind: FileKind::Regular,
            ..FileRef::at(path)
        },
        hash: None,
        fileless: path.starts_with("/memfd:"),
    };
    Process {
        key: ProcessKey::new(caller.tgid, caller.start_ns),
        inner_pid: caller.inner_tgid,
        name: Path::new(path)
            .file_name()
            .map(|name| name.to_string_lossy().chars().take(15).collect())
            .unwrap_or_default(),
        executable,
        args: Vec::new(),
        args_cut: false,
        environment_cut: false,
        environment: Vec::new(),
        cwd: String::new(),
        credentials: Credentials { uid, euid, suid, ..Credentials::default() },
        capabilities: Capabilities { effective: caller.capabilities, ..Capabilities::default() },
        namespaces: Namespaces::default(),
        cgroup,
        session: 0,
        terminal: 0,
        started: now(),
        ancestors: parent.map(|parent| line(parent, cgroup)).unwrap_or_default(),
    }
}

fn line(parent: &Snapshot, cgroup: u64) -> Ancestors {
    std::iter::once(Ancestor {
        key: ProcessKey::new(parent.tgid, parent.start_ns),
        name: readable(&parent.name),
        path: readable(&parent.executable),
        args: parent.arguments.iter().map(|one| readable(one)).collect(),
        cgroup,
    })
    .collect()
}

fn identity(metadata: &std::fs::Metadata) -> FileIdentity {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
    let rest = u64::try_from(metadata.ctime_nsec()).unwrap_or_default();
    FileIdentity {
        dev: metadata.dev(),
        inode: metadata.ino(),
        ctime_ns: seconds.saturating_mul(1_000_000_000).saturating_add(rest),
        size: metadata.len(),
    }
}

/// Not beyond a part of the deadline: a slow file must not make the guard give up for all.
fn digest(file: &File, within: Duration) -> Option<Sha256> {
    use std::os::unix::fs::FileExt as _;
    let (mut hash, mut buffer, mut at) = (Hash::new(), vec![0; 1 << 16], 0);
    let began = Instant::now();
    while began.elapsed() < within {
        match file.read_at(&mut buffer, at).ok()? {
            0 => return Some(Sha256(hash.finalize().into())),
            read => {
                hash.update(buffer.get(..read)?);
                at += u64::try_from(read).ok()?;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use palisade_model::event::Runtime;

    use super::*;
    use crate::agent::canary;
    use crate::policy::Policy;

    #[test]
    fn a_refusal_that_finds_no_room_is_a_lost_event() {
        let (told, _kept) = sync_channel(1);
        let watching = Arc::new(Watching::default());
        let answers = Answers {
            hierarchy: Hierarchy {
                root: PathBuf::from("/"),
                key: crate::containers::CgroupKey::Unified,
                number: 0,
                whole: true,
                certain: true,
            },
            proc: PathBuf::from("/proc"),
            hasher: None,
            known_bad: None,
            metrics: Arc::new(Metrics::new()),
            told,
            watching: Arc::clone(&watching),
            deadline: Duration::from_secs(1),
        };
        let id = "a".repeat(64).parse().expect("an id");
        let container = Arc::new(ContainerIdentity::bare(id, Runtime::Docker, 9));
        let policy = Policy::default();
        let rules = policy.for_container(Some(&container));
        let answer = rules.decide_exec(&ExecQuestion::default(), None);
        for _ in 0..3 {
            let answered =
                Answered { answer: answer.clone(), version: policy.version(), malware: None };
            answers.hand_over(canary::event(Some(Arc::clone(&container))), answered);
        }
        let lost = watching.lost.take();
        assert_eq!(lost.get(&(9, Kind::Exec)).map(|span| span.count), Some(2), "one had room");
    }
}
