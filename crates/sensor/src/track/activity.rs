//! What a record says was done.

use palisade_model::event::{
    Activity, Effect, Executable, FileRef, MemoryWay, OpenFlags, Process, ProcessKey, ProcessRef,
};

use super::table::Table;
use super::{call, dns, file, process_ref, socket};
use crate::abi::{Body, File, Header, flag};

/// Everything that an activity is told from.
pub(super) struct Look<'a> {
    pub(super) header: &'a Header,
    pub(super) process: &'a Process,
    /// The process as it was known before this record.
    pub(super) before: Option<&'a Process>,
    pub(super) table: &'a Table,
}

/// An activity with what stands beside it in an event.
pub(super) struct Said {
    pub(super) activity: Activity,
    /// Further activities that the same record shows.
    pub(super) also: Vec<Activity>,
    pub(super) error: u16,
    pub(super) call: Option<u32>,
    pub(super) effect: Effect,
    pub(super) rule: Option<u32>,
    pub(super) hook: &'static str,
    /// Who acted, where that is not the process as it is: one that was not allowed to become another.
    pub(super) process: Option<Process>,
}

impl Said {
    pub(super) fn plain(activity: Activity, hook: &'static str) -> Self {
        Self {
            activity,
            also: Vec::new(),
            error: 0,
            call: None,
            effect: Effect::Seen,
            rule: None,
            hook,
            process: None,
        }
    }
}

/// `None`: nothing that anybody asks for.
pub(super) fn of(look: &Look<'_>, body: &Body) -> Option<Said> {
    match body {
        Body::Open { file, flags, syscall, .. } => Some(opened(look, file, *flags, *syscall)),
        Body::Call(made) => call::of(look, made),
        Body::Socket(socket) => socket::of(look.header, socket),
        Body::Dns { remote, outgoing, message, .. } => {
            Some(Said::plain(dns::of(look.header.kind, remote, *outgoing, message)?, "cgroup_skb"))
        }
        Body::Killed { file, rule } => Some(Said {
            effect: Effect::Killed,
            rule: Some(*rule),
            process: killed(look.process, file),
            ..Said::plain(
                Activity::Exec { script: None, previous: String::new(), gained: 0 },
                "sched_process_exec",
            )
        }),
        Body::Signal { tgid, start_ns, signal, .. } => Some(Said::plain(
            Activity::Signal {
                target: target(look.table, ProcessKey::new(*tgid, *start_ns)),
                number: u8::try_from(*signal).unwrap_or(u8::MAX),
            },
            "signal_generate",
        )),
        Body::IoUring { opcode, .. } => Some(Said::plain(
            Activity::IoUring { opcode: u8::try_from(*opcode).unwrap_or(u8::MAX), file: None },
            "io_uring_submit",
        )),
        Body::OpenFile { local, state, .. } if *state == socket::TCP_LISTEN => {
            Some(Said::plain(socket::listening(local)?, "task_file"))
        }
        Body::Lsm { hook: 16, verdict, arguments, .. } if look.header.flags & flag::DENIED != 0 => {
            Some(refused_socket(*verdict, *arguments))
        }
        Body::Lsm { hook, verdict, file, remote, path2, .. }
            if look.header.flags & flag::DENIED != 0 =>
        {
            refused(look.process, *hook, *verdict, file, remote, path2)
        }
        _ => None,
    }
}

fn opened(look: &Look<'_>, opened: &File, flags: u32, syscall: u32) -> Said {
    let flags = OpenFlags(flags);
    let file = file::of(opened);
    let also = foreign_memory(look, &file, flags).into_iter().collect();
    let activity = if look.header.kind == u16::from(palisade_model::event::Kind::Create.number()) {
        Activity::Create { file, flags }
    } else {
        Activity::Open { file, flags }
    };
    let native = look.header.flags & flag::COMPAT == 0;
    Said { also, call: native.then_some(syscall), ..Said::plain(activity, "sys_exit") }
}

/// Another process's memory, opened as a file.
fn foreign_memory(look: &Look<'_>, file: &FileRef, flags: OpenFlags) -> Option<Activity> {
    let inner = file.path.strip_prefix("/proc/")?.strip_suffix("/mem")?;
    let pid: u32 = inner.split('/').next()?.parse().ok()?;
    let key = look.table.inner(look.process.namespaces.pid, pid)?;
    (key != look.process.key).then(|| Activity::Memory {
        target: target(look.table, key),
        way: MemoryWay::ProcMem,
        writes: flags.writes(),
    })
}

/// The process of a key, as much as is known of it.
pub(super) fn target(table: &Table, key: ProcessKey) -> ProcessRef {
    match table.exactly(key) {
        Some(process) => process_ref(process),
        None => ProcessRef { key, path: String::new(), container: None },
    }
}

/// Numbers of `enum lsm_hook`.
fn refused(
    process: &Process,
    hook: u32,
    verdict: u32,
    described: &File,
    remote: &crate::abi::Address,
    path2: &[u8],
) -> Option<Said> {
    let file = file::of(described);
    if hook == 1 {
        return Some(refused_exec(process, file, verdict));
    }
    let unknown =
        || ProcessRef { key: ProcessKey::new(0, 0), path: String::new(), container: None };
    let (activity, hook) = match hook {
        2 => (Activity::Open { file, flags: OpenFlags(1) }, "file_open"),
        3 => (Activity::Unlink { file }, "path_unlink"),
        4 => (
            Activity::Rename {
                from: file,
                to: palisade_model::event::readable(path2),
                replaced: None,
            },
            "path_rename",
        ),
        5 => (
            Activity::Link {
                target: file,
                link: palisade_model::event::readable(path2),
                symbolic: false,
            },
            "path_link",
        ),
        6 => (Activity::Create { file, flags: OpenFlags(0) }, "path_mknod"),
        7 => (Activity::Mode { mode: file.mode.unwrap_or_default(), file }, "path_chmod"),
        17 => (Activity::Truncate { size: described.size, file }, "path_truncate"),
        18 => (Activity::Owner { uid: None, gid: None, file }, "path_chown"),
        8 | 15 => (
            Activity::Connect {
                transport: palisade_model::event::Transport::Other,
                remote: socket::address(remote)?,
                local: None,
            },
            "socket_connect",
        ),
        9 => (
            Activity::Bind {
                transport: palisade_model::event::Transport::Other,
                local: socket::address(remote)?,
            },
            "socket_bind",
        ),
        10 => (
            Activity::Mount {
                operation: palisade_model::event::MountOperation::Mount,
                source: String::new(),
                target: file.path,
                filesystem: String::new(),
                flags: 0,
            },
            "sb_mount",
        ),
        11 => (Activity::Ptrace { target: unknown(), request: 16 }, "ptrace_access_check"),
        12 => (Activity::Bpf { command: 0, program_type: None, name: String::new() }, "bpf"),
        13 => (
            Activity::Module {
                operation: palisade_model::event::ModuleOperation::Load,
                name: String::new(),
                file: (!file.path.is_empty()).then_some(file),
            },
            "kernel_read_file",
        ),
        _ => return None,
    };
    Some(Said {
        effect: Effect::Refused,
        error: 1,
        rule: Some(socket::rule(verdict)),
        ..Said::plain(activity, hook)
    })
}

/// Its family and type are in the first argument.
fn refused_socket(verdict: u32, arguments: [u64; 2]) -> Said {
    let [first, protocol] = arguments;
    let number = |value: u64| u16::try_from(value & 0xffff).unwrap_or_default();
    let activity = Activity::RawSocket {
        family: number(first >> 32),
        socket_type: number(first & 15),
        protocol: number(protocol),
    };
    Said {
        effect: Effect::Refused,
        error: 1,
        rule: Some(socket::rule(verdict)),
        ..Said::plain(activity, "socket_create")
    }
}

/// The process with the program that was killed, where the record of its exec was lost.
fn killed(process: &Process, described: &File) -> Option<Process> {
    let file = file::of(described);
    if process.executable.file.identity == file.identity {
        return None;
    }
    let fileless = described.memory || described.path.pseudo;
    let executable = Executable { fileless, file, hash: None };
    Some(Process { executable, args: Vec::new(), args_cut: true, ..process.clone() })
}

/// The process as it would have been. Its arguments are not known: they were never put in place.
fn refused_exec(process: &Process, file: FileRef, verdict: u32) -> Said {
    let previous = process.path().to_owned();
    let executable = Executable { fileless: file.path.starts_with("memfd:"), file, hash: None };
    let would = Process { executable, args: Vec::new(), ..process.clone() };
    Said {
        effect: Effect::Refused,
        error: 1,
        rule: Some(verdict),
        process: Some(would),
        ..Said::plain(Activity::Exec { script: None, previous, gained: 0 }, "bprm_check_security")
    }
}

const NEW_NAMESPACES: [u64; 4] = [0x0002_0000, 0x2000_0000, 0x4000_0000, 0x1000_0000];

/// `CLONE_NEW*` of the namespaces (mount, PID, network, user) in which a child differs from its parent.
/// The time and control group ones are not told.
pub(super) fn new_namespaces(parent: &Process, child: &[u32; 4]) -> u64 {
    let own = parent.namespaces;
    [own.mnt, own.pid, own.net, own.user]
        .into_iter()
        .zip(child)
        .zip(NEW_NAMESPACES)
        .filter(|((own, child), _)| *own != 0 && **child != 0 && own != *child)
        .fold(0, |flags, (_, flag)| flags | flag)
}
