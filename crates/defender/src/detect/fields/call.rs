//! Which type of event an event is: the system call by its number where the sensor gives one, else the
//! usual call of such an act.

use palisade_model::event::{
    Activity, Event, FileKind, MemoryWay, ModuleOperation, MountOperation, NamespaceOperation,
    OpenFlags,
};
use palisade_rules::{EventSet, EventType};

/// The type of an event, as `evt.type` has it. [`palisade_rules::EventType`] knows every one of them.
pub(super) fn name(event: &Event) -> &'static str {
    let usual = usual(&event.activity);
    // An exit is `procexit` whatever call brought it; an io_uring has no call of its own.
    if matches!(event.activity, Activity::Exit { .. } | Activity::IoUring { .. }) {
        return usual;
    }
    event.call.and_then(of_number).unwrap_or(usual)
}

/// Numbers of system calls that are looked through: more than there are.
const NUMBERS: u32 = 1_024;

/// What [`usual`] says beside the calls that have numbers.
#[rustfmt::skip]
const USUAL: [&str; 38] = [
    "accept4", "bind", "bpf", "capset", "clone", "connect", "delete_module", "execve", "fchmodat",
    "fchownat", "finit_module", "io_uring_enter", "kill", "linkat", "listen", "memfd_create", "mkdirat",
    "mknodat", "mount", "openat", "pivot_root", "process_vm_readv", "process_vm_writev", "procexit",
    "ptrace", "recvfrom", "renameat2", "rmdir", "sendto", "setns", "setresuid", "socket", "symlinkat",
    "truncate", "umount2", "unlinkat", "unshare", "utimensat",
];

/// The types that events can have here.
pub(super) fn told() -> EventSet {
    let numbered = (0..NUMBERS).filter_map(of_number);
    let names = USUAL.into_iter().chain(numbered);
    names.filter_map(EventType::from_name).collect()
}

fn usual(activity: &Activity) -> &'static str {
    match activity {
        Activity::Fork { .. } => "clone",
        Activity::Exec { .. } => "execve",
        Activity::Exit { .. } => "procexit",
        Activity::Open { .. } => "openat",
        Activity::Create { file, flags } => match file.kind {
            _ if flags.0 & OpenFlags::CREATE != 0 => "openat",
            FileKind::Directory => "mkdirat",
            FileKind::Symlink => "symlinkat",
            _ => "mknodat",
        },
        Activity::Rename { .. } => "renameat2",
        Activity::Link { symbolic: true, .. } => "symlinkat",
        Activity::Link { .. } => "linkat",
        Activity::Unlink { file } if file.kind == FileKind::Directory => "rmdir",
        Activity::Unlink { .. } => "unlinkat",
        Activity::Mode { .. } => "fchmodat",
        Activity::Owner { .. } => "fchownat",
        Activity::Times { .. } => "utimensat",
        Activity::Truncate { .. } => "truncate",
        Activity::Mount { operation, .. } => match operation {
            MountOperation::Unmount => "umount2",
            MountOperation::PivotRoot => "pivot_root",
            _ => "mount",
        },
        Activity::Ptrace { .. } => "ptrace",
        Activity::Memory { way: MemoryWay::ProcMem, .. } => "openat",
        Activity::Memory { writes: true, .. } => "process_vm_writev",
        Activity::Memory { .. } => "process_vm_readv",
        Activity::Namespace { operation, .. } => match operation {
            NamespaceOperation::Enter => "setns",
            NamespaceOperation::Unshare => "unshare",
            NamespaceOperation::Clone => "clone",
        },
        Activity::Identity { .. } => "setresuid",
        Activity::Capability { .. } => "capset",
        Activity::Module { operation: ModuleOperation::Load, .. } => "finit_module",
        Activity::Module { .. } => "delete_module",
        Activity::Bpf { .. } => "bpf",
        Activity::Memfd { .. } => "memfd_create",
        Activity::Connect { .. } => "connect",
        Activity::Accept { .. } => "accept4",
        Activity::Bind { .. } => "bind",
        Activity::Listen { .. } => "listen",
        Activity::Send { .. } | Activity::DnsQuestion { .. } => "sendto",
        Activity::DnsAnswer { .. } => "recvfrom",
        Activity::RawSocket { .. } => "socket",
        Activity::Signal { .. } => "kill",
        Activity::IoUring { .. } => "io_uring_enter",
    }
}

/// The calls that lead to one of our activities, by their numbers in the table of this machine
/// (`asm/unistd_64.h`). A number that is not here leaves the usual name.
#[cfg(target_arch = "x86_64")]
fn of_number(number: u32) -> Option<&'static str> {
    Some(match number {
        2 => "open",
        41 => "socket",
        42 => "connect",
        43 => "accept",
        44 => "sendto",
        46 => "sendmsg",
        49 => "bind",
        50 => "listen",
        56 => "clone",
        57 => "fork",
        58 => "vfork",
        59 => "execve",
        62 => "kill",
        76 => "truncate",
        77 => "ftruncate",
        82 => "rename",
        83 => "mkdir",
        84 => "rmdir",
        85 => "creat",
        86 => "link",
        87 => "unlink",
        88 => "symlink",
        90 => "chmod",
        91 => "fchmod",
        92 => "chown",
        93 => "fchown",
        94 => "lchown",
        101 => "ptrace",
        105 => "setuid",
        106 => "setgid",
        113 => "setreuid",
        114 => "setregid",
        116 => "setgroups",
        117 => "setresuid",
        119 => "setresgid",
        122 => "setfsuid",
        123 => "setfsgid",
        126 => "capset",
        129 => "rt_sigqueueinfo",
        132 => "utime",
        133 => "mknod",
        155 => "pivot_root",
        161 => "chroot",
        165 => "mount",
        166 => "umount2",
        175 => "init_module",
        176 => "delete_module",
        200 => "tkill",
        234 => "tgkill",
        235 => "utimes",
        257 => "openat",
        258 => "mkdirat",
        259 => "mknodat",
        260 => "fchownat",
        261 => "futimesat",
        263 => "unlinkat",
        264 => "renameat",
        265 => "linkat",
        266 => "symlinkat",
        268 => "fchmodat",
        272 => "unshare",
        280 => "utimensat",
        288 => "accept4",
        297 => "rt_tgsigqueueinfo",
        304 => "open_by_handle_at",
        307 => "sendmmsg",
        308 => "setns",
        310 => "process_vm_readv",
        311 => "process_vm_writev",
        313 => "finit_module",
        316 => "renameat2",
        319 => "memfd_create",
        321 => "bpf",
        322 => "execveat",
        424 => "pidfd_send_signal",
        428 => "open_tree",
        429 => "move_mount",
        432 => "fsmount",
        435 => "clone3",
        437 => "openat2",
        442 => "mount_setattr",
        452 => "fchmodat2",
        _ => return None,
    })
}

/// As above; arm64 and riscv64 share the table of `asm-generic/unistd.h`.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
fn of_number(number: u32) -> Option<&'static str> {
    Some(match number {
        33 => "mknodat",
        34 => "mkdirat",
        35 => "unlinkat",
        36 => "symlinkat",
        37 => "linkat",
        38 => "renameat",
        39 => "umount2",
        40 => "mount",
        41 => "pivot_root",
        45 => "truncate",
        46 => "ftruncate",
        51 => "chroot",
        52 => "fchmod",
        53 => "fchmodat",
        54 => "fchownat",
        55 => "fchown",
        56 => "openat",
        88 => "utimensat",
        91 => "capset",
        97 => "unshare",
        105 => "init_module",
        106 => "delete_module",
        117 => "ptrace",
        129 => "kill",
        130 => "tkill",
        131 => "tgkill",
        138 => "rt_sigqueueinfo",
        143 => "setregid",
        144 => "setgid",
        145 => "setreuid",
        146 => "setuid",
        147 => "setresuid",
        149 => "setresgid",
        151 => "setfsuid",
        152 => "setfsgid",
        159 => "setgroups",
        198 => "socket",
        200 => "bind",
        201 => "listen",
        202 => "accept",
        203 => "connect",
        206 => "sendto",
        211 => "sendmsg",
        220 => "clone",
        221 => "execve",
        240 => "rt_tgsigqueueinfo",
        242 => "accept4",
        265 => "open_by_handle_at",
        268 => "setns",
        269 => "sendmmsg",
        270 => "process_vm_readv",
        271 => "process_vm_writev",
        273 => "finit_module",
        276 => "renameat2",
        279 => "memfd_create",
        280 => "bpf",
        281 => "execveat",
        424 => "pidfd_send_signal",
        428 => "open_tree",
        429 => "move_mount",
        432 => "fsmount",
        435 => "clone3",
        437 => "openat2",
        442 => "mount_setattr",
        452 => "fchmodat2",
        _ => return None,
    })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn of_number(_number: u32) -> Option<&'static str> {
    None
}
