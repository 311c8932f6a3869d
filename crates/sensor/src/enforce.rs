//! A plan in the kernel's maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hasher as _;
use std::net::IpAddr;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::layout::{ExecPathKey, ExecVerdict, NetKey, NetRange, NetVerdict};
use crate::plan::{Direction, NetRule, Plan};
use crate::{SensorError, SensorErrorKind};

/// `enum watch_flag` of `bpf/abi.h`.
pub(crate) mod watch {
    pub(crate) const DENY_UPPER: u32 = 1 << 1;
    pub(crate) const DENY_MEMFD: u32 = 1 << 2;
    pub(crate) const DENY_UNLISTED: u32 = 1 << 3;
    pub(crate) const EXEC_PATHS: u32 = 1 << 4;
    pub(crate) const NET_RULES: u32 = 1 << 5;
    pub(crate) const NET_UNLISTED: u32 = 1 << 6;
    pub(crate) const DENY_PTRACE: u32 = 1 << 8;
    pub(crate) const DENY_MOUNT: u32 = 1 << 9;
    pub(crate) const DENY_BPF: u32 = 1 << 10;
    pub(crate) const DENY_MODULE: u32 = 1 << 11;
    pub(crate) const FILE_RULES: u32 = 1 << 12;
    pub(crate) const NET_SOCKETS: u32 = 1 << 13;
}

/// `enum effect`.
pub(crate) const ALLOW: u32 = 1;
/// `enum effect`.
pub(crate) const DENY: u32 = 2;
/// `enum effect`.
pub(crate) const CANARY: u32 = 3;
/// `enum effect`.
const KEEP: u32 = 5;

const NET_DENY: u32 = 1 << 31;
const MAX_RANGES: usize = 16;
/// `EXEC_HASHED` of `bpf/guard.h`.
const MAX_PATH: usize = 512;

/// Of a path, under the key of this start.
pub(crate) type PathHash = [u64; 2];

/// A plan as map entries of one container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    pub(crate) flags: u32,
    pub(crate) exec: HashMap<PathHash, ExecVerdict>,
    /// Files and directories that may not be changed, and the directories above them, which stay where they are.
    pub(crate) change: HashMap<PathHash, ExecVerdict>,
    pub(crate) net: BTreeMap<NetPlace, NetVerdict>,
}

/// Where a network stands in the map, but for the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NetPlace {
    direction: u32,
    bits: u8,
    address: [u8; 16],
}

impl NetPlace {
    pub(crate) fn key(self, container: u64) -> NetKey {
        NetKey {
            // The direction and the container are always compared whole.
            prefix: 32 + 64 + u32::from(self.bits),
            direction: self.direction.to_be(),
            cgroup: container,
            address: self.address,
        }
    }

    /// The network of so many bits that holds this one.
    fn above(self, bits: u8) -> Self {
        Self { bits, address: masked(self.address, bits), ..self }
    }
}

pub(crate) fn path_key(container: u64, hash: PathHash) -> ExecPathKey {
    ExecPathKey { cgroup: container, hash }
}

impl Entries {
    /// # Errors
    ///
    /// When the kernel's maps cannot hold the plan: a path of more than 512 bytes, more than 16 port ranges
    /// for one network, a rule number of 2^31 and more.
    pub(crate) fn of(plan: &Plan, hash_key: [u64; 2]) -> Result<Self, SensorError> {
        let mut entries = Self { flags: flags(plan), ..Self::default() };
        for rule in &plan.exec {
            let effect = if rule.allow { ALLOW } else { DENY };
            let verdict = ExecVerdict { effect, rule: rule.rule, changed: 0 };
            entries.exec.entry(path_hash(&rule.path, hash_key)?).or_insert(verdict);
        }
        for rule in &plan.write {
            let verdict = |effect| ExecVerdict { effect, rule: rule.rule, changed: 0 };
            for above in directories_above(&rule.path) {
                entries.change.entry(path_hash(above, hash_key)?).or_insert(verdict(KEEP));
            }
            let own = entries.change.entry(path_hash(&rule.path, hash_key)?);
            let known = own.or_insert(verdict(DENY));
            // The first of two rules holds, but a way to one is no rule of its own.
            if known.effect == KEEP {
                *known = verdict(DENY);
            }
        }
        let mut networks = Networks::default();
        for rule in &plan.net {
            networks.entry(place(rule)).or_default().push(rule);
        }
        // Only these are asked for: thousands of networks must not be compared each with each.
        let bits: BTreeSet<u8> = networks.keys().map(|place| place.bits).collect();
        for own in networks.keys() {
            entries.net.insert(*own, net_verdict(own, &networks, &bits)?);
        }
        Ok(entries)
    }
}

pub(crate) fn flags(plan: &Plan) -> u32 {
    let mut flags = 0;
    let refuses = plan.net_unlisted.is_some() || plan.net.iter().any(|rule| !rule.allow);
    for (wanted, flag) in [
        (plan.exec_upper.is_some(), watch::DENY_UPPER),
        (plan.exec_memory.is_some(), watch::DENY_MEMFD),
        (plan.exec_unlisted.is_some(), watch::DENY_UNLISTED),
        (!plan.exec.is_empty(), watch::EXEC_PATHS),
        (!plan.net.is_empty(), watch::NET_RULES),
        (plan.net_unlisted.is_some(), watch::NET_UNLISTED),
        (refuses, watch::NET_SOCKETS),
        (plan.ptrace.is_some(), watch::DENY_PTRACE),
        (plan.mount.is_some(), watch::DENY_MOUNT),
        (plan.bpf.is_some(), watch::DENY_BPF),
        (plan.module.is_some(), watch::DENY_MODULE),
        (!plan.write.is_empty(), watch::FILE_RULES),
    ] {
        if wanted {
            flags |= flag;
        }
    }
    flags
}

/// SipHash-2-4 of the components, leaf first, each with a NUL: what the kernel side walks from the file up.
/// Keyed, since who may choose names must not be able to choose two that are one to us.
fn path_hash(path: &str, hash_key: [u64; 2]) -> Result<PathHash, SensorError> {
    let [key0, key1] = hash_key;
    let mut hasher = SipHasher24::new_with_keys(key0, key1);
    let mut bytes = 0;
    for component in path.rsplit('/').filter(|component| !component.is_empty()) {
        hasher.write(component.as_bytes());
        hasher.write(&[0]);
        bytes += component.len() + 1;
    }
    if bytes > MAX_PATH {
        return Err(too_much(format!("a path of {bytes} bytes; at most {MAX_PATH}")));
    }
    let hash = hasher.finish128();
    Ok([hash.h1, hash.h2])
}

/// Every directory above a path but the root.
fn directories_above(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    path.match_indices('/').map(|(at, _)| path.split_at(at).0).filter(|above| !above.is_empty())
}

fn too_much(what: String) -> SensorError {
    SensorError::new(SensorErrorKind::Unsupported, format!("the kernel cannot hold {what}"))
}

fn place(rule: &NetRule) -> NetPlace {
    let (address, bits) = match rule.address {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped().octets(), rule.prefix.min(32) + 96),
        IpAddr::V6(ip) => (ip.octets(), rule.prefix.min(128)),
    };
    let direction = match rule.direction {
        Direction::Connect => 1,
        Direction::Bind => 2,
        Direction::Send => 3,
    };
    NetPlace { direction, bits, address: masked(address, bits) }
}

fn masked(address: [u8; 16], bits: u8) -> [u8; 16] {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    (u128::from_be_bytes(address) & mask).to_be_bytes()
}

/// Rules by their network, in the plan's order.
type Networks<'a> = BTreeMap<NetPlace, Vec<&'a NetRule>>;

/// The ranges of every rule whose network holds this one, the narrowest network first. `bits`: every length
/// of prefix that there is.
fn net_verdict(
    own: &NetPlace,
    networks: &Networks<'_>,
    bits: &BTreeSet<u8>,
) -> Result<NetVerdict, SensorError> {
    let empty = NetRange { low: 0, high: 0, rule: 0 };
    let mut verdict = NetVerdict { ranges: 0, pad: 0, range: [empty; MAX_RANGES] };
    let mut at = 0;
    let above = bits.range(..=own.bits).rev().map(|bits| own.above(*bits));
    let rules = above.flat_map(|place| {
        networks.get(&place).into_iter().flatten().map(move |rule| (place, rule))
    });
    for (place, rule) in rules {
        if rule.rule & NET_DENY != 0 {
            return Err(too_much(format!("rule number {}", rule.rule)));
        }
        let number = if rule.allow { rule.rule } else { rule.rule | NET_DENY };
        let all = [0..=u16::MAX];
        let ports = if rule.ports.is_empty() { &all[..] } else { &rule.ports[..] };
        for ports in ports {
            let Some(slot) = verdict.range.get_mut(at) else {
                let bits = place.bits;
                return Err(too_much(format!(
                    "more than {MAX_RANGES} port ranges for one network (a prefix of {bits} bits)"
                )));
            };
            *slot = NetRange { low: *ports.start(), high: *ports.end(), rule: number };
            at += 1;
        }
    }
    verdict.ranges = u32::try_from(at).unwrap_or_default();
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ExecRule;

    fn net(
        address: &str,
        prefix: u8,
        ports: Vec<std::ops::RangeInclusive<u16>>,
        allow: bool,
        rule: u32,
    ) -> NetRule {
        let address = address.parse().expect("an address");
        NetRule { direction: Direction::Connect, address, prefix, ports, allow, rule }
    }

    /// As the kernel side looks it up: the narrowest network, then its first range with the port.
    fn refusal(entries: &Entries, address: &str, port: u16) -> Option<u32> {
        let address: IpAddr = address.parse().expect("an address");
        let bytes = match address {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        let (_, verdict) = entries
            .net
            .iter()
            .filter(|(place, _)| masked(bytes, place.bits) == place.address)
            .max_by_key(|(place, _)| place.bits)?;
        verdict.range[..verdict.ranges as usize]
            .iter()
            .find(|range| (range.low..=range.high).contains(&port))
            .filter(|range| range.rule & NET_DENY != 0)
            .map(|range| range.rule & !NET_DENY)
    }

    #[test]
    fn a_narrower_network_does_not_hide_the_wider_ones_other_ports() {
        let plan = Plan {
            net: vec![
                net("10.0.0.0", 8, vec![], false, 1),
                net("10.1.0.0", 16, vec![443..=443], true, 2),
                net("0.0.0.0", 0, vec![25..=25], false, 3),
            ],
            ..Plan::default()
        };
        let entries = Entries::of(&plan, [1, 2]).expect("it fits");
        for (address, port, said) in [
            ("10.1.2.3", 443, None),
            ("10.1.2.3", 80, Some(1)),
            ("10.2.2.3", 443, Some(1)),
            ("192.0.2.1", 25, Some(3)),
            ("192.0.2.1", 26, None),
            ("::1", 25, None),
        ] {
            assert_eq!(refusal(&entries, address, port), said, "{address}:{port}");
        }
    }

    #[test]
    fn the_first_of_two_paths_holds_and_long_ones_are_refused() {
        let exec = |path: &str, allow| ExecRule { path: path.to_owned(), allow, rule: 7 };
        let plan =
            Plan { exec: vec![exec("/bin/sh", true), exec("/bin//sh", false)], ..Plan::default() };
        let entries = Entries::of(&plan, [1, 2]).expect("it fits");
        assert_eq!(
            entries.exec.values().map(|verdict| verdict.effect).collect::<Vec<_>>(),
            [ALLOW]
        );
        let long = Plan { exec: vec![exec(&"/long".repeat(120), false)], ..Plan::default() };
        assert!(Entries::of(&long, [1, 2]).is_err());
    }

    #[test]
    fn what_is_above_a_denied_path_is_kept_and_what_is_denied_stays_denied() {
        let write = |path: &str, rule| crate::plan::WriteRule { path: path.to_owned(), rule };
        let paths = [write("/etc/app/keys/", 1), write("/etc/app", 2), write("/etc/app/keys", 3)];
        let plan = Plan { write: paths.to_vec(), ..Plan::default() };
        let entries = Entries::of(&plan, [1, 2]).expect("it fits");
        let of = |path: &str| {
            let verdict = entries.change.get(&path_hash(path, [1, 2]).expect("short"))?;
            Some((verdict.effect, verdict.rule))
        };
        assert_eq!(entries.change.len(), 3);
        assert_eq!(of("/etc"), Some((KEEP, 1)));
        assert_eq!(of("/etc/app"), Some((DENY, 2)));
        assert_eq!(of("/etc/app/keys"), Some((DENY, 1)));
        assert_eq!((of("/"), of("/etc/app/keys/new")), (None, None));
    }

    #[test]
    fn the_same_path_is_another_number_under_another_key() {
        let of = |key| path_hash("/usr/bin/true", key).expect("short");
        assert_eq!(of([1, 2]), of([1, 2]));
        assert!(of([1, 2]) != of([1, 3]) && of([1, 2]) != of([2, 2]));
        assert_ne!(path_hash("/usr/bin/tru", [1, 2]).expect("short"), of([1, 2]));
    }
}
