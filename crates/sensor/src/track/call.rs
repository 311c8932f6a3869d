//! System calls with names and numbers.

use palisade_model::UnixMillis;
use palisade_model::event::{
    Activity, Capabilities, Credentials, FileKind, FileRef, Kind, MemoryWay, ModuleOperation,
    MountOperation, NamespaceOperation, ProcessKey, readable,
};

use super::activity::{Look, Said, target};
use super::file::{self, named};
use crate::abi::{Call, flag};
use crate::syscalls;

/// What the call did. Numbers of the 32-bit table are not in the event: there they mean other calls.
pub(super) fn of(look: &Look<'_>, call: &Call) -> Option<Said> {
    let kind = u8::try_from(look.header.kind).ok().and_then(Kind::from_number)?;
    let compat = look.header.flags & flag::COMPAT != 0;
    let activity =
        if compat { activity(look, &native(call)?, kind)? } else { activity(look, call, kind)? };
    Some(Said {
        call: (!compat).then_some(call.syscall),
        error: error(call.result),
        ..Said::plain(activity, "sys_exit")
    })
}

/// A 32-bit call as its native twin.
fn native(call: &Call) -> Option<Call> {
    let mut native = Call { syscall: syscalls::twin(call.syscall)?, ..call.clone() };
    if matches!(call.syscall, 193 | 194) {
        // truncate64 and ftruncate64 have the size in two halves.
        native.arguments[1] |= call.arguments[2] << 32;
    }
    Some(native)
}

/// The kernel's `-errno`.
pub(super) fn error(result: i64) -> u16 {
    if result < 0 { u16::try_from(result.unsigned_abs()).unwrap_or(u16::MAX) } else { 0 }
}

fn is(call: &Call, numbers: &[i64]) -> bool {
    numbers.contains(&i64::from(call.syscall))
}

fn activity(look: &Look<'_>, call: &Call, kind: Kind) -> Option<Activity> {
    let first = || FileRef::at(named(&call.base, &call.path));
    let second = || named(&call.base2, &call.path2);
    Some(match kind {
        Kind::Create => {
            let file = FileRef { kind: made(call), ..first() };
            Activity::Create { file, flags: Default::default() }
        }
        Kind::Rename => Activity::Rename { from: first(), to: second(), replaced: None },
        Kind::Link if is(call, &SYMLINK) => Activity::Link {
            target: FileRef { kind: FileKind::Symlink, ..FileRef::at(readable(&call.path)) },
            link: second(),
            symbolic: true,
        },
        Kind::Link => Activity::Link { target: first(), link: second(), symbolic: false },
        Kind::Unlink => Activity::Unlink { file: first() },
        Kind::Mode | Kind::Owner | Kind::Times | Kind::Truncate => changed(call, kind),
        Kind::Mount => mount(call),
        Kind::Ptrace => Activity::Ptrace {
            target: other(look, call.arguments[1]),
            request: low(call.arguments[0]),
        },
        Kind::Memory => Activity::Memory {
            target: match is(call, &[libc::SYS_pidfd_getfd]) {
                // Its first argument is a descriptor, of which no number is known.
                true => target(look.table, ProcessKey::new(0, 0)),
                false => other(look, call.arguments[0]),
            },
            way: MemoryWay::ProcessVm,
            writes: is(call, &[libc::SYS_process_vm_writev]),
        },
        Kind::Namespace => namespace(call),
        Kind::Identity => identity(look),
        Kind::Capability => Activity::Capability {
            before: look.before.map_or(look.process.capabilities, |before| before.capabilities),
            after: look.process.capabilities,
        },
        Kind::Module => module(call),
        Kind::Bpf => Activity::Bpf {
            command: low(call.arguments[0]),
            program_type: None,
            name: String::new(),
        },
        Kind::Memfd => Activity::Memfd {
            name: memfd(file::name(&call.file.path)),
            flags: low(call.arguments[1]),
        },
        _ => return None,
    })
}

/// A name of its own may start in the same way again.
fn memfd(name: String) -> String {
    name.strip_prefix("memfd:").map(str::to_owned).unwrap_or(name)
}

/// mkdir, or what mknod was asked for; without a type that is a regular file (mknod(2)).
fn made(call: &Call) -> FileKind {
    if is(call, &MKDIR) {
        return FileKind::Directory;
    }
    let mode = if is(call, &[libc::SYS_mknodat]) { call.arguments[2] } else { call.arguments[1] };
    match low(mode) & 0o170_000 {
        0 => FileKind::Regular,
        _ => FileKind::from_mode(low(mode)),
    }
}

#[cfg(target_arch = "x86_64")]
const MKDIR: [i64; 2] = [libc::SYS_mkdir, libc::SYS_mkdirat];
#[cfg(target_arch = "x86_64")]
const SYMLINK: [i64; 2] = [libc::SYS_symlink, libc::SYS_symlinkat];
#[cfg(target_arch = "x86_64")]
const OF_DIRECTORY: [i64; 4] =
    [libc::SYS_fchmodat, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_fchmodat2];
#[cfg(not(target_arch = "x86_64"))]
const MKDIR: [i64; 1] = [libc::SYS_mkdirat];
#[cfg(not(target_arch = "x86_64"))]
const SYMLINK: [i64; 1] = [libc::SYS_symlinkat];
#[cfg(not(target_arch = "x86_64"))]
const OF_DIRECTORY: [i64; 4] =
    [libc::SYS_fchmodat, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_fchmodat2];

fn low(argument: u64) -> u32 {
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or_default()
}

/// `-1` leaves an owner as it is (chown(2)).
fn owner(argument: u64) -> Option<u32> {
    (low(argument) != u32::MAX).then(|| low(argument))
}

/// By descriptor or by name: what the call has decides.
fn changed(call: &Call, kind: Kind) -> Activity {
    let file = if call.file.inode == 0 {
        FileRef::at(named(&call.base, &call.path))
    } else {
        file::of(&call.file)
    };
    let next = if is(call, &OF_DIRECTORY) { 2 } else { 1 };
    let argument = |at: usize| call.arguments.get(at).copied().unwrap_or_default();
    match kind {
        Kind::Mode => Activity::Mode {
            file,
            mode: u16::try_from(argument(next) & 0o7777).unwrap_or_default(),
        },
        Kind::Owner => {
            Activity::Owner { file, uid: owner(argument(next)), gid: owner(argument(next + 1)) }
        }
        Kind::Times => Activity::Times { file, modified: modified(call) },
        _ => Activity::Truncate { file, size: argument(1) },
    }
}

/// A time that was set by hand: not "now" and not "as it is" (utimensat(2)). The older calls' are not read.
fn modified(call: &Call) -> Option<UnixMillis> {
    const UTIME_NOW: u64 = 0x3fff_ffff;
    const UTIME_OMIT: u64 = 0x3fff_fffe;
    let [.., seconds, rest] = call.arguments;
    let told = is(call, &[libc::SYS_utimensat]) && call.arguments[2] != 0;
    (told && rest != UTIME_NOW && rest != UTIME_OMIT)
        .then(|| UnixMillis(seconds.saturating_mul(1_000).saturating_add(rest / 1_000_000)))
}

const MS_REMOUNT: u64 = 32;
const MS_BIND: u64 = 4_096;
const MS_MOVE: u64 = 8_192;

fn mount(call: &Call) -> Activity {
    let source = || readable(&call.path);
    let first = || named(&call.base, &call.path);
    let second = || named(&call.base2, &call.path2);
    let (operation, source, target, flags) = match i64::from(call.syscall) {
        libc::SYS_umount2 => (MountOperation::Unmount, String::new(), first(), call.arguments[1]),
        libc::SYS_pivot_root => (MountOperation::PivotRoot, first(), second(), 0),
        libc::SYS_move_mount => (MountOperation::Move, first(), second(), call.arguments[4]),
        libc::SYS_open_tree => (MountOperation::Bind, first(), String::new(), call.arguments[2]),
        libc::SYS_fsopen => (MountOperation::Mount, String::new(), String::new(), 0),
        _ => {
            let flags = call.arguments[3];
            let operation = match flags {
                flags if flags & MS_REMOUNT != 0 => MountOperation::Remount,
                flags if flags & MS_BIND != 0 => MountOperation::Bind,
                flags if flags & MS_MOVE != 0 => MountOperation::Move,
                _ => MountOperation::Mount,
            };
            (operation, source(), second(), flags)
        }
    };
    Activity::Mount { operation, source, target, filesystem: readable(&call.extra), flags }
}

/// The caller names it in its own PID namespace.
fn other(look: &Look<'_>, pid: u64) -> palisade_model::event::ProcessRef {
    let key = look.table.inner(look.process.namespaces.pid, low(pid));
    target(look.table, key.unwrap_or(ProcessKey::new(0, 0)))
}

fn namespace(call: &Call) -> Activity {
    if is(call, &[libc::SYS_unshare]) {
        let operation = NamespaceOperation::Unshare;
        return Activity::Namespace { operation, flags: call.arguments[0], target: 0 };
    }
    Activity::Namespace {
        operation: NamespaceOperation::Enter,
        flags: call.arguments[1],
        target: low(call.file.inode),
    }
}

/// The header holds who the process is after the call; the table, who it was.
fn identity(look: &Look<'_>) -> Activity {
    let after = look.process.credentials;
    let before: Credentials = look.before.map_or(after, |before| before.credentials);
    Activity::Identity { before, after }
}

fn module(call: &Call) -> Activity {
    if is(call, &[libc::SYS_delete_module]) {
        let operation = ModuleOperation::Unload;
        return Activity::Module { operation, name: readable(&call.path), file: None };
    }
    let file = (call.file.inode != 0).then(|| file::of(&call.file));
    Activity::Module { operation: ModuleOperation::Load, name: String::new(), file }
}

/// Effective capabilities are all that a header has.
pub(super) fn capabilities(known: Capabilities, effective: u64) -> Capabilities {
    Capabilities { effective, permitted: known.permitted | effective, ..known }
}
