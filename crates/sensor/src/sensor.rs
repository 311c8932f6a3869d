//! The sensor as a Defender uses it: started once, read by one thread, steered from another.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use palisade_model::event::{Activity, Event, Kind, KindSet};

use crate::abi::{Body, Record};
use crate::ladder::Ladder;
use crate::layout::{Settings, Watch};
use crate::loader::{Loaded, LoaderConfig, Loss};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::ring::{self, Ring};
use crate::track::{TrackCounts, TrackSettings, Tracker, boot_time};
use crate::{SensorError, SensorErrorKind};

/// What the sensor is told at start.
#[derive(Debug, Clone)]
pub struct SensorConfig {
    /// Ring buffer of the kernel side, bytes; a power of two and a multiple of the page size. Default 8 MiB.
    pub ring_bytes: u32,
    /// Root of the unified cgroup hierarchy; `None` on hosts without cgroup v2.
    pub cgroup_root: Option<PathBuf>,
    /// Which cgroup is a process's: 0 unified, 1 v1 memory, 2 v1 pids.
    pub cgroup_key: u32,
    /// Processes outside watched cgroups are reported too.
    pub host: bool,
    /// Kinds that are reported.
    pub kinds: KindSet,
    /// Opens for reading only of files with these names are reported (leaf names, at most 31 bytes).
    pub sensitive: Vec<String>,
    /// Opens for reading are all reported.
    pub reads: bool,
    /// Like events within this time are one. Default 1 s; zero: none is left out.
    pub dedup: Duration,
    /// Events a second of one kind in one cgroup; 0: no bound. Default 20,000.
    pub rate: u64,
    /// The process table.
    pub track: TrackSettings,
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            cgroup_root: Some(PathBuf::from("/sys/fs/cgroup")),
            cgroup_key: 0,
            host: false,
            kinds: KindSet::all(),
            sensitive: Vec::new(),
            reads: false,
            dedup: Duration::from_secs(1),
            rate: 20_000,
            track: TrackSettings::default(),
        }
    }
}

/// Steers the kernel side. Shared by threads; dropping the last one, with the [`Reader`] gone, detaches
/// everything.
#[derive(Clone)]
pub struct Sensor {
    shared: Arc<Mutex<Shared>>,
    stopped: Arc<AtomicBool>,
}

struct Shared {
    loaded: Option<Loaded>,
    settings: Settings,
    kinds: u64,
    reads: bool,
    plans: HashMap<u64, Plan>,
    /// By cgroup: device and inode.
    canaries: HashMap<u64, (u64, u64)>,
}

/// Reads what the kernel side says. One thread.
pub struct Reader {
    rings: Vec<Ring>,
    tracker: Tracker,
    sensor: Sensor,
}

/// Counts of the reading side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReaderCounts {
    /// Of the process table.
    pub track: TrackCounts,
    /// Records that could not be decoded.
    pub damaged: u64,
    /// Sequence numbers that never came.
    pub missing: u64,
}

impl Sensor {
    /// Loads what this kernel allows. Attempts are noted in `ladder`, best first.
    ///
    /// # Errors
    ///
    /// When not even the object can be loaded: no BTF, no `CAP_BPF`, kernel before 5.8.
    pub fn start(
        config: &SensorConfig,
        ladder: &mut Ladder,
    ) -> Result<(Self, Reader), SensorError> {
        let kinds = mask(config.kinds);
        let host_mounts = mount_namespace(config.track.proc.as_deref());
        let track = TrackSettings { host_mounts, ..config.track.clone() };
        let settings = Settings {
            mode: u32::from(config.host),
            self_tgid: std::process::id(),
            cgroup_key: config.cgroup_key,
            wake_bytes: 0,
            dedup_window: u64::try_from(config.dedup.as_nanos()).unwrap_or(u64::MAX),
            rate_limit: config.rate,
            signal_mask: u64::MAX,
            host: Watch { kinds, flags: u32::from(config.reads), id: 0 },
            host_mount_namespace: track.host_mounts,
            pad: 0,
        };
        let loader = LoaderConfig {
            ring_bytes: config.ring_bytes,
            cgroup_root: config.cgroup_root.clone(),
            prevent: true,
            compat: true,
            sensitive: config.sensitive.clone(),
        };
        let mut loaded = Loaded::load(&loader, &settings, ladder)?;
        let rings = loaded.take_rings()?.into_iter().map(Ring::new).collect();
        let shared = Shared {
            loaded: Some(loaded),
            settings,
            kinds,
            reads: config.reads,
            plans: HashMap::new(),
            canaries: HashMap::new(),
        };
        let sensor = Self {
            shared: Arc::new(Mutex::new(shared)),
            stopped: Arc::new(AtomicBool::new(false)),
        };
        let tracker = Tracker::new(track, boot_time());
        let reader = Reader { rings, tracker, sensor: sensor.clone() };
        Ok((sensor, reader))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Loaded, &mut Shared) -> Result<T, SensorError>,
    ) -> Result<T, SensorError> {
        let mut shared = self.lock();
        let Some(mut loaded) = shared.loaded.take() else {
            return Err(SensorError::new(SensorErrorKind::Io, "the sensor is stopped"));
        };
        let outcome = act(&mut loaded, &mut shared);
        shared.loaded = Some(loaded);
        outcome
    }

    /// Watches a cgroup, and from now on those made below it, with nothing refused.
    ///
    /// # Errors
    ///
    /// When the map is full (16,384 cgroups), or the sensor was stopped.
    pub fn watch(&self, cgroup: u64) -> Result<(), SensorError> {
        self.enforce(cgroup, &Plan::default())
    }

    /// Watches a cgroup and refuses to it what the plan says, in place of an earlier plan.
    ///
    /// # Errors
    ///
    /// When the kernel's maps cannot hold the plan; what held before then still holds. When the sensor was
    /// stopped.
    pub fn enforce(&self, cgroup: u64, plan: &Plan) -> Result<(), SensorError> {
        self.with(|loaded, shared| {
            let before = shared.plans.get(&cgroup).cloned().unwrap_or_default();
            let watch = Watch { kinds: shared.kinds, flags: u32::from(shared.reads), id: 0 };
            loaded.enforce(cgroup, watch, &before, plan)?;
            shared.plans.insert(cgroup, plan.clone());
            Ok(())
        })
    }

    /// Forgets a cgroup: it is gone.
    pub fn forget(&self, cgroup: u64) {
        let outcome = self.with(|loaded, shared| {
            let before = shared.plans.remove(&cgroup).unwrap_or_default();
            if let Some((device, inode)) = shared.canaries.remove(&cgroup) {
                loaded.forget_canary(cgroup, device, inode);
            }
            loaded.forget(cgroup, &before)
        });
        if let Err(error) = outcome {
            tracing::debug!(cgroup, %error, "a cgroup that is gone was not forgotten");
        }
    }

    /// An executable whose exec in this cgroup proves that prevention is live: its start is refused, and told
    /// as [`Observation::Canary`].
    ///
    /// # Errors
    ///
    /// When the map is full, or the sensor was stopped.
    pub fn canary(&self, cgroup: u64, device: u64, inode: u64) -> Result<(), SensorError> {
        self.with(|loaded, shared| {
            loaded.canary(cgroup, device, inode)?;
            shared.canaries.insert(cgroup, (device, inode));
            Ok(())
        })
    }

    /// Our own number as the kernel side has it: another than ours where we are in a PID namespace, and then
    /// somebody else's process would be the one that is never looked at.
    fn we_are(&self, tgid: u32) {
        let outcome = self.with(|loaded, shared| {
            if tgid == 0 || shared.settings.self_tgid == tgid {
                return Ok(());
            }
            let settings = Settings { self_tgid: tgid, ..shared.settings };
            loaded.settle(&settings)?;
            shared.settings = settings;
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::warn!(%error, "the sensor does not know its own process");
        }
    }

    /// What was lost since the last call.
    ///
    /// # Errors
    ///
    /// When the map cannot be read, or the sensor was stopped.
    pub fn take_losses(&self) -> Result<Vec<Loss>, SensorError> {
        self.with(|loaded, _| loaded.take_losses())
    }

    /// Detaches everything: nothing is seen and nothing refused any more. The watchdog calls it when the agent
    /// stalls.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.lock().loaded = None;
    }

    /// The rule behind a refusal that the kernel could not number.
    fn rule(&self, event: &Event, rule: u32) -> Option<u32> {
        let shared = self.lock();
        let plan = shared.plans.get(&event.process.cgroup)?;
        match &event.activity {
            Activity::Exec { .. } if rule == 0 => {
                let executable = &event.process.executable;
                plan.exec_memory
                    .filter(|_| executable.fileless)
                    .or(plan.exec_upper.filter(|_| executable.file.upper == Some(true)))
                    .or(plan.exec_unlisted)
            }
            Activity::Mount { .. } => plan.mount,
            Activity::Ptrace { .. } => plan.ptrace,
            Activity::Bpf { .. } => plan.bpf,
            Activity::Module { .. } => plan.module,
            _ if rule == u32::MAX => plan.net_unlisted,
            _ => Some(rule),
        }
    }
}

fn mask(kinds: KindSet) -> u64 {
    // Changes of cgroups are always told, and what existed at start.
    kinds.iter().fold(1 << 40, |mask, kind: Kind| mask | 1 << kind.number())
}

/// The host's: that of its first process.
pub(crate) fn mount_namespace(proc: Option<&Path>) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(proc.unwrap_or(Path::new("/proc")).join("1/ns/mnt"))
        .or_else(|_| std::fs::metadata("/proc/self/ns/mnt"))
        .ok()
        .and_then(|metadata| u32::try_from(metadata.ino()).ok())
        .unwrap_or_default()
}

impl Reader {
    /// What existed when the sensor started. To be called once, before [`Reader::read`].
    ///
    /// # Errors
    ///
    /// When the iterators cannot be had: `/proc` is asked then, for each process as it acts.
    pub fn existing(&mut self, give: &mut dyn FnMut(Observation)) -> Result<(), SensorError> {
        let mut records = Vec::new();
        self.snapshot("iterator__task", |record| {
            if let Body::Task { reader_tgid, .. } = &record.body {
                self.sensor.we_are(*reader_tgid);
            }
            records.push(record);
        })?;
        // A container can hold very many files open: only listening sockets mean something to us.
        self.snapshot("iterator__file", |record| {
            if matches!(record.body, Body::OpenFile { state, .. } if state == TCP_LISTEN) {
                records.push(record);
            }
        })?;
        self.tracker.existing(records, give);
        Ok(())
    }

    /// Reads an iterator record by record, so that what it gives is never in memory at once.
    fn snapshot(
        &self,
        program: &'static str,
        mut with: impl FnMut(Record),
    ) -> Result<(), SensorError> {
        let mut file = self.sensor.with(|loaded, _| loaded.snapshot(program))?;
        let (mut bytes, mut chunk, mut all) = (Vec::new(), vec![0; CHUNK], 0);
        loop {
            let read = file
                .read(&mut chunk)
                .map_err(|error| SensorError::os(format!("{program} cannot be read"), error))?;
            all += read;
            bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            let mut at = 0;
            while let Some(Ok((record, size))) = bytes.get(at..).map(Record::decode) {
                with(record);
                at += size.max(1);
            }
            bytes.drain(..at.min(bytes.len()));
            // What is longer than a record can be and cannot be read, never will be.
            if read == 0 || bytes.len() > CHUNK {
                return Ok(());
            }
            if all > MAX_SNAPSHOT {
                tracing::warn!(
                    "{program}: more than {MAX_SNAPSHOT} bytes; the rest is not known until it acts"
                );
                return Ok(());
            }
        }
    }

    /// Waits for records, at most for `time`, and gives what at most `most` of them mean. Returns how many
    /// there were; 0 also when the time was over.
    ///
    /// # Errors
    ///
    /// When the rings cannot be polled.
    pub fn read(
        &mut self,
        time: Duration,
        most: usize,
        give: &mut dyn FnMut(Observation),
    ) -> Result<usize, SensorError> {
        ring::wait(&self.rings, time)?;
        let Self { rings, tracker, sensor } = self;
        let mut numbered = |observation: Observation| match observation {
            Observation::Event { event, rule: Some(rule), outside } => {
                let rule = sensor.rule(&event, rule);
                give(Observation::Event { event, rule, outside });
            }
            other => give(other),
        };
        let mut taken = 0;
        for ring in rings {
            taken += ring.take(most, |record| tracker.take(&record, &mut numbered));
        }
        Ok(taken)
    }

    /// Follows a wall clock that was set. Cheap; once a second is enough.
    pub fn set_clock(&mut self) {
        self.tracker.set_boot_time(boot_time());
    }

    /// What happened so far.
    pub fn counts(&self) -> ReaderCounts {
        ReaderCounts {
            track: self.tracker.counts(),
            damaged: self.rings.iter().map(|ring| ring.damaged).sum(),
            missing: self.rings.iter().map(|ring| ring.missing).sum(),
        }
    }

    /// Somebody stopped the sensor.
    pub fn is_stopped(&self) -> bool {
        self.sensor.stopped.load(Ordering::Acquire)
    }
}

/// Bytes that one iterator may give: about 300,000 processes, or sockets and files open for writing.
const MAX_SNAPSHOT: usize = 64 << 20;
/// Bytes of one read; more than any record has.
const CHUNK: usize = 64 << 10;
/// `TCP_LISTEN` (include/net/tcp_states.h).
const TCP_LISTEN: u32 = 10;
