//! Scans: many ports of one host, one port of many hosts.

use std::net::IpAddr;

use palisade_model::event::{Event, IncidentSeverity};

use super::window::{Quiet, Recent, Table};
use super::{Counter, Look};

pub(super) static PORTS: Counter = Counter {
    name: "Scan of one host's ports",
    description: "One container tries many ports of one host within a minute.",
    severity: IncidentSeverity::High,
    technique: "T1046",
};
pub(super) static HOSTS: Counter = Counter {
    name: "Scan of many hosts",
    description: "One container tries the same port of many hosts within a minute; web, mail, name and \
                  time servers' ports do not count.",
    severity: IncidentSeverity::High,
    technique: "T1046",
};

#[derive(Debug, Clone, Default)]
pub(super) struct Scans {
    ports: Table<IpAddr, Recent<u16>>,
    hosts: Table<u16, Recent<IpAddr>>,
    ports_quiet: Quiet,
    hosts_quiet: Quiet,
}

impl Scans {
    pub(super) fn look(&mut self, event: &Event, look: &mut Look<'_>) {
        let settings = &look.settings.scan;
        let Some(remote) = event.activity.remote().and_then(|remote| remote.endpoint()) else {
            return;
        };
        // Port 0 is how programs ask the kernel which way a host would be reached.
        if !settings.enabled || remote.port() == 0 || remote.ip().is_multicast() {
            return;
        }
        let (peers, quiet) = (look.settings.peers, look.settings.quiet_ms);
        if self.ports_quiet.is_over(look.now, quiet) {
            let ports = self.ports.at(&remote.ip(), look.now, peers, look.pushed_out);
            if ports.note(remote.port(), look.now, settings.window_ms, settings.ports) {
                ports.clear();
                self.ports_quiet.begin(look.now);
                let detail = format!(
                    "{} ports of {} within {} s, by {}",
                    settings.ports,
                    remote.ip(),
                    settings.window_ms / 1_000,
                    event.process.name
                );
                look.find(&PORTS, detail);
            }
        }
        if !settings.common_ports.contains(&remote.port())
            && self.hosts_quiet.is_over(look.now, quiet)
        {
            let hosts = self.hosts.at(&remote.port(), look.now, peers, look.pushed_out);
            if hosts.note(remote.ip(), look.now, settings.window_ms, settings.hosts) {
                hosts.clear();
                self.hosts_quiet.begin(look.now);
                let detail = format!(
                    "port {} of {} hosts within {} s, by {}",
                    remote.port(),
                    settings.hosts,
                    settings.window_ms / 1_000,
                    event.process.name
                );
                look.find(&HOSTS, detail);
            }
        }
    }
}
