//! Which system calls are reported, and how the kernel side reads each: the one table. The programs know
//! no numbers, so that another architecture, or the 32-bit table, is another column here.

use crate::layout::SyscallShape;

/// Reported when it failed as well.
const FAILURES: u8 = 1;
/// Never deduplicated.
const EVERY: u8 = 2;
/// Told apart by its first argument.
const BY_COMMAND: u8 = 4;
/// Its third argument points to two times, of which the second is taken.
const WITH_TIMES: u8 = 8;
/// The descriptor is what the call returns.
const RESULT: i8 = 6;
/// Not there.
const NONE: i8 = -1;

/// Which program of the kernel side ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Open,
    Plain,
    Network,
    Ring,
}

impl Program {
    /// Its function in `bpf/`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "file__open",
            Self::Plain => "syscall__plain",
            Self::Network => "network__call",
            Self::Ring => "network__ring",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Plain, Self::Network, Self::Ring];
}

/// One call.
pub(crate) struct Entry {
    pub(crate) number: i64,
    pub(crate) program: Program,
    pub(crate) shape: SyscallShape,
}

const fn plain(number: i64, kind: u16, flags: u8) -> Entry {
    on(number, kind, flags, Program::Plain, NONE, [NONE; 4])
}

const fn with_file(number: i64, kind: u16, flags: u8, fd: i8) -> Entry {
    on(number, kind, flags, Program::Plain, fd, [NONE; 4])
}

/// `names`: path, its directory, second path, its directory.
const fn named(number: i64, kind: u16, flags: u8, names: [i8; 4]) -> Entry {
    on(number, kind, flags, Program::Plain, NONE, names)
}

const fn socket(number: i64, kind: u16, flags: u8, fd: i8, address: i8) -> Entry {
    on(number, kind, flags, Program::Network, fd, [address, NONE, NONE, NONE])
}

const fn on(number: i64, kind: u16, flags: u8, program: Program, fd: i8, names: [i8; 4]) -> Entry {
    let shape = SyscallShape {
        kind,
        flags,
        fd,
        path: names[0],
        directory: names[1],
        path2: names[2],
        directory2: names[3],
    };
    Entry { number, program, shape }
}

// Numbers of kinds: `palisade_model::event::Kind`.
const OPEN: u16 = 3;
const CREATE: u16 = 4;
const RENAME: u16 = 5;
const LINK: u16 = 6;
const UNLINK: u16 = 7;
const MODE: u16 = 8;
const OWNER: u16 = 9;
const TIMES: u16 = 10;
const TRUNCATE: u16 = 11;
const MOUNT: u16 = 12;
const PTRACE: u16 = 13;
const MEMORY: u16 = 14;
const NAMESPACE: u16 = 15;
const IDENTITY: u16 = 16;
const CAPABILITY: u16 = 17;
const MODULE: u16 = 18;
const BPF: u16 = 19;
const MEMFD: u16 = 20;
const CONNECT: u16 = 21;
const ACCEPT: u16 = 22;
const BIND: u16 = 23;
const LISTEN: u16 = 24;
const SEND: u16 = 25;
const RAW_SOCKET: u16 = 28;
const CALL: u16 = 43;

/// Every call that both architectures have.
const COMMON: &[Entry] = &[
    on(libc::SYS_openat, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(libc::SYS_openat2, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(libc::SYS_open_by_handle_at, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    named(libc::SYS_mkdirat, CREATE, 0, [1, 0, NONE, NONE]),
    named(libc::SYS_mknodat, CREATE, 0, [1, 0, NONE, NONE]),
    named(libc::SYS_renameat2, RENAME, 0, [1, 0, 3, 2]),
    named(libc::SYS_linkat, LINK, 0, [1, 0, 3, 2]),
    named(libc::SYS_symlinkat, LINK, 0, [0, NONE, 2, 1]),
    named(libc::SYS_unlinkat, UNLINK, 0, [1, 0, NONE, NONE]),
    with_file(libc::SYS_fchmod, MODE, 0, 0),
    named(libc::SYS_fchmodat, MODE, 0, [1, 0, NONE, NONE]),
    with_file(libc::SYS_fchown, OWNER, 0, 0),
    named(libc::SYS_fchownat, OWNER, 0, [1, 0, NONE, NONE]),
    named(libc::SYS_utimensat, TIMES, WITH_TIMES, [1, 0, NONE, NONE]),
    named(libc::SYS_truncate, TRUNCATE, 0, [0, NONE, NONE, NONE]),
    with_file(libc::SYS_ftruncate, TRUNCATE, 0, 0),
    named(libc::SYS_mount, MOUNT, FAILURES, [0, NONE, 1, NONE]),
    named(libc::SYS_umount2, MOUNT, FAILURES, [0, NONE, NONE, NONE]),
    named(libc::SYS_move_mount, MOUNT, FAILURES, [1, 0, 3, 2]),
    named(libc::SYS_open_tree, MOUNT, FAILURES, [1, 0, NONE, NONE]),
    plain(libc::SYS_fsopen, MOUNT, FAILURES),
    named(libc::SYS_pivot_root, MOUNT, FAILURES, [0, NONE, 1, NONE]),
    named(libc::SYS_chroot, CALL, FAILURES, [0, NONE, NONE, NONE]),
    plain(libc::SYS_ptrace, PTRACE, FAILURES | BY_COMMAND),
    plain(libc::SYS_process_vm_writev, MEMORY, FAILURES | BY_COMMAND),
    plain(libc::SYS_process_vm_readv, MEMORY, FAILURES | BY_COMMAND),
    plain(libc::SYS_pidfd_getfd, MEMORY, FAILURES),
    with_file(libc::SYS_setns, NAMESPACE, FAILURES | EVERY, 0),
    plain(libc::SYS_unshare, NAMESPACE, FAILURES | EVERY),
    plain(libc::SYS_setuid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setgid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setreuid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setregid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setresuid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setresgid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setfsuid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setfsgid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setgroups, IDENTITY, 0),
    plain(libc::SYS_capset, CAPABILITY, 0),
    plain(libc::SYS_init_module, MODULE, FAILURES | EVERY),
    with_file(libc::SYS_finit_module, MODULE, FAILURES | EVERY, 0),
    named(libc::SYS_delete_module, MODULE, FAILURES | EVERY, [0, NONE, NONE, NONE]),
    plain(libc::SYS_bpf, BPF, FAILURES | BY_COMMAND),
    with_file(libc::SYS_memfd_create, MEMFD, EVERY, RESULT),
    socket(libc::SYS_connect, CONNECT, FAILURES, 0, 1),
    socket(libc::SYS_accept, ACCEPT, 0, RESULT, NONE),
    socket(libc::SYS_accept4, ACCEPT, 0, RESULT, NONE),
    socket(libc::SYS_bind, BIND, FAILURES, 0, NONE),
    socket(libc::SYS_listen, LISTEN, 0, 0, NONE),
    socket(libc::SYS_socket, RAW_SOCKET, 0, RESULT, NONE),
    on(libc::SYS_io_uring_enter, CONNECT, 0, Program::Ring, NONE, [NONE; 4]),
    named(libc::SYS_setxattr, CALL, 0, [0, NONE, 1, NONE]),
    plain(libc::SYS_perf_event_open, CALL, FAILURES),
    plain(libc::SYS_userfaultfd, CALL, FAILURES),
    plain(libc::SYS_keyctl, CALL, BY_COMMAND),
];

/// Only where the cgroup hooks could not be attached: they tell sends better.
const WITHOUT_HOOKS: &[Entry] = &[socket(libc::SYS_sendto, SEND, FAILURES, 0, 4)];

/// The older calls, which arm64 never had.
#[cfg(target_arch = "x86_64")]
const OLDER: &[Entry] = &[
    on(libc::SYS_open, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(libc::SYS_creat, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    named(libc::SYS_mkdir, CREATE, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_mknod, CREATE, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_rename, RENAME, 0, [0, NONE, 1, NONE]),
    named(libc::SYS_renameat, RENAME, 0, [1, 0, 3, 2]),
    named(libc::SYS_link, LINK, 0, [0, NONE, 1, NONE]),
    named(libc::SYS_symlink, LINK, 0, [0, NONE, 1, NONE]),
    named(libc::SYS_unlink, UNLINK, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_rmdir, UNLINK, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_chmod, MODE, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_chown, OWNER, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_lchown, OWNER, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_utime, TIMES, 0, [0, NONE, NONE, NONE]),
    named(libc::SYS_utimes, TIMES, 0, [0, NONE, NONE, NONE]),
    plain(libc::SYS_iopl, CALL, FAILURES),
    plain(libc::SYS_ioperm, CALL, FAILURES),
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[Entry] = &[];

/// The native table. `hooks`: the cgroup programs are attached.
pub(crate) fn native(hooks: bool) -> impl Iterator<Item = &'static Entry> {
    let sends = if hooks { &[] } else { WITHOUT_HOOKS };
    COMMON.iter().chain(OLDER).chain(sends)
}

/// The 32-bit table of x86 (`arch/x86/entry/syscalls/syscall_32.tbl`): what an evasion would use. arm64's
/// 32-bit numbers are the same for these, but for socket calls.
pub(crate) fn compat() -> impl Iterator<Item = &'static Entry> {
    COMPAT.iter()
}

const COMPAT: &[Entry] = &[
    on(5, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(8, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(295, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    on(437, OPEN, 0, Program::Open, RESULT, [NONE; 4]),
    named(9, LINK, 0, [0, NONE, 1, NONE]),
    named(10, UNLINK, 0, [0, NONE, NONE, NONE]),
    named(301, UNLINK, 0, [1, 0, NONE, NONE]),
    named(38, RENAME, 0, [0, NONE, 1, NONE]),
    named(15, MODE, 0, [0, NONE, NONE, NONE]),
    named(21, MOUNT, FAILURES, [0, NONE, 1, NONE]),
    plain(26, PTRACE, FAILURES | BY_COMMAND),
    plain(310, NAMESPACE, FAILURES | EVERY),
    with_file(346, NAMESPACE, FAILURES | EVERY, 0),
    plain(357, BPF, FAILURES | BY_COMMAND),
    with_file(356, MEMFD, EVERY, RESULT),
    socket(359, RAW_SOCKET, 0, RESULT, NONE),
    socket(361, BIND, FAILURES, 0, NONE),
    socket(362, CONNECT, FAILURES, 0, 1),
    socket(363, LISTEN, 0, 0, NONE),
    socket(364, ACCEPT, 0, RESULT, NONE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_fits_the_kernels_array_and_stands_once() {
        for table in [
            native(true).chain(native(false).skip(native(true).count())).collect::<Vec<_>>(),
            compat().collect(),
        ] {
            let mut numbers: Vec<i64> = table.iter().map(|entry| entry.number).collect();
            assert!(numbers.iter().all(|number| (0..512).contains(number)));
            numbers.sort_unstable();
            let all = numbers.len();
            numbers.dedup();
            assert_eq!(all, numbers.len());
        }
    }
}
