//! The processes of the host.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use palisade_model::event::{
    Activity, Ancestor, Ancestors, Capabilities, Credentials, Executable, FileRef, Namespaces,
    Process, ProcessKey, readable,
};

use super::{TrackSettings, call, file, wall};
use crate::abi::{Body, Exec, Header, Record, flag};
use crate::procfs;

/// What a fork says of the child.
pub(super) struct Child {
    pub(super) key: ProcessKey,
    pub(super) cgroup: u64,
    pub(super) inner: u32,
    pub(super) namespaces: [u32; 4],
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    /// The process as its children see it: made at the first fork after an exec.
    line: Option<Arc<Ancestor>>,
    ended: bool,
    /// Its program was started among the host's mounts.
    outside: bool,
    /// Of `process` and `line`.
    bytes: usize,
}

impl Entry {
    fn new(process: Arc<Process>) -> Self {
        let bytes = weight(&process);
        Self { process, line: None, ended: false, outside: false, bytes }
    }

    fn line(&mut self) -> Arc<Ancestor> {
        Arc::clone(self.line.get_or_insert_with(|| Arc::new(self.process.as_ancestor())))
    }
}

/// Every process that was seen and has not ended, and those that ended lately.
#[derive(Debug)]
pub(super) struct Table {
    settings: TrackSettings,
    entries: HashMap<u32, Entry>,
    /// Number in a PID namespace to number in the host's.
    inner: HashMap<(u32, u32), u32>,
    ended: VecDeque<ProcessKey>,
    /// Of all entries.
    bytes: usize,
    /// The second (of the records' own clock) in which `/proc` was asked last, and how often in it.
    asked: (u64, u32),
    pub(super) unannounced: u64,
    pub(super) unplaced: u64,
    pub(super) shortened: u64,
}

impl Table {
    pub(super) fn new(settings: TrackSettings) -> Self {
        Self {
            settings,
            entries: HashMap::new(),
            inner: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
            asked: (0, 0),
            unannounced: 0,
            unplaced: 0,
            shortened: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn living(&self, tgid: u32) -> Option<&Arc<Process>> {
        self.entries.get(&tgid).filter(|entry| !entry.ended).map(|entry| &entry.process)
    }

    /// This very process, living or ended lately.
    pub(super) fn exactly(&self, key: ProcessKey) -> Option<&Arc<Process>> {
        let entry = self.entries.get(&key.tgid())?;
        same(entry.process.key.start_ns(), key.start_ns()).then_some(&entry.process)
    }

    /// The process that has this number in this PID namespace.
    pub(super) fn inner(&self, namespace: u32, pid: u32) -> Option<ProcessKey> {
        let tgid = self.inner.get(&(namespace, pid))?;
        Some(self.entries.get(tgid)?.process.key)
    }

    /// The process of a header as it was known before.
    pub(super) fn before(&self, header: &Header) -> Option<Arc<Process>> {
        self.exactly(ProcessKey::new(header.tgid, header.start_ns)).map(Arc::clone)
    }

    /// The process of a header, with what the header says is new of it.
    pub(super) fn of(&mut self, header: &Header, boot_unix_ms: u64) -> Arc<Process> {
        let key = ProcessKey::new(header.tgid, header.start_ns);
        let Some(known) = self.exactly(key) else { return self.unknown(header, boot_unix_ms) };
        // Seen where no process is, the header has nothing but the number.
        if header.flags & flag::NO_TASK != 0 || !differs(known, header) {
            return Arc::clone(known);
        }
        let mut process = Process::clone(known);
        refresh(&mut process, header);
        self.replace(process)
    }

    /// A process of which no fork was seen: one that was there before us, or whose fork was lost.
    fn unknown(&mut self, header: &Header, boot_unix_ms: u64) -> Arc<Process> {
        if header.tgid == 0 {
            return Arc::new(bare(header, boot_unix_ms));
        }
        self.unannounced += 1;
        let mut process = bare(header, boot_unix_ms);
        if self.may_ask(header)
            && let Some(snapshot) = self.snapshot(header)
        {
            describe(&mut process, snapshot);
        }
        let parent = ProcessKey::new(header.parent_tgid, header.parent_start_ns);
        process.ancestors = self.line_of(parent).unwrap_or_default();
        self.place(process)
    }

    /// Where the table is full, each record of a process that has no place would be a look into `/proc`: a
    /// container with very many processes must not make us blind for the others in this way.
    fn may_ask(&mut self, header: &Header) -> bool {
        let second = header.time_ns / 1_000_000_000;
        if self.asked.0 != second {
            self.asked = (second, 0);
        }
        self.asked.1 = self.asked.1.saturating_add(1);
        self.asked.1 <= MAX_ASKED
    }

    fn snapshot(&self, header: &Header) -> Option<procfs::Snapshot> {
        let proc = self.settings.proc.as_deref()?;
        let snapshot = procfs::process(proc, header.tgid)?;
        // Ticks of 10 ms; another process may have the number by now.
        (header.start_ns == 0 || snapshot.start_ns.abs_diff(header.start_ns) <= 20_000_000)
            .then_some(snapshot)
    }

    /// The ancestry that a child of this process has.
    fn line_of(&mut self, parent: ProcessKey) -> Option<Ancestors> {
        let entry = self.entries.get_mut(&parent.tgid())?;
        if !same(entry.process.key.start_ns(), parent.start_ns()) {
            return None;
        }
        let line = entry.line();
        Some(Ancestors::below(line, &entry.process.ancestors))
    }

    pub(super) fn fork(
        &mut self,
        parent: &Process,
        header: &Header,
        child: &Child,
        boot_unix_ms: u64,
    ) -> Arc<Process> {
        let ancestors = self
            .line_of(parent.key)
            .unwrap_or_else(|| Ancestors::below(Arc::new(parent.as_ancestor()), &parent.ancestors));
        let [mnt, pid, net, user] = child.namespaces;
        let outside = self.outside(parent.key);
        let placed = self.place(Process {
            key: child.key,
            inner_pid: child.inner,
            cgroup: child.cgroup,
            namespaces: Namespaces { mnt, pid, net, user, ..parent.namespaces },
            started: wall(boot_unix_ms, header.time_ns),
            ancestors,
            ..parent.clone()
        });
        self.set_outside(child.key, outside);
        placed
    }

    /// Whether its program was started among the host's mounts.
    pub(super) fn outside(&self, key: ProcessKey) -> bool {
        self.entries.get(&key.tgid()).is_some_and(|entry| entry.outside)
    }

    fn set_outside(&mut self, key: ProcessKey, outside: bool) {
        if let Some(entry) = self.entries.get_mut(&key.tgid()) {
            entry.outside = outside;
        }
    }

    fn is_hosts(&self, mounts: u32) -> bool {
        mounts != 0 && mounts == self.settings.host_mounts
    }

    /// Another program in the same process.
    pub(super) fn exec(
        &mut self,
        header: &Header,
        exec: &Exec,
        boot_unix_ms: u64,
    ) -> (Arc<Process>, Activity) {
        // The header holds who the process is by now: what it was is only in the table.
        let known = self.before(header);
        let before = self.of(header, boot_unix_ms);
        let capabilities = capabilities(header, exec);
        let script = (!exec.interpreter.is_empty())
            .then(|| FileRef::at(file::named(&exec.directory, &exec.invoked)));
        let activity = Activity::Exec {
            script,
            previous: before.path().to_owned(),
            gained: known.map_or(0, |known| gained(&known, &capabilities)),
        };
        let mut process = Process {
            name: readable(&header.name),
            executable: Executable {
                file: file::of(&exec.executable),
                hash: None,
                fileless: exec.executable.memory || exec.executable.path.pseudo,
            },
            args: arguments(&exec.arguments),
            args_cut: usize::try_from(exec.argument_bytes).unwrap_or(usize::MAX)
                > exec.arguments.iter().map(|one| one.len() + 1).sum(),
            environment: exec.environment.iter().map(|one| readable(one)).collect(),
            environment_cut: exec.environment_cut,
            cwd: file::name(&exec.directory),
            capabilities,
            session: exec.session,
            terminal: exec.terminal,
            ..Process::clone(&before)
        };
        process.credentials.suid = exec.saved[0];
        process.credentials.sgid = exec.saved[1];
        process.credentials.login_uid = exec.login_uid;
        if process.ancestors.is_empty() {
            process.ancestors = self.told_ancestors(&exec.ancestors);
        }
        // Who was inside once is no runtime on its way in, wherever its next program starts.
        let outside = self.outside(before.key) && self.is_hosts(header.namespaces[0]);
        let process = self.replace(process);
        self.set_outside(process.key, outside);
        (process, activity)
    }

    /// From the numbers that the kernel gave: the nearest known one brings its own line.
    fn told_ancestors(&mut self, told: &[(u32, u64)]) -> Ancestors {
        told.first()
            .and_then(|(tgid, start)| self.line_of(ProcessKey::new(*tgid, *start)))
            .unwrap_or_default()
    }

    /// The same process with other contents.
    fn replace(&mut self, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        let kept = self.fitting(&process);
        if let Some(entry) = self.entries.get_mut(&process.key.tgid()) {
            let (before, now) = (&entry.process, &process);
            if before.namespaces.pid != now.namespaces.pid || before.inner_pid != now.inner_pid {
                let old = (before.namespaces.pid, before.inner_pid);
                if self.inner.get(&old) == Some(&now.key.tgid()) {
                    self.inner.remove(&old);
                }
                self.inner.insert((now.namespaces.pid, now.inner_pid), now.key.tgid());
            }
            self.bytes = self.bytes.saturating_sub(entry.bytes) + weight(&kept);
            let Entry { ended, outside, .. } = *entry;
            *entry = Entry { ended, outside, ..Entry::new(kept) };
        }
        process
    }

    /// The process as it is kept: whole, or in a short form when there is no room for its texts.
    fn fitting(&mut self, process: &Arc<Process>) -> Arc<Process> {
        let own = weight(process);
        if own <= SHORT || self.bytes.saturating_add(own) <= self.settings.bytes {
            return Arc::clone(process);
        }
        self.shortened += 1;
        Arc::new(short(process))
    }

    fn place(&mut self, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        let tgid = process.key.tgid();
        if self.entries.len() >= self.settings.processes {
            self.forget_ended(0);
        }
        if self.entries.len() >= self.settings.processes && !self.entries.contains_key(&tgid) {
            self.unplaced += 1;
            return process;
        }
        self.inner.insert((process.namespaces.pid, process.inner_pid), tgid);
        let outside = self.is_hosts(process.namespaces.mnt);
        let entry = Entry { outside, ..Entry::new(self.fitting(&process)) };
        self.bytes += entry.bytes;
        if let Some(old) = self.entries.insert(tgid, entry) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
            // The number is used again: the old one ended unseen, or not yet forgotten.
            let old = (old.process.namespaces.pid, old.process.inner_pid);
            if old != (process.namespaces.pid, process.inner_pid)
                && self.inner.get(&old) == Some(&tgid)
            {
                self.inner.remove(&old);
            }
        }
        process
    }

    pub(super) fn end(&mut self, tgid: u32, start_ns: u64) {
        let Some(entry) = self.entries.get_mut(&tgid) else { return };
        if entry.ended || !same(entry.process.key.start_ns(), start_ns) {
            return;
        }
        entry.ended = true;
        self.ended.push_back(entry.process.key);
        self.forget_ended(self.settings.ended);
    }

    fn forget_ended(&mut self, keep: usize) {
        while self.ended.len() > keep {
            let Some(key) = self.ended.pop_front() else { return };
            let gone = self
                .entries
                .get(&key.tgid())
                .is_some_and(|entry| entry.ended && entry.process.key == key);
            if !gone {
                continue;
            }
            if let Some(entry) = self.entries.remove(&key.tgid()) {
                self.bytes = self.bytes.saturating_sub(entry.bytes);
                let inner = (entry.process.namespaces.pid, entry.process.inner_pid);
                if self.inner.get(&inner) == Some(&key.tgid()) {
                    self.inner.remove(&inner);
                }
            }
        }
    }

    /// A runtime has put a process into its cgroup.
    pub(super) fn joined(&mut self, header: &Header, cgroup: u64, hierarchy: u32) {
        let key = ProcessKey::new(header.tgid, header.start_ns);
        let Some(process) = self.exactly(key) else { return };
        if hierarchy == 0 && process.cgroup != cgroup {
            let mut process = Process::clone(process);
            process.cgroup = cgroup;
            self.replace(process);
        }
    }

    /// What lived when we came. Gives each with its ancestry.
    pub(super) fn existing(&mut self, tasks: Vec<Record>, boot_unix_ms: u64) -> Vec<Arc<Process>> {
        let mut waiting: HashMap<u32, Record> =
            tasks.into_iter().map(|task| (task.header.tgid, task)).collect();
        let mut all = Vec::with_capacity(waiting.len());
        while let Some(&start) = waiting.keys().next() {
            let mut line = Vec::new();
            let mut next = start;
            while let Some(task) = waiting.remove(&next) {
                next = task.header.parent_tgid;
                line.push(task);
            }
            for task in line.into_iter().rev() {
                all.push(self.existing_one(&task, boot_unix_ms));
            }
        }
        all
    }

    fn existing_one(&mut self, task: &Record, boot_unix_ms: u64) -> Arc<Process> {
        let header = &task.header;
        let key = ProcessKey::new(header.tgid, header.start_ns);
        let mut process = bare(header, boot_unix_ms);
        if let Some(snapshot) = self.snapshot(header) {
            describe(&mut process, snapshot);
        }
        if let Body::Task { executable, .. } = &task.body {
            let file = file::of(executable);
            process.executable = Executable { fileless: executable.memory, file, hash: None };
        }
        let parent = ProcessKey::new(header.parent_tgid, header.parent_start_ns);
        process.ancestors = self.line_of(parent).unwrap_or_default();
        // A fork or exec between attaching and this look is newer than the iterator's.
        match self.exactly(key) {
            Some(known) if !known.args.is_empty() => Arc::clone(known),
            Some(_) => self.replace(process),
            None => self.place(process),
        }
    }
}

/// Looks into `/proc` in one second.
const MAX_ASKED: u32 = 2_000;
/// Arguments that are kept apart. Those after them are one, with spaces in between: thousands of one byte
/// each would take ten times their text in memory, for every process.
const MAX_ARGUMENTS: usize = 128;

/// Bytes of texts that are always kept.
const SHORT: usize = 1_024;

/// Bytes of a process's texts, with what each costs beside them; twice the arguments, since children keep
/// them too.
fn weight(process: &Process) -> usize {
    const EACH: usize = size_of::<String>() + 16;
    let texts = |all: &[String]| all.iter().map(|one| one.len() + EACH).sum::<usize>();
    2 * texts(&process.args)
        + texts(&process.environment)
        + 2 * process.executable.file.path.len()
        + process.cwd.len()
}

/// The first arguments, and no environment.
fn short(process: &Process) -> Process {
    const ARGUMENTS: usize = 4;
    const BYTES: usize = 64;
    let args = process.args.iter().take(ARGUMENTS);
    Process {
        args: args.map(|one| one.chars().take(BYTES).collect()).collect(),
        args_cut: true,
        environment_cut: process.environment_cut || !process.environment.is_empty(),
        environment: Vec::new(),
        ..process.clone()
    }
}

fn arguments(given: &[Vec<u8>]) -> Vec<String> {
    let (apart, rest) = given.split_at(given.len().min(MAX_ARGUMENTS));
    let mut all: Vec<String> = apart.iter().map(|one| readable(one)).collect();
    if !rest.is_empty() {
        all.push(readable(&rest.join(&b' ')));
    }
    all
}

/// Starts from `/proc` have ticks of 10 ms; a start of 0 is not known.
fn same(one: u64, other: u64) -> bool {
    one == other || one == 0 || other == 0
}

fn differs(known: &Process, header: &Header) -> bool {
    let own = &known.credentials;
    (own.uid, own.gid, own.euid, own.egid) != (header.uid, header.gid, header.euid, header.egid)
        || known.capabilities.effective != header.capabilities
        || known.cgroup != header.cgroup
        || namespaces(known) != header.namespaces
        || (header.tid == header.tgid && known.name.as_bytes() != header.name)
}

fn namespaces(process: &Process) -> [u32; 4] {
    let own = process.namespaces;
    [own.mnt, own.pid, own.net, own.user]
}

fn refresh(process: &mut Process, header: &Header) {
    // Who stops being root loses what was permitted too (capabilities(7)).
    if process.credentials.euid == 0 && header.euid != 0 {
        process.capabilities.permitted = header.capabilities;
    }
    process.credentials.uid = header.uid;
    process.credentials.gid = header.gid;
    process.credentials.euid = header.euid;
    process.credentials.egid = header.egid;
    process.capabilities = call::capabilities(process.capabilities, header.capabilities);
    process.cgroup = header.cgroup;
    let [mnt, pid, net, user] = header.namespaces;
    process.namespaces = Namespaces { mnt, pid, net, user, ..process.namespaces };
    process.inner_pid = header.inner_tgid;
    // A thread's own name is not the process's.
    if header.tid == header.tgid {
        process.name = readable(&header.name);
    }
}

/// As much as one header tells.
fn bare(header: &Header, boot_unix_ms: u64) -> Process {
    let [mnt, pid, net, user] = header.namespaces;
    Process {
        key: ProcessKey::new(header.tgid, header.start_ns),
        inner_pid: header.inner_tgid,
        name: readable(&header.name),
        executable: Executable::default(),
        args: Vec::new(),
        args_cut: false,
        environment: Vec::new(),
        environment_cut: false,
        cwd: String::new(),
        credentials: Credentials {
            uid: header.uid,
            gid: header.gid,
            euid: header.euid,
            egid: header.egid,
            suid: header.euid,
            sgid: header.egid,
            login_uid: None,
        },
        capabilities: Capabilities {
            effective: header.capabilities,
            permitted: header.capabilities,
            ..Capabilities::default()
        },
        namespaces: Namespaces { mnt, pid, net, user, ..Namespaces::default() },
        cgroup: header.cgroup,
        session: 0,
        terminal: 0,
        started: wall(boot_unix_ms, header.start_ns),
        ancestors: Ancestors::default(),
    }
}

fn describe(process: &mut Process, snapshot: procfs::Snapshot) {
    process.args = arguments(&snapshot.arguments);
    process.args_cut = snapshot.arguments_cut;
    let path = readable(&snapshot.executable);
    let (path, deleted) = match path.strip_suffix(" (deleted)") {
        Some(path) => (path.to_owned(), true),
        None => (path, false),
    };
    process.executable.file = FileRef { deleted, ..FileRef::at(path) };
}

/// What a program can do that its process could not have carried over an exec (capabilities(7), "Transformation
/// of capabilities during execve()"). Root keeps what is permitted. Everybody else keeps what is ambient, and
/// loses what is permitted alone (`PR_SET_KEEPCAPS`): a program that gives it back gives it. What was in effect
/// before is nothing new.
fn gained(before: &Process, after: &Capabilities) -> u64 {
    let held = &before.capabilities;
    let root = before.credentials.uid == 0 || before.credentials.euid == 0;
    let kept = if root { held.permitted } else { held.ambient | after.ambient };
    (after.effective | after.permitted) & !(held.effective | kept)
}

fn capabilities(header: &Header, exec: &Exec) -> Capabilities {
    let [permitted, inheritable, ambient, bounding] = exec.capabilities;
    Capabilities { effective: header.capabilities, permitted, inheritable, bounding, ambient }
}
