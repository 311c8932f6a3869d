//! Which system calls are reported, and how the kernel side reads each: the one table. The programs know
//! no numbers, so that another architecture, or the 32-bit table, is another column here.

use crate::layout::SyscallShape;

/// Reported when it failed as well.
const FAILURES: u8 = 1;
/// Never deduplicated.
const EVERY: u8 = 2;
/// Told apart by its first argument.
const BY_COMMAND: u8 = 4;
/// And by its second: whom it is aimed at.
const BY_TARGET: u8 = 32;
/// Its third argument points to two times, of which the second is taken.
const WITH_TIMES: u8 = 8;
/// Its third argument is a name too.
const EXTRA: u8 = 16;
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
#[derive(Debug, Clone, Copy)]
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
    named(libc::SYS_fchmodat2, MODE, 0, [1, 0, NONE, NONE]),
    with_file(libc::SYS_fchown, OWNER, 0, 0),
    named(libc::SYS_fchownat, OWNER, 0, [1, 0, NONE, NONE]),
    named(libc::SYS_utimensat, TIMES, WITH_TIMES, [1, 0, NONE, NONE]),
    named(libc::SYS_truncate, TRUNCATE, 0, [0, NONE, NONE, NONE]),
    with_file(libc::SYS_ftruncate, TRUNCATE, 0, 0),
    named(libc::SYS_mount, MOUNT, FAILURES | EXTRA, [0, NONE, 1, NONE]),
    named(libc::SYS_umount2, MOUNT, FAILURES, [0, NONE, NONE, NONE]),
    named(libc::SYS_move_mount, MOUNT, FAILURES, [1, 0, 3, 2]),
    named(libc::SYS_open_tree, MOUNT, FAILURES, [1, 0, NONE, NONE]),
    plain(libc::SYS_fsopen, MOUNT, FAILURES),
    named(libc::SYS_pivot_root, MOUNT, FAILURES, [0, NONE, 1, NONE]),
    named(libc::SYS_chroot, CALL, FAILURES, [0, NONE, NONE, NONE]),
    plain(libc::SYS_ptrace, PTRACE, FAILURES | BY_COMMAND | BY_TARGET),
    plain(libc::SYS_process_vm_writev, MEMORY, FAILURES | BY_COMMAND),
    plain(libc::SYS_process_vm_readv, MEMORY, FAILURES | BY_COMMAND),
    plain(libc::SYS_pidfd_getfd, MEMORY, FAILURES | EVERY),
    with_file(libc::SYS_setns, NAMESPACE, FAILURES | EVERY, 0),
    plain(libc::SYS_unshare, NAMESPACE, FAILURES | EVERY),
    // Their first argument does not tell them apart: setresuid(-1, 0, -1) is a seteuid(0).
    plain(libc::SYS_setuid, IDENTITY, EVERY),
    plain(libc::SYS_setgid, IDENTITY, EVERY),
    plain(libc::SYS_setreuid, IDENTITY, EVERY),
    plain(libc::SYS_setregid, IDENTITY, EVERY),
    plain(libc::SYS_setresuid, IDENTITY, EVERY),
    plain(libc::SYS_setresgid, IDENTITY, EVERY),
    plain(libc::SYS_setfsuid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setfsgid, IDENTITY, BY_COMMAND),
    plain(libc::SYS_setgroups, IDENTITY, EVERY),
    plain(libc::SYS_capset, CAPABILITY, EVERY),
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

/// Only where they are: `MSG_FASTOPEN` connects with the first bytes, and no connect(2) fetches the address
/// that the hook kept.
const WITH_HOOKS: &[Entry] = &[
    on(libc::SYS_sendto, CONNECT, FAILURES, Program::Ring, NONE, [NONE; 4]),
    on(libc::SYS_sendmsg, CONNECT, FAILURES, Program::Ring, NONE, [NONE; 4]),
    on(libc::SYS_sendmmsg, CONNECT, FAILURES, Program::Ring, NONE, [NONE; 4]),
];

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
    named(libc::SYS_futimesat, TIMES, 0, [1, 0, NONE, NONE]),
    plain(libc::SYS_iopl, CALL, FAILURES),
    plain(libc::SYS_ioperm, CALL, FAILURES),
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[Entry] = &[];

/// The native table. `hooks`: the cgroup programs are attached.
pub(crate) fn native(hooks: bool) -> impl Iterator<Item = Entry> {
    let sends = if hooks { WITH_HOOKS } else { WITHOUT_HOOKS };
    COMMON.iter().chain(OLDER).chain(sends).copied()
}

/// The 32-bit table: what an evasion would use. Each call is read as its native twin.
pub(crate) fn compat(hooks: bool) -> impl Iterator<Item = Entry> {
    let more = if hooks { COMPAT_WITH_HOOKS } else { &[] };
    COMPAT.iter().chain(more).filter_map(move |(number, twin)| {
        let twin = native(hooks).find(|entry| entry.number == *twin)?;
        Some(Entry { number: *number, ..twin })
    })
}

/// The native number of a 32-bit call that is reported.
pub(crate) fn twin(number: u32) -> Option<u32> {
    let mut all = COMPAT.iter().chain(COMPAT_WITH_HOOKS);
    let (_, twin) = all.find(|(compat, _)| *compat == i64::from(number))?;
    u32::try_from(*twin).ok()
}

/// Number in `arch/x86/entry/syscalls/syscall_32.tbl`, and the native call that has the same arguments at
/// the same places.
#[cfg(target_arch = "x86_64")]
const COMPAT: &[(i64, i64)] = &[
    (5, libc::SYS_open),
    (8, libc::SYS_creat),
    (295, libc::SYS_openat),
    (437, libc::SYS_openat2),
    (342, libc::SYS_open_by_handle_at),
    (39, libc::SYS_mkdir),
    (296, libc::SYS_mkdirat),
    (14, libc::SYS_mknod),
    (297, libc::SYS_mknodat),
    (38, libc::SYS_rename),
    (302, libc::SYS_renameat),
    (353, libc::SYS_renameat2),
    (9, libc::SYS_link),
    (303, libc::SYS_linkat),
    (83, libc::SYS_symlink),
    (304, libc::SYS_symlinkat),
    (10, libc::SYS_unlink),
    (301, libc::SYS_unlinkat),
    (40, libc::SYS_rmdir),
    (15, libc::SYS_chmod),
    (94, libc::SYS_fchmod),
    (306, libc::SYS_fchmodat),
    (452, libc::SYS_fchmodat2),
    // Of these and of the identities below, the lower numbers take 16 bits.
    (182, libc::SYS_chown),
    (212, libc::SYS_chown),
    (16, libc::SYS_lchown),
    (198, libc::SYS_lchown),
    (95, libc::SYS_fchown),
    (207, libc::SYS_fchown),
    (298, libc::SYS_fchownat),
    (30, libc::SYS_utime),
    (271, libc::SYS_utimes),
    (299, libc::SYS_futimesat),
    (320, libc::SYS_utimensat),
    (412, libc::SYS_utimensat),
    (92, libc::SYS_truncate),
    (193, libc::SYS_truncate),
    (93, libc::SYS_ftruncate),
    (194, libc::SYS_ftruncate),
    (21, libc::SYS_mount),
    (52, libc::SYS_umount2),
    (217, libc::SYS_pivot_root),
    (428, libc::SYS_open_tree),
    (429, libc::SYS_move_mount),
    (430, libc::SYS_fsopen),
    (26, libc::SYS_ptrace),
    (347, libc::SYS_process_vm_readv),
    (348, libc::SYS_process_vm_writev),
    (438, libc::SYS_pidfd_getfd),
    (310, libc::SYS_unshare),
    (346, libc::SYS_setns),
    (23, libc::SYS_setuid),
    (213, libc::SYS_setuid),
    (46, libc::SYS_setgid),
    (214, libc::SYS_setgid),
    (70, libc::SYS_setreuid),
    (203, libc::SYS_setreuid),
    (71, libc::SYS_setregid),
    (204, libc::SYS_setregid),
    (164, libc::SYS_setresuid),
    (208, libc::SYS_setresuid),
    (170, libc::SYS_setresgid),
    (210, libc::SYS_setresgid),
    (138, libc::SYS_setfsuid),
    (215, libc::SYS_setfsuid),
    (139, libc::SYS_setfsgid),
    (216, libc::SYS_setfsgid),
    (81, libc::SYS_setgroups),
    (206, libc::SYS_setgroups),
    (185, libc::SYS_capset),
    (128, libc::SYS_init_module),
    (350, libc::SYS_finit_module),
    (129, libc::SYS_delete_module),
    (357, libc::SYS_bpf),
    (356, libc::SYS_memfd_create),
    (359, libc::SYS_socket),
    (361, libc::SYS_bind),
    (362, libc::SYS_connect),
    (363, libc::SYS_listen),
    (364, libc::SYS_accept4),
    (426, libc::SYS_io_uring_enter),
];

/// socketcall(2) has its arguments in memory: of it, only the address that the hook kept is told.
#[cfg(target_arch = "x86_64")]
const COMPAT_WITH_HOOKS: &[(i64, i64)] = &[
    (102, libc::SYS_sendto),
    (345, libc::SYS_sendmmsg),
    (369, libc::SYS_sendto),
    (370, libc::SYS_sendmsg),
];

/// The 32-bit calls of arm64 (`arch/arm/tools/syscall.tbl`) are not read: they are only kept from being
/// taken for native ones.
#[cfg(not(target_arch = "x86_64"))]
const COMPAT: &[(i64, i64)] = &[];
#[cfg(not(target_arch = "x86_64"))]
const COMPAT_WITH_HOOKS: &[(i64, i64)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_fits_the_kernels_array_and_stands_once() {
        for hooks in [true, false] {
            for table in [native(hooks).collect::<Vec<_>>(), compat(hooks).collect()] {
                let mut numbers: Vec<i64> = table.iter().map(|entry| entry.number).collect();
                assert!(numbers.iter().all(|number| (0..512).contains(number)));
                numbers.sort_unstable();
                let all = numbers.len();
                numbers.dedup();
                assert_eq!(all, numbers.len());
            }
        }
    }

    #[test]
    fn every_32_bit_call_has_a_twin_that_is_read() {
        assert_eq!(compat(true).count(), COMPAT.len() + COMPAT_WITH_HOOKS.len());
        assert_eq!(compat(false).count(), COMPAT.len());
        for entry in compat(true) {
            let twin = u32::try_from(entry.number).ok().and_then(twin);
            assert!(native(true).any(|native| Some(native.number) == twin.map(i64::from)));
        }
    }
}
