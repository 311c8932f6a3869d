use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What carries bytes between two [`Endpoint`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// Anything else: SCTP, ICMP sockets, raw IP.
    Other,
}

impl Transport {
    /// Its name on the wire and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Other => "other",
        }
    }
}

/// An IP address and a port. An IPv4 address in IPv6 clothes (`::ffff:a.b.c.d`) is the IPv4 address: a
/// process that listens on both families must not look like two. Written `192.0.2.1:443`,
/// `[2001:db8::1]:443`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    ip: IpAddr,
    port: u16,
}

impl Endpoint {
    /// From an address of either family.
    pub fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip: ip.to_canonical(), port }
    }

    /// The address, never an IPv4-mapped one.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The port; 0 where the kernel is to choose one.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::new(self.ip, self.port), formatter)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Endpoint {
    type Err = std::net::AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text.parse()?;
        Ok(Self::new(address.ip(), address.port()))
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One end of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketAddress {
    /// `AF_INET` or `AF_INET6`.
    Inet(Endpoint),
    /// `AF_UNIX` with a path; empty for a socket without a name.
    Unix(String),
    /// `AF_UNIX` in the abstract name space, without the leading zero byte.
    UnixAbstract(String),
    /// `AF_NETLINK`.
    Netlink {
        /// The netlink family, `NETLINK_*`.
        protocol: u32,
        /// The port id of that end.
        port: u32,
    },
    /// `AF_PACKET`.
    Packet {
        /// The interface's index; 0 for all.
        interface: u32,
        /// The Ethernet protocol, host order.
        protocol: u16,
    },
    /// `AF_VSOCK`: to the hypervisor or another guest.
    Vsock {
        /// Context id.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// A family that is not told apart, `AF_*`.
    Other(u16),
}

impl SocketAddress {
    /// The IP endpoint, if it is one.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Inet(endpoint) => Some(*endpoint),
            _ => None,
        }
    }
}
