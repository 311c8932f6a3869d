//! Guessing of passwords: many connections to a port where people log in.

use std::net::IpAddr;

use palisade_model::event::{Activity, Endpoint, Event, IncidentSeverity};

use super::window::{Quiet, Rate, Table};
use super::{Counter, Look};

pub(super) static OUTBOUND: Counter = Counter {
    name: "Password guessing against another host",
    description: "One container connects to one login port of one host again and again.",
    severity: IncidentSeverity::High,
    technique: "T1110",
};
pub(super) static INBOUND: Counter = Counter {
    name: "Password guessing by a client",
    description: "One client connects to a login port of a container again and again.",
    severity: IncidentSeverity::Medium,
    technique: "T1110",
};

#[derive(Debug, Clone, Default)]
pub(super) struct Guesses {
    outbound: Table<Endpoint, Rate>,
    inbound: Table<IpAddr, Rate>,
    outbound_quiet: Quiet,
    inbound_quiet: Quiet,
}

impl Guesses {
    pub(super) fn outbound(&mut self, event: &Event, look: &mut Look<'_>) {
        let settings = &look.settings.guessing;
        let Activity::Connect { remote, .. } = &event.activity else { return };
        let Some(remote) = remote.endpoint() else { return };
        if !settings.enabled
            || !settings.ports.contains(&remote.port())
            || !self.outbound_quiet.is_over(look.now, look.settings.quiet_ms)
        {
            return;
        }
        let rate = self.outbound.at(&remote, look.now, look.settings.peers, look.pushed_out);
        let count = rate.note(look.now, settings.window_ms);
        if count >= settings.outbound {
            rate.clear();
            self.outbound_quiet.begin(look.now);
            let seconds = settings.window_ms / 1_000;
            let name = &event.process.name;
            look.find(
                &OUTBOUND,
                format!("{count} connections to {remote} in {seconds} s, by {name}"),
            );
        }
    }

    pub(super) fn inbound(&mut self, event: &Event, look: &mut Look<'_>) {
        let settings = &look.settings.guessing;
        let Activity::Accept { local, remote, .. } = &event.activity else { return };
        let Some((local, remote)) = local.endpoint().zip(remote.endpoint()) else { return };
        if !settings.enabled
            || !settings.ports.contains(&local.port())
            || !self.inbound_quiet.is_over(look.now, look.settings.quiet_ms)
        {
            return;
        }
        let rate = self.inbound.at(&remote.ip(), look.now, look.settings.peers, look.pushed_out);
        let count = rate.note(look.now, settings.window_ms);
        if count >= settings.inbound {
            rate.clear();
            self.inbound_quiet.begin(look.now);
            let seconds = settings.window_ms / 1_000;
            let (port, client) = (local.port(), remote.ip());
            look.find(
                &INBOUND,
                format!("{count} connections to port {port} from {client} in {seconds} s"),
            );
        }
    }
}
