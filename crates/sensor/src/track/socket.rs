//! Sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_model::event::{Activity, Effect, Endpoint, Kind, SocketAddress, Transport, readable};

use super::activity::Said;
use super::call::error;
use crate::abi::{Address, Header, Socket, flag};

/// `TCP_LISTEN` (include/net/tcp_states.h).
pub(super) const TCP_LISTEN: u32 = 10;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;

/// What was done with it.
pub(super) fn of(header: &Header, socket: &Socket) -> Option<Said> {
    let kind = u8::try_from(header.kind).ok().and_then(Kind::from_number)?;
    let transport = transport(socket);
    let local = end(socket, &socket.local);
    let remote = end(socket, &socket.remote);
    let activity = match kind {
        Kind::Connect => Activity::Connect {
            transport,
            remote: remote?,
            local: local
                .filter(|address| address.endpoint().is_some_and(|endpoint| endpoint.port() != 0)),
        },
        Kind::Accept => Activity::Accept { transport, local: local?, remote: remote? },
        Kind::Bind => Activity::Bind { transport, local: local? },
        Kind::Listen => Activity::Listen { transport, local: local? },
        Kind::Send => Activity::Send {
            transport,
            remote: remote?,
            bytes: u64::try_from(socket.result).unwrap_or_default(),
        },
        Kind::RawSocket => Activity::RawSocket {
            family: socket.family,
            socket_type: socket.kind,
            protocol: u16::try_from(socket.protocol & 0xffff).unwrap_or_default(),
        },
        _ => return None,
    };
    let denied = header.flags & flag::DENIED != 0;
    Some(Said {
        error: error(socket.result),
        effect: if denied { Effect::Refused } else { Effect::Seen },
        rule: denied.then_some(rule(socket.verdict)),
        ..Said::plain(activity, if denied { "cgroup" } else { "sys_exit" })
    })
}

/// A socket that listened when the sensor started.
pub(super) fn listening(local: &Address) -> Option<Activity> {
    Some(Activity::Listen { transport: Transport::Tcp, local: address(local)? })
}

/// The kernel side sets the highest bit so that rule 0 is told from none; what is not listed has all bits.
pub(super) fn rule(verdict: u32) -> u32 {
    if verdict == u32::MAX { verdict } else { verdict & !(1 << 31) }
}

fn transport(socket: &Socket) -> Transport {
    match (socket.family, socket.kind) {
        (AF_INET | AF_INET6, SOCK_STREAM) => Transport::Tcp,
        (AF_INET | AF_INET6, SOCK_DGRAM) => Transport::Udp,
        _ => Transport::Other,
    }
}

fn end(socket: &Socket, address: &Address) -> Option<SocketAddress> {
    match socket.family {
        AF_UNIX => Some(match socket.path.split_first() {
            Some((0, name)) => SocketAddress::UnixAbstract(readable(name)),
            _ => {
                let name = socket.path.split(|byte| *byte == 0).next().unwrap_or_default();
                SocketAddress::Unix(readable(name))
            }
        }),
        AF_INET | AF_INET6 => self::address(address),
        family => Some(SocketAddress::Other(family)),
    }
}

/// `None` for no address.
pub(super) fn address(address: &Address) -> Option<SocketAddress> {
    let ip = match address.family {
        AF_INET => {
            let [a, b, c, d, ..] = address.bytes;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(address.bytes)),
        _ => return None,
    };
    Some(SocketAddress::Inet(Endpoint::new(ip, address.port)))
}
