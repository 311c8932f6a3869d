use std::collections::BTreeSet;
use std::net::IpAddr;

use palisade_behaviour::Port;
use palisade_model::event::Transport;

use super::cidr::Network;
use super::pattern::{Form, Paths, glob, is_plain};
use super::ports::Ports;

/// What an active behaviour model knows, as lists: what plans are made of and acts are held to. A list
/// that is `None` cannot be told whole (a bound was hit, or nothing was learned of that kind): nothing
/// is refused for not being in it.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    executables: Option<Executables>,
    listen: Option<[Ports; 3]>,
    outbound: Option<Outbound>,
    names: Option<Vec<String>>,
}

/// Of executables: their paths, and those with a part that changes.
#[derive(Debug, Clone, Default)]
struct Executables {
    plain: BTreeSet<String>,
    patterns: Paths,
    has_patterns: bool,
}

/// Where connections go.
#[derive(Debug, Clone, Default)]
struct Outbound {
    networks: Vec<(Transport, Ports, Network)>,
    /// Of each transport, ports on which any address may be meant.
    any: [Ports; 3],
}

pub(crate) const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Other];

pub(crate) fn index(transport: Transport) -> usize {
    match transport {
        Transport::Tcp => 0,
        Transport::Udp => 1,
        Transport::Other => 2,
    }
}

/// Port 0 is the kernel's choice, and as `None` in a [`Port`] all that the kernel hands out.
fn ports(port: Port, ephemeral_from: u16) -> Ports {
    match port.number {
        Some(number) => std::iter::once(number..=number).collect(),
        None => [0..=0, ephemeral_from..=u16::MAX].into_iter().collect(),
    }
}

impl Allowed {
    /// Nothing can be told.
    pub fn new() -> Self {
        Self::default()
    }

    /// Executables by path, as the model writes them: `<n>`, `<hex>`, `<uuid>` and `<random>` stand for
    /// parts that change. Paths that make no pattern leave the list untold.
    #[must_use]
    pub fn with_executables(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        let (mut plain, mut patterns) = (BTreeSet::new(), Vec::new());
        for path in paths {
            match changing(&path) {
                Some(pattern) => patterns.push(pattern),
                None => {
                    plain.insert(path);
                }
            }
        }
        let good = patterns.iter().all(|pattern| glob(pattern, Form::Path).is_ok());
        let has_patterns = !patterns.is_empty();
        self.executables = match Paths::new(patterns.iter().map(String::as_str)) {
            Ok(patterns) if good => Some(Executables { plain, patterns, has_patterns }),
            _ => None,
        };
        self
    }

    /// Ports that are listened on. Those that the kernel hands out begin with `ephemeral_from`
    /// ([`palisade_behaviour::Settings::ephemeral_from`]).
    #[must_use]
    pub fn with_listening(
        mut self,
        listening: impl IntoIterator<Item = Port>,
        ephemeral_from: u16,
    ) -> Self {
        let mut sets: [Ports; 3] = Default::default();
        for port in listening {
            let set = &mut sets[index(port.transport)];
            *set = set.union(&ports(port, ephemeral_from));
        }
        self.listen = Some(sets);
        self
    }

    /// Networks that connections go to, and ports of which any address is known or which are known by
    /// the name of what they lead to: there, an address says nothing by itself.
    #[must_use]
    pub fn with_outbound(
        mut self,
        networks: impl IntoIterator<Item = (Port, Network)>,
        any_address: impl IntoIterator<Item = Port>,
        ephemeral_from: u16,
    ) -> Self {
        let mut outbound = Outbound::default();
        for (port, network) in networks {
            outbound.networks.push((port.transport, ports(port, ephemeral_from), network));
        }
        for port in any_address {
            let set = &mut outbound.any[index(port.transport)];
            *set = set.union(&ports(port, ephemeral_from));
        }
        self.outbound = Some(outbound);
        self
    }

    /// Names that are asked for; a first label `*` stands for any below.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names = Some(names.into_iter().collect());
        self
    }

    pub(crate) fn knows_executable(&self, path: &str) -> Option<bool> {
        let known = self.executables.as_ref()?;
        Some(known.plain.contains(path) || !known.patterns.find(path).is_empty())
    }

    /// Paths without a part that changes; `None` when there are others, or no list.
    pub(crate) fn exact_executables(&self) -> Option<&BTreeSet<String>> {
        self.executables.as_ref().filter(|known| !known.has_patterns).map(|known| &known.plain)
    }

    pub(crate) fn lists_executables(&self) -> bool {
        self.executables.is_some()
    }

    pub(crate) fn listening(&self, transport: Transport) -> Option<&Ports> {
        self.listen.as_ref().map(|sets| &sets[index(transport)])
    }

    /// Ports of this transport on which all of `network` is known.
    pub(crate) fn outbound(&self, transport: Transport, network: &Network) -> Option<Ports> {
        let outbound = self.outbound.as_ref()?;
        let fits = outbound
            .networks
            .iter()
            .filter(|(of, _, known)| *of == transport && known.covers(network));
        let ports = fits.fold(Ports::none(), |sum, (_, ports, _)| sum.union(ports));
        Some(ports.union(&outbound.any[index(transport)]))
    }

    pub(crate) fn knows_address(
        &self,
        transport: Transport,
        address: IpAddr,
        port: u16,
    ) -> Option<bool> {
        let outbound = self.outbound.as_ref()?;
        let host = Network::host(address);
        let known = outbound.networks.iter().any(|(of, ports, network)| {
            *of == transport && ports.contains(port) && network.covers(&host)
        });
        Some(known || outbound.any[index(transport)].contains(port))
    }

    pub(crate) fn networks(&self) -> impl Iterator<Item = Network> {
        self.outbound.iter().flat_map(|outbound| &outbound.networks).map(|(_, _, network)| *network)
    }

    pub(crate) fn opens_ports(&self) -> bool {
        self.outbound.as_ref().is_some_and(|out| out.any.iter().any(|ports| !ports.is_empty()))
    }

    pub(crate) fn knows_name(&self, name: &str) -> Option<bool> {
        let names = self.names.as_ref()?;
        Some(names.iter().any(|known| match known.strip_prefix("*.") {
            Some(domain) => name.strip_suffix(domain).is_some_and(|labels| labels.ends_with('.')),
            None => known == name,
        }))
    }
}

/// A path of which parts change, as a pattern; `None` for one that is what it says.
fn changing(path: &str) -> Option<String> {
    const PARTS: [&str; 4] = ["<n>", "<hex>", "<uuid>", "<random>"];
    if !PARTS.iter().any(|part| path.contains(part)) {
        return None;
    }
    let mut pattern = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        if let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) {
            pattern.push('*');
            rest = &rest[part.len()..];
            continue;
        }
        if !is_plain(first.encode_utf8(&mut [0; 4])) {
            pattern.push('\\');
        }
        pattern.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Some(pattern)
}
