//! The thread that reads the sensor.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_model::UnixMillis;
use palisade_model::event::{Kind, KindSet, Rung};
use palisade_sensor::fallback::{Fallback, FallbackConfig};
use palisade_sensor::fanotify::Guard;
use palisade_sensor::ladder::Ladder;
use palisade_sensor::track::TrackSettings;
use palisade_sensor::{Observation, Reader, ReaderCounts, Sensor, SensorConfig, SensorError};

use super::config::Config;
use super::now;
use crate::containers::{CgroupKey, Hierarchy};
use crate::detect::SENSITIVE_NAMES;

/// Observations that go together to the decider.
pub(super) const BATCH: usize = 128;
/// Records of one turn: between two, the clock and the end are looked at.
const TURN: usize = 4_096;

/// What sees: the sensor, or what is left without BPF.
pub(super) enum Eyes {
    /// BPF.
    Sensor(Box<Reader>),
    /// The process connector and `/proc`.
    Fallback(Box<Fallback>),
}

/// What was found out about this kernel.
pub(super) struct Sight {
    pub(super) eyes: Eyes,
    pub(super) sensor: Option<Sensor>,
    pub(super) guard: Option<Guard>,
    pub(super) ladder: Ladder,
}

/// Tries every rung, best first. Nothing is watched yet.
pub(super) fn open(config: &Config, hierarchy: &Hierarchy, proc: PathBuf) -> Sight {
    let mut ladder = Ladder::default();
    let guard = Guard::new();
    let (guard, outcome) = match guard {
        Ok(guard) => (Some(guard), Ok(())),
        Err(error) => (None, Err(error)),
    };
    ladder.note(Rung::Fanotify, "fanotify", outcome);
    let sensor = if config.sensor.bpf {
        Sensor::start(&sensor_config(config, hierarchy, &proc), &mut ladder)
    } else {
        let why = "the settings say so";
        Err(SensorError::new(palisade_sensor::SensorErrorKind::Unsupported, why))
    };
    match sensor {
        Ok((sensor, reader)) => {
            Sight { eyes: Eyes::Sensor(Box::new(reader)), sensor: Some(sensor), guard, ladder }
        }
        Err(error) => {
            ladder.note(Rung::Tracepoint, "bpf", Err(error));
            let fallback = FallbackConfig {
                proc,
                cgroup_root: hierarchy.root.clone(),
                controller: match hierarchy.key {
                    CgroupKey::Unified => None,
                    key => Some(key.controller().to_owned()),
                },
            };
            let fallback = Fallback::start(fallback, &mut ladder);
            Sight { eyes: Eyes::Fallback(Box::new(fallback)), sensor: None, guard, ladder }
        }
    }
}

fn sensor_config(config: &Config, hierarchy: &Hierarchy, proc: &std::path::Path) -> SensorConfig {
    let own = &config.sensor;
    let names = SENSITIVE_NAMES.iter().map(|&name| name.to_owned());
    SensorConfig {
        ring_bytes: own.ring_bytes,
        // The cgroup programs hang on the unified hierarchy, whatever tells containers apart.
        cgroup_root: unified(hierarchy),
        cgroup_key: hierarchy.key.sensor_number(),
        host: config.host,
        kinds: own.kinds,
        sensitive: names.chain(own.sensitive_names.iter().cloned()).collect(),
        reads: false,
        dedup: Duration::from_millis(own.dedup_ms),
        rate: own.rate,
        gather: Duration::from_millis(own.gather_ms),
        sequences: own.sequences,
        track: TrackSettings {
            proc: Some(proc.to_owned()),
            processes: own.processes,
            ..TrackSettings::default()
        },
        ..SensorConfig::default()
    }
}

fn unified(hierarchy: &Hierarchy) -> Option<PathBuf> {
    if hierarchy.key == CgroupKey::Unified {
        return Some(hierarchy.root.clone());
    }
    let above = hierarchy.root.parent()?;
    [above.join("unified"), above.to_owned()]
        .into_iter()
        .find(|path| path.join("cgroup.controllers").exists())
}

impl Sight {
    /// Kinds of events that can come.
    pub(super) fn live(&self, wanted: KindSet) -> KindSet {
        let seen = match &self.eyes {
            Eyes::Sensor(_) => Kind::ALL
                .into_iter()
                .filter(|kind| source(*kind).iter().any(|name| self.ladder.has(name)))
                .collect(),
            Eyes::Fallback(_) => [Kind::Fork, Kind::Exec, Kind::Exit].into_iter().collect(),
        };
        wanted.intersection(seen)
    }
}

/// Which program tells of a kind.
fn source(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Fork => &["process__fork"],
        Kind::Exec => &["process__exec"],
        Kind::Exit => &["process__exit"],
        Kind::Open | Kind::Create => &["file__open"],
        Kind::Signal => &["security__signal"],
        Kind::Connect | Kind::Accept | Kind::Bind | Kind::Listen | Kind::RawSocket => {
            &["network__call"]
        }
        Kind::Send => &["cgroup__sendmsg4", "network__call"],
        Kind::DnsQuestion => &["cgroup__egress"],
        Kind::DnsAnswer => &["cgroup__ingress"],
        Kind::IoUring => &["io_uring__request", "io_uring__entry"],
        _ => &["syscall__plain"],
    }
}

/// Observations that found no room with the decider, by cgroup and kind.
#[derive(Debug, Default)]
pub(super) struct Lost {
    counts: Mutex<HashMap<(u64, Kind), Span>>,
    /// Changes of cgroups that found no room: the next walk mends it.
    pub(super) cgroups: std::sync::atomic::AtomicU64,
}

/// How many, from when to when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) count: u64,
    pub(super) from: UnixMillis,
    pub(super) until: UnixMillis,
}

/// Cgroups and kinds whose losses are told apart between two looks; what is beyond goes to cgroup 0.
const MAX_LOST: usize = 4_096;

impl Lost {
    fn note(&self, batch: &[Observation], time: UnixMillis) {
        for one in batch {
            match one {
                Observation::Event { event, .. } => {
                    self.note_one(event.process.cgroup, event.kind(), time);
                }
                // It informs; nobody is blind without it.
                Observation::Sequence { .. } => {}
                _ => {
                    self.cgroups.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// One event of this kind, of a process in this cgroup.
    pub(super) fn note_one(&self, cgroup: u64, kind: Kind, time: UnixMillis) {
        let mut counts = self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let key = (cgroup, kind);
        let full = counts.len() >= MAX_LOST && !counts.contains_key(&key);
        let key = if full { (0, kind) } else { key };
        let fresh = Span { count: 0, from: time, until: time };
        let span = counts.entry(key).or_insert(fresh);
        span.count += 1;
        span.until = time;
    }

    /// Everything since the last call.
    pub(super) fn take(&self) -> HashMap<(u64, Kind), Span> {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// What the thread shares with the decider.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pub(super) stop: AtomicBool,
    pub(super) lost: Lost,
    pub(super) counts: Mutex<ReaderCounts>,
    /// Notices that the connector dropped.
    pub(super) overruns: std::sync::atomic::AtomicU64,
    pub(super) failed: Mutex<Option<String>>,
}

/// Reads until told to stop.
pub(super) fn watch(mut eyes: Eyes, sender: &SyncSender<Vec<Observation>>, shared: &Watching) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut turned = Instant::now();
    while !shared.stop.load(Ordering::Acquire) {
        let mut give = |observation| {
            batch.push(observation);
            if batch.len() >= BATCH {
                hand_over(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)), sender, shared);
            }
        };
        let time = Duration::from_millis(200);
        let outcome = match &mut eyes {
            Eyes::Sensor(reader) if reader.is_stopped() => break,
            Eyes::Sensor(reader) => reader.read(time, TURN, &mut give),
            Eyes::Fallback(fallback) => fallback.read(time, TURN, &mut give),
        };
        if let Err(error) = outcome {
            let mut failed = shared.failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *failed = Some(error.to_string());
            break;
        }
        if !batch.is_empty() {
            hand_over(std::mem::take(&mut batch), sender, shared);
        }
        if turned.elapsed() >= Duration::from_secs(1) {
            turned = Instant::now();
            count(&mut eyes, shared);
        }
    }
}

/// Never waits: a slow decider costs observations, which are counted, and not the kernel's ring.
fn hand_over(batch: Vec<Observation>, sender: &SyncSender<Vec<Observation>>, shared: &Watching) {
    match sender.try_send(batch) {
        Ok(()) => {}
        Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
            shared.lost.note(&batch, now());
        }
    }
}

fn count(eyes: &mut Eyes, shared: &Watching) {
    let counts = match eyes {
        Eyes::Sensor(reader) => {
            reader.set_clock();
            reader.counts()
        }
        Eyes::Fallback(fallback) => {
            fallback.set_clock();
            shared.overruns.store(fallback.overruns, Ordering::Relaxed);
            ReaderCounts { track: fallback.counts(), ..ReaderCounts::default() }
        }
    };
    *shared.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = counts;
}

/// Tells the thread to end.
pub(super) fn stop(shared: &Arc<Watching>) {
    shared.stop.store(true, Ordering::Release);
}
