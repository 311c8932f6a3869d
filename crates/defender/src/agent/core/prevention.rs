//! Prevention that does not work any more is an incident.

use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{Cause, ContainerIdentity, Event, IncidentSeverity};

use super::sheet::warn;
use super::{Core, Order, tell};
use crate::Finding;
use crate::policy::Enforce;

impl Core {
    /// A canary was not stopped: prevention is not live in this container.
    pub fn canary_missed(&mut self, event: Event, now: UnixMillis, orders: &mut Vec<Order>) {
        let detail = "a program that is always refused here was started and ran";
        self.prevention_lost(event, detail.to_owned(), now, orders);
    }

    /// Nobody is asked any more before a program runs. `enforce`: what can be refused without that.
    /// `event`: what an incident of it shows, of a container or of the host.
    pub fn gate_lost(
        &mut self,
        why: &str,
        enforce: Enforce,
        event: impl Fn(Option<Arc<ContainerIdentity>>) -> Event,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let detail = format!("programs are not asked about any more (fanotify is given up): {why}");
        self.enforce = enforce;
        let asked = self.sheets.values().filter(|sheet| !sheet.planned.asked.is_empty());
        let mut places: Vec<_> = asked.map(|sheet| Some(Arc::clone(&sheet.identity))).collect();
        if places.is_empty() {
            places.push(None);
        }
        for place in places {
            let id = place.as_ref().map(|container| container.id.clone());
            self.prevention_lost(event(place), detail.clone(), now, orders);
            if let Some(sheet) = id.and_then(|id| self.sheets.get(&id)) {
                warn(sheet, &sheet.planned, &self.enforce, orders);
            }
        }
    }

    fn prevention_lost(
        &mut self,
        event: Event,
        detail: String,
        now: UnixMillis,
        orders: &mut Vec<Order>,
    ) {
        let finding = Finding {
            cause: Cause::PreventionLost,
            title: "Prevention does not work".to_owned(),
            detail,
            severity: IncidentSeverity::Critical,
            techniques: "T1562.001".parse().into_iter().collect(),
        };
        let updates = self.incidents.take(&Arc::new(event), vec![finding], now);
        tell(updates, orders);
    }
}
