//! Networks in CIDR notation, and names of services.

use std::net::IpAddr;

/// An IP network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    bits: u128,
    mask: u128,
    v6: bool,
}

impl Network {
    /// Reads `address/length`. The bits after the length need not be 0.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.trim().parse().ok()?;
        let length: u32 = length.trim().parse().ok()?;
        let (bits, width, v6) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32, false),
            IpAddr::V6(address) => (address.to_bits(), 128, true),
        };
        if length > width {
            return None;
        }
        let host = width - length;
        let mask = u128::MAX.checked_shl(host).unwrap_or(0);
        Some(Network { bits: bits & mask, mask, v6 })
    }

    /// An address by itself.
    pub(crate) fn of(address: IpAddr) -> Self {
        let (bits, v6) = match address.to_canonical() {
            IpAddr::V4(address) => (u128::from(address.to_bits()), false),
            IpAddr::V6(address) => (address.to_bits(), true),
        };
        Network { bits, mask: u128::MAX, v6 }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let own = Network::of(address);
        self.v6 == own.v6 && own.bits & self.mask == self.bits
    }
}

/// Ports by the names that rule files may use. A list of our own, so that a rule means the same on
/// every host; Falco asks the host's `/etc/services`.
const SERVICES: &[(&str, u16)] = &[
    ("domain", 53),
    ("ftp", 21),
    ("ftp-data", 20),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap2", 143),
    ("imaps", 993),
    ("irc", 6667),
    ("ircd", 6667),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("microsoft-ds", 445),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("nfs", 2049),
    ("ntp", 123),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("redis", 6379),
    ("rsync", 873),
    ("smtp", 25),
    ("snmp", 161),
    ("ssh", 22),
    ("submission", 587),
    ("sunrpc", 111),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
    ("x11", 6000),
];

/// A port by number or name.
pub(crate) fn port(text: &str) -> Option<u16> {
    if let Ok(port) = text.parse() {
        return Some(port);
    }
    SERVICES.iter().find(|(name, _)| *name == text).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::{Network, port};

    #[test]
    fn networks_hold_their_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::parse(network).expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), expected);
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.1.2.3/24", "10.1.2.250", true);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("0.0.0.0/0", "::1", false);
        check("fd00::/8", "fd12::1", true);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("1.2.3.4/32", "1.2.3.4", true);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129", "/8", "a/b"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ports_have_numbers_and_names() {
        assert_eq!(port("22"), Some(22));
        assert_eq!(port("ssh"), Some(22));
        assert_eq!(port("65536"), None);
        assert_eq!(port("-1"), None);
    }
}
