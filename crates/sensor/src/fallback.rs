//! Rungs 1 and 0: what is left without BPF. The process connector tells of forks, execs and exits as they
//! happen, `/proc` what they are, a little later; without the connector, `/proc` is looked at every second
//! and what lives shorter is not seen. Files and network are not seen at all, and nothing can be refused.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use palisade_model::event::{Kind, Rung};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::abi::{Body, Exec, File, Header, Record};
use crate::connector::{Connector, Notice};
use crate::ladder::Ladder;
use crate::observation::Observation;
use crate::procfs::{self, Snapshot};
use crate::track::{TrackCounts, TrackSettings, Tracker, boot_time};
use crate::{SensorError, SensorErrorKind};

/// How often `/proc` is looked at where nobody tells.
const ROUND: Duration = Duration::from_secs(1);

/// Where things are on this host.
#[derive(Debug, Clone)]
pub struct FallbackConfig {
    /// `/proc` of the host.
    pub proc: PathBuf,
    /// Root of the hierarchy that tells containers apart.
    pub cgroup_root: PathBuf,
    /// Its controller on v1 (`memory`, `pids`); `None` on the unified one.
    pub controller: Option<String>,
}

/// Reads without BPF. One thread.
pub struct Fallback {
    config: FallbackConfig,
    connector: Option<Connector>,
    tracker: Tracker,
    /// Process and its start, in ticks.
    living: HashMap<u32, u64>,
    cgroups: HashMap<String, u64>,
    looked: Option<Instant>,
    sequence: u64,
    /// Notices that the kernel dropped because we were slow.
    pub overruns: u64,
}

impl Fallback {
    /// Joins the process connector where that is allowed.
    pub fn start(config: FallbackConfig, ladder: &mut Ladder) -> Self {
        let connector = match Connector::new() {
            Ok(connector) => {
                ladder.note(Rung::Connector, "connector", Ok(()));
                Some(connector)
            }
            Err(error) => {
                ladder.note(Rung::Connector, "connector", Err(error));
                None
            }
        };
        ladder.note(Rung::Snapshot, "proc", Ok(()));
        let rung = if connector.is_some() { Rung::Connector } else { Rung::Snapshot };
        let settings = TrackSettings {
            proc: Some(config.proc.clone()),
            host_mounts: crate::procfs::host_mounts(&config.proc),
            ..TrackSettings::default()
        };
        Self {
            config,
            connector,
            tracker: Tracker::new(settings, boot_time()).on(rung),
            living: HashMap::new(),
            cgroups: HashMap::new(),
            looked: None,
            sequence: 0,
            overruns: 0,
        }
    }

    /// What exists now.
    pub fn existing(&mut self, give: &mut dyn FnMut(Observation)) {
        let records: Vec<Record> = self.snapshots().iter().map(|one| self.task(one)).collect();
        self.tracker.existing(records, give);
        self.looked = Some(Instant::now());
    }

    /// Waits for notices, at most for `time`, and gives what they mean. Returns how many there were.
    ///
    /// # Errors
    ///
    /// When the connector's socket fails.
    pub fn read(
        &mut self,
        time: Duration,
        most: usize,
        give: &mut dyn FnMut(Observation),
    ) -> Result<usize, SensorError> {
        let Some(connector) = self.connector.take() else {
            let due =
                self.looked.map_or(Duration::ZERO, |looked| ROUND.saturating_sub(looked.elapsed()));
            std::thread::sleep(time.min(due));
            return Ok(if due <= time { self.round(give) } else { 0 });
        };
        let outcome = self.notices(&connector, time, most, give);
        self.connector = Some(connector);
        outcome
    }

    fn notices(
        &mut self,
        connector: &Connector,
        time: Duration,
        most: usize,
        give: &mut dyn FnMut(Observation),
    ) -> Result<usize, SensorError> {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let failed = |error| {
            SensorError::new(SensorErrorKind::Io, "the process connector fails").with(error)
        };
        match poll(&mut [PollFd::new(connector, PollFlags::IN)], Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(std::io::Error::from(error))),
        }
        for taken in 0..most {
            match connector.next() {
                Ok(Some(notice)) => self.notice(notice, give),
                Ok(None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(taken),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.overruns += 1;
                    return Ok(taken + self.round(give));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(most)
    }

    fn notice(&mut self, notice: Notice, give: &mut dyn FnMut(Observation)) {
        match notice {
            Notice::Fork { child, .. } => {
                if let Some(snapshot) = procfs::process(&self.config.proc, child) {
                    self.fork(&snapshot, give);
                }
            }
            Notice::Exec { tgid } => {
                if let Some(snapshot) = procfs::process(&self.config.proc, tgid) {
                    self.exec(&snapshot, give);
                }
            }
            Notice::Exit { tgid, code } => self.exit(tgid, code, give),
        }
    }

    /// Compares `/proc` with what was known. A new process is told as an exec: whether it was one cannot be
    /// known.
    fn round(&mut self, give: &mut dyn FnMut(Observation)) -> usize {
        let snapshots = self.snapshots();
        let now: HashMap<u32, u64> = snapshots.iter().map(|one| (one.tgid, one.start_ns)).collect();
        let gone: Vec<u32> = self
            .living
            .iter()
            .filter(|(tgid, start)| now.get(tgid) != Some(start))
            .map(|(tgid, _)| *tgid)
            .collect();
        let fresh: Vec<&Snapshot> = snapshots
            .iter()
            .filter(|one| self.living.get(&one.tgid) != Some(&one.start_ns))
            .collect();
        let changes = gone.len() + fresh.len();
        for tgid in gone {
            self.exit(tgid, 0, give);
        }
        for snapshot in fresh {
            self.exec(snapshot, give);
        }
        self.living = now;
        self.looked = Some(Instant::now());
        changes
    }

    /// Without kernel threads, which have no executable.
    fn snapshots(&self) -> Vec<Snapshot> {
        procfs::processes(&self.config.proc).filter(|one| !one.executable.is_empty()).collect()
    }

    fn fork(&mut self, snapshot: &Snapshot, give: &mut dyn FnMut(Observation)) {
        let child = self.header(snapshot, Kind::Fork);
        let Some(parent) = procfs::process(&self.config.proc, snapshot.parent) else { return };
        self.living.insert(snapshot.tgid, snapshot.start_ns);
        let body = Body::Fork {
            tgid: child.tgid,
            start_ns: child.start_ns,
            cgroup: child.cgroup,
            inner_tgid: child.inner_tgid,
            namespaces: child.namespaces,
        };
        let header = self.header(&parent, Kind::Fork);
        self.tracker.take(&Record { header, body, damaged: false }, give);
    }

    fn exec(&mut self, snapshot: &Snapshot, give: &mut dyn FnMut(Observation)) {
        self.living.insert(snapshot.tgid, snapshot.start_ns);
        let header = self.header(snapshot, Kind::Exec);
        let capabilities = snapshot.capabilities;
        let body = Body::Exec(Box::new(Exec {
            executable: executable(&self.config.proc, snapshot),
            arguments: snapshot.arguments.clone(),
            argument_bytes: if snapshot.arguments_cut { u32::MAX } else { 0 },
            capabilities: [capabilities, 0, 0, 0],
            saved: [snapshot.uids[2], 0],
            ..Exec::default()
        }));
        self.tracker.take(&Record { header, body, damaged: false }, give);
    }

    fn exit(&mut self, tgid: u32, code: u32, give: &mut dyn FnMut(Observation)) {
        self.living.remove(&tgid);
        let Some(process) = self.tracker.process(tgid) else { return };
        let header = Header {
            kind: Kind::Exit.number().into(),
            tgid,
            tid: tgid,
            start_ns: process.key.start_ns(),
            flags: crate::abi::flag::NO_TASK,
            cgroup: process.cgroup,
            time_ns: boot_ns(),
            ..Header::default()
        };
        let body = Body::Exit { code, user_ns: 0, system_ns: 0 };
        self.tracker.take(&Record { header, body, damaged: false }, give);
    }

    fn task(&mut self, snapshot: &Snapshot) -> Record {
        self.living.insert(snapshot.tgid, snapshot.start_ns);
        let header = self.header(snapshot, Kind::Exec);
        let executable = executable(&self.config.proc, snapshot);
        let body = Body::Task { executable, reader_tgid: 0 };
        Record { header, body, damaged: false }
    }

    fn header(&mut self, snapshot: &Snapshot, kind: Kind) -> Header {
        self.sequence += 1;
        let [uid, euid, _] = snapshot.uids;
        Header {
            kind: kind.number().into(),
            sequence: self.sequence,
            time_ns: boot_ns(),
            tgid: snapshot.tgid,
            tid: snapshot.tgid,
            start_ns: snapshot.start_ns,
            cgroup: self.cgroup(snapshot),
            uid,
            euid,
            capabilities: snapshot.capabilities,
            namespaces: namespaces(&self.config.proc, snapshot.tgid),
            parent_tgid: snapshot.parent,
            inner_tgid: snapshot.inner_tgid,
            name: snapshot.name.clone(),
            ..Header::default()
        }
    }

    /// The inode of a cgroup's folder is its id. Kept, since folders are few; forgotten all at once when
    /// there are very many, since cgroups come and go.
    fn cgroup(&mut self, snapshot: &Snapshot) -> u64 {
        const MOST: usize = 4_096;
        let wanted = self.config.controller.as_deref();
        let path = snapshot.cgroups.iter().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let own = match wanted {
                None => controllers.is_empty(),
                Some(name) => controllers.split(',').any(|one| one == name),
            };
            own.then_some(path)
        });
        let Some(path) = path else { return 0 };
        if let Some(id) = self.cgroups.get(path) {
            return *id;
        }
        if self.cgroups.len() >= MOST {
            self.cgroups.clear();
        }
        let folder = self.config.cgroup_root.join(path.trim_start_matches('/'));
        let id = std::fs::metadata(folder).map(|metadata| metadata.ino()).unwrap_or_default();
        self.cgroups.insert(path.to_owned(), id);
        id
    }

    /// What happened so far.
    pub fn counts(&self) -> TrackCounts {
        self.tracker.counts()
    }

    /// Follows a wall clock that was set.
    pub fn set_clock(&mut self) {
        self.tracker.set_boot_time(boot_time());
    }
}

fn boot_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

fn namespaces(proc: &Path, tgid: u32) -> [u32; 4] {
    ["mnt", "pid", "net", "user"].map(|name| {
        std::fs::metadata(proc.join(tgid.to_string()).join("ns").join(name))
            .ok()
            .and_then(|metadata| u32::try_from(metadata.ino()).ok())
            .unwrap_or_default()
    })
}

fn executable(proc: &Path, snapshot: &Snapshot) -> File {
    let deleted = snapshot.executable.strip_suffix(b" (deleted)");
    let bytes = deleted.unwrap_or(&snapshot.executable).to_vec();
    let memory = bytes.starts_with(b"/memfd:");
    let mut file = File {
        memory,
        path: crate::abi::Path {
            bytes,
            complete: !memory,
            unlinked: deleted.is_some(),
            pseudo: memory,
            cut: false,
        },
        ..File::default()
    };
    let link = proc.join(snapshot.tgid.to_string()).join("exe");
    if let Ok(metadata) = std::fs::metadata(link) {
        let device = metadata.dev();
        file.inode = metadata.ino();
        file.device = libc::major(device) << 20 | libc::minor(device);
        file.size = metadata.size();
        file.mode = metadata.mode();
        file.uid = metadata.uid();
        file.gid = metadata.gid();
    }
    file
}
