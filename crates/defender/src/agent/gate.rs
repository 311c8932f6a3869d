//! The thread that programs wait for (fanotify): it answers whether they may run, where policy asks what
//! the kernel cannot tell by itself: patterns, parents, users, hashes.
//!
//! Fails open: a question that is not answered in time is answered by the guard's own watchdog, which
//! gives fanotify up and lets every waiter go.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use palisade_model::event::{
    Activity, Ancestor, Ancestors, Capabilities, ContainerIdentity, Credentials, Effect, Event,
    Executable, FileIdentity, FileKind, FileRef, Namespaces, Process, ProcessKey, Rung, Source,
    readable,
};
use palisade_sensor::fanotify::{Answer, Guard, Question};
use palisade_sensor::procfs;
use palisade_sensor::{SensorError, procfs::Snapshot};
use sha2::{Digest as _, Sha256 as Hash};

use super::core::Asked;
use super::now;
use crate::containers::Hierarchy;
use crate::hashes::{Hasher, KnownBad};
use crate::metrics::Metrics;
use crate::policy::{AuditEntry, ExecAnswer, ExecQuestion, HashVerdict};

/// Executables up to this many bytes are hashed while they wait; larger ones are not known then.
const MAX_HASHED: u64 = 32 << 20;
/// Cgroups above a program's own that are looked at: it may have made one in its container's.
const MAX_ABOVE: usize = 32;

/// What the gate tells the decider.
#[derive(Debug)]
pub(super) enum Told {
    /// A program was refused.
    Refused(Box<Event>, Box<AuditEntry>),
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

    /// Asks for a container from now on, or no more.
    ///
    /// # Errors
    ///
    /// When its file system cannot be marked: then it is not asked.
    pub(super) fn ask(
        &self,
        container: &Arc<ContainerIdentity>,
        cgroups: &[u64],
        process: Option<u32>,
        asked: Option<Asked>,
    ) -> Result<(), SensorError> {
        let mut sheets = self.sheets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(asked) = asked else {
            sheets.retain(|_, (known, _)| known.id != container.id);
            return Ok(());
        };
        for cgroup in cgroups {
            sheets.insert(*cgroup, (Arc::clone(container), asked.clone()));
        }
        drop(sheets);
        match process {
            Some(tgid) => {
                self.guard.mark_filesystem(&self.proc.join(tgid.to_string()).join("root"))
            }
            None => Ok(()),
        }
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
        self.0.close();
    }
}

impl Answers {
    fn run(self, guard: &Guard, sheets: &RwLock<Sheets>, stop: &AtomicBool) {
        // However this thread ends: nobody else answers those who wait.
        let _open = Open(guard);
        while !stop.load(Ordering::Acquire) {
            if let Err(error) = guard.wait(Duration::from_millis(200)) {
                tracing::error!(%error, "programs are not asked about any more: they run");
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
        let answer = asked.rules.decide_exec(
            &ExecQuestion {
                path: &path,
                parent: Some(&inside),
                user: Some(snapshot.uids[1]),
                // What the kernel alone sees is the kernel's to refuse.
                upper: None,
                fileless: path.starts_with("/memfd:"),
                auxiliary: is_auxiliary(&path, &file),
                hash: self.hash(&file),
            },
            asked.model.as_deref(),
        );
        if answer.allow {
            self.metrics.fanotify("allow");
            return Answer::Allow;
        }
        self.metrics.fanotify("deny");
        self.tell(&snapshot, parent.as_ref(), cgroup, &container, &path, &file, &answer, &asked);
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

    /// What is known of its bytes. Read at its own place: the descriptor's is the waiting program's.
    fn hash(&self, file: &File) -> HashVerdict {
        let (Some(known_bad), Some(hasher)) = (&self.known_bad, &self.hasher) else {
            return HashVerdict::Unknown;
        };
        let Ok(metadata) = file.metadata() else { return HashVerdict::Unknown };
        let identity = identity(&metadata);
        let hash = hasher.known(&identity).or_else(|| {
            let hash = (metadata.len() <= MAX_HASHED)
                .then(|| digest(file, self.deadline / 2))
                .flatten()?;
            hasher.remember(identity, hash);
            Some(hash)
        });
        match hash.and_then(|hash| known_bad.find(&hash)) {
            Some(name) => HashVerdict::KnownBad(name),
            None => HashVerdict::Unknown,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "everything that is known of one refusal")]
    fn tell(
        &self,
        caller: &Snapshot,
        parent: Option<&Snapshot>,
        cgroup: u64,
        container: &Arc<ContainerIdentity>,
        path: &str,
        file: &File,
        answer: &ExecAnswer,
        asked: &Asked,
    ) {
        let process = would_be(caller, parent, cgroup, path, file);
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
        let id = Some(container.id.clone());
        let Some(entry) = AuditEntry::of_exec(event.time, id, path, answer, false, asked.version)
        else {
            return;
        };
        if self.told.try_send(Told::Refused(Box::new(event), Box::new(entry))).is_err() {
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
fn digest(file: &File, within: Duration) -> Option<palisade_model::Sha256> {
    use std::os::unix::fs::FileExt as _;
    let (mut hash, mut buffer, mut at) = (Hash::new(), vec![0; 1 << 16], 0);
    let began = Instant::now();
    while began.elapsed() < within {
        match file.read_at(&mut buffer, at).ok()? {
            0 => return Some(palisade_model::Sha256(hash.finalize().into())),
            read => {
                hash.update(buffer.get(..read)?);
                at += u64::try_from(read).ok()?;
            }
        }
    }
    None
}
