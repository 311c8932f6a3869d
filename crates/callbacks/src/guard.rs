//! Which addresses may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses that are not public, from the IANA special-purpose address registries (RFC 6890 and its
/// updates) and RFC 5771, 6052, 4291.
const SPECIAL_V4: [(Ipv4Addr, u8, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's shared network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, where clouds keep their metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a retired relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "reserved for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
];

/// What may be called: everything that is public, and what the operator adds.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Vec<IpNet>,
}

impl Guard {
    /// With these networks added.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// That an address may be called.
    ///
    /// # Errors
    /// What kind of address it is, in words that follow "it is".
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        // An operator's network counts as he wrote it, and an address inside another counts as both.
        let allowed =
            |address: IpAddr| self.allowed.iter().any(|network| network.contains(&address));
        let inner = embedded(address);
        if allowed(address) || inner.is_some_and(|inner| allowed(IpAddr::V4(inner))) {
            return Ok(());
        }
        let special = match (inner, address) {
            (Some(inner), _) | (None, IpAddr::V4(inner)) => special_v4(inner),
            (None, IpAddr::V6(address)) => special_v6(address),
        };
        special.map_or(Ok(()), Err)
    }
}

/// The IPv4 address that an IPv6 one stands for: a connection to it ends there.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d, e, f, high, low] = address.segments();
    let [h1, h2] = high.to_be_bytes();
    let [l1, l2] = low.to_be_bytes();
    let last = Ipv4Addr::new(h1, h2, l1, l2);
    match [a, b, c, d, e, f] {
        // RFC 4291, section 2.5.5: mapped, and the deprecated compatible form.
        [0, 0, 0, 0, 0, 0xffff] => Some(last),
        [0, 0, 0, 0, 0, 0] if high != 0 => Some(last),
        // RFC 6052: NAT64's well-known prefix; RFC 8215: its local one.
        [0x64, 0xff9b, 0, 0, 0, 0] | [0x64, 0xff9b, 1, ..] => Some(last),
        // RFC 3056: 6to4 holds the relay's address behind its prefix.
        [0x2002, high, low, ..] => {
            let ([h1, h2], [l1, l2]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(h1, h2, l1, l2))
        }
        _ => None,
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let inside = |network: Ipv4Addr, length: u8| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        u32::from(address) & mask == u32::from(network)
    };
    SPECIAL_V4.iter().find(|(network, length, _)| inside(*network, *length)).map(|(.., what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, ..] = address.segments();
    if address.is_loopback() {
        return Some("this machine");
    }
    if address.is_unspecified() {
        return Some("this network");
    }
    match (first, second) {
        (0x2001, 0xdb8) => Some("reserved for documentation"),
        // RFC 4380 (Teredo) and the other protocol assignments of 2001::/23.
        (0x2001, second) if second < 0x200 => Some("reserved for protocols"),
        (0x3fff, second) if second < 0x1000 => Some("reserved for documentation"),
        // Only 2000::/3 is given out for the public (RFC 4291, section 2.4).
        (first, _) if first & 0xe000 == 0x2000 => None,
        (first, _) if first & 0xfe00 == 0xfc00 => Some("a private network"),
        (first, _) if first & 0xffc0 == 0xfe80 => Some("link-local"),
        (first, _) if first & 0xff00 == 0xff00 => Some("multicast"),
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, address: &str) -> Result<(), &'static str> {
        guard.check(address.parse().unwrap())
    }

    #[test]
    fn only_what_is_public_is_called() {
        let guard = Guard::default();
        for public in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert_eq!(check(&guard, public), Ok(()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(check(&guard, other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_called_and_nothing_beside_it() {
        let guard = Guard::new(vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for allowed in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1"] {
            assert_eq!(check(&guard, allowed), Ok(()), "{allowed}");
        }
        for other in ["10.2.0.1", "127.0.0.1", "fc00::1"] {
            assert!(check(&guard, other).is_err(), "{other}");
        }
    }
}
