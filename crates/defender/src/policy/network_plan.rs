//! From lists of networks to the kernel's tree of prefixes.
//!
//! The kernel looks up one prefix, the longest that holds the address, and asks no shorter one
//! (`net.h`). So every prefix gets all that is said of the networks around it too, and the two that hold
//! everything are always there. IPv4 addresses are looked up as mapped IPv6 ones, below `::/0`: the
//! prefix of all of IPv4 keeps them from it. What is not listed is written out as refused ports:
//! `net_unlisted` would hold for ports that a listed prefix does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_model::event::Transport;
use palisade_sensor::{Direction, NetRule};

use super::allowed::{Allowed, TRANSPORTS};
use super::cidr::Network;
use super::dns::DnsSection;
use super::effect::{Clause, Effect, Reason, Section};
use super::lease::Leases;
use super::network::{Destination, NetworkSection, is_loopback};
use super::plan::Planned;
use super::ports::Ports;

/// Prefixes of one direction in one container's plan at most: the kernel's tree holds 65,536 for all.
pub const MAX_PLANNED_NETWORKS: usize = 1_024;

/// `NET_PORTS` of `abi.h`.
const PORT_RANGES: usize = 8;

/// What is asked for one direction.
struct Wanted<'a> {
    section: &'a NetworkSection,
    model: Option<&'a Allowed>,
    /// What is not listed is refused.
    unlisted: bool,
}

fn loopback() -> [Network; 4] {
    [
        Network::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
        Network::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        Network::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 32),
        Network::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128),
    ]
    .map(|network| network.unwrap_or(Network::V6))
}

impl Wanted<'_> {
    fn denied(&self) -> impl Iterator<Item = &Destination> {
        let refuses = self.section.deny_effect.refuses();
        self.section.deny.iter().filter(move |_| refuses)
    }

    fn prefixes(&self) -> BTreeSet<Network> {
        let denied = self.denied().flat_map(|entry| &entry.networks).copied();
        let mut prefixes: BTreeSet<Network> = denied.collect();
        if self.unlisted {
            let allow = self.section.allow.iter().flatten().flat_map(|entry| &entry.networks);
            prefixes.extend(allow.copied().chain(loopback()));
            if self.section.learned {
                prefixes.extend(self.model.iter().flat_map(|model| model.networks()));
            }
        }
        prefixes.extend([Network::V4, Network::V6]);
        prefixes
    }

    /// Ports refused by an entry, and ports refused for not being listed, to all of `network`.
    fn refused(&self, transport: Transport, network: &Network) -> (Ports, Ports) {
        let of = |entry: &&Destination| {
            entry.is_of(transport) && entry.networks.iter().any(|own| own.covers(network))
        };
        let union = |sum: Ports, entry: &Destination| sum.union(&entry.ports);
        let denied = self.denied().filter(of).fold(Ports::none(), union);
        if !self.unlisted
            || (is_loopback(network.address()) && loopback().iter().any(|l| l.covers(network)))
        {
            return (denied, Ports::none());
        }
        let mut allowed = self.section.allow.iter().flatten().filter(of).fold(Ports::none(), union);
        if self.section.learned {
            let known = self.model.and_then(|model| model.outbound(transport, network));
            allowed = allowed.union(&known.unwrap_or_else(Ports::all));
        }
        (denied, allowed.complement())
    }
}

/// Adds the section's part to a plan.
pub(crate) fn add(
    section: &NetworkSection,
    model: Option<&Allowed>,
    dns: &DnsSection,
    leases: &Leases,
    planned: &mut Planned,
) {
    let listing = match section.learned {
        true => model.is_some_and(|model| model.outbound(Transport::Tcp, &Network::V4).is_some()),
        false => section.allow.is_some(),
    };
    let wanted = Wanted { section, model, unlisted: section.effect.refuses() && listing };
    let mut rules = BTreeMap::new();
    destinations(&wanted, Direction::Connect, &TRANSPORTS, &mut rules, planned);
    destinations(&wanted, Direction::Send, &[Transport::Udp], &mut rules, planned);
    answers(dns, leases, &mut rules, planned);
    planned.plan.net.extend(rules.into_values());
    listeners(section, model, planned);
    state(&wanted, planned);
}

type Rules = BTreeMap<(Direction, Network), NetRule>;

fn net_rule(direction: Direction, network: Network, refused: &Ports, rule: u32) -> NetRule {
    // Nothing refused: a rule that lets pass, so that no shorter prefix is asked.
    let all = refused.is_empty() || refused.is_all();
    NetRule {
        direction,
        address: network.address(),
        prefix: network.prefix(),
        ports: if all { Vec::new() } else { refused.ranges().to_vec() },
        allow: refused.is_empty(),
        rule,
    }
}

fn listed(planned: &mut Planned) -> u32 {
    let text = "listed";
    let reason = Reason::new(Section::Network, Clause::Allow, None, Effect::Disable, text);
    planned.numbers.number(reason)
}

fn destinations(
    wanted: &Wanted<'_>,
    direction: Direction,
    transports: &[Transport],
    rules: &mut Rules,
    planned: &mut Planned,
) {
    if !wanted.unlisted && wanted.denied().next().is_none() {
        return;
    }
    let mut prefixes = wanted.prefixes();
    let mut wanted = Wanted { ..*wanted };
    if prefixes.len() > MAX_PLANNED_NETWORKS && wanted.unlisted {
        wanted.unlisted = false;
        prefixes = wanted.prefixes();
        let text =
            "more networks than the kernel holds for one container: what is not listed is told of";
        planned.gap(Section::Network, Clause::Effect, None, text);
    }
    // Without a list, a prefix refuses at least what a shorter one does: leaving one out refuses less.
    let over = prefixes.len().saturating_sub(MAX_PLANNED_NETWORKS);
    if over > 0 {
        let text = format!("{over} networks are more than the kernel holds for one container");
        planned.gap(Section::Network, Clause::Deny, None, text);
        prefixes = prefixes.into_iter().take(MAX_PLANNED_NETWORKS).collect();
        prefixes.extend([Network::V4, Network::V6]);
    }
    for network in prefixes {
        let (mut refused, mut unlisted) = (Ports::all(), Ports::all());
        for transport in transports {
            let (by_entry, by_list) = wanted.refused(*transport, &network);
            refused = refused.intersection(&by_entry.union(&by_list));
            unlisted = unlisted.intersection(&by_list);
        }
        let (refused, cut) = refused.shrink(PORT_RANGES);
        if cut {
            let text = format!(
                "{network}: more than {PORT_RANGES} ranges of ports, the smallest are told of"
            );
            planned.gap(Section::Network, Clause::Effect, None, text);
        }
        let rule = if refused.is_empty() {
            listed(planned)
        } else {
            let reason = destination_reason(&wanted, &network, !unlisted.is_empty());
            planned.numbers.number(reason)
        };
        rules.insert((direction, network), net_rule(direction, network, &refused, rule));
    }
}

/// What a refusal of this prefix is put down to: the entry that names it, else the list that does not
/// have it, else an entry around it.
fn destination_reason(wanted: &Wanted<'_>, network: &Network, unlisted: bool) -> Reason {
    let named = wanted.denied().find(|entry| entry.networks.contains(network));
    let around =
        || wanted.denied().find(|entry| entry.networks.iter().any(|own| own.covers(network)));
    match named.or_else(|| if unlisted { None } else { around() }) {
        Some(Destination { entry, .. }) => {
            let effect = wanted.section.deny_effect;
            let text = "no connection may be made there";
            Reason::new(Section::Network, Clause::Deny, Some(entry), effect, text)
        }
        None => {
            let effect = wanted.section.effect;
            let text = "not among the places that may be reached";
            Reason::new(Section::Network, Clause::Effect, None, effect, text)
        }
    }
}

fn answers(dns: &DnsSection, leases: &Leases, rules: &mut Rules, planned: &mut Planned) {
    let effect = dns.deny_effect.max(dns.effect);
    if !effect.refuses() {
        return;
    }
    for (address, entry) in leases.iter() {
        let text = "the answer for a name that is refused";
        let reason = Reason::new(Section::Dns, Clause::Answer, Some(entry), effect, text);
        let rule = planned.numbers.number(reason);
        let network = Network::host(address);
        for direction in [Direction::Connect, Direction::Send] {
            rules.insert((direction, network), net_rule(direction, network, &Ports::all(), rule));
        }
    }
}

/// Ports of whatever local address. Port 0 leaves the choice to the kernel, as clients do.
fn listeners(section: &NetworkSection, model: Option<&Allowed>, planned: &mut Planned) {
    let mut refused = Ports::all();
    let mut unlisted = Ports::all();
    for transport in TRANSPORTS {
        let of = |ports: Ports, list: &[super::network::Listener]| {
            let own = list.iter().filter(|one| one.is_of(transport));
            own.fold(ports, |sum, one| sum.union(&one.ports))
        };
        let mut denied = Ports::none();
        if section.deny_effect.refuses() {
            denied = of(denied, &section.listen_deny);
        }
        let known = match section.learned {
            true => model.and_then(|model| model.listening(transport)).cloned(),
            false => section.listen.as_ref().map(|_| Ports::none()),
        };
        let by_list = match known.filter(|_| section.effect.refuses()) {
            Some(known) => of(known, section.listen.as_deref().unwrap_or_default()).complement(),
            None => Ports::none(),
        };
        refused = refused.intersection(&denied.union(&by_list));
        unlisted = unlisted.intersection(&by_list);
    }
    let choice: Ports = std::iter::once(1..=u16::MAX).collect();
    let (refused, cut) = refused.intersection(&choice).shrink(PORT_RANGES);
    if cut {
        let text = format!("more than {PORT_RANGES} ranges of ports, the smallest are told of");
        planned.gap(Section::Network, Clause::ListenDeny, None, text);
    }
    if refused.is_empty() {
        return;
    }
    let entry = section.listen_deny.first().map(|listener| &listener.entry);
    let reason = if unlisted.is_empty() {
        let text = "this port may not be listened on";
        Reason::new(Section::Network, Clause::ListenDeny, entry, section.deny_effect, text)
    } else {
        let text = "not among the ports that may be listened on";
        Reason::new(Section::Network, Clause::Effect, None, section.effect, text)
    };
    let rule = planned.numbers.number(reason);
    for network in [Network::V4, Network::V6] {
        planned.plan.net.push(net_rule(Direction::Bind, network, &refused, rule));
    }
}

/// What the kernel's rules cannot say.
fn state(wanted: &Wanted<'_>, planned: &mut Planned) {
    let text = "the kernel's rule knows no transport: refused is what every transport is refused \
                (datagrams: what UDP is); the rest is told of";
    for entry in wanted.denied().filter(|entry| entry.transport.is_some()) {
        planned.gap(Section::Network, Clause::Deny, Some(&entry.entry), text);
    }
    if wanted.section.deny_effect.refuses() {
        for listener in wanted.section.listen_deny.iter().filter(|one| one.transport.is_some()) {
            planned.gap(Section::Network, Clause::ListenDeny, Some(&listener.entry), text);
        }
    }
    let section = wanted.section;
    let destinations = section.learned
        || section.allow.iter().flatten().any(|destination| destination.transport.is_some());
    let listens = section.listen.iter().flatten().any(|listener| listener.transport.is_some());
    let learned = section.learned
        && TRANSPORTS
            .iter()
            .any(|of| wanted.model.is_some_and(|model| model.listening(*of).is_some()));
    if wanted.unlisted && destinations || section.effect.refuses() && (listens || learned) {
        planned.gap(Section::Network, Clause::Effect, None, text);
    }
    if wanted.unlisted && wanted.section.learned && wanted.model.is_some_and(Allowed::opens_ports) {
        let text = "ports that the model knows by name, or with any address, stay open to every address: \
                    what departs there is told of";
        planned.gap(Section::Network, Clause::Effect, None, text);
    }
}
