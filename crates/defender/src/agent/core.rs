//! The one decider: what comes in, in order, becomes orders. No clock, and no I/O but what a model's file is
//! read for: nothing that it decides waits for a disk to have written.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use palisade_behaviour::Outcome;
use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Blind, ContainerId, ContainerIdentity, Effect, Event, Kind, KindSet,
    NamespaceOperation, Process, ProcessKey, Response,
};
use palisade_sensor::Observation;

use super::early::{Early, Seen};
use crate::Finding;
use crate::containers::Registry;
use crate::detect::Detector;
use crate::incidents::{Incidents, Update};
use crate::models::{CommandError, Keeper, ModelCommand, ModelReply, Snapshot, StoreError};
use crate::output::{Item, Phase};
use crate::policy::{
    Act, AuditEntry, Decision, Enforce, ExecAnswer, Policy, PolicyVersion, Respond, RuleSet,
};

mod order;
mod prevention;
mod sheet;

pub use order::{Answered, Asked, Order};
use sheet::Sheet;

/// `CLONE_NEWNS` (clone(2)): mounts of its own.
const NEW_MOUNTS: u64 = 0x0002_0000;
/// A container that was to be stopped is not stopped again within this time.
const STOP_AGAIN_MS: u64 = 10_000;

/// The decider.
pub struct Core {
    registry: Registry,
    detector: Detector,
    keeper: Keeper,
    policy: Arc<Policy>,
    enforce: Enforce,
    incidents: Incidents,
    sheets: HashMap<ContainerId, Sheet>,
    host: RuleSet,
    /// The cgroup that we run in.
    own: Option<u64>,
    /// Events that were a runtime's, making a container.
    runtime_steps: u64,
    early: Early,
    /// Models that are being written.
    saving: usize,
}

/// What a [`Core`] is made of.
pub struct Parts {
    /// Knows containers.
    pub registry: Registry,
    /// Finds.
    pub detector: Detector,
    /// Keeps models.
    pub keeper: Keeper,
    /// Decides.
    pub policy: Arc<Policy>,
    /// What can be refused here.
    pub enforce: Enforce,
    /// Rolls up.
    pub incidents: Incidents,
    /// Kinds that the sensor sees.
    pub live: KindSet,
    /// The cgroup that we run in. A container that it belongs to is told of as the host is: whatever the
    /// policy says of containers, nothing is refused, killed or stopped there.
    pub own: Option<u64>,
}

impl Core {
    /// A decider that knows no container yet.
    pub fn new(parts: Parts, now: UnixMillis) -> Self {
        let Parts { registry, detector, mut keeper, policy, enforce, incidents, live, own } = parts;
        keeper.models().sensors(live, now);
        let host = policy.for_container(None).clone();
        Self {
            registry,
            detector,
            keeper,
            policy,
            enforce,
            incidents,
            sheets: HashMap::new(),
            host,
            own,
            runtime_steps: 0,
            early: Early::default(),
            saving: 0,
        }
    }

    /// Events that were a runtime's, making a container or entering it: nobody is told of them.
    pub fn runtime_steps(&self) -> u64 {
        self.runtime_steps
    }

    /// Events of containers whose image was not known, which there was no room to keep until it was.
    pub fn early_lost(&self) -> u64 {
        self.early.lost()
    }

    /// The containers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The models.
    pub fn keeper(&mut self) -> &mut Keeper {
        &mut self.keeper
    }

    /// Takes what the sensor saw.
    pub fn observe(&mut self, seen: Observation, now: UnixMillis, orders: &mut Vec<Order>) {
        match seen {
            Observation::Event { event, rule, outside, target } => {
                let event = self.known(*event, target);
                // What a runtime does to make the container is not the container's doing.
                if outside && self.is_runtimes(&event, orders) {
                    self.runtime_steps += 1;
                } else {
                    self.event(event, rule, None, now, orders);
                }
            }
            Observation::Cgroup(change) => self.cgroup(change, now, orders),
            Observation::Sequence { process, calls } => self.sequence(&process, calls, now),
            Observation::Canary { cgroup } => orders.push(Order::Proof { cgroup }),
            // The tracker has it; who it is in, is asked when it acts.
            Observation::Existing(_) => {}
        }
    }

    /// A program was refused when we were asked about it.
    pub fn refused(
        &mut self,
        event: Event,
        answered: &Answered,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let event = self.known(event, None);
        self.event(event, None, Some(answered), now, orders);
    }

    /// Of an act among the host's mounts, in a container's cgroup: whether a runtime is on its way in. A
    /// runtime starts no program from inside that stays outside; one that does so runs there.
    fn is_runtimes(&mut self, event: &Event, orders: &mut Vec<Order>) -> bool {
        let Some(container) = &event.container else { return false };
        let Some(sheet) = self.sheets.get_mut(&container.id) else { return true };
        let parent = event.process.ancestors.parent();
        let parent = parent.and_then(|parent| self.registry.by_cgroup(parent.cgroup));
        let inside = parent.is_some_and(|parent| parent.id == container.id);
        if event.kind() == Kind::Exec && inside && !sheet.among_hosts {
            sheet.among_hosts = true;
            if let Some(text) = sheet.rules.unenforced_among_hosts(&sheet.planned) {
                orders.push(Order::Warn(format!("container {}: {text}", container.shown())));
            }
        }
        !sheet.among_hosts
    }

    fn keep_early(&mut self, event: &Arc<Event>, decision: &Decision) {
        if let Some(container) = &event.container
            && self.early.expects(&container.id)
        {
            let raised = decision.findings.iter().map(|finding| finding.cause.clone()).collect();
            let (event, refused) = (Arc::clone(event), !decision.allowed);
            self.early.keep(&container.id, Seen { event, raised, refused });
        }
    }

    /// What a container did before its image was known is compared with the image's model, and with the
    /// rules that are for that image. What was raised, refused or told then is not so again.
    fn compare_early(
        &mut self,
        identity: &Arc<ContainerIdentity>,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let (events, sequences) = self.early.take(&identity.id);
        for (process, calls) in sequences {
            self.sequence(&process, calls, now);
        }
        for Seen { event, raised, refused } in events {
            let mut event = Arc::unwrap_or_clone(event);
            event.container = Some(Arc::clone(identity));
            let event = Arc::new(event);
            let (outcome, findings) = self.keeper.models().judge(&event, now);
            let (mut decision, stop) = self.decide(&event, findings, outcome.as_ref(), None, now);
            decision.findings.retain(|finding| !raised.contains(&finding.cause));
            if !refused {
                respond(&event, &decision, self.policy.version(), stop, orders);
            }
            tell(self.incidents.take(&event, decision.findings, now), orders);
        }
        self.follow_models(now, orders);
    }

    fn event(
        &mut self,
        event: Event,
        rule: Option<u32>,
        answered: Option<&Answered>,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let event = Arc::new(event);
        let mut findings = Vec::new();
        self.detector.look(&event, now, &mut findings);
        let (outcome, deviations) = self.keeper.models().judge(&event, now);
        findings.extend(deviations);
        self.lease(&event, now, orders);
        if event.kind() == Kind::Exec && event.effect == Effect::Seen {
            self.keep_last(&event);
            orders.push(Order::Ran(Arc::clone(&event)));
        }
        self.mounted(&event, orders);
        let decision = self.judge(&event, findings, outcome.as_ref(), answered, now, orders);
        self.keep_early(&event, &decision);
        let updates = self.incidents.take(&event, decision.findings, now);
        orders.push(Order::Tell(Item::Event(Arc::clone(&event))));
        tell(updates, orders);
        if (rule.is_some() || answered.is_some()) && event.effect != Effect::Seen {
            let process = event.process.key;
            let container = event.container.as_ref().map(|container| &container.id);
            let response = Response::Prevented { process };
            let (_, updates) = self.incidents.responded(container, Some(&process), response, now);
            tell(updates, orders);
        }
        self.follow_models(now, orders);
    }

    /// System calls inform: they are scored by the model of their container, and its incidents say so.
    fn sequence(&mut self, process: &Arc<Process>, calls: [u16; 3], now: UnixMillis) {
        let Some(container) = self.registry.by_cgroup(process.cgroup) else { return };
        let id = container.id.clone();
        if self.early.expects(&id) {
            self.early.keep_sequence(&id, (Arc::clone(process), calls));
            return;
        }
        if let Some(score) = self.keeper.models().sequence(&id, process.path(), calls, now) {
            self.incidents.scored(&id, score);
        }
    }

    /// Mounts that came after a container's start are asked about too.
    fn mounted(&self, event: &Event, orders: &mut Vec<Order>) {
        let changes = match &event.activity {
            Activity::Mount { .. } => true,
            Activity::Namespace { operation: NamespaceOperation::Enter, .. } => true,
            Activity::Namespace { flags, .. } => flags & NEW_MOUNTS != 0,
            _ => false,
        };
        let container = event.container.as_ref().filter(|_| changes && event.succeeded());
        let sheet = container.and_then(|container| self.sheets.get(&container.id));
        if let Some(sheet) = sheet.filter(|sheet| !sheet.planned.asked.is_empty()) {
            let (container, process) = (sheet.identity.id.clone(), event.process.key);
            let namespace = event.process.namespaces.mnt;
            orders.push(Order::Mounted { container, process, namespace });
        }
    }

    /// Carries out what somebody wants done with a model. Plans follow at once.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn command(
        &mut self,
        command: &ModelCommand,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) -> Result<ModelReply, CommandError> {
        let reply = self.keeper.command(command, now);
        self.follow_models(now, orders);
        reply
    }

    fn keep_last(&mut self, event: &Arc<Event>) {
        let id = event.container.as_ref().map(|container| &container.id);
        if let Some(sheet) = id.and_then(|id| self.sheets.get_mut(id)) {
            sheet.last = Some(Arc::clone(event));
        }
    }

    /// Processor time of a container: `busy_ns` in the last `over_ns`, both nanoseconds.
    pub fn processor(
        &mut self,
        container: &ContainerId,
        busy_ns: u64,
        over_ns: u64,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let mut findings = Vec::new();
        self.detector.cpu(Some(container), busy_ns, over_ns, now, &mut findings);
        let last = self.sheets.get(container).and_then(|sheet| sheet.last.clone());
        let Some(event) = last.filter(|_| !findings.is_empty()) else { return };
        self.raise(&event, findings, now, orders);
    }

    /// The bytes of a program that ran are known to be bad.
    pub fn learned_bad(
        &mut self,
        event: &Arc<Event>,
        finding: Finding,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        self.raise(event, vec![finding], now, orders);
    }

    /// What was found later about an event that was told already.
    fn raise(
        &mut self,
        event: &Arc<Event>,
        findings: Vec<Finding>,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let decision = self.judge(event, findings, None, None, now, orders);
        tell(self.incidents.take(event, decision.findings, now), orders);
    }

    /// What is done about an event, and what of it is to be raised.
    fn judge(
        &mut self,
        event: &Arc<Event>,
        findings: Vec<Finding>,
        outcome: Option<&Outcome>,
        answered: Option<&Answered>,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) -> Decision {
        let answer = answered.map(|answered| &answered.answer);
        let (mut decision, stop) = self.decide(event, findings, outcome, answer, now);
        // What the answer stood on is not decided once more.
        decision.findings.extend(answered.and_then(|answered| answered.malware.clone()));
        let version = answered.map_or(self.policy.version(), |answered| answered.version);
        respond(event, &decision, version, stop, orders);
        decision
    }

    /// The policy's list of known-bad hashes.
    pub fn known_bad_file(&self) -> Option<PathBuf> {
        self.policy.settings().malware_hashes.clone()
    }

    /// The event with its container, and with that of the process that it was aimed at, which is in the
    /// cgroup `aimed`.
    fn known(&self, mut event: Event, aimed: Option<u64>) -> Event {
        event.container = self.registry.by_cgroup(event.process.cgroup).map(Arc::clone);
        let aimed = aimed.and_then(|cgroup| self.registry.by_cgroup(cgroup));
        if let (
            Activity::Ptrace { target, .. }
            | Activity::Memory { target, .. }
            | Activity::Signal { target, .. },
            Some(container),
        ) = (&mut event.activity, aimed)
        {
            target.container = Some(container.id.clone());
        }
        event
    }

    /// What policy says, and whether the container is to be stopped now.
    fn decide(
        &mut self,
        event: &Event,
        findings: Vec<Finding>,
        outcome: Option<&Outcome>,
        answered: Option<&ExecAnswer>,
        now: UnixMillis,
    ) -> (Decision, bool) {
        let id = event.container.as_ref().map(|container| &container.id);
        let Some(sheet) = id.and_then(|id| self.sheets.get_mut(id)) else {
            let act = Act { findings, outcome, answered, ..Act::bare(event) };
            return (self.host.decide(act), false);
        };
        let act = Act {
            event,
            findings,
            outcome,
            model: sheet.model.as_deref(),
            leases: Some(&sheet.leases),
            answered,
        };
        let decision = sheet.rules.decide(act);
        let again = sheet.stopping.is_none_or(|since| now.since(since) >= STOP_AGAIN_MS);
        let stop = decision.respond == Respond::Stop && again;
        if stop {
            sheet.stopping = Some(now);
        }
        (decision, stop)
    }

    /// What came of an order.
    pub fn responded(
        &mut self,
        container: Option<&ContainerId>,
        process: Option<&ProcessKey>,
        response: Response,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let (_, updates) = self.incidents.responded(container, process, response, now);
        tell(updates, orders);
    }

    /// A time in which events were lost.
    pub fn blind(&mut self, blind: Blind, now: UnixMillis, orders: &mut Vec<Order>) {
        self.keeper.models().blind(&blind, now);
        self.incidents.blind(&blind);
        orders.push(Order::Tell(Item::Blind(Arc::new(blind))));
    }

    /// Other rules hold from now on.
    pub fn set_detector(&mut self, mut detector: Detector) {
        std::mem::swap(&mut self.detector, &mut detector);
        self.detector.take_over(detector);
    }

    /// Lets time pass: to be called about once a second.
    pub fn tick(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        self.registry.sweep(now);
        self.early.expire(now);
        let updates = self.incidents.tick(now);
        tell(updates, orders);
        self.save(now, orders);
        self.follow_models(now, orders);
        let refusing: Vec<ContainerId> = self
            .sheets
            .iter_mut()
            .filter_map(|(id, sheet)| {
                let expired = sheet.leases.expire(now);
                (expired || sheet.stale || sheet.rules.gravest().refuses()).then(|| id.clone())
            })
            .collect();
        for id in refusing {
            self.plan(&id, false, now, orders);
        }
    }

    /// One batch at a time: an older text must not come after a newer one.
    fn save(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        if self.is_saving() {
            self.keeper.models().advance(now);
            return;
        }
        let snapshots = self.keeper.behind(false, now);
        self.saving = snapshots.len();
        if self.is_saving() {
            orders.push(Order::Save(snapshots));
        }
    }

    /// What came of writing a model.
    pub fn saved(
        &mut self,
        snapshot: &Snapshot,
        outcome: Result<PathBuf, StoreError>,
        orders: &mut Vec<Order>,
    ) {
        self.saving = self.saving.saturating_sub(1);
        let warning = self.keeper.written(snapshot, outcome);
        orders.extend(warning.map(|warning| Order::Warn(warning.to_string())));
    }

    /// Whether models are being written: a [`Core::command`] and [`Core::stop`], which write themselves, are
    /// to wait for that.
    pub fn is_saving(&self) -> bool {
        self.saving > 0
    }

    /// The end: everything open is closed and written.
    pub fn stop(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        let updates = self.incidents.stop(now);
        tell(updates, orders);
        for warning in self.keeper.save(true, now) {
            orders.push(Order::Warn(warning.to_string()));
        }
    }
}

fn respond(
    event: &Arc<Event>,
    decision: &Decision,
    version: PolicyVersion,
    stop: bool,
    orders: &mut Vec<Order>,
) {
    let entry = AuditEntry::of(event, decision, version);
    match decision.respond {
        Respond::Nothing => {}
        Respond::Kill => orders
            .push(Order::Kill { process: event.process.key, container: event.container.clone() }),
        Respond::Stop => {
            let Some(container) = event.container.as_ref().filter(|_| stop) else { return };
            orders.push(Order::Stop { container: Arc::clone(container) });
        }
    }
    orders.extend(entry.map(|entry| Order::Audit(Box::new(entry))));
}

fn tell(updates: Vec<Update>, orders: &mut Vec<Order>) {
    for update in updates {
        let phase = match &update {
            Update::Opened(_) => Phase::Created,
            Update::Grown(_) => Phase::Updated,
            Update::Closed(..) => Phase::Closed,
        };
        orders.push(Order::Tell(Item::Incident(Arc::clone(update.incident()), phase)));
    }
}
