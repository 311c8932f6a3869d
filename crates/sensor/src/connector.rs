//! Rung 1: the process connector (`cn_proc`), for kernels without BPF. It gives numbers only; names come
//! from `/proc` and can be too late.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::SensorError;

/// What the kernel told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A new process.
    Fork {
        /// Parent's process.
        parent: u32,
        /// Child's process.
        child: u32,
    },
    /// Another program.
    Exec {
        /// Process.
        tgid: u32,
    },
    /// A process ended.
    Exit {
        /// Process.
        tgid: u32,
        /// As wait(2) gives it.
        code: u32,
    },
}

const NETLINK_CONNECTOR: i32 = 11;
const CN_IDX_PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;
const EVENT_FORK: u32 = 1;
const EVENT_EXEC: u32 = 2;
const EVENT_EXIT: u32 = 0x8000_0000;
/// `struct nlmsghdr` and `struct cn_msg`.
const HEADERS: usize = 16 + 20;
/// `what`, `cpu` and `timestamp_ns` of `struct proc_event`.
const BODY: usize = HEADERS + 16;

/// A subscription.
#[derive(Debug)]
pub struct Connector {
    socket: OwnedFd,
}

impl Connector {
    /// Subscribes.
    ///
    /// # Errors
    ///
    /// Without `CAP_NET_ADMIN` in the host's network and PID namespaces, or `CONFIG_PROC_EVENTS`.
    pub fn new() -> Result<Self, SensorError> {
        let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers; the result is checked before use.
        let raw = unsafe { libc::socket(libc::AF_NETLINK, flags, NETLINK_CONNECTOR) };
        if raw < 0 {
            return Err(SensorError::os(
                "the process connector cannot be opened",
                std::io::Error::last_os_error(),
            ));
        }
        // SAFETY: a descriptor that the kernel has just given us and that nobody else owns.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        bind(&socket)?;
        let connector = Self { socket };
        connector.listen()?;
        Ok(connector)
    }

    fn listen(&self) -> Result<(), SensorError> {
        let mut message = Vec::with_capacity(HEADERS + 4);
        message.extend((u32::try_from(HEADERS + 4).unwrap_or(0)).to_ne_bytes()); // nlmsg_len
        message.extend(3_u16.to_ne_bytes()); // NLMSG_DONE
        message.extend(0_u16.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(std::process::id().to_ne_bytes());
        message.extend(CN_IDX_PROC.to_ne_bytes());
        message.extend(1_u32.to_ne_bytes()); // CN_VAL_PROC
        message.extend([0_u8; 8]); // seq, ack
        message.extend(4_u16.to_ne_bytes());
        message.extend(0_u16.to_ne_bytes());
        message.extend(PROC_CN_MCAST_LISTEN.to_ne_bytes());
        // SAFETY: the buffer outlives the call and its length is its own.
        let sent = unsafe {
            libc::send(self.socket.as_raw_fd(), message.as_ptr().cast(), message.len(), 0)
        };
        if sent < 0 {
            return Err(SensorError::os(
                "the process connector refuses",
                std::io::Error::last_os_error(),
            ));
        }
        Ok(())
    }

    /// The next notice. `ENOBUFS` means that the kernel dropped some: a blind interval of unknown size.
    ///
    /// # Errors
    ///
    /// [`std::io::ErrorKind::WouldBlock`] when there is none.
    pub fn next(&self) -> std::io::Result<Option<Notice>> {
        let mut bytes = [0_u8; 1024];
        // SAFETY: the buffer outlives the call and its length is its own.
        let read = unsafe {
            libc::recv(self.socket.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len(), 0)
        };
        let read = usize::try_from(read).map_err(|_| std::io::Error::last_os_error())?;
        Ok(parse(&bytes[..read.min(bytes.len())]))
    }
}

impl AsFd for Connector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind(socket: &OwnedFd) -> Result<(), SensorError> {
    // SAFETY: `sockaddr_nl` is plain numbers, for which zeros are valid.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as u16;
    address.nl_groups = CN_IDX_PROC;
    let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: `address` lives through the call and `length` is its size.
    let outcome = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if outcome < 0 {
        return Err(SensorError::os(
            "the process connector cannot be joined",
            std::io::Error::last_os_error(),
        ));
    }
    Ok(())
}

/// Threads are left out: of a process, thread and process number are the same.
fn parse(bytes: &[u8]) -> Option<Notice> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    match word(HEADERS)? {
        EVENT_FORK => {
            let (parent, pid, child) = (word(BODY + 4)?, word(BODY + 8)?, word(BODY + 12)?);
            (pid == child).then_some(Notice::Fork { parent, child })
        }
        EVENT_EXEC => Some(Notice::Exec { tgid: word(BODY + 4)? }),
        EVENT_EXIT => {
            let (pid, tgid) = (word(BODY)?, word(BODY + 4)?);
            (pid == tgid).then_some(Notice::Exit { tgid, code: word(BODY + 8)? })
        }
        _ => None,
    }
}
