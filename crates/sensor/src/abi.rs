//! What the kernel side says, decoded.
//!
//! A record is hostile input all the same: its texts come from processes that we watch. Every length is
//! checked against the record, and a bad one gives an empty text with [`Record::damaged`] set, so that
//! one odd record costs nothing but itself.

use zerocopy::FromBytes;

use crate::layout;

/// The version of `bpf/abi.h` that this decoder reads.
pub const VERSION: u16 = 1;

/// Flags of a record: `enum event_flag`.
pub mod flag {
    /// Seen outside process context: process and credentials are not known.
    pub const NO_TASK: u32 = 1 << 0;
    /// A 32-bit system call.
    pub const COMPAT: u32 = 1 << 1;
    /// Refused by us before it took effect.
    pub const DENIED: u32 = 1 << 2;
    /// The actor was sent SIGKILL by us.
    pub const KILLED: u32 = 1 << 3;
    /// The agent's own proof that prevention is live.
    pub const CANARY: u32 = 1 << 4;
    /// A name was read from user memory and can have been changed.
    pub const USER_MEMORY: u32 = 1 << 5;
    /// A text was cut at its bound.
    pub const TRUNCATED: u32 = 1 << 6;
    /// Done through io_uring.
    pub const IO_URING: u32 = 1 << 7;
    /// Seen by a BPF-LSM hook: about to happen.
    pub const LSM: u32 = 1 << 8;
    /// An open: a creation by another call has another form.
    pub const OPENED: u32 = 1 << 9;
}

/// `TEXT_CUT` of `bpf/abi.h`.
const TEXT_CUT: u16 = 0x8000;
/// `EXEC_ENVIRONMENT_CUT`.
const ENVIRONMENT_CUT: u32 = 1;

/// Kinds beyond those of [`palisade_model::event::Kind`].
pub mod kind {
    /// A cgroup was made, removed or joined.
    pub const CGROUP: u16 = 40;
    /// A process that existed at start.
    pub const TASK_SNAPSHOT: u16 = 41;
    /// A socket or writable file that was open at start.
    pub const FILE_SNAPSHOT: u16 = 42;
    /// A notable system call without a kind of its own.
    pub const CALL: u16 = 43;
    /// Three system calls in a row, new to a program in its container.
    pub const SEQUENCE: u16 = 44;
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed part of this kind.
    #[error("a record of {0} bytes is too short for its kind")]
    Short(usize),
    /// Written by another version of the kernel side.
    #[error("record version {0} is not known")]
    Version(u16),
    /// A kind that this version does not have.
    #[error("record kind {0} is not known")]
    Kind(u16),
}

/// A path as the kernel holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// Absolute in the mount namespace of the process; bytes, since Linux names are bytes.
    pub bytes: Vec<u8>,
    /// The walk reached the namespace's root.
    pub complete: bool,
    /// The last name is no longer in its directory.
    pub unlinked: bool,
    /// No directory at all: memory file, pipe, socket.
    pub pseudo: bool,
    /// Its beginning is missing: too deep, too long, or seen within its file system only.
    pub cut: bool,
}

/// An inode with its version and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Inode number.
    pub inode: u64,
    /// Device, kernel encoding (`major << 20 | minor`).
    pub device: u32,
    /// ctime, ns since the epoch.
    pub changed_ns: u64,
    /// mtime, ns since the epoch.
    pub modified_ns: u64,
    /// Bytes.
    pub size: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Super block magic.
    pub filesystem: u32,
    /// On overlayfs with its content in the upper layer: not as the image brought it.
    pub upper_layer: bool,
    /// A memory file.
    pub memory: bool,
    /// Where.
    pub path: Path,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Address {
    /// `AF_*`; 0: none.
    pub family: u16,
    /// Host order.
    pub port: u16,
    /// IPv4 in the first four.
    pub bytes: [u8; 16],
}

/// Who acted, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// A number of [`palisade_model::event::Kind`] or of [`kind`].
    pub kind: u16,
    /// [`flag`].
    pub flags: u32,
    /// Per processor; a gap is a loss.
    pub sequence: u64,
    /// Processor.
    pub cpu: u32,
    /// ns since boot.
    pub time_ns: u64,
    /// Process, in the host's numbers.
    pub tgid: u32,
    /// Thread.
    pub tid: u32,
    /// Start of the process, ns since boot.
    pub start_ns: u64,
    /// cgroup id.
    pub cgroup: u64,
    /// Real user.
    pub uid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective user.
    pub euid: u32,
    /// Effective group.
    pub egid: u32,
    /// Effective capabilities.
    pub capabilities: u64,
    /// Inode numbers of the namespaces: mount, PID, network, user.
    pub namespaces: [u32; 4],
    /// The parent's process.
    pub parent_tgid: u32,
    /// Its start, ns since boot.
    pub parent_start_ns: u64,
    /// The process's number in its own PID namespace.
    pub inner_tgid: u32,
    /// Name of the thread.
    pub name: Vec<u8>,
}

/// A system call with names and numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Number, in the table that the `COMPAT` flag names.
    pub syscall: u32,
    /// What it returned.
    pub result: i64,
    /// As the registers held them; those beyond the call's own are left over.
    pub arguments: [u64; 6],
    /// What its descriptor was.
    pub file: File,
    /// First name. This and every other name ends with a NUL if more was there.
    pub path: Vec<u8>,
    /// Where the first name starts, if relative.
    pub base: Path,
    /// Second name.
    pub path2: Vec<u8>,
    /// Where the second name starts.
    pub base2: Path,
    /// A third name: the type of a file system.
    pub extra: Vec<u8>,
}

/// A socket and what was done with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    /// What the call returned.
    pub result: i64,
    /// The kernel's number for the socket; 0: none yet.
    pub cookie: u64,
    /// `AF_*`.
    pub family: u16,
    /// `SOCK_*`.
    pub kind: u16,
    /// `IPPROTO_*`.
    pub protocol: u32,
    /// Ours.
    pub local: Address,
    /// Theirs.
    pub remote: Address,
    /// `AF_UNIX`: path, or NUL and an abstract name.
    pub path: Vec<u8>,
    /// The rule that refused it; 0: none.
    pub verdict: u32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// The header's process has a child.
    Fork {
        /// Child.
        tgid: u32,
        /// Its start.
        start_ns: u64,
        /// Its cgroup.
        cgroup: u64,
        /// Its number in its own PID namespace.
        inner_tgid: u32,
        /// Its namespaces: mount, PID, network, user.
        namespaces: [u32; 4],
    },
    /// Another program runs.
    Exec(Box<Exec>),
    /// Prevention at exec without BPF-LSM: who was killed.
    Killed {
        /// The executable.
        file: File,
        /// The rule.
        rule: u32,
    },
    /// The process ended.
    Exit {
        /// As wait(2) gives it.
        code: u32,
        /// ns in user mode.
        user_ns: u64,
        /// ns in the kernel.
        system_ns: u64,
    },
    /// A file was opened or made.
    Open {
        /// Which.
        file: File,
        /// `O_*`.
        flags: u32,
        /// Number of the system call, in the table that the `COMPAT` flag names.
        syscall: u32,
        /// Like ones that were left out since the last.
        suppressed: u64,
    },
    /// A call with names.
    Call(Box<Call>),
    /// A socket.
    Socket(Box<Socket>),
    /// A DNS message.
    Dns {
        /// Finds the process.
        cookie: u64,
        /// Ours.
        local: Address,
        /// Theirs.
        remote: Address,
        /// Left the container.
        outgoing: bool,
        /// `IPPROTO_*`.
        protocol: u16,
        /// Bytes on the wire.
        length: u16,
        /// As many as were taken.
        message: Vec<u8>,
    },
    /// A signal to another process.
    Signal {
        /// Target.
        tgid: u32,
        /// Its start.
        start_ns: u64,
        /// Its cgroup.
        cgroup: u64,
        /// Number.
        signal: u32,
    },
    /// An operation of io_uring.
    IoUring {
        /// `IORING_OP_*`.
        opcode: u32,
        /// Like ones that were left out.
        suppressed: u64,
    },
    /// Three system calls in a row that the header's program had not made in its container.
    Sequence {
        /// Numbers, the oldest first; those of the 32-bit table with 0x8000.
        calls: [u16; 3],
    },
    /// A cgroup.
    Cgroup {
        /// Which.
        id: u64,
        /// Above it.
        parent: u64,
        /// 1 made, 2 removed, 3 joined by the header's process.
        change: u32,
        /// 0 is the unified hierarchy.
        hierarchy: u32,
        /// Path in the hierarchy.
        path: Vec<u8>,
    },
    /// A process that existed at start.
    Task {
        /// What it runs.
        executable: File,
        /// This very process, in the host's numbers.
        reader_tgid: u32,
    },
    /// A socket or file that was open at start.
    OpenFile {
        /// Descriptor.
        descriptor: u32,
        /// Which.
        file: File,
        /// Socket: ours.
        local: Address,
        /// Socket: theirs.
        remote: Address,
        /// Socket: TCP state.
        state: u32,
    },
    /// A BPF-LSM hook.
    Lsm {
        /// `enum lsm_hook`.
        hook: u32,
        /// The rule; 0: only seen.
        verdict: u32,
        /// Which.
        file: File,
        /// Where to.
        remote: Address,
        /// Last component of the second name.
        path2: Vec<u8>,
        /// Of the hook.
        arguments: [u64; 2],
    },
}

/// What exec brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// What runs; of a script, its interpreter.
    pub executable: File,
    /// Current directory.
    pub directory: Path,
    /// The name that execve was given.
    pub invoked: Vec<u8>,
    /// Set when `invoked` is a script.
    pub interpreter: Vec<u8>,
    /// Arguments.
    pub arguments: Vec<Vec<u8>>,
    /// All their bytes, before cutting.
    pub argument_bytes: u32,
    /// The variables that change what code runs.
    pub environment: Vec<Vec<u8>>,
    /// There were more variables than are looked at (512), or than find room.
    pub environment_cut: bool,
    /// Parent first: process and start.
    pub ancestors: Vec<(u32, u64)>,
    /// Capabilities: permitted, inheritable, ambient, bounding.
    pub capabilities: [u64; 4],
    /// Saved user and group.
    pub saved: [u32; 2],
    /// `None`: no login, or a kernel without audit.
    pub login_uid: Option<u32>,
    /// Session.
    pub session: u32,
    /// Process group.
    pub group: u32,
    /// Device of the terminal; 0: none.
    pub terminal: u32,
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who, when.
    pub header: Header,
    /// What.
    pub body: Body,
    /// A length in it was wrong and its text is left out.
    pub damaged: bool,
}

/// One record's bytes, with the memory of whether a length was wrong.
struct Reader<'a> {
    bytes: &'a [u8],
    damaged: std::cell::Cell<bool>,
}

impl<'a> Reader<'a> {
    fn fixed<T: FromBytes>(&self) -> Result<T, DecodeError> {
        T::read_from_prefix(self.bytes)
            .map(|(value, _)| value)
            .map_err(|_| DecodeError::Short(self.bytes.len()))
    }

    fn slice(&self, offset: u16, length: u16) -> &'a [u8] {
        let start = usize::from(offset);
        match self.bytes.get(start..start + usize::from(length)) {
            Some(slice) => slice,
            None => {
                self.damaged.set(true);
                &[]
            }
        }
    }

    /// A name that was cut ends with a NUL, which no name has.
    fn text(&self, text: layout::Text) -> Vec<u8> {
        let mut name = self.slice(text.offset, text.length & !TEXT_CUT).to_vec();
        if text.length & TEXT_CUT != 0 {
            name.push(0);
        }
        name
    }

    fn list(&self, text: layout::Text) -> Vec<Vec<u8>> {
        let bytes = self.slice(text.offset, text.length);
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if bytes.is_empty() {
            return Vec::new();
        }
        bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }

    /// Variables are each aligned to eight bytes, with what was there before in between: only pieces
    /// with a plausible name are taken.
    fn environment(&self, text: layout::Text) -> Vec<Vec<u8>> {
        let mut rest = self.slice(text.offset, text.length);
        let mut all = Vec::new();
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            all.push(rest[..end].to_vec());
            let next = (end + 1).next_multiple_of(8).min(rest.len());
            rest = &rest[next..];
        }
        all
    }

    /// Components come leaf first.
    fn path(&self, path: layout::PathText) -> Path {
        let bytes = self.slice(path.offset, path.length);
        let components: Vec<&[u8]> =
            bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty()).collect();
        let mut whole = Vec::with_capacity(bytes.len() + 1);
        for component in components.iter().rev() {
            whole.push(b'/');
            whole.extend_from_slice(component);
        }
        let (complete, pseudo) = (path.flags & 1 != 0, path.flags & 4 != 0);
        if whole.is_empty() && complete {
            whole.push(b'/');
        }
        let cut = path.flags & 8 != 0 || (!whole.is_empty() && !complete && !pseudo);
        Path { bytes: whole, complete, unlinked: path.flags & 2 != 0, pseudo, cut }
    }

    fn file(&self, file: layout::FileRef) -> File {
        File {
            inode: file.inode,
            device: file.device,
            changed_ns: file.changed,
            modified_ns: file.modified,
            size: file.size,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            filesystem: file.filesystem,
            upper_layer: file.flags & 2 != 0,
            memory: file.flags & 4 != 0,
            path: self.path(file.path),
        }
    }
}

fn address(address: layout::SocketAddress) -> Address {
    Address { family: address.family, port: address.port, bytes: address.address }
}

fn header(raw: layout::EventHeader) -> Header {
    let end = raw.name.iter().position(|byte| *byte == 0).unwrap_or(raw.name.len());
    Header {
        kind: raw.kind,
        flags: raw.flags,
        sequence: raw.sequence,
        cpu: raw.cpu,
        time_ns: raw.time,
        tgid: raw.tgid,
        tid: raw.tid,
        start_ns: raw.start,
        cgroup: raw.cgroup,
        uid: raw.uid,
        gid: raw.gid,
        euid: raw.euid,
        egid: raw.egid,
        capabilities: raw.capabilities,
        namespaces: [
            raw.mount_namespace,
            raw.pid_namespace,
            raw.network_namespace,
            raw.user_namespace,
        ],
        parent_tgid: raw.parent_tgid,
        parent_start_ns: raw.parent_start,
        inner_tgid: raw.inner_tgid,
        name: raw.name[..end].to_vec(),
    }
}

impl Record {
    /// Decodes the first record in `bytes` and says how many bytes it takes.
    ///
    /// # Errors
    ///
    /// When the bytes are no record of this version; the stream cannot be resumed then.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        let (raw, _) = layout::EventHeader::read_from_prefix(bytes)
            .map_err(|_| DecodeError::Short(bytes.len()))?;
        if raw.version != VERSION {
            return Err(DecodeError::Version(raw.version));
        }
        let size = usize::try_from(raw.size).unwrap_or(usize::MAX);
        let bytes = bytes.get(..size).ok_or(DecodeError::Short(bytes.len()))?;
        let reader = Reader { bytes, damaged: std::cell::Cell::new(false) };
        let body = body(&reader, &raw)?;
        Ok((Self { header: header(raw), body, damaged: reader.damaged.get() }, size))
    }
}

fn body(reader: &Reader<'_>, raw: &layout::EventHeader) -> Result<Body, DecodeError> {
    if raw.flags & flag::LSM != 0 {
        return lsm(reader);
    }
    Ok(match raw.kind {
        0 => fork(reader)?,
        1 if raw.flags & flag::KILLED != 0 => killed(reader)?,
        1 => Body::Exec(Box::new(exec(reader)?)),
        2 => exit(reader)?,
        // A name made by mknod or mkdir comes as a call.
        3 | 4 if raw.flags & flag::OPENED != 0 => open(reader)?,
        3..=20 | kind::CALL => Body::Call(Box::new(call(reader)?)),
        21..=25 | 28 => Body::Socket(Box::new(socket(reader)?)),
        26 | 27 => dns(reader)?,
        29 => signal(reader)?,
        30 => io_uring(reader)?,
        kind::CGROUP => cgroup(reader)?,
        kind::SEQUENCE => sequence(reader)?,
        kind::TASK_SNAPSHOT => task(reader)?,
        kind::FILE_SNAPSHOT => open_file(reader)?,
        other => return Err(DecodeError::Kind(other)),
    })
}

fn fork(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::ForkEvent = reader.fixed()?;
    Ok(Body::Fork {
        tgid: raw.child_tgid,
        start_ns: raw.child_start,
        cgroup: raw.child_cgroup,
        inner_tgid: raw.child_inner_tgid,
        namespaces: [
            raw.child_mount_namespace,
            raw.child_pid_namespace,
            raw.child_network_namespace,
            raw.child_user_namespace,
        ],
    })
}

fn killed(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::FileEvent = reader.fixed()?;
    Ok(Body::Killed { file: reader.file(raw.file), rule: u32::try_from(raw.result).unwrap_or(0) })
}

fn exec(reader: &Reader<'_>) -> Result<Exec, DecodeError> {
    let raw: layout::ExecEvent = reader.fixed()?;
    let count = usize::try_from(raw.ancestors).unwrap_or(usize::MAX).min(raw.ancestor.len());
    Ok(Exec {
        executable: reader.file(raw.executable),
        directory: reader.path(raw.directory),
        invoked: reader.text(raw.invoked),
        interpreter: reader.text(raw.interpreter),
        arguments: reader.list(raw.arguments),
        argument_bytes: raw.argument_bytes,
        environment: reader.environment(raw.environment),
        environment_cut: raw.flags & ENVIRONMENT_CUT != 0,
        ancestors: raw.ancestor[..count].iter().map(|one| (one.tgid, one.start)).collect(),
        capabilities: [raw.permitted, raw.inheritable, raw.ambient, raw.bounding],
        saved: [raw.saved_uid, raw.saved_gid],
        login_uid: (raw.login_uid != u32::MAX).then_some(raw.login_uid),
        session: raw.session,
        group: raw.group,
        terminal: raw.terminal,
    })
}

fn exit(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::ExitEvent = reader.fixed()?;
    Ok(Body::Exit { code: raw.code, user_ns: raw.user_time, system_ns: raw.system_time })
}

fn open(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::FileEvent = reader.fixed()?;
    Ok(Body::Open {
        file: reader.file(raw.file),
        flags: raw.open_flags,
        syscall: raw.syscall,
        suppressed: raw.suppressed,
    })
}

fn call(reader: &Reader<'_>) -> Result<Call, DecodeError> {
    let raw: layout::CallEvent = reader.fixed()?;
    Ok(Call {
        syscall: raw.syscall,
        result: raw.result,
        arguments: raw.argument,
        file: reader.file(raw.file),
        path: reader.text(raw.path),
        base: reader.path(raw.base),
        path2: reader.text(raw.path2),
        base2: reader.path(raw.base2),
        extra: reader.text(raw.extra),
    })
}

fn socket(reader: &Reader<'_>) -> Result<Socket, DecodeError> {
    let raw: layout::SocketEvent = reader.fixed()?;
    Ok(Socket {
        result: raw.result,
        cookie: raw.cookie,
        family: raw.family,
        kind: raw.r#type,
        protocol: raw.protocol,
        local: address(raw.local),
        remote: address(raw.remote),
        path: reader.text(raw.path),
        verdict: raw.verdict,
    })
}

fn dns(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::DnsEvent = reader.fixed()?;
    let captured = usize::from(raw.captured).min(raw.payload.len());
    Ok(Body::Dns {
        cookie: raw.cookie,
        local: address(raw.local),
        remote: address(raw.remote),
        outgoing: raw.outgoing != 0,
        protocol: raw.protocol,
        length: raw.length,
        message: raw.payload[..captured].to_vec(),
    })
}

fn signal(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::SignalEvent = reader.fixed()?;
    Ok(Body::Signal {
        tgid: raw.target_tgid,
        start_ns: raw.target_start,
        cgroup: raw.target_cgroup,
        signal: raw.signal,
    })
}

fn io_uring(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::IoUringEvent = reader.fixed()?;
    Ok(Body::IoUring { opcode: raw.opcode, suppressed: raw.suppressed })
}

fn sequence(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::SequenceEvent = reader.fixed()?;
    Ok(Body::Sequence { calls: raw.call })
}

fn cgroup(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::CgroupEvent = reader.fixed()?;
    Ok(Body::Cgroup {
        id: raw.cgroup,
        parent: raw.parent,
        change: raw.change,
        hierarchy: raw.hierarchy,
        path: reader.text(raw.path),
    })
}

fn task(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::TaskSnapshot = reader.fixed()?;
    Ok(Body::Task { executable: reader.file(raw.executable), reader_tgid: raw.reader_tgid })
}

fn open_file(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::FileSnapshot = reader.fixed()?;
    Ok(Body::OpenFile {
        descriptor: raw.descriptor,
        file: reader.file(raw.file),
        local: address(raw.local),
        remote: address(raw.remote),
        state: raw.state,
    })
}

fn lsm(reader: &Reader<'_>) -> Result<Body, DecodeError> {
    let raw: layout::LsmEvent = reader.fixed()?;
    Ok(Body::Lsm {
        hook: raw.hook,
        verdict: raw.verdict,
        file: reader.file(raw.file),
        remote: address(raw.remote),
        path2: reader.text(raw.path2),
        arguments: raw.argument,
    })
}
