//! The containers that run: from their start to their end, and what is refused to each.

use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ContainerIdentity, Event};
use palisade_sensor::{CgroupChange, CgroupWhat, Plan};

use super::{Asked, Core, Order};
use crate::containers::{Container, ContainerChange, Found};
use crate::policy::{Allowed, Enforce, Leases, Planned, Policy, RuleSet};

/// What is held of a container that runs.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) identity: Arc<ContainerIdentity>,
    pub(super) rules: RuleSet,
    pub(super) model: Option<Arc<Allowed>>,
    pub(super) leases: Leases,
    pub(super) planned: Planned,
    pub(super) plan: Arc<Plan>,
    /// When the plan was made.
    pub(super) planned_at: UnixMillis,
    /// It is to be made anew by the next tick.
    pub(super) stale: bool,
    /// Stopping it was ordered at this time.
    pub(super) stopping: Option<UnixMillis>,
    /// The last program that started: the evidence of what has no event of its own.
    pub(super) last: Option<Arc<Event>>,
    /// Programs of it run among the host's mounts: not everything there is the runtime's.
    pub(super) among_hosts: bool,
}

/// Addresses that are refused to one container because of their names, at most.
const MAX_LEASES: usize = 4_096;
/// With more leases than these, a plan is not made anew within this time but by the next tick.
const FEW_LEASES: usize = 64;
const REPLAN_MS: u64 = 250;

impl Core {
    /// Takes what the discovery found.
    pub fn found(&mut self, found: Found, now: UnixMillis, orders: &mut Vec<Order>) {
        let changes = self.registry.learn(found, now);
        self.changed(changes, now, orders);
    }

    pub(super) fn cgroup(
        &mut self,
        change: CgroupChange,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let changes = self.registry.change(&change, now);
        self.changed(changes, now, orders);
        match change.what {
            CgroupWhat::Created => {
                // A cgroup inside a container: the kernel side holds it to the plan already. But not to
                // one that was switched while it was made.
                if let Some(container) = self.registry.container(change.id)
                    && let Some(sheet) = self.sheets.get(&container.identity.id)
                {
                    let plan = Arc::clone(&sheet.plan);
                    let (container, inside) = (sheet.identity.cgroup, vec![change.id]);
                    orders.push(Order::Enforce { container, inside, plan });
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
        let rules = self.rules_of(&identity);
        let (leases, among_hosts) = match self.sheets.remove(&identity.id) {
            Some(sheet) => (sheet.leases, sheet.among_hosts),
            None => (Leases::new(MAX_LEASES), false),
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
            among_hosts,
        };
        self.sheets.insert(identity.id.clone(), sheet);
        self.plan(&identity.id, true, now, orders);
        if identity.image_digest.is_none() {
            self.early.expect(&identity.id, now);
        } else {
            self.compare_early(&identity, now, orders);
        }
    }

    fn rules_of(&self, identity: &ContainerIdentity) -> RuleSet {
        let own = self.own.and_then(|cgroup| self.registry.by_cgroup(cgroup));
        let other = own.is_none_or(|own| own.id != identity.id);
        self.policy.for_container(other.then_some(identity)).clone()
    }

    fn stopped(&mut self, container: &Container, now: UnixMillis, orders: &mut Vec<Order>) {
        let identity = &container.identity;
        self.early.take(&identity.id);
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
    pub(super) fn plan(
        &mut self,
        id: &ContainerId,
        always: bool,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let Some(sheet) = self.sheets.get_mut(id) else { return };
        (sheet.planned_at, sheet.stale) = (now, false);
        let models = self.keeper.models();
        let ephemeral = models.settings().learning.ephemeral_from;
        let known = sheet.identity.image_digest.and_then(|image| models.allowed(&image, now));
        sheet.model = known.and_then(|known| Allowed::of_model(&known, ephemeral)).map(Arc::new);
        let planned = sheet.rules.plan(sheet.model.as_deref(), &sheet.leases);
        let other = planned.plan != *sheet.plan;
        let new = planned.asked != sheet.planned.asked;
        if other || new {
            sheet.plan = Arc::new(planned.plan.clone());
            warn(sheet, &planned, &self.enforce, orders);
        }
        // What nobody can be asked about is decided once it is seen. Who is asked goes by the newest model.
        let asking = !planned.asked.is_empty() && self.enforce.exec_asked;
        if asking || (new && self.enforce.exec_asked) {
            let asked = asking.then(|| Asked {
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
            let inside: Vec<u64> = self.registry.cgroups_of(id).collect();
            let (container, plan) = (sheet.identity.cgroup, Arc::clone(&sheet.plan));
            if !inside.is_empty() {
                orders.push(Order::Enforce { container, inside, plan });
            }
        }
    }

    /// Makes the plans anew of images whose model changed.
    pub(super) fn follow_models(&mut self, now: UnixMillis, orders: &mut Vec<Order>) {
        for image in self.keeper.models().take_changed() {
            let of_image = |sheet: &&Sheet| sheet.identity.image_digest == Some(image);
            let sheets = self.sheets.values().filter(of_image);
            let ids: Vec<ContainerId> = sheets.map(|sheet| sheet.identity.id.clone()).collect();
            for id in ids {
                self.plan(&id, false, now, orders);
            }
        }
    }

    /// Addresses that become refused because of the name that they are the answer for.
    pub(super) fn lease(&mut self, event: &Event, now: UnixMillis, orders: &mut Vec<Order>) {
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

    /// Another policy holds from now on.
    pub fn set_policy(&mut self, policy: Arc<Policy>, now: UnixMillis, orders: &mut Vec<Order>) {
        self.host = policy.for_container(None).clone();
        self.policy = policy;
        let ids: Vec<ContainerId> = self.sheets.keys().cloned().collect();
        for id in ids {
            let rules = self.sheets.get(&id).map(|sheet| self.rules_of(&sheet.identity));
            if let (Some(sheet), Some(rules)) = (self.sheets.get_mut(&id), rules) {
                sheet.rules = rules;
            }
            self.plan(&id, true, now, orders);
        }
    }

    /// Containers whose programs are protected, each with a cgroup.
    pub fn protected(&self) -> Vec<(Arc<ContainerIdentity>, u64)> {
        self.sheets
            .values()
            .filter(|sheet| sheet.plan.refuses_programs())
            .map(|sheet| (Arc::clone(&sheet.identity), sheet.identity.cgroup))
            .collect()
    }
}

/// What the rules of a container want refused and nothing here can refuse.
pub(super) fn warn(sheet: &Sheet, planned: &Planned, enforce: &Enforce, orders: &mut Vec<Order>) {
    let name = sheet.identity.shown();
    for text in sheet.rules.unenforced(planned, enforce) {
        orders.push(Order::Warn(format!("container {name}: {text}")));
    }
}
