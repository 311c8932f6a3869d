//! What the decider orders is done here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use palisade_model::event::{Cause, ContainerId, ContainerIdentity, Event, ProcessKey, Response};
use palisade_sensor::{Sensor, procfs};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::mpsc::UnboundedSender;

use super::audit::Audit;
use super::core::{Asked, Order};
use super::gate::Gate;
use super::now;
use crate::containers::{Discovery, Hierarchy, Settings, StopOutcome, Stopper, walk};
use crate::hashes::{self, Hasher};
use crate::metrics::Metrics;
use crate::output::{Item, Output, Phase};

/// What came of an order that took its time.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) container: Option<ContainerId>,
    pub(super) process: Option<ProcessKey>,
    pub(super) response: Response,
}

/// Everything that orders need.
pub(super) struct Hands {
    pub(super) sensor: Option<Sensor>,
    pub(super) gate: Option<Gate>,
    pub(super) discovery: Discovery,
    pub(super) stopper: Arc<Stopper>,
    pub(super) output: Output,
    pub(super) audit: Audit,
    pub(super) hasher: Option<Arc<Hasher<Arc<Event>>>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) done: UnboundedSender<Done>,
    pub(super) hierarchy: Hierarchy,
    pub(super) containers: Settings,
    pub(super) proc: PathBuf,
    /// Containers that are to be asked for and have no process in their own mounts yet.
    pub(super) unmarked: HashMap<ContainerId, (Arc<ContainerIdentity>, Vec<u64>, Asked)>,
    pub(super) warn: Box<dyn Fn(&str) + Send>,
    /// The same warning is said once.
    pub(super) warned: std::collections::HashSet<String>,
}

/// Warnings that are remembered.
const MAX_WARNED: usize = 1_024;

impl Hands {
    /// Does everything, in order. What comes of it at once is added to `done`.
    pub(super) fn carry_out(&mut self, orders: &mut Vec<Order>) {
        for order in orders.drain(..) {
            self.one(order);
        }
    }

    fn one(&mut self, order: Order) {
        match order {
            Order::Tell(item) => self.tell(&item),
            Order::Audit(entry) => self.audit.write(&entry),
            Order::Enforce { cgroup, plan } => {
                let Some(sensor) = &self.sensor else { return };
                if let Err(error) = sensor.enforce(cgroup, &plan) {
                    self.say(&format!("cgroup {cgroup}: {error}"));
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
            Order::Warn(text) => self.say(&text),
        }
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
                if incident.causes.contains(&Cause::PreventionLost) {
                    self.metrics.canary(false);
                }
            }
            Item::Incident(..) | Item::Dropped(_) => {}
        }
        self.output.send(item);
    }

    fn ask(&mut self, container: Arc<ContainerIdentity>, cgroups: Vec<u64>, asked: Option<Asked>) {
        let Some(asked) = asked else {
            self.unmarked.remove(&container.id);
            if let Some(gate) = &self.gate {
                let _ = gate.ask(&container, &[], None, None);
            }
            return;
        };
        self.unmarked.insert(container.id.clone(), (Arc::clone(&container), cgroups, asked));
        if let Some(tgid) = self.process_of(container.cgroup) {
            self.mark(&container.id, tgid);
        }
    }

    /// A process that is in mounts of its own, so that these can be marked.
    fn process_of(&self, cgroup: u64) -> Option<u32> {
        let host = self.mounts("1");
        let text = std::fs::read_to_string(self.folder(cgroup)?.join("cgroup.procs")).ok()?;
        text.lines()
            .find(|pid| self.mounts(pid).is_some_and(|own| Some(own) != host))
            .and_then(|pid| pid.parse().ok())
    }

    /// Where a container's cgroup is. By walking: this is asked once for each container.
    fn folder(&self, cgroup: u64) -> Option<PathBuf> {
        self.folders().remove(&cgroup)
    }

    /// Where all are, by one walk.
    pub(super) fn folders(&self) -> HashMap<u64, PathBuf> {
        let rules = crate::containers::PathRules::new(&self.containers);
        let found = walk(&self.hierarchy, &rules, &self.containers);
        let own = found.cgroups.into_iter();
        own.filter_map(|one| Some((one.id, self.hierarchy.directory(&one.path)?))).collect()
    }

    fn mounts(&self, pid: &str) -> Option<u64> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(self.proc.join(pid).join("ns/mnt")).ok().map(|one| one.ino())
    }

    fn mark(&mut self, id: &ContainerId, tgid: u32) {
        let Some(gate) = &self.gate else { return };
        let Some((container, cgroups, asked)) = self.unmarked.remove(id) else { return };
        if let Err(error) = gate.ask(&container, &cgroups, Some(tgid), Some(asked)) {
            let name = container.shown().to_owned();
            self.say(&format!("programs of container {name} are not asked about: {error}"));
        }
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

    /// Hashes what ran, once for each version of a file, and marks containers that waited for a process.
    fn ran(&mut self, event: Arc<Event>) {
        let Some(container) = &event.container else { return };
        if self.unmarked.contains_key(&container.id) {
            // A walk for each program that runs would be for the container to order.
            let tgid = event.process.key.tgid();
            let own = self.mounts(&tgid.to_string());
            if own.is_some() && own != self.mounts("1") {
                let id = container.id.clone();
                self.mark(&id, tgid);
            }
        }
        let Some(hasher) = &self.hasher else { return };
        let identity = event.process.executable.file.identity;
        let source = hashes::Source::Process(event.process.key.tgid());
        hasher.ask(identity, source, event);
    }
}
