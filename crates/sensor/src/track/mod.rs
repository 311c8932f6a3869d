//! From the kernel side's records to observations: who acted (the whole process with its ancestry), and
//! what was done, in the words of the model.
//!
//! ```text
//! abi::Record ─► table (processes) ─► activity (file, call, socket, dns) ─► Observation
//! ```
//!
//! Nothing here waits or asks the kernel, but for one look into `/proc` at a process of which no fork was
//! seen.

mod activity;
mod call;
mod dns;
mod file;
mod held;
mod refused;
mod socket;
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Effect, Event, Kind, Process, ProcessKey, ProcessRef, Rung, Source,
};

use crate::abi::{Body, Header, Record, flag, kind};
use crate::observation::{CgroupChange, CgroupWhat, Observation};

pub use held::Guarded;
use held::Held;
use refused::{Refusal, Refusals};
use table::Table;

/// Bounds of a [`Tracker`].
#[derive(Debug, Clone)]
pub struct TrackSettings {
    /// Where `/proc` of the host is, for processes whose fork was not seen; `None`: it is not asked.
    pub proc: Option<PathBuf>,
    /// Most processes that are kept, living ones and those that ended lately. Default 32,768; one costs
    /// about 1 KiB. Beyond it, a process is made from each record anew and has no ancestry.
    pub processes: usize,
    /// How many ended processes are kept, for late records and for their children's ancestry. Default 2,048.
    pub ended: usize,
    /// Inode number of the host's mount namespace; 0: not known, and no program is taken for the host's.
    pub host_mounts: u32,
    /// Bytes of arguments, environments and paths that are kept of all processes together. Default 48 MiB.
    /// Beyond it, events have them still, and of the process a short form is kept.
    pub bytes: usize,
}

impl Default for TrackSettings {
    fn default() -> Self {
        Self {
            proc: Some(PathBuf::from("/proc")),
            processes: 32_768,
            ended: 2_048,
            host_mounts: 0,
            bytes: 48 << 20,
        }
    }
}

/// Counts of what a [`Tracker`] could not do well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Processes in the table.
    pub processes: usize,
    /// Processes that came without a fork and were read from `/proc` or made from one record.
    pub unannounced: u64,
    /// Processes that found no place in the table.
    pub unplaced: u64,
    /// Processes that are kept in a short form.
    pub shortened: u64,
    /// Records with a length that was wrong.
    pub damaged: u64,
    /// Records that mean nothing to anybody (packets that are no DNS, calls without a kind).
    pub passed_over: u64,
}

/// Keeps the processes of the host and turns records into observations.
#[derive(Debug)]
pub struct Tracker {
    table: Table,
    /// Unix time of the boot clock's zero, milliseconds.
    boot_unix_ms: u64,
    /// Where records come from that do not say it.
    rung: Rung,
    damaged: u64,
    passed_over: u64,
    guarded: Guarded,
    held: Held,
    refusals: Refusals,
}

impl Tracker {
    /// An empty table. `boot_unix_ms`: Unix time at which the boot clock was zero ([`boot_time`]).
    pub fn new(settings: TrackSettings, boot_unix_ms: u64) -> Self {
        let rung = Rung::Tracepoint;
        Self {
            table: Table::new(settings),
            boot_unix_ms,
            rung,
            damaged: 0,
            passed_over: 0,
            guarded: Guarded::default(),
            held: Held::default(),
            refusals: Refusals::default(),
        }
    }

    /// The same where programs are killed at their start: these starts are held until it is known whether
    /// they were ([`Tracker::turn`]), so that such a start is one event.
    #[must_use]
    pub fn guarding(self, guarded: Guarded) -> Self {
        Self { guarded, ..self }
    }

    /// Whether something is held. Then [`Tracker::turn`] is to be called within milliseconds.
    pub fn holds(&self) -> bool {
        !self.held.is_empty() || !self.refusals.is_empty()
    }

    /// To be called at the end of each turn of reading: gives what was held at the end of the one before.
    /// What follows a held record in the ring was not there yet in its own turn, at worst.
    pub fn turn(&mut self, give: &mut dyn FnMut(Observation)) {
        self.held.turn(give);
        self.refusals.turn(give);
    }

    /// The same for records from another rung.
    #[must_use]
    pub fn on(self, rung: Rung) -> Self {
        Self { rung, ..self }
    }

    /// Follows a wall clock that was set.
    pub fn set_boot_time(&mut self, boot_unix_ms: u64) {
        self.boot_unix_ms = boot_unix_ms;
    }

    /// What happened so far.
    pub fn counts(&self) -> TrackCounts {
        TrackCounts {
            processes: self.table.len(),
            unannounced: self.table.unannounced,
            unplaced: self.table.unplaced,
            shortened: self.table.shortened,
            damaged: self.damaged,
            passed_over: self.passed_over,
        }
    }

    /// The process of this number in the host's PID namespace, if it lives and is known.
    pub fn process(&self, tgid: u32) -> Option<&Arc<Process>> {
        self.table.living(tgid)
    }

    /// Takes what the iterators say of what existed at start. Parents first: their order is not the
    /// kernel's.
    pub fn existing(&mut self, records: Vec<Record>, give: &mut dyn FnMut(Observation)) {
        let (tasks, rest): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| matches!(record.body, Body::Task { .. }));
        for process in self.table.existing(tasks, self.boot_unix_ms) {
            give(Observation::Existing(process));
        }
        for record in &rest {
            self.take(record, give);
        }
    }

    /// Takes one record and gives what it means: mostly one observation, sometimes none or two.
    pub fn take(&mut self, record: &Record, give: &mut dyn FnMut(Observation)) {
        self.damaged += u64::from(record.damaged);
        if !self.held.is_empty() && self.held.before(record, give) {
            return;
        }
        let header = &record.header;
        if header.flags & flag::CANARY != 0 {
            give(Observation::Canary { cgroup: header.cgroup });
            return;
        }
        match &record.body {
            Body::Cgroup { .. } => self.cgroup(record, give),
            Body::Sequence { calls } => {
                let process = self.table.of(header, self.boot_unix_ms);
                // A runtime's own, on its way in, are not the container's.
                if !self.table.outside(process.key) {
                    give(Observation::Sequence { process, calls: *calls });
                }
            }
            Body::Task { .. } => {}
            Body::Fork { .. } => self.fork(header, &record.body, give),
            Body::Exec(exec) => {
                let (process, activity) = self.table.exec(header, exec, self.boot_unix_ms);
                let event = self.plain(header, process, activity, "sched_process_exec");
                let outside = self.table.outside(event.process.key);
                if self.guarded.has(header.cgroup) {
                    self.held.hold(Box::new(event), outside);
                    return;
                }
                let event = Box::new(event);
                give(Observation::Event { event, rule: None, outside, target: None });
            }
            Body::Exit { code, .. } => {
                let process = self.table.of(header, self.boot_unix_ms);
                let activity = Activity::Exit {
                    status: u8::try_from(code >> 8 & 0xff).unwrap_or_default(),
                    signal: u8::try_from(code & 0x7f).unwrap_or_default(),
                };
                self.event(header, process, activity, "sched_process_exit", give);
                self.table.end(header.tgid, header.start_ns);
            }
            _ => self.other(record, give),
        }
    }

    fn fork(&mut self, header: &Header, body: &Body, give: &mut dyn FnMut(Observation)) {
        let Body::Fork { tgid, start_ns, cgroup, inner_tgid, namespaces } = body else { return };
        let parent = self.table.of(header, self.boot_unix_ms);
        let child = table::Child {
            key: ProcessKey::new(*tgid, *start_ns),
            cgroup: *cgroup,
            inner: *inner_tgid,
            namespaces: *namespaces,
        };
        let made = activity::new_namespaces(&parent, &child.namespaces);
        let child = self.table.fork(&parent, header, &child, self.boot_unix_ms);
        let activity = Activity::Fork { child: child.key, flags: made };
        self.event(header, parent, activity, "sched_process_fork", give);
        if made != 0 {
            let activity = Activity::Namespace {
                operation: palisade_model::event::NamespaceOperation::Clone,
                flags: made,
                target: 0,
            };
            self.event(header, child, activity, "sched_process_fork", give);
        }
    }

    fn other(&mut self, record: &Record, give: &mut dyn FnMut(Observation)) {
        let header = &record.header;
        let before = self.table.before(header);
        let process = self.table.of(header, self.boot_unix_ms);
        let look = activity::Look {
            header,
            process: &process,
            before: before.as_deref(),
            table: &self.table,
        };
        let Some(said) = activity::of(&look, &record.body) else {
            self.passed_over += 1;
            return;
        };
        for activity in said.also {
            self.event(header, Arc::clone(&process), activity, said.hook, give);
        }
        let process = said.process.map_or(process, Arc::new);
        let mut event = self.plain(header, process, said.activity, said.hook);
        event.error = said.error;
        event.call = said.call;
        event.effect = said.effect;
        let outside = self.table.outside(event.process.key);
        let target = self.aimed(&event.activity);
        let by_lsm = header.flags & flag::LSM != 0;
        if by_lsm && event.effect == Effect::Refused && event.kind() != Kind::Exec {
            let refusal = Refusal { event: Box::new(event), rule: said.rule, outside, target };
            self.refusals.hold(refusal, give);
            return;
        }
        let rule = said.rule.or_else(|| self.refusals.merge(&mut event));
        give(Observation::Event { event: Box::new(event), rule, outside, target });
    }

    fn event(
        &self,
        header: &Header,
        process: Arc<Process>,
        activity: Activity,
        hook: &'static str,
        give: &mut dyn FnMut(Observation),
    ) {
        let event = Box::new(self.plain(header, process, activity, hook));
        let outside = self.table.outside(event.process.key);
        let target = self.aimed(&event.activity);
        give(Observation::Event { event, rule: None, outside, target });
    }

    /// The cgroup of the process that an act was aimed at.
    fn aimed(&self, activity: &Activity) -> Option<u64> {
        let (Activity::Ptrace { target, .. }
        | Activity::Memory { target, .. }
        | Activity::Signal { target, .. }) = activity
        else {
            return None;
        };
        let known = target.key.tgid() != 0;
        self.table.exactly(target.key).filter(|_| known).map(|process| process.cgroup)
    }

    fn plain(
        &self,
        header: &Header,
        process: Arc<Process>,
        activity: Activity,
        hook: &'static str,
    ) -> Event {
        let rung = if header.flags & flag::LSM != 0 { Rung::Lsm } else { self.rung };
        Event {
            time: wall(self.boot_unix_ms, header.time_ns),
            boot_ns: header.time_ns,
            source: Source { rung, hook: hook.into(), cpu: header.cpu, sequence: header.sequence },
            process,
            thread: header.tid,
            container: None,
            activity,
            error: 0,
            call: None,
            effect: Effect::Seen,
        }
    }

    fn cgroup(&mut self, record: &Record, give: &mut dyn FnMut(Observation)) {
        let Body::Cgroup { id, parent, change, hierarchy, path } = &record.body else { return };
        let what = match change {
            1 => CgroupWhat::Created,
            2 => CgroupWhat::Removed,
            3 => {
                let key = ProcessKey::new(record.header.tgid, record.header.start_ns);
                self.table.joined(&record.header, *id, *hierarchy);
                CgroupWhat::Joined(key)
            }
            _ => {
                self.passed_over += 1;
                return;
            }
        };
        give(Observation::Cgroup(CgroupChange {
            id: *id,
            parent: *parent,
            what,
            hierarchy: *hierarchy,
            path: palisade_model::event::readable(path),
            boot_ns: record.header.time_ns,
        }));
    }
}

/// Whether a kind of record is one that only the tracker needs.
pub fn is_internal(number: u16) -> bool {
    matches!(number, kind::CGROUP | kind::TASK_SNAPSHOT | kind::FILE_SNAPSHOT | kind::CALL)
}

/// Unix time at which the boot clock (`CLOCK_BOOTTIME`) was zero, milliseconds.
pub fn boot_time() -> u64 {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let ms = |time: rustix::time::Timespec| {
        i128::from(time.tv_sec) * 1_000 + i128::from(time.tv_nsec) / 1_000_000
    };
    u64::try_from(ms(wall) - ms(boot)).unwrap_or_default()
}

fn wall(boot_unix_ms: u64, boot_ns: u64) -> UnixMillis {
    UnixMillis(boot_unix_ms.saturating_add(boot_ns / 1_000_000))
}

fn process_ref(process: &Process) -> ProcessRef {
    ProcessRef { key: process.key, path: process.path().to_owned(), container: None }
}
