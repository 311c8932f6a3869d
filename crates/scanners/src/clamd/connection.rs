//! One connection to clamd.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use palisade_ports::engine::Artifact;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::config::Address;
use super::reply;
use crate::artifact;

/// The longest reply, in bytes: a label and the name of a threat.
const MAX_REPLY: usize = 8 << 10;

/// Bytes of an artifact in one chunk of `INSTREAM`.
const CHUNK: usize = 256 << 10;

/// Why a connection gave no reply. It is of no further use then.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// Nobody listens, or the way there is broken.
    Connect(io::Error),
    /// It was closed, or broke, before the whole artifact had gone out.
    Sending(io::Error),
    /// It was closed, or broke, when the artifact was there and before a reply.
    Waiting(io::Error),
    /// What came is no reply.
    Protocol(String),
    /// The artifact cannot be read.
    Artifact(io::Error),
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    async fn connect(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Unix(path) => Self::Unix(UnixStream::connect(path).await?),
            Address::Tcp(place) => {
                let stream = TcpStream::connect(place.as_str()).await?;
                // Commands and chunk heads are small: they must not wait for an acknowledgement.
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
        })
    }

    async fn ready(&self, interest: Interest) -> io::Result<tokio::io::Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Unix(stream) => stream.ready(interest).await,
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }
}

/// A connection, perhaps with a session on it.
pub(super) struct Connection {
    socket: Socket,
    /// Requests made in its session; `None` without one.
    session: Option<u64>,
    received: Vec<u8>,
    /// Requests that were answered on it.
    pub(super) answered: u64,
    /// When it was last used.
    pub(super) used: Instant,
}

impl Connection {
    pub(super) async fn open(
        address: &Address,
        timeout: Duration,
        session: bool,
    ) -> Result<Self, ConnectionError> {
        let socket = tokio::time::timeout(timeout, Socket::connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ConnectionError::Connect)?;
        let mut connection =
            Self { socket, session: None, received: Vec::new(), answered: 0, used: Instant::now() };
        if session {
            connection.send(b"zIDSESSION\0").await?;
            connection.session = Some(0);
        }
        Ok(connection)
    }

    /// Sends a command without data and gives its reply.
    pub(super) async fn command(&mut self, command: &str) -> Result<String, ConnectionError> {
        self.send(format!("z{command}\0").as_bytes()).await?;
        self.reply().await
    }

    /// Sends the bytes and gives the reply.
    pub(super) async fn instream(
        &mut self,
        artifact: &Artifact,
    ) -> Result<String, ConnectionError> {
        if !self.send(b"zINSTREAM\0").await? {
            return self.reply().await;
        }
        let mut chunk = vec![0; 4 + CHUNK];
        let mut offset = 0;
        loop {
            let room = chunk.get_mut(4..).unwrap_or_default();
            let count =
                artifact::read_at(artifact, room, offset).map_err(ConnectionError::Artifact)?;
            let head = u32::try_from(count).unwrap_or_default().to_be_bytes();
            for (place, byte) in chunk.iter_mut().zip(head) {
                *place = byte;
            }
            // A chunk of length 0 ends the stream.
            let whole = self.send(chunk.get(..4 + count).unwrap_or_default()).await?;
            if count == 0 || !whole {
                return self.reply().await;
            }
            offset += count as u64;
        }
    }

    /// Passes the memory file and gives the reply.
    pub(super) async fn fildes(&mut self, artifact: &Artifact) -> Result<String, ConnectionError> {
        let file = artifact::reopen(artifact).map_err(ConnectionError::Artifact)?;
        if self.send(b"zFILDES\0").await? {
            self.pass(&file).await.map_err(ConnectionError::Sending)?;
        }
        self.reply().await
    }

    /// Sends one byte with the descriptor (clamd(8), `FILDES`).
    async fn pass(&self, file: &OwnedFd) -> io::Result<()> {
        let Socket::Unix(stream) = &self.socket else {
            return Err(io::Error::other("descriptors pass through Unix sockets only"));
        };
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors = [file.as_fd()];
            if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::Error::other("no room for a descriptor"));
            }
            Ok(sendmsg(stream, &[IoSlice::new(b"\0")], &mut control, SendFlags::NOSIGNAL)?)
        };
        stream.async_io(Interest::WRITABLE, send).await.map(drop)
    }

    /// Sends all of it. `false`: clamd said something before the end, and hears no more.
    async fn send(&mut self, mut bytes: &[u8]) -> Result<bool, ConnectionError> {
        let mut closed = false;
        while !bytes.is_empty() {
            let interest =
                if closed { Interest::WRITABLE } else { Interest::READABLE | Interest::WRITABLE };
            let ready = self.socket.ready(interest).await.map_err(ConnectionError::Sending)?;
            // An early reply is read before the connection breaks: it says why.
            if !closed && (ready.is_readable() || ready.is_read_closed()) {
                closed = self.receive().map_err(ConnectionError::Sending)? == Some(0);
                if self.received.contains(&0) {
                    return Ok(false);
                }
            }
            if ready.is_writable() || ready.is_write_closed() {
                match self.socket.try_write(bytes) {
                    Ok(0) => return Err(ConnectionError::Sending(io::ErrorKind::WriteZero.into())),
                    Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => {
                        // The reply may have come in the moment before.
                        let _ = self.receive();
                        if self.received.contains(&0) {
                            return Ok(false);
                        }
                        return Err(ConnectionError::Sending(error));
                    }
                }
            }
        }
        Ok(true)
    }

    /// Takes what is there; `Some(0)` at the end, `None` when nothing is.
    fn receive(&mut self) -> io::Result<Option<usize>> {
        let mut buffer = [0; 1 << 10];
        match self.socket.try_read(&mut buffer) {
            Ok(count) => {
                let room = (MAX_REPLY + 1).saturating_sub(self.received.len());
                self.received.extend(buffer.iter().take(count.min(room)));
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next reply, without a session's number.
    async fn reply(&mut self) -> Result<String, ConnectionError> {
        let length = loop {
            if let Some(length) = self.received.iter().position(|&byte| byte == 0) {
                break length;
            }
            if self.received.len() > MAX_REPLY {
                let long = format!("a reply of more than {MAX_REPLY} bytes");
                return Err(ConnectionError::Protocol(long));
            }
            self.socket.ready(Interest::READABLE).await.map_err(ConnectionError::Waiting)?;
            if self.receive().map_err(ConnectionError::Waiting)? == Some(0) {
                if self.received.is_empty() {
                    return Err(ConnectionError::Waiting(io::ErrorKind::UnexpectedEof.into()));
                }
                return Err(ConnectionError::Protocol("half a reply".to_owned()));
            }
        };
        let line: Vec<u8> = self.received.drain(..=length).take(length).collect();
        if !self.received.is_empty() {
            return Err(ConnectionError::Protocol("more than one reply".to_owned()));
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        self.answered += 1;
        self.used = Instant::now();
        let Some(session) = &mut self.session else { return Ok(line) };
        *session += 1;
        match reply::numbered(&line) {
            Some((number, said)) if number == *session => Ok(said.to_owned()),
            // What ends a session has no number.
            None if line.ends_with(" ERROR") => Ok(line),
            _ => Err(ConnectionError::Protocol("a reply to another request".to_owned())),
        }
    }

    /// Whether it can be used for another request.
    pub(super) fn is_reusable(&self) -> bool {
        self.session.is_some()
    }
}
