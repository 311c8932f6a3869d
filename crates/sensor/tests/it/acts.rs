//! What a shell cannot do: single system calls, made by this very program started again in a cgroup.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketAddrUnix, SocketType, bind, connect, ipproto, sendto,
    socket,
};

/// `MSG_FASTOPEN` (include/linux/socket.h).
const FASTOPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000);
/// `IPPROTO_UDPLITE`.
const UDPLITE: Protocol = ipproto::UDPLITE;

/// Asked for in the variable `ACT`: a name and its arguments. Says the number of its error.
#[test]
#[ignore = "started by the others, in a cgroup"]
fn the_act_that_was_asked_for() {
    let act = std::env::var("ACT").expect("started by another test");
    let words: Vec<&str> = act.split(' ').collect();
    let error = match done(&words) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error(),
    };
    println!("act ended with {error}");
}

fn done(words: &[&str]) -> Result<(), Errno> {
    let end = |at: usize| words[at].parse::<SocketAddr>().expect("an address and port");
    match words[0] {
        "tcp" => connect(stream(end(1), None)?, &end(1)),
        "mptcp" => connect(stream(end(1), Some(ipproto::MPTCP))?, &end(1)),
        "tcp-from" => {
            let socket = stream(end(2), None)?;
            bind(&socket, &end(1))?;
            connect(&socket, &end(2))
        }
        "fastopen" => sendto(stream(end(1), None)?, b"x", FASTOPEN, &end(1)).map(drop),
        "udp" => sendto(datagram(end(1))?, b"x", SendFlags::empty(), &end(1)).map(drop),
        // Connected to one, then sent to another, and connected to another.
        "udp-other" => {
            let socket = datagram(end(1))?;
            connect(&socket, &end(1))?;
            sendto(&socket, b"x", SendFlags::empty(), &end(2)).map(drop)
        }
        "udp-again" => {
            let socket = datagram(end(1))?;
            connect(&socket, &end(1))?;
            connect(&socket, &end(2))
        }
        "udp-many" => many(&datagram(end(1))?, &[end(1), end(2)]),
        "raw" => made(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)),
        "raw6" => made(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)),
        "udplite" => made(AddressFamily::INET, SocketType::DGRAM, Some(UDPLITE)),
        "sctp" => made(AddressFamily::INET, SocketType::STREAM, Some(ipproto::SCTP)),
        "plain" => {
            made(AddressFamily::INET, SocketType::STREAM, None)?;
            made(AddressFamily::INET6, SocketType::DGRAM, None)?;
            made(AddressFamily::UNIX, SocketType::STREAM, None)
        }
        "unix" => unix(&SocketAddrUnix::new(words[1])?),
        "abstract" => unix(&SocketAddrUnix::new_abstract_name(words[1].as_bytes())?),
        "seize" => words[1..].iter().try_for_each(|pid| seize(pid.parse().expect("a number"))),
        other => panic!("no such act: {other}"),
    }
}

fn family(address: SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn stream(address: SocketAddr, protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    socket(family(address), SocketType::STREAM, protocol)
}

fn datagram(address: SocketAddr) -> Result<OwnedFd, Errno> {
    socket(family(address), SocketType::DGRAM, None)
}

fn made(family: AddressFamily, kind: SocketType, protocol: Option<Protocol>) -> Result<(), Errno> {
    socket(family, kind, protocol).map(drop)
}

fn unix(address: &SocketAddrUnix) -> Result<(), Errno> {
    connect(socket(AddressFamily::UNIX, SocketType::STREAM, None)?, address)
}

/// sendmmsg(2): how far it came is all that it says.
fn many(socket: &OwnedFd, to: &[SocketAddr]) -> Result<(), Errno> {
    use rustix::net::addr::SocketAddrArg as _;
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SocketAddrAny, sendmmsg};
    let to: Vec<SocketAddrAny> = to.iter().map(|address| address.as_any()).collect();
    let bytes = [std::io::IoSlice::new(b"x")];
    let mut control: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        to.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<MMsgHdr<'_>> = to
        .iter()
        .zip(&mut control)
        .map(|(address, control)| MMsgHdr::new_with_addr(address, &bytes, control))
        .collect();
    let sent = sendmmsg(socket, &mut messages, SendFlags::empty())?;
    if sent < to.len() { Err(Errno::PERM) } else { Ok(()) }
}

fn seize(pid: i32) -> Result<(), Errno> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE takes no memory of ours: its address and options are null.
    match unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
