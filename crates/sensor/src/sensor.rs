//! The sensor as a Defender uses it: started once, read by one thread, steered from another.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use palisade_model::event::{Activity, Event, Kind, KindSet};

use crate::abi::{Body, Record, kind};
use crate::ladder::Ladder;
use crate::layout::{Settings, Watch};
use crate::loader::{Loaded, LoaderConfig, Loss};
use crate::observation::{CgroupChange, CgroupWhat, Observation};
use crate::plan::Plan;
use crate::ring::{self, Ring};
use crate::track::{Guarded, TrackCounts, TrackSettings, Tracker, boot_time};
use crate::{SensorError, SensorErrorKind, procfs};

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
    /// After the first record, others are waited for so long, and read together. The kernel wakes us only
    /// where we have read everything, and a wake-up costs it more than a record: one for each record would
    /// be most of what watching costs. Zero: none is waited for. Default 4 ms.
    pub gather: Duration,
    /// Sequences of three system calls are told ([`Observation::Sequence`]). It costs every call of a watched
    /// container a look-up. Default: no.
    pub sequences: bool,
    /// Losses that are told apart by cgroup, kind and reason between two calls of [`Sensor::take_losses`].
    /// Default 8,192; of those beyond, only the kind is told.
    pub losses: u32,
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
            gather: Duration::from_millis(4),
            sequences: false,
            losses: 8_192,
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
    /// By container: its own cgroup.
    plans: HashMap<u64, Plan>,
    /// Programs are killed at their start, and where.
    kills: bool,
    guarded: Guarded,
    /// The container of each cgroup that was made inside one.
    inside: HashMap<u64, u64>,
    /// By container: device and inode.
    canaries: HashMap<u64, (u64, u64)>,
}

/// Reads what the kernel side says. One thread.
pub struct Reader {
    rings: Vec<Ring>,
    tracker: Tracker,
    sensor: Sensor,
    gather: Duration,
    /// The last turn left something.
    behind: bool,
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
        let kinds = mask(config.kinds) | u64::from(config.sequences) << kind::SEQUENCE;
        let proc = config.track.proc.as_deref().unwrap_or(Path::new("/proc"));
        let host_mounts = procfs::host_mounts(proc);
        let track = TrackSettings { host_mounts, ..config.track.clone() };
        let settings = Settings {
            mode: u32::from(config.host),
            self_tgid: std::process::id(),
            cgroup_key: config.cgroup_key,
            host_mount_namespace: track.host_mounts,
            dedup_window: u64::try_from(config.dedup.as_nanos()).unwrap_or(u64::MAX),
            rate_limit: config.rate,
            signal_mask: u64::MAX,
            host: Watch { kinds, id: 0, flags: u32::from(config.reads), told: 0 },
            hash_key: random_key()?,
        };
        let loader = LoaderConfig {
            ring_bytes: config.ring_bytes,
            cgroup_root: config.cgroup_root.clone(),
            prevent: true,
            compat: true,
            sensitive: config.sensitive.clone(),
            losses: config.losses,
            sequences: config.sequences,
        };
        let mut loaded = Loaded::load(&loader, &settings, ladder)?;
        let rings = loaded.take_rings()?.into_iter().map(Ring::new).collect::<Result<_, _>>()?;
        let guarded = Guarded::default();
        let shared = Shared {
            kills: ladder.has("guard__exec"),
            guarded: guarded.clone(),
            loaded: Some(loaded),
            settings,
            kinds,
            reads: config.reads,
            plans: HashMap::new(),
            inside: HashMap::new(),
            canaries: HashMap::new(),
        };
        let sensor = Self {
            shared: Arc::new(Mutex::new(shared)),
            stopped: Arc::new(AtomicBool::new(false)),
        };
        let tracker = Tracker::new(track, boot_time()).guarding(guarded);
        let reader =
            Reader { rings, tracker, sensor: sensor.clone(), gather: config.gather, behind: false };
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
        self.enforce(cgroup, &[], &Plan::default())
    }

    /// Watches a container and refuses to it what the plan says, in place of an earlier plan. `container` is its
    /// own cgroup, by which the plan is kept; `inside`, those that are known to have been made below it, where
    /// the switch of a plan has to be thrown too. What is made below one of them from now on is held to the
    /// plan by the kernel side, from its first moment.
    ///
    /// # Errors
    ///
    /// When the kernel's maps cannot hold the plan; what held before then still holds. When the sensor was
    /// stopped.
    pub fn enforce(&self, container: u64, inside: &[u64], plan: &Plan) -> Result<(), SensorError> {
        self.with(|loaded, shared| {
            let refuses = shared.kills && plan.refuses_programs();
            let flags = u32::from(shared.reads);
            let watch = Watch { kinds: shared.kinds, id: container, flags, told: 1 };
            let below = inside.iter().copied().filter(|cgroup| *cgroup != container);
            let cgroups: Vec<u64> = std::iter::once(container).chain(below).collect();
            // Before the first kill, and no more after the last.
            if refuses {
                cgroups.iter().for_each(|cgroup| shared.guarded.set(*cgroup, true));
            }
            let before = shared.plans.get(&container);
            if before == Some(plan) {
                loaded.join(&cgroups, watch, plan)?;
            } else {
                let before = before.cloned().unwrap_or_default();
                loaded.enforce(&cgroups, watch, &before, plan)?;
                shared.plans.insert(container, plan.clone());
            }
            shared.guarded.set(container, refuses);
            for cgroup in cgroups.iter().skip(1) {
                shared.place(*cgroup, container);
            }
            Ok(())
        })
    }

    /// A cgroup was made below another: the kernel side has it watched by now if that one is.
    fn follow(&self, change: &CgroupChange) {
        if change.what != CgroupWhat::Created {
            return;
        }
        let mut shared = self.lock();
        let above = change.parent;
        let known = shared.plans.contains_key(&above).then_some(above);
        if let Some(container) = known.or_else(|| shared.inside.get(&above).copied()) {
            shared.place(change.id, container);
        }
    }

    /// Forgets a cgroup: it is gone.
    pub fn forget(&self, cgroup: u64) {
        let outcome = self.with(|loaded, shared| {
            shared.inside.remove(&cgroup);
            let before = shared.plans.remove(&cgroup).unwrap_or_default();
            shared.guarded.set(cgroup, false);
            if let Some((device, inode)) = shared.canaries.remove(&cgroup) {
                loaded.forget_canary(cgroup, device, inode);
            }
            loaded.forget(cgroup, &before)
        });
        if let Err(error) = outcome {
            tracing::debug!(cgroup, %error, "a cgroup that is gone was not forgotten");
        }
    }

    /// An executable whose exec in this container proves that prevention is live: its start is refused, and told
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

    /// What was lost since the last call. Sequences inform; nobody is blind without one.
    ///
    /// # Errors
    ///
    /// When the map cannot be read, or the sensor was stopped.
    pub fn take_losses(&self) -> Result<Vec<Loss>, SensorError> {
        let mut losses = self.with(|loaded, _| loaded.take_losses())?;
        losses.retain(|loss| loss.kind != kind::SEQUENCE);
        Ok(losses)
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
        let cgroup = event.process.cgroup;
        let plan = shared.plans.get(shared.inside.get(&cgroup).unwrap_or(&cgroup))?;
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
            // Refused for what its traffic could be: the first that could not be refused to it.
            Activity::RawSocket { .. } => plan.net_unlisted.or_else(|| {
                plan.net.iter().find(|network| !network.allow).map(|network| network.rule)
            }),
            _ if rule == u32::MAX => plan.net_unlisted,
            _ => Some(rule),
        }
    }
}

impl Shared {
    /// No more than the kernel side can watch.
    fn place(&mut self, cgroup: u64, container: u64) {
        if self.inside.len() < MAX_INSIDE || self.inside.contains_key(&cgroup) {
            self.inside.insert(cgroup, container);
        }
        let refuses = self.plans.get(&container).is_some_and(Plan::refuses_programs);
        self.guarded.set(cgroup, self.kills && refuses);
    }
}

/// Nobody else may know it: names that collide could be looked for otherwise.
fn random_key() -> Result<[u64; 2], SensorError> {
    let mut key = [0; 2];
    for half in &mut key {
        let mut bytes = [0; 8];
        let got = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
            .map_err(|error| SensorError::os("no random numbers", error.into()))?;
        if got < bytes.len() {
            return Err(SensorError::new(SensorErrorKind::Io, "too few random numbers"));
        }
        *half = u64::from_ne_bytes(bytes);
    }
    Ok(key)
}

fn mask(kinds: KindSet) -> u64 {
    // Changes of cgroups are always told, and what existed at start.
    kinds.iter().fold(1 << 40, |mask, kind: Kind| mask | 1 << kind.number())
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

    /// Waits for records, at most for `time` and then [`SensorConfig::gather`], and gives what at most `most`
    /// of them mean. Returns how many there were; 0 also when the time was over.
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
        let time = if self.tracker.holds() { time.min(HELD) } else { time };
        if ring::wait(&self.rings, time)? && !self.behind {
            std::thread::sleep(self.gather);
        }
        let Self { rings, tracker, sensor, .. } = self;
        let mut numbered = |observation: Observation| match observation {
            Observation::Event { event, rule: Some(rule), outside, target } => {
                let rule = sensor.rule(&event, rule);
                give(Observation::Event { event, rule, outside, target });
            }
            Observation::Cgroup(change) => {
                sensor.follow(&change);
                give(Observation::Cgroup(change));
            }
            other => give(other),
        };
        // The last ring is BPF-LSM's. Its record of an act comes before the one of the call's end, which is in
        // the first: what is in that by now has all of its own in the last.
        let ends: Vec<_> = rings.iter().map(Ring::end).collect();
        let mut taken = 0;
        for (ring, end) in rings.iter_mut().zip(ends).rev() {
            taken += ring.take(end, most, |record| tracker.take(&record, &mut numbered));
        }
        tracker.turn(&mut numbered);
        self.behind = taken >= most;
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

/// A start of a program waits so long at most for the record that it was killed.
const HELD: Duration = Duration::from_millis(5);
/// Size of the kernel side's map of watched cgroups.
const MAX_INSIDE: usize = 16_384;
/// Bytes that one iterator may give: about 300,000 processes, or sockets and files open for writing.
const MAX_SNAPSHOT: usize = 64 << 20;
/// Bytes of one read; more than any record has.
const CHUNK: usize = 64 << 10;
/// `TCP_LISTEN` (include/net/tcp_states.h).
const TCP_LISTEN: u32 = 10;
