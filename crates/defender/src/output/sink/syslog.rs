//! Messages and transports of syslog: RFC 5424, 5426, 6587.

use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use jiff::Timestamp;

use crate::output::{Item, SyslogAddress};

/// For a connection to be made, and for one message to be taken.
const CONNECT: Duration = Duration::from_secs(5);
const SEND: Duration = Duration::from_secs(10);

/// What every message begins with.
#[derive(Debug, Clone)]
pub(in crate::output) struct Header {
    facility: u8,
    hostname: String,
    process: u32,
}

/// Bytes of a head at most: `<191>1 `, a time of 24, a name of 64, `palisade`, a number of 10, a kind.
pub(in crate::output) const HEADER_BYTES: usize = 160;

impl Header {
    pub(in crate::output) fn new(facility: u8, hostname: &str, process: u32) -> Self {
        // PRINTUSASCII; the RFC allows 255, Linux makes 64 at most.
        let mut hostname: String =
            hostname.chars().filter(char::is_ascii_graphic).take(64).collect();
        if hostname.is_empty() {
            hostname.push('-');
        }
        Self { facility, hostname, process }
    }

    /// A whole message without framing. There is no byte order mark: readers of JSON do not expect one,
    /// and without it the RFC leaves the form of a message open.
    pub(in crate::output) fn message(&self, item: &Item, text: &str) -> String {
        let severity = match item.severity() {
            5.. => 2_u8,
            4 => 3,
            3 => 4,
            2 => 5,
            _ => 6,
        };
        let priority = u16::from(self.facility) * 8 + u16::from(severity);
        let time = i64::try_from(item.time().0).ok();
        let time = time.and_then(|time| Timestamp::from_millisecond(time).ok());
        let time = time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"));
        let (host, process, sort) = (&self.hostname, self.process, item.sort());
        format!("<{priority}>1 {time} {host} palisade {process} {sort} - {text}")
    }
}

/// What became of a message.
pub(in crate::output) enum Sent {
    /// It was taken.
    Yes,
    /// It can never be sent.
    TooLong,
}

/// A way to a syslog server, connected when it is needed.
pub(in crate::output) struct Line {
    address: SyslogAddress,
    open: Option<Open>,
}

enum Open {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Line {
    pub(in crate::output) fn new(address: SyslogAddress) -> Self {
        Self { address, open: None }
    }

    /// Sends one message. After an error the next call connects anew.
    pub(in crate::output) fn send(&mut self, message: &[u8]) -> io::Result<Sent> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::connect(&self.address)?,
        };
        match open.send(message) {
            Ok(()) => {
                self.open = Some(open);
                Ok(Sent::Yes)
            }
            Err(error)
                if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::MSGSIZE) =>
            {
                self.open = Some(open);
                Ok(Sent::TooLong)
            }
            Err(error) => Err(error),
        }
    }
}

impl Open {
    fn connect(address: &SyslogAddress) -> io::Result<Self> {
        match address {
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(SEND))?;
                Ok(Self::Unix(socket))
            }
            SyslogAddress::Udp(address) => {
                let remote = resolve(address)?;
                let local = if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(local)?;
                socket.connect(remote)?;
                socket.set_write_timeout(Some(SEND))?;
                Ok(Self::Udp(socket))
            }
            SyslogAddress::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&resolve(address)?, CONNECT)?;
                stream.set_write_timeout(Some(SEND))?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(message).map(|_| ()),
            Self::Udp(socket) => socket.send(message).map(|_| ()),
            Self::Tcp(stream) => {
                if closed(stream)? {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                let mut frame = format!("{} ", message.len()).into_bytes();
                frame.extend_from_slice(message);
                stream.write_all(&frame)
            }
        }
    }
}

/// Whether the server has closed: a message would be taken by the kernel and reach nobody. Servers send
/// nothing; what one sends all the same is thrown away.
fn closed(stream: &mut TcpStream) -> io::Result<bool> {
    use std::io::Read as _;
    stream.set_nonblocking(true)?;
    let mut scrap = [0; 512];
    let read = stream.read(&mut scrap);
    stream.set_nonblocking(false)?;
    match read {
        Ok(0) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn resolve(address: &str) -> io::Result<std::net::SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}
