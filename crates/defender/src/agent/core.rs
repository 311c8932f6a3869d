//! The one decider: what comes in, in order, becomes orders. No I/O but the models' own files, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Blind, Cause, ContainerId, ContainerIdentity, Effect, Event, IncidentSeverity, Kind,
    KindSet, ProcessKey, Response,
};
use palisade_sensor::{CgroupChange, CgroupWhat, Observation, Plan};

use crate::Finding;
use crate::containers::{Container, ContainerChange, Found, Registry};
use crate::detect::Detector;
use crate::incidents::{Incidents, Update};
use crate::models::{self, Keeper};
use crate::output::{Item, Phase};
use crate::policy::{
    Act, Allowed, AuditEntry, Decision, Enforce, Leases, Planned, Policy, Respond, RuleSet,
};

/// What the decider wants done.
#[derive(Debug)]
pub enum Order {
    /// Give this out.
    Tell(Item),
    /// Write this into the audit log.
    Audit(Box<AuditEntry>),
    /// Watch a cgroup, with this refused.
    Enforce {
        /// Which.
        cgroup: u64,
        /// What is refused.
        plan: Arc<Plan>,
    },
    /// A cgroup is gone.
    Forget {
        /// Which.
        cgroup: u64,
    },
    /// Ask us before a program runs in this container; `None`: no more.
    Ask {
        /// Which.
        container: Arc<ContainerIdentity>,
        /// All its cgroups.
        cgroups: Vec<u64>,
        /// By which rules.
        asked: Option<Asked>,
    },
    /// Kill a process.
    Kill {
        /// Which.
        process: ProcessKey,
        /// In which container.
        container: Option<Arc<ContainerIdentity>>,
    },
    /// Stop a container.
    Stop {
        /// Which.
        container: Arc<ContainerIdentity>,
    },
    /// A cgroup was made: it may be a container.
    Look(CgroupChange),
    /// A program ran in a container: it may have to be hashed.
    Ran(Arc<Event>),
    /// Say this to the operator.
    Warn(String),
}

/// What a program that waits is judged by.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The container's rules.
    pub rules: RuleSet,
    /// What its model knows.
    pub model: Option<Arc<Allowed>>,
    /// Which text the rules are from.
    pub version: crate::policy::PolicyVersion,
}

/// What is held of a container that runs.
#[derive(Debug)]
struct Sheet {
    identity: Arc<ContainerIdentity>,
    rules: RuleSet,
    model: Option<Arc<Allowed>>,
    leases: Leases,
    planned: Planned,
    plan: Arc<Plan>,
    /// When the plan was made.
    planned_at: UnixMillis,
    /// It is to be made anew by the next tick.
    stale: bool,
    /// Stopping it was ordered at this time.
    stopping: Option<UnixMillis>,
    /// The last program that started: the evidence of what has no event of its own.
    last: Option<Arc<Event>>,
}

/// Addresses that are refused to one container because of their names, at most.
const MAX_LEASES: usize = 4_096;
/// With more leases than these, a plan is not made anew within this time but by the next tick.
const FEW_LEASES: usize = 64;
const REPLAN_MS: u64 = 250;
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
    /// Kinds that the sensor sees.
    live: KindSet,
    /// Events that were a runtime's, making a container.
    runtime_steps: u64,
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
}

impl Core {
    /// A decider that knows no container yet.
    pub fn new(parts: Parts, now: UnixMillis) -> Self {
        let Parts { registry, detector, mut keeper, policy, enforce, incidents, live } = parts;
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
            live,
            runtime_steps: 0,
        }
    }

    /// Events that were a runtime's, making a container: nobody is told of them.
    pub fn runtime_steps(&self) -> u64 {
        self.runtime_steps
    }

    /// The containers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The models.
    pub fn keeper(&mut self) -> &mut Keeper {
        &mut self.keeper
    }

    /// The incidents.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// The rules.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Takes what the sensor saw.
    pub fn observe(&mut self, seen: Observation, now: UnixMillis, orders: &mut Vec<Order>) {
        match seen {
            Observation::Event { event, rule, outside } => {
                let event = self.known(*event);
                // What a runtime does to make the container is not the container's doing.
                if outside && event.container.is_some() {
                    self.runtime_steps += 1;
                } else {
                    self.event(event, rule, now, orders);
                }
            }
            Observation::Cgroup(change) => self.cgroup(change, now, orders),
            // The tracker has it; who it is in, is asked when it acts.
            Observation::Existing(_) | Observation::Canary { .. } => {}
        }
    }

    /// Takes what the discovery found.
    pub fn found(&mut self, found: Found, now: UnixMillis, orders: &mut Vec<Order>) {
        let changes = self.registry.learn(found, now);
        self.changed(changes, now, orders);
    }

    fn cgroup(&mut self, change: CgroupChange, now: UnixMillis, orders: &mut Vec<Order>) {
        let changes = self.registry.change(&change, now);
        self.changed(changes, now, orders);
        match change.what {
            CgroupWhat::Created => {
                // A cgroup inside a container: the kernel side watches it already, without a plan.
                if let Some(container) = self.registry.container(change.id)
                    && let Some(sheet) = self.sheets.get(&container.identity.id)
                {
                    let plan = Arc::clone(&sheet.plan);
                    orders.push(Order::Enforce { cgroup: change.id, plan });
                }
                orders.push(Order::Look(change));
            }
            CgroupWhat::Removed => orders.push(Order::Forget { cgroup: change.id }),
            CgroupWhat::Joined(_) => {}
        }
    }

    fn changed(&mut self, changes: Vec<ContainerChange>, now: UnixMillis, orders: &mut Vec<Order>) {
        for change in changes {
            match change {
                ContainerChange::Started(container) | ContainerChange::Known(container) => {
                    self.started(container, now, orders);
                }
                ContainerChange::Stopped(container) => self.stopped(&container, now, orders),
            }
        }
    }

    fn started(&mut self, container: Container, now: UnixMillis, orders: &mut Vec<Order>) {
        let identity = container.identity;
        let (_, warning) = self.keeper.container_started(&identity, now);
        orders.extend(warning.map(|warning| Order::Warn(warning.to_string())));
        let rules = self.policy.for_container(Some(&identity)).clone();
        let leases = match self.sheets.remove(&identity.id) {
            Some(sheet) => sheet.leases,
            None => Leases::new(MAX_LEASES),
        };
        let sheet = Sheet {
            identity: Arc::clone(&identity),
            rules,
            model: None,
            leases,
            planned: Planned::default(),
            plan: Arc::new(Plan::default()),
            planned_at: UnixMillis(0),
            stale: false,
            stopping: None,
            last: None,
        };
        self.sheets.insert(identity.id.clone(), sheet);
        self.plan(&identity.id, true, now, orders);
    }

    fn stopped(&mut self, container: &Container, now: UnixMillis, orders: &mut Vec<Order>) {
        let identity = &container.identity;
        self.keeper.models().container_stopped(&identity.id, now);
        self.detector.forget(&identity.id);
        self.incidents.container_removed(&identity.id);
        // The record of a cgroup's removal can be lost: what the kernel holds of it must not stay.
        orders.push(Order::Forget { cgroup: identity.cgroup });
        orders
            .extend(self.registry.cgroups_of(&identity.id).map(|cgroup| Order::Forget { cgroup }));
        if let Some(sheet) = self.sheets.remove(&identity.id)
            && !sheet.planned.asked.is_empty()
        {
            let container = sheet.identity;
            orders.push(Order::Ask { container, cgroups: Vec::new(), asked: None });
        }
    }

    /// Makes a container's plan anew, and orders it where it changed. `always`: also where it did not, since
    /// a cgroup is new.
    fn plan(&mut self, id: &ContainerId, always: bool, now: UnixMillis, orders: &mut Vec<Order>) {
        let Some(sheet) = self.sheets.get_mut(id) else { return };
        (sheet.planned_at, sheet.stale) = (now, false);
        let models = self.keeper.models();
        let ephemeral = models.settings().learning.ephemeral_from;
        let known = sheet.identity.image_digest.and_then(|image| models.allowed(&image, now));
        sheet.model = known.and_then(|known| Allowed::of_model(&known, ephemeral)).map(Arc::new);
        let planned = sheet.rules.plan(sheet.model.as_deref(), &sheet.leases);
        let other = planned.plan != *sheet.plan;
        if other {
            sheet.plan = Arc::new(planned.plan.clone());
            for text in sheet.rules.unenforced(&planned, &self.enforce) {
                let name = sheet.identity.shown();
                orders.push(Order::Warn(format!("container {name}: {text}")));
            }
        }
        let asks = planned.asked != sheet.planned.asked || (other && !planned.asked.is_empty());
        if asks || (always && !planned.asked.is_empty()) {
            let asked = (!planned.asked.is_empty()).then(|| Asked {
                rules: sheet.rules.clone(),
                model: sheet.model.clone(),
                version: self.policy.version(),
            });
            let cgroups = self.registry.cgroups_of(id).collect();
            let container = Arc::clone(&sheet.identity);
            orders.push(Order::Ask { container, cgroups, asked });
        }
        sheet.planned = planned;
        if other || always {
            for cgroup in self.registry.cgroups_of(id) {
                orders.push(Order::Enforce { cgroup, plan: Arc::clone(&sheet.plan) });
            }
        }
    }

    fn event(
        &mut self,
        mut event: Event,
        rule: Option<u32>,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        self.name_targets(&mut event);
        let event = Arc::new(event);
        let mut findings = Vec::new();
        self.detector.look(&event, now, &mut findings);
        let outcome = self.keeper.models().compare(&event, now);
        if let (Some(outcome), Some(container)) = (&outcome, &event.container)
            && let Some(image) = container.image_digest
        {
            findings.extend(models::findings(image, outcome));
        }
        let (decision, stop) = self.decide(&event, findings, outcome.as_ref(), now);
        self.lease(&event, now, orders);
        if event.kind() == Kind::Exec && event.effect == Effect::Seen {
            self.keep_last(&event);
            orders.push(Order::Ran(Arc::clone(&event)));
        }
        self.respond(&event, &decision, stop, orders);
        let updates = self.incidents.take(&event, decision.findings.clone(), now);
        orders.push(Order::Tell(Item::Event(Arc::clone(&event))));
        tell(updates, orders);
        if rule.is_some() && event.effect != Effect::Seen {
            let process = event.process.key;
            let container = event.container.as_ref().map(|container| &container.id);
            let response = Response::Prevented { process };
            let (_, updates) = self.incidents.responded(container, Some(&process), response, now);
            tell(updates, orders);
        }
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
        let (decision, stop) = self.decide(event, findings, None, now);
        self.respond(event, &decision, stop, orders);
        let updates = self.incidents.take(event, decision.findings, now);
        tell(updates, orders);
    }

    /// The policy's list of known-bad hashes.
    pub fn known_bad_file(&self) -> Option<std::path::PathBuf> {
        self.policy.settings().malware_hashes.clone()
    }

    /// The event with its container.
    fn known(&self, mut event: Event) -> Event {
        event.container = self.registry.by_cgroup(event.process.cgroup).map(Arc::clone);
        event
    }

    /// Who a signal, a trace or a read of memory was aimed at, is in a container too.
    fn name_targets(&self, event: &mut Event) {
        let target = match &mut event.activity {
            Activity::Ptrace { target, .. }
            | Activity::Memory { target, .. }
            | Activity::Signal { target, .. } => target,
            _ => return,
        };
        // Only within the same container is it known without asking the tracker.
        if target.key.tgid() == event.process.key.tgid() {
            target.container = event.container.as_ref().map(|container| container.id.clone());
        }
    }

    /// What policy says, and whether the container is to be stopped now.
    fn decide(
        &mut self,
        event: &Event,
        findings: Vec<Finding>,
        outcome: Option<&palisade_behaviour::Outcome>,
        now: UnixMillis,
    ) -> (Decision, bool) {
        let id = event.container.as_ref().map(|container| &container.id);
        let Some(sheet) = id.and_then(|id| self.sheets.get_mut(id)) else {
            let act = Act { findings, outcome, ..Act::bare(event) };
            return (self.host.decide(act), false);
        };
        let act = Act {
            event,
            findings,
            outcome,
            model: sheet.model.as_deref(),
            leases: Some(&sheet.leases),
        };
        let decision = sheet.rules.decide(act);
        let again = sheet.stopping.is_none_or(|since| now.since(since) >= STOP_AGAIN_MS);
        let stop = decision.respond == Respond::Stop && again;
        if stop {
            sheet.stopping = Some(now);
        }
        (decision, stop)
    }

    /// Addresses that become refused because of the name that they are the answer for.
    fn lease(&mut self, event: &Event, now: UnixMillis, orders: &mut Vec<Order>) {
        let Some(container) = &event.container else { return };
        let Some(sheet) = self.sheets.get_mut(&container.id) else { return };
        let hold = self.policy.settings().dns_hold_ms;
        let Some(refusal) = sheet.rules.refusals(event, sheet.model.as_deref()) else { return };
        if sheet.leases.add(refusal, now, hold) {
            // Answers come as fast as a container asks, and a plan of thousands of addresses takes its time.
            if now.since(sheet.planned_at) < REPLAN_MS && sheet.leases.len() > FEW_LEASES {
                sheet.stale = true;
                return;
            }
            let id = container.id.clone();
            self.plan(&id, false, now, orders);
        }
    }

    fn respond(
        &mut self,
        event: &Arc<Event>,
        decision: &Decision,
        stop: bool,
        orders: &mut Vec<Order>,
    ) {
        let entry = AuditEntry::of(event, decision, self.policy.version());
        match decision.respond {
            Respond::Nothing => {}
            Respond::Kill => orders.push(Order::Kill {
                process: event.process.key,
                container: event.container.clone(),
            }),
            Respond::Stop => {
                let Some(container) = event.container.as_ref().filter(|_| stop) else { return };
                orders.push(Order::Stop { container: Arc::clone(container) });
            }
        }
        orders.extend(entry.map(|entry| Order::Audit(Box::new(entry))));
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

    /// A canary was not stopped: prevention is not live in this container.
    pub fn canary_missed(&mut self, event: Event, now: UnixMillis, orders: &mut Vec<Order>) {
        let finding = Finding {
            cause: Cause::PreventionLost,
            title: "Prevention does not work".to_owned(),
            detail: "a program that is always refused here was started and ran".to_owned(),
            severity: IncidentSeverity::Critical,
            techniques: "T1562.001".parse().into_iter().collect(),
        };
        let updates = self.incidents.take(&Arc::new(event), vec![finding], now);
        tell(updates, orders);
    }

    /// Other rules hold from now on.
    pub fn set_detector(&mut self, mut detector: Detector) {
        std::mem::swap(&mut self.detector, &mut detector);
        self.detector.take_over(detector);
    }

    /// Another policy holds from now on.
    pub fn set_policy(&mut self, policy: Arc<Policy>, now: UnixMillis, orders: &mut Vec<Order>) {
        self.host = policy.for_container(None).clone();
        self.policy = policy;
        let ids: Vec<ContainerId> = self.sheets.keys().cloned().collect();
        for id in ids {
            if let Some(sheet) = self.sheets.get_mut(&id) {
                sheet.rules = self.policy.for_container(Some(&sheet.identity)).clone();
            }
            self.plan(&id, true, now, orders);
        }
    }

    /// Lets time pass: to be called about once a second.
    pub fn tick(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        self.registry.sweep(now);
        let updates = self.incidents.tick(now);
        tell(updates, orders);
        for warning in self.keeper.save(false, now) {
            orders.push(Order::Warn(warning.to_string()));
        }
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

    /// The end: everything open is closed and written.
    pub fn stop(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        let updates = self.incidents.stop(now);
        tell(updates, orders);
        for warning in self.keeper.save(true, now) {
            orders.push(Order::Warn(warning.to_string()));
        }
    }

    /// Containers whose programs are protected, each with a cgroup.
    pub fn protected(&self) -> Vec<(Arc<ContainerIdentity>, u64)> {
        self.sheets
            .values()
            .filter(|sheet| {
                let plan = &sheet.plan;
                !plan.exec.is_empty()
                    || plan.exec_unlisted.is_some()
                    || plan.exec_upper.is_some()
                    || plan.exec_memory.is_some()
            })
            .map(|sheet| (Arc::clone(&sheet.identity), sheet.identity.cgroup))
            .collect()
    }

    /// Kinds that the sensor sees.
    pub fn live(&self) -> KindSet {
        self.live
    }
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
