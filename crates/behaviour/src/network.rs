//! Remote addresses of one port, folded to networks when they are many.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Bits of a network that stands for addresses: 24 is the least that is announced on the Internet,
/// 64 one link (RFC 4291, 2.5.4).
const V4_BITS: u8 = 24;
const V6_BITS: u8 = 64;

/// An address or a network, written `192.0.2.1` or `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    pub(crate) fn host(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, bits: width(address) }
    }

    /// The network around an address. A network of the same size or greater stays.
    fn around(self) -> Self {
        let bits = if self.address.is_ipv4() { V4_BITS } else { V6_BITS };
        Self::masked(self.address, bits.min(self.bits))
    }

    fn masked(address: IpAddr, bits: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Self { address, bits }
    }

    /// Address and bits.
    pub(crate) fn parts(self) -> (IpAddr, u8) {
        (self.address, self.bits)
    }

    fn is_host(self) -> bool {
        self.bits == width(self.address)
    }

    fn covers(self, other: Self) -> bool {
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.bits <= other.bits
            && Self::masked(other.address, self.bits).address == self.address
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.address)?;
        if self.is_host() { Ok(()) } else { write!(formatter, "/{}", self.bits) }
    }
}

impl FromStr for Network {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| ());
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let bits: u8 = bits.parse().map_err(|_| ())?;
        if bits > width(address) { Err(()) } else { Ok(Self::masked(address, bits)) }
    }
}

/// What an insertion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    Known,
    Added,
    /// Networks stand for addresses from now on.
    Networks,
    /// Any address is accepted from now on.
    Any,
}

/// Where connections on one port go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Remotes {
    networks: BTreeSet<Network>,
    /// Networks stand for addresses.
    folded: bool,
    /// Any address.
    pub(crate) any: bool,
    /// Any address that is the answer for a learned name.
    pub(crate) by_name: bool,
}

impl Remotes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter()
    }

    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    /// Networks stand for addresses from now on, or any address is accepted.
    pub(crate) fn set_folded(&mut self, any: bool) {
        self.folded = true;
        self.any |= any;
        for network in std::mem::take(&mut self.networks) {
            if !self.any {
                self.put(network.around());
            }
        }
    }

    pub(crate) fn covers(&self, network: Network) -> bool {
        self.any || self.networks.iter().any(|known| known.covers(network))
    }

    pub(crate) fn insert(
        &mut self,
        network: Network,
        addresses: usize,
        networks: usize,
    ) -> Insertion {
        if self.covers(network) {
            return Insertion::Known;
        }
        self.put(if self.folded { network.around() } else { network });
        let mut outcome = Insertion::Added;
        if !self.folded && self.networks.iter().filter(|known| known.is_host()).count() > addresses
        {
            self.folded = true;
            outcome = Insertion::Networks;
            for network in std::mem::take(&mut self.networks) {
                self.put(network.around());
            }
        }
        // Before folding, networks come only from a file.
        if self.networks.iter().filter(|known| !known.is_host()).count() > networks {
            self.networks.clear();
            self.any = true;
            outcome = Insertion::Any;
        }
        outcome
    }

    fn put(&mut self, network: Network) {
        if !self.networks.iter().any(|known| known.covers(network)) {
            self.networks.retain(|known| !network.covers(*known));
            self.networks.insert(network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Network {
        Network::host(text.parse().unwrap())
    }

    #[test]
    fn networks_have_one_text_and_cover_what_they_say() {
        for (text, same) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/24", "192.0.2.0/24"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), same);
        }
        for bad in ["", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/x"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let network: Network = "192.0.2.0/24".parse().unwrap();
        assert!(network.covers(host("192.0.2.255")) && !network.covers(host("192.0.3.0")));
        assert!(!network.covers(host("::c000:201")) && network.covers(host("::ffff:192.0.2.9")));
    }

    #[test]
    fn many_addresses_become_networks_and_many_networks_any() {
        let mut remotes = Remotes::default();
        assert_eq!(remotes.insert(host("192.0.2.1"), 2, 2), Insertion::Added);
        assert_eq!(remotes.insert(host("192.0.2.1"), 2, 2), Insertion::Known);
        assert_eq!(remotes.insert(host("192.0.2.2"), 2, 2), Insertion::Added);
        assert_eq!(remotes.insert(host("192.0.2.3"), 2, 2), Insertion::Networks);
        assert_eq!(remotes.insert(host("192.0.2.4"), 2, 2), Insertion::Known);
        assert_eq!(remotes.insert(host("198.51.100.1"), 2, 2), Insertion::Added);
        assert_eq!(remotes.insert(host("203.0.113.1"), 2, 2), Insertion::Any);
        assert!(remotes.covers(host("2001:db8::1")) && remotes.iter().next().is_none());
    }
}
