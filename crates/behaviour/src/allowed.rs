//! What a model allows, as plain data: for those who make a kernel plan of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use palisade_model::UnixMillis;
use palisade_model::event::{Kind, Transport};

use crate::learned::{name_to_path, path_to_name};
use crate::{Bound, Model, Phase, generalise};

/// What an image is known to do, both what was learned and what was added. A part that is `None` cannot
/// be told: its kind of event was not visible while the model learned, or a bound was hit, so that
/// whatever is not listed may be normal as well. Nothing may be refused for not being in such a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    /// Whether the model compares ([`Phase::Active`], not archived). If not, the parts are what is known
    /// so far, and nothing should be refused by them.
    pub active: bool,
    /// Programs.
    pub executables: Option<AllowedExecutables>,
    /// Ports listened on, sorted; ports that the kernel hands out have no number.
    pub listening: Option<Vec<(Transport, Option<u16>)>>,
    /// Where connections go, by port.
    pub outbound: Option<Vec<AllowedOutbound>>,
    /// Names that are asked for, sorted: `api.example.com`, `*.example.com` (names directly below),
    /// `**.example.com` (any below). In labels, `<n>`, `<hex>` and `<uuid>` stand for what changes.
    pub names: Option<Vec<String>>,
}

/// Programs that an image runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedExecutables {
    /// Absolute paths, each one file.
    pub exact: Vec<String>,
    /// Paths in temporary directories with parts that change (`/tmp/<random>/setup`), and programs
    /// without a path. A kernel that compares paths cannot tell these; where the list is not empty,
    /// "refuse what is not listed" would refuse what is normal.
    pub inexact: Vec<String>,
}

/// Where connections on one port go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOutbound {
    /// TCP or UDP.
    pub transport: Transport,
    /// The port; `None` for all that the kernel hands out.
    pub port: Option<u16>,
    /// Networks: address and bits.
    pub networks: Vec<(IpAddr, u8)>,
    /// Any address.
    pub any: bool,
    /// Any address that is the answer for one of [`Allowed::names`]. Those known now are in
    /// [`AllowedOutbound::resolved`]; later answers add to them.
    pub by_name: bool,
    /// Addresses that were the answer for a learned name lately, with the name; empty unless `by_name`.
    pub resolved: Vec<(IpAddr, String)>,
}

impl Model {
    /// What the model allows, as of `now`.
    pub fn allowed(&self, now: UnixMillis) -> Allowed {
        let parts = [&self.base, &self.extended];
        let complete = |kinds: &[Kind], bound: Bound| {
            kinds.iter().all(|kind| self.learned_kinds.contains(*kind))
                && !parts.iter().any(|part| part.full.contains(&bound))
        };
        let executables = complete(&[Kind::Exec], Bound::Executables).then(|| {
            let paths: BTreeSet<&String> =
                parts.iter().flat_map(|part| part.processes.keys()).collect();
            let exact = |path: &&String| {
                path.starts_with('/')
                    && path.len() < self.settings.max_text
                    && !generalise::is_temporary(path, &self.settings)
            };
            let (exact, inexact): (Vec<&String>, Vec<&String>) = paths.into_iter().partition(exact);
            let owned = |paths: Vec<&String>| paths.into_iter().cloned().collect();
            AllowedExecutables { exact: owned(exact), inexact: owned(inexact) }
        });
        let listening = complete(&[Kind::Listen, Kind::Bind], Bound::Listening).then(|| {
            let ports: BTreeSet<_> = parts.iter().flat_map(|part| &part.listening).collect();
            ports.into_iter().map(|port| (port.transport, port.number)).collect()
        });
        let outbound = complete(&[Kind::Connect], Bound::Outbound).then(|| self.outbound(now));
        let names = complete(&[Kind::DnsQuestion], Bound::Names).then(|| {
            let names: BTreeSet<String> =
                parts.iter().flat_map(|part| part.names.iter()).map(path_to_name).collect();
            names.into_iter().collect()
        });
        let active = self.archived.is_none() && matches!(self.phase, Phase::Active { .. });
        Allowed { active, executables, listening, outbound, names }
    }

    fn outbound(&self, now: UnixMillis) -> Vec<AllowedOutbound> {
        let parts = [&self.base, &self.extended];
        let ports: BTreeSet<_> = parts.iter().flat_map(|part| part.outbound.keys()).collect();
        let answers = || {
            let fresh = self.resolved.fresh(now, &self.settings);
            fresh.filter(|(_, name)| {
                let path = name_to_path(name);
                parts.iter().any(|part| part.names.covers(&path))
            })
        };
        let of_port = |port: &crate::Port| {
            let remotes = || parts.iter().filter_map(|part| part.outbound.get(port));
            let networks: BTreeSet<_> =
                remotes().flat_map(|remotes| remotes.iter()).map(|net| net.parts()).collect();
            let by_name = remotes().any(|remotes| remotes.by_name);
            let resolved = if by_name {
                answers().map(|(address, name)| (address, name.to_owned())).collect()
            } else {
                Vec::new()
            };
            AllowedOutbound {
                transport: port.transport,
                port: port.number,
                networks: networks.into_iter().collect(),
                any: remotes().any(|remotes| remotes.any),
                by_name,
                resolved,
            }
        };
        ports.into_iter().map(of_port).collect()
    }
}
