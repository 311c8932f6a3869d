//! What the decider orders is done here.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::Sha256;
use palisade_model::event::{ContainerId, ContainerIdentity, Event, ProcessKey, Response};
use palisade_sensor::{Sensor, SensorErrorKind, procfs};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::mpsc::UnboundedSender;

use super::audit::Audit;
use super::core::{Asked, Order};
use super::gate::Gate;
use super::marks::{Look, Marks};
use super::now;
use crate::containers::{Discovery, Hierarchy, Host, Settings, StopOutcome, Stopper, walk};
use crate::hashes::{self, Hasher, submit};
use crate::metrics::Metrics;
use crate::models::{Snapshot, Store, StoreError};
use crate::output::{Item, Output, Phase};

/// What came of an order that took its time.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) container: Option<ContainerId>,
    pub(super) process: Option<ProcessKey>,
    pub(super) response: Response,
}

/// What came of writing a model.
pub(super) type Saved = (Snapshot, Result<PathBuf, StoreError>);

/// Everything that orders need.
pub(super) struct Hands {
    pub(super) sensor: Option<Sensor>,
    pub(super) gate: Option<Gate>,
    pub(super) discovery: Discovery,
    pub(super) stopper: Arc<Stopper>,
    pub(super) output: Output,
    pub(super) audit: Audit,
    pub(super) hasher: Option<Arc<Hasher<Arc<Event>>>>,
    /// Unknown programs are submitted.
    pub(super) submits: bool,
    /// Programs that ran and whose hash was known already, to be compared with the list.
    pub(super) known: Vec<(Sha256, Arc<Event>)>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) done: UnboundedSender<Done>,
    /// Where models are written, and who hears what came of it.
    pub(super) store: Store,
    pub(super) saved: UnboundedSender<Saved>,
    pub(super) hierarchy: Hierarchy,
    pub(super) containers: Settings,
    pub(super) proc: PathBuf,
    /// Where cgroups were at the last walk.
    pub(super) walked: HashMap<u64, PathBuf>,
    /// Whose mounts are marked.
    pub(super) marks: Marks,
    /// Cgroups in which the kernel side has stopped a canary.
    pub(super) proofs: HashSet<u64>,
    pub(super) warn: Box<dyn Fn(&str) + Send>,
    /// The same warning is said once.
    pub(super) warned: HashSet<String>,
}

/// Warnings that are remembered.
const MAX_WARNED: usize = 1_024;

impl Hands {
    /// Does everything, in order. What comes of it at once is added to `done`.
    pub(super) fn carry_out(&mut self, orders: &mut Vec<Order>) {
        for order in orders.drain(..) {
            self.one(order);
        }
        self.look_at_mounts();
    }

    fn one(&mut self, order: Order) {
        match order {
            Order::Tell(item) => self.tell(&item),
            Order::Audit(entry) => self.audit.write(&entry),
            Order::Enforce { container, inside, plan } => {
                let Some(sensor) = &self.sensor else { return };
                if let Err(error) = sensor.enforce(container, &inside, &plan) {
                    self.say(&format!("cgroup {container}: {error}"));
                }
            }
            Order::Forget { cgroup } => {
                if let Some(sensor) = &self.sensor {
                    sensor.forget(cgroup);
                }
            }
            Order::Ask { container, cgroups, asked } => self.ask(container, cgroups, asked),
            Order::Kill { process, container } => self.kill(process, container.as_ref()),
            Order::Stop { container } => self.stop(container),
            Order::Look(change) => self.discovery.changed(&change),
            Order::Ran(event) => self.ran(event),
            Order::Mounted { container, process, namespace } => {
                self.marks.changed(&container, process.tgid(), namespace);
            }
            Order::Proof { cgroup } => {
                self.proofs.insert(cgroup);
            }
            Order::Save(snapshots) => self.save(snapshots),
            Order::Warn(text) => self.say(&text),
        }
    }

    /// Aside: a disk that is busy takes seconds.
    fn save(&self, snapshots: Vec<Snapshot>) {
        let (store, saved) = (self.store.clone(), self.saved.clone());
        self.runtime.spawn_blocking(move || {
            for snapshot in snapshots {
                let outcome = store.write(&snapshot);
                let _ = saved.send((snapshot, outcome));
            }
        });
    }

    pub(super) fn say(&mut self, text: &str) {
        if self.warned.len() >= MAX_WARNED {
            self.warned.clear();
        }
        if self.warned.insert(text.to_owned()) {
            (self.warn)(text);
        }
    }

    fn tell(&self, item: &Item) {
        match item {
            Item::Event(event) => self.metrics.event(event.kind()),
            Item::Blind(blind) => self.metrics.blind(blind),
            Item::Incident(incident, Phase::Created) => {
                let after = Duration::from_millis(now().since(incident.first));
                self.metrics.incident(incident, after);
            }
            Item::Incident(..) | Item::Dropped(_) => {}
        }
        self.output.send(item);
    }

    fn ask(&mut self, container: Arc<ContainerIdentity>, cgroups: Vec<u64>, asked: Option<Asked>) {
        let Some(gate) = &self.gate else { return };
        let wanted = asked.is_some();
        gate.ask(&container, &cgroups, asked);
        if !wanted {
            self.marks.forget(&container.id);
        } else if self.marks.want(&container.id)
            && let Some(tgid) = self.process_of(container.cgroup)
        {
            self.marks.found(&container.id, tgid);
        }
    }

    /// Marks what is new of the containers' mounts.
    fn look_at_mounts(&mut self) {
        let mut said = Vec::new();
        for look in self.marks.due(Instant::now()) {
            let Some(gate) = &self.gate else { return };
            let mut outcome = gate.mark(look.tgid);
            // Who mounted may be gone at once: anybody else in the same mounts will do.
            if outcome.is_err()
                && let Some(tgid) = self.neighbour(&look)
                && let Some(gate) = &self.gate
            {
                outcome = gate.mark(tgid);
            }
            let id = look.container.short();
            match outcome {
                Ok(marked) => {
                    self.marks.marked(&look);
                    let left = marked.beyond + marked.served;
                    if left > 0 {
                        said.push(format!(
                            "container {id}: programs on {left} of its mounts are not asked about: \
                             {} are too many, {} are served by somebody else",
                            marked.beyond, marked.served
                        ));
                    }
                    said.extend(marked.failed.map(|why| {
                        format!("container {id}: programs on a mount are not asked about: {why}")
                    }));
                }
                // It is gone: whoever starts a program next in these mounts is another chance.
                Err(error) if error.kind() == SensorErrorKind::Unsupported => {
                    tracing::debug!(container = %look.container, %error, "mounts are not marked");
                }
                Err(error) => {
                    said.push(format!("programs of container {id} are not asked about: {error}"));
                }
            }
        }
        said.iter().for_each(|text| self.say(text));
    }

    /// Another process of the container in the same mounts.
    fn neighbour(&mut self, look: &Look) -> Option<u32> {
        let cgroup = self.gate.as_ref()?.cgroup_of(&look.container)?;
        let text = std::fs::read_to_string(self.folder(cgroup)?.join("cgroup.procs")).ok()?;
        let wanted = u64::from(look.namespace);
        let mut pids = text.lines().filter(|pid| self.mounts(pid) == Some(wanted));
        pids.next().and_then(|pid| pid.parse().ok())
    }

    /// A process that is in mounts of its own, so that these can be marked.
    fn process_of(&mut self, cgroup: u64) -> Option<u32> {
        let host = procfs::host_namespace(&self.proc, "mnt");
        let text = std::fs::read_to_string(self.folder(cgroup)?.join("cgroup.procs")).ok()?;
        text.lines()
            .find(|pid| self.mounts(pid).is_some_and(|own| Some(own) != host))
            .and_then(|pid| pid.parse().ok())
    }

    /// Where a container's cgroup is: by walking, once for each.
    fn folder(&mut self, cgroup: u64) -> Option<PathBuf> {
        if let Some(known) = self.walked.get(&cgroup) {
            return Some(known.clone());
        }
        // What is gone goes too.
        self.walked = self.folders();
        self.walked.get(&cgroup).cloned()
    }

    /// Where all are, by one walk.
    pub(super) fn folders(&self) -> HashMap<u64, PathBuf> {
        let rules = crate::containers::PathRules::new(&self.containers);
        let found = walk(&self.hierarchy, &rules, &self.containers);
        let own = found.cgroups.into_iter();
        own.filter_map(|one| Some((one.id, self.hierarchy.directory(&one.path)?))).collect()
    }

    fn mounts(&self, pid: &str) -> Option<u64> {
        procfs::namespace(&self.proc, pid, "mnt")
    }

    /// The process may have ended, and its number be another's: the start decides.
    fn kill(&mut self, process: ProcessKey, container: Option<&Arc<ContainerIdentity>>) {
        let outcome = self.try_kill(process);
        self.metrics.response(if outcome.is_ok() { "killed" } else { "failed" });
        let response = match outcome {
            Ok(()) => Response::Prevented { process },
            Err(reason) => Response::Failed { reason },
        };
        let container = container.map(|container| container.id.clone());
        let _ = self.done.send(Done { container, process: Some(process), response });
    }

    fn try_kill(&self, process: ProcessKey) -> Result<(), String> {
        let pid = i32::try_from(process.tgid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| "the process is not known".to_owned())?;
        let ended = |error: rustix::io::Errno| format!("the process could not be killed: {error}");
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(ended)?;
        let snapshot = procfs::without_arguments(&self.proc, process.tgid())
            .ok_or_else(|| "the process had ended".to_owned())?;
        // `/proc` counts in ticks of 10 ms.
        if snapshot.start_ns.abs_diff(process.start_ns()) > 20_000_000 {
            return Err("the process had ended".to_owned());
        }
        pidfd_send_signal(handle, Signal::KILL).map_err(ended)
    }

    fn stop(&self, container: Arc<ContainerIdentity>) {
        let (stopper, done) = (Arc::clone(&self.stopper), self.done.clone());
        let metrics = Arc::clone(&self.metrics);
        self.runtime.spawn(async move {
            let response = match stopper.stop(&container).await {
                StopOutcome::Stopped { .. } => {
                    metrics.response("container-stopped");
                    Response::ContainerStopped
                }
                StopOutcome::Failed { reasons } => {
                    metrics.response("failed");
                    Response::Failed { reason: reasons.join("; ") }
                }
            };
            let _ =
                done.send(Done { container: Some(container.id.clone()), process: None, response });
        });
    }

    /// Hashes what ran, once for each version of a file, and has its mounts marked.
    fn ran(&mut self, event: Arc<Event>) {
        let Some(container) = &event.container else { return };
        let process = &event.process;
        self.marks.ran(&container.id, process.key.tgid(), process.namespaces.mnt);
        let Some(hasher) = &self.hasher else { return };
        let executable = &event.process.executable;
        let identity = executable.file.identity;
        let source = hashes::Source::Process(event.process.key.tgid());
        // What may be submitted is wanted itself, also when the gate or an earlier run hashed it.
        if self.submits && submit::came_later(&executable.file, executable.fileless) {
            hasher.fetch(identity, source, event);
        } else if let hashes::Asked::Known(hash, event) = hasher.ask(identity, source, event) {
            self.known.push((hash, event));
        }
    }

    /// Hashes what ran and had ended before it could be read: the file at its path, in the mounts of another
    /// process of the container. That it is the same version, is looked at as always.
    pub(super) fn ran_and_ended(&mut self, event: Arc<Event>) {
        let executable = &event.process.executable;
        let Some(container) = event.container.clone().filter(|_| !executable.fileless) else {
            return;
        };
        let line = event.process.ancestors.iter().find(|one| one.cgroup == container.cgroup);
        let living = line.map(|ancestor| ancestor.key.tgid());
        let Some(tgid) = living.or_else(|| self.process_of(container.cgroup)) else { return };
        let root = self.proc.join(tgid.to_string()).join("root");
        let opened = Host::open(&root).and_then(|root| root.file(Path::new(&executable.file.path)));
        if let (Some(hasher), Ok(file)) = (&self.hasher, opened) {
            let identity = executable.file.identity;
            hasher.fetch(identity, hashes::Source::File(file), event);
        }
    }
}
