use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What sort of thing happened: the key by which rules are indexed, losses are counted and sensors say
/// what they can see. The numbers are those of the sensor's own interface and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Kind {
    /// A process or thread group came to be (`fork`, `vfork`, `clone`, `clone3`).
    Fork = 0,
    /// A process runs another program (`execve`, `execveat`).
    Exec = 1,
    /// A process ended.
    Exit = 2,
    /// An existing file was opened; for writing always, for reading where a rule asks for it.
    Open = 3,
    /// A file, directory or node came to be.
    Create = 4,
    /// A file got another name.
    Rename = 5,
    /// A hard or symbolic link was made.
    Link = 6,
    /// A name was removed (`unlink`, `rmdir`).
    Unlink = 7,
    /// Permission bits were changed.
    Mode = 8,
    /// Owner or group was changed.
    Owner = 9,
    /// Timestamps were set (`utimensat` and its kin).
    Times = 10,
    /// A file was cut by `truncate` or `ftruncate`; `O_TRUNC` is told by [`Kind::Open`].
    Truncate = 11,
    /// The mount tree was changed.
    Mount = 12,
    /// `ptrace` on another process.
    Ptrace = 13,
    /// Memory of another process was read or written.
    Memory = 14,
    /// `setns`, `unshare`, or a clone into new namespaces.
    Namespace = 15,
    /// User or group numbers changed.
    Identity = 16,
    /// Capabilities changed without an exec.
    Capability = 17,
    /// A kernel module was loaded or removed.
    Module = 18,
    /// A BPF program was loaded or attached.
    Bpf = 19,
    /// A file without a name was made in memory (`memfd_create`).
    Memfd = 20,
    /// A connection was begun.
    Connect = 21,
    /// A connection was taken.
    Accept = 22,
    /// A socket got an address.
    Bind = 23,
    /// A socket waits for connections.
    Listen = 24,
    /// A datagram was sent to an address.
    Send = 25,
    /// A question to a name server left.
    DnsQuestion = 26,
    /// Its answer came.
    DnsAnswer = 27,
    /// A raw or packet socket was made.
    RawSocket = 28,
    /// A signal to another process.
    Signal = 29,
    /// A request was put to an io_uring.
    IoUring = 30,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 31] = [
        Self::Fork,
        Self::Exec,
        Self::Exit,
        Self::Open,
        Self::Create,
        Self::Rename,
        Self::Link,
        Self::Unlink,
        Self::Mode,
        Self::Owner,
        Self::Times,
        Self::Truncate,
        Self::Mount,
        Self::Ptrace,
        Self::Memory,
        Self::Namespace,
        Self::Identity,
        Self::Capability,
        Self::Module,
        Self::Bpf,
        Self::Memfd,
        Self::Connect,
        Self::Accept,
        Self::Bind,
        Self::Listen,
        Self::Send,
        Self::DnsQuestion,
        Self::DnsAnswer,
        Self::RawSocket,
        Self::Signal,
        Self::IoUring,
    ];

    /// Its number in the sensor's interface.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its name on the wire, in metrics and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Exec => "exec",
            Self::Exit => "exit",
            Self::Open => "open",
            Self::Create => "create",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Times => "times",
            Self::Truncate => "truncate",
            Self::Mount => "mount",
            Self::Ptrace => "ptrace",
            Self::Memory => "memory",
            Self::Namespace => "namespace",
            Self::Identity => "identity",
            Self::Capability => "capability",
            Self::Module => "module",
            Self::Bpf => "bpf",
            Self::Memfd => "memfd",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Send => "send",
            Self::DnsQuestion => "dns-question",
            Self::DnsAnswer => "dns-answer",
            Self::RawSocket => "raw-socket",
            Self::Signal => "signal",
            Self::IoUring => "io-uring",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of kinds, for example those that a sensor can see. Written as a list of names, in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KindSet(u64);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);

    /// Every kind.
    pub fn all() -> Self {
        Kind::ALL.into_iter().collect()
    }

    /// Whether `kind` is in it.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Puts `kind` in.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= Self::bit(kind);
    }

    /// Takes `kind` out.
    pub fn remove(&mut self, kind: Kind) {
        self.0 &= !Self::bit(kind);
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |&kind| self.contains(kind))
    }

    fn bit(kind: Kind) -> u64 {
        1 << kind.number()
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut set = Self::EMPTY;
        for kind in kinds {
            set.insert(kind);
        }
        set
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for KindSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for KindSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Kind>::deserialize(deserializer)?.into_iter().collect())
    }
}
