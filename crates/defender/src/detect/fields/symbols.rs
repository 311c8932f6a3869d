//! Numbers of the kernel as the words that rules use for them. The words, and the order in which they
//! are joined, are Falco's (`flags_table` of `falcosecurity/libs`); the numbers Linux's.

use std::fmt::Write as _;

type Bits = &'static [(u64, &'static str)];

/// `O_*` beside the access mode.
pub(super) const OPEN: Bits = &[
    (0o200_000, "O_DIRECTORY"),
    (0o40_000, "O_DIRECT"),
    (0o1_000, "O_TRUNC"),
    (0o4_000_000, "O_SYNC"),
    (0o4_000, "O_NONBLOCK"),
    (0o200, "O_EXCL"),
    (0o10_000, "O_DSYNC"),
    (0o2_000, "O_APPEND"),
    (0o100, "O_CREAT"),
];

/// `CLONE_*`, of clone, unshare and setns.
pub(super) const CLONE: Bits = &[
    (0x400, "CLONE_FILES"),
    (0x200, "CLONE_FS"),
    (0x8000_0000, "CLONE_IO"),
    (0x800_0000, "CLONE_NEWIPC"),
    (0x4000_0000, "CLONE_NEWNET"),
    (0x2_0000, "CLONE_NEWNS"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x400_0000, "CLONE_NEWUTS"),
    (0x8000, "CLONE_PARENT"),
    (0x10_0000, "CLONE_PARENT_SETTID"),
    (0x2000, "CLONE_PTRACE"),
    (0x800, "CLONE_SIGHAND"),
    (0x4_0000, "CLONE_SYSVSEM"),
    (0x1_0000, "CLONE_THREAD"),
    (0x80_0000, "CLONE_UNTRACED"),
    (0x100, "CLONE_VM"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x20_0000, "CLONE_CHILD_CLEARTID"),
    (0x100_0000, "CLONE_CHILD_SETTID"),
    (0x8_0000, "CLONE_SETTLS"),
    (0x4000, "CLONE_VFORK"),
    (0x200_0000, "CLONE_NEWCGROUP"),
];

/// Bits of a file's mode.
pub(super) const MODE: Bits = &[
    (0o1, "S_IXOTH"),
    (0o2, "S_IWOTH"),
    (0o4, "S_IROTH"),
    (0o10, "S_IXGRP"),
    (0o20, "S_IWGRP"),
    (0o40, "S_IRGRP"),
    (0o100, "S_IXUSR"),
    (0o200, "S_IWUSR"),
    (0o400, "S_IRUSR"),
    (0o1_000, "S_ISVTX"),
    (0o2_000, "S_ISGID"),
    (0o4_000, "S_ISUID"),
];

/// `MS_*`.
pub(super) const MOUNT: Bits = &[
    (1, "RDONLY"),
    (2, "NOSUID"),
    (4, "NODEV"),
    (8, "NOEXEC"),
    (16, "SYNCHRONOUS"),
    (32, "REMOUNT"),
    (64, "MANDLOCK"),
    (128, "DIRSYNC"),
    (1024, "NOATIME"),
    (2048, "NODIRATIME"),
    (4096, "BIND"),
    (8192, "MOVE"),
    (16384, "REC"),
    (32768, "SILENT"),
    (1 << 16, "POSIXACL"),
    (1 << 17, "UNBINDABLE"),
    (1 << 18, "PRIVATE"),
    (1 << 19, "SLAVE"),
    (1 << 20, "SHARED"),
    (1 << 21, "RELATIME"),
    (1 << 22, "KERNMOUNT"),
    (1 << 23, "I_VERSION"),
    (1 << 24, "STRICTATIME"),
    (1 << 25, "LAZYTIME"),
];

/// `MFD_*`.
pub(super) const MEMFD: Bits = &[(1, "MFD_CLOEXEC"), (2, "MFD_ALLOW_SEALING"), (4, "MFD_HUGETLB")];

/// Capabilities by their numbers.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Joins the words of the bits that are set; `none` where none of them is.
pub(super) fn join(bits: u64, words: Bits, none: &str, out: &mut String) {
    let start = out.len();
    for (bit, word) in words {
        if bits & bit != 0 {
            part(out, start, "|", word);
        }
    }
    if out.len() == start {
        out.push_str(none);
    }
}

/// The flags of an open, access mode and close-on-exec at the end.
pub(super) fn open_flags(flags: u32, out: &mut String) {
    let start = out.len();
    join(flags.into(), OPEN, "", out);
    if flags & 0o20_200_000 == 0o20_200_000 {
        part(out, start, "|", "O_TMPFILE");
    }
    let access = match flags & 3 {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        _ => "O_RDWR",
    };
    part(out, start, "|", access);
    if flags & 0o2_000_000 != 0 {
        part(out, start, "|", "O_CLOEXEC");
    }
}

/// Capabilities of a mask, apart by a space.
pub(super) fn capabilities(mask: u64, out: &mut String) {
    let start = out.len();
    for (bit, name) in CAPABILITIES.iter().enumerate() {
        if mask >> bit & 1 == 1 {
            part(out, start, " ", name);
        }
    }
}

fn part(out: &mut String, start: usize, between: &str, word: &str) {
    if out.len() > start {
        out.push_str(between);
    }
    out.push_str(word);
}

/// `PTRACE_*`.
pub(super) fn ptrace(request: u32, out: &mut String) {
    out.push_str(match request {
        0 => "PTRACE_TRACEME",
        1 => "PTRACE_PEEKTEXT",
        2 => "PTRACE_PEEKDATA",
        3 => "PTRACE_PEEKUSR",
        4 => "PTRACE_POKETEXT",
        5 => "PTRACE_POKEDATA",
        6 => "PTRACE_POKEUSR",
        7 => "PTRACE_CONT",
        8 => "PTRACE_KILL",
        9 => "PTRACE_SINGLESTEP",
        12 => "PTRACE_GETREGS",
        13 => "PTRACE_SETREGS",
        14 => "PTRACE_GETFPREGS",
        15 => "PTRACE_SETFPREGS",
        16 => "PTRACE_ATTACH",
        17 => "PTRACE_DETACH",
        24 => "PTRACE_SYSCALL",
        0x4200 => "PTRACE_SETOPTIONS",
        0x4201 => "PTRACE_GETEVENTMSG",
        0x4202 => "PTRACE_GETSIGINFO",
        0x4203 => "PTRACE_SETSIGINFO",
        0x4204 => "PTRACE_GETREGSET",
        0x4205 => "PTRACE_SETREGSET",
        0x4206 => "PTRACE_SEIZE",
        0x4207 => "PTRACE_INTERRUPT",
        0x4208 => "PTRACE_LISTEN",
        _ => return number(request, out),
    });
}

/// `BPF_*` commands.
pub(super) fn bpf(command: u32, out: &mut String) {
    out.push_str(match command {
        0 => "BPF_MAP_CREATE",
        5 => "BPF_PROG_LOAD",
        6 => "BPF_OBJ_PIN",
        7 => "BPF_OBJ_GET",
        8 => "BPF_PROG_ATTACH",
        9 => "BPF_PROG_DETACH",
        17 => "BPF_RAW_TRACEPOINT_OPEN",
        18 => "BPF_BTF_LOAD",
        28 => "BPF_LINK_CREATE",
        _ => return number(command, out),
    });
}

/// `AF_*`.
pub(super) fn family(family: u16, out: &mut String) {
    out.push_str(match family {
        1 => "AF_UNIX",
        2 => "AF_INET",
        10 => "AF_INET6",
        16 => "AF_NETLINK",
        17 => "AF_PACKET",
        38 => "AF_ALG",
        40 => "AF_VSOCK",
        44 => "AF_XDP",
        _ => return number(family.into(), out),
    });
}

/// `SIG*` by the numbers of x86-64 and arm64.
pub(super) fn signal(signal: u8, out: &mut String) {
    out.push_str(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        17 => "SIGCHLD",
        18 => "SIGCONT",
        19 => "SIGSTOP",
        20 => "SIGTSTP",
        other => return number(other.into(), out),
    });
}

/// A number in decimal.
pub(super) fn number(number: u32, out: &mut String) {
    let _ = write!(out, "{number}");
}

/// The name of an error number, `errno(3)`; `EUNKNOWN` for one that is not told apart.
pub(super) fn error(number: u16) -> &'static str {
    match number {
        1 => "EPERM",
        2 => "ENOENT",
        3 => "ESRCH",
        4 => "EINTR",
        5 => "EIO",
        6 => "ENXIO",
        7 => "E2BIG",
        8 => "ENOEXEC",
        9 => "EBADF",
        10 => "ECHILD",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        15 => "ENOTBLK",
        16 => "EBUSY",
        17 => "EEXIST",
        18 => "EXDEV",
        19 => "ENODEV",
        20 => "ENOTDIR",
        21 => "EISDIR",
        22 => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        25 => "ENOTTY",
        26 => "ETXTBSY",
        27 => "EFBIG",
        28 => "ENOSPC",
        29 => "ESPIPE",
        30 => "EROFS",
        31 => "EMLINK",
        32 => "EPIPE",
        36 => "ENAMETOOLONG",
        38 => "ENOSYS",
        39 => "ENOTEMPTY",
        40 => "ELOOP",
        71 => "EPROTO",
        88 => "ENOTSOCK",
        92 => "ENOPROTOOPT",
        93 => "EPROTONOSUPPORT",
        94 => "ESOCKTNOSUPPORT",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        98 => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        105 => "ENOBUFS",
        106 => "EISCONN",
        107 => "ENOTCONN",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        112 => "EHOSTDOWN",
        113 => "EHOSTUNREACH",
        114 => "EALREADY",
        115 => "EINPROGRESS",
        116 => "ESTALE",
        122 => "EDQUOT",
        _ => "EUNKNOWN",
    }
}
