use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::UnixMillis;
use crate::event::{
    Blind, Capabilities, ContainerIdentity, Credentials, FileIdentity, FileRef, Kind, OpenFlags,
    Process, ProcessKey, ProcessRef, SocketAddress, Source, Transport, shared,
};

/// What a sensor gives, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// Something happened.
    Event(Box<Event>),
    /// For a while, something may have happened unseen.
    Blind(Blind),
}

/// What became of the act at our hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It was only seen.
    #[default]
    Seen,
    /// It was refused before it took place.
    Refused,
    /// The process was killed; outside an exec, the act itself may stand.
    Killed,
}

impl Effect {
    fn is_seen(&self) -> bool {
        *self == Self::Seen
    }
}

/// Something that a process did, with everything known of the process at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// By the wall clock, computed from `boot_ns`.
    pub time: UnixMillis,
    /// Nanoseconds since boot.
    pub boot_ns: u64,
    /// Who saw it.
    pub source: Source,
    /// Who did it. Of an exec: the process as it is afterwards.
    #[serde(with = "shared")]
    pub process: Arc<Process>,
    /// The thread, as the host numbers it; equal to the process's number for its first thread.
    pub thread: u32,
    /// The container that the process is in; `None` for one of the host.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shared::option")]
    pub container: Option<Arc<ContainerIdentity>>,
    /// What it did.
    pub activity: Activity,
    /// 0 when the system call succeeded or its end was not seen, else the error number (positive,
    /// `errno(3)`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: u16,
    /// Number of the system call in the table of the machine, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Effect::is_seen")]
    pub effect: Effect,
}

fn is_zero(error: &u16) -> bool {
    *error == 0
}

impl Event {
    /// What sort of thing happened.
    pub fn kind(&self) -> Kind {
        self.activity.kind()
    }

    /// Whether the act took place, as far as was seen. A connection that goes on in the background
    /// (`EINPROGRESS`, 115) did.
    pub fn succeeded(&self) -> bool {
        self.effect != Effect::Refused && (self.error == 0 || self.error == 115)
    }
}

/// What was done to the mount tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountOperation {
    /// A file system was mounted.
    Mount,
    /// A directory was made to appear elsewhere.
    Bind,
    /// A mount was moved.
    Move,
    /// Flags were changed.
    Remount,
    /// A mount was taken away.
    Unmount,
    /// The root was exchanged.
    PivotRoot,
}

/// How memory of another process was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryWay {
    /// `process_vm_readv` and `process_vm_writev`.
    ProcessVm,
    /// `/proc/PID/mem`.
    ProcMem,
}

/// How namespaces were entered or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamespaceOperation {
    /// Entered existing ones (`setns`).
    Enter,
    /// Left for new ones (`unshare`).
    Unshare,
    /// A child was born into new ones.
    Clone,
}

/// What was done with a kernel module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleOperation {
    /// Loaded.
    Load,
    /// Removed.
    Unload,
}

/// What was done. Each variant is a [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// A child was born.
    Fork {
        /// The child.
        child: ProcessKey,
        /// `CLONE_*` flags.
        flags: u64,
    },
    /// Another program runs; which, says [`Event::process`].
    Exec {
        /// The script, when the executable is its interpreter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<FileRef>,
        /// Path of what ran before.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        previous: String,
        /// Capabilities in force or permitted now and not before (set-user-ID or file capabilities).
        #[serde(default)]
        gained: u64,
    },
    /// The process ended.
    Exit {
        /// Exit status, 0 to 255.
        status: u8,
        /// The signal that ended it; 0 for none.
        signal: u8,
    },
    /// A file was opened.
    Open {
        /// Which.
        file: FileRef,
        /// How.
        flags: OpenFlags,
    },
    /// A file came to be.
    Create {
        /// Which.
        file: FileRef,
        /// How it was opened, where it was an open that made it.
        #[serde(default)]
        flags: OpenFlags,
    },
    /// A file got another name.
    Rename {
        /// Under its old name.
        from: FileRef,
        /// Its new path.
        to: String,
        /// The file that was there and is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<FileIdentity>,
    },
    /// A link was made.
    Link {
        /// What it leads to; of a symbolic link, the text that was given.
        target: FileRef,
        /// Where it is.
        link: String,
        /// Symbolic, not hard.
        symbolic: bool,
    },
    /// A name was removed.
    Unlink {
        /// Of what; a directory by its kind.
        file: FileRef,
    },
    /// Permission bits were changed.
    Mode {
        /// Of what, with the bits that it had.
        file: FileRef,
        /// The bits that it has now, `0o7777` at most.
        mode: u16,
    },
    /// Owner or group was changed.
    Owner {
        /// Of what, with the owner that it had.
        file: FileRef,
        /// The new user; `None` for no change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
        /// The new group; `None` for no change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gid: Option<u32>,
    },
    /// Timestamps were set.
    Times {
        /// Of what.
        file: FileRef,
        /// The new time of modification; `None` for no change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<UnixMillis>,
    },
    /// A file was cut.
    Truncate {
        /// Which, with the size that it had.
        file: FileRef,
        /// Bytes that it has now.
        size: u64,
    },
    /// The mount tree was changed.
    Mount {
        /// How.
        operation: MountOperation,
        /// Device, directory or name that is mounted.
        source: String,
        /// Where.
        target: String,
        /// Type of the file system.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        filesystem: String,
        /// `MS_*` flags.
        flags: u64,
    },
    /// `ptrace` on another process.
    Ptrace {
        /// Which.
        target: ProcessRef,
        /// `PTRACE_*` request.
        request: u32,
    },
    /// Memory of another process was reached.
    Memory {
        /// Whose.
        target: ProcessRef,
        /// How.
        way: MemoryWay,
        /// Written, not read.
        writes: bool,
    },
    /// Namespaces were entered or made.
    Namespace {
        /// How.
        operation: NamespaceOperation,
        /// Which kinds, `CLONE_NEW*`.
        flags: u64,
        /// Inode number of the one entered; 0 when not known.
        #[serde(default)]
        target: u32,
    },
    /// User or group numbers changed.
    Identity {
        /// Before.
        before: Credentials,
        /// After.
        after: Credentials,
    },
    /// Capabilities changed.
    Capability {
        /// Before.
        before: Capabilities,
        /// After.
        after: Capabilities,
    },
    /// A kernel module came or went.
    Module {
        /// Which of both.
        operation: ModuleOperation,
        /// Its name.
        name: String,
        /// Its file, where it was loaded from one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<FileRef>,
    },
    /// A BPF program was loaded or attached.
    Bpf {
        /// `BPF_*` command.
        command: u32,
        /// `BPF_PROG_TYPE_*`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program_type: Option<u32>,
        /// The program's name.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
    },
    /// A memory file was made.
    Memfd {
        /// The name that it was given.
        name: String,
        /// `MFD_*` flags.
        flags: u32,
    },
    /// A connection was begun.
    Connect {
        /// What carries it.
        transport: Transport,
        /// To where.
        remote: SocketAddress,
        /// From where, once known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        local: Option<SocketAddress>,
    },
    /// A connection was taken.
    Accept {
        /// What carries it.
        transport: Transport,
        /// Our end.
        local: SocketAddress,
        /// From where.
        remote: SocketAddress,
    },
    /// A socket got an address.
    Bind {
        /// What it will carry.
        transport: Transport,
        /// The address.
        local: SocketAddress,
    },
    /// A socket waits for connections.
    Listen {
        /// What it will carry.
        transport: Transport,
        /// Where.
        local: SocketAddress,
    },
    /// A datagram was sent.
    Send {
        /// What carries it.
        transport: Transport,
        /// To where.
        remote: SocketAddress,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A question to a name server.
    DnsQuestion {
        /// Id of the message.
        id: u16,
        /// The name asked for, lower case, without the last dot.
        name: String,
        /// Type of the record, RFC 1035 and its successors: 1 is A, 28 AAAA.
        record_type: u16,
        /// The server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<SocketAddress>,
    },
    /// An answer of a name server.
    DnsAnswer {
        /// Id of the message.
        id: u16,
        /// The name asked for.
        name: String,
        /// Type of the record asked for.
        record_type: u16,
        /// 0 for no error, 3 for no such name (RFC 1035, 4.1.1).
        code: u8,
        /// Addresses in the answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<IpAddr>,
        /// Other names on the way there (CNAME).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        aliases: Vec<String>,
    },
    /// A raw or packet socket was made.
    RawSocket {
        /// `AF_*`.
        family: u16,
        /// `SOCK_*`, without its flags.
        socket_type: u16,
        /// Protocol, host order.
        protocol: u16,
    },
    /// A signal was sent.
    Signal {
        /// To whom.
        target: ProcessRef,
        /// Its number.
        number: u8,
    },
    /// A request was put to an io_uring.
    IoUring {
        /// `IORING_OP_*`.
        opcode: u8,
        /// The file or socket that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<FileRef>,
    },
}

impl Activity {
    /// What sort of thing it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Fork { .. } => Kind::Fork,
            Self::Exec { .. } => Kind::Exec,
            Self::Exit { .. } => Kind::Exit,
            Self::Open { .. } => Kind::Open,
            Self::Create { .. } => Kind::Create,
            Self::Rename { .. } => Kind::Rename,
            Self::Link { .. } => Kind::Link,
            Self::Unlink { .. } => Kind::Unlink,
            Self::Mode { .. } => Kind::Mode,
            Self::Owner { .. } => Kind::Owner,
            Self::Times { .. } => Kind::Times,
            Self::Truncate { .. } => Kind::Truncate,
            Self::Mount { .. } => Kind::Mount,
            Self::Ptrace { .. } => Kind::Ptrace,
            Self::Memory { .. } => Kind::Memory,
            Self::Namespace { .. } => Kind::Namespace,
            Self::Identity { .. } => Kind::Identity,
            Self::Capability { .. } => Kind::Capability,
            Self::Module { .. } => Kind::Module,
            Self::Bpf { .. } => Kind::Bpf,
            Self::Memfd { .. } => Kind::Memfd,
            Self::Connect { .. } => Kind::Connect,
            Self::Accept { .. } => Kind::Accept,
            Self::Bind { .. } => Kind::Bind,
            Self::Listen { .. } => Kind::Listen,
            Self::Send { .. } => Kind::Send,
            Self::DnsQuestion { .. } => Kind::DnsQuestion,
            Self::DnsAnswer { .. } => Kind::DnsAnswer,
            Self::RawSocket { .. } => Kind::RawSocket,
            Self::Signal { .. } => Kind::Signal,
            Self::IoUring { .. } => Kind::IoUring,
        }
    }

    /// The file that it is about, if there is one.
    pub fn file(&self) -> Option<&FileRef> {
        match self {
            Self::Open { file, .. }
            | Self::Create { file, .. }
            | Self::Rename { from: file, .. }
            | Self::Link { target: file, .. }
            | Self::Unlink { file }
            | Self::Mode { file, .. }
            | Self::Owner { file, .. }
            | Self::Times { file, .. }
            | Self::Truncate { file, .. } => Some(file),
            Self::Module { file, .. } | Self::IoUring { file, .. } => file.as_ref(),
            Self::Exec { script, .. } => script.as_ref(),
            _ => None,
        }
    }

    /// The other end, of what goes over a network.
    pub fn remote(&self) -> Option<&SocketAddress> {
        match self {
            Self::Connect { remote, .. }
            | Self::Accept { remote, .. }
            | Self::Send { remote, .. } => Some(remote),
            Self::DnsQuestion { server, .. } => server.as_ref(),
            _ => None,
        }
    }
}
