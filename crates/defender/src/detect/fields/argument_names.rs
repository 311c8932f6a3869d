//! Which arguments the events of a kind have.

use palisade_model::event::Kind;

/// On every event.
const EVERY: &[&str] = &["res", "runtime_setup", "parent_outside"];

/// Palisade's own arguments, with what they say.
#[rustfmt::skip]
pub const OWN: &[(&str, &str)] = &[
    ("runtime_setup", "`true` while a container runtime prepares the container and has not yet become \
     its program. A process that has executed a file of the container is none again, whatever it calls \
     itself; neither is one that is older than a minute"),
    ("parent_outside", "`true` where the process's parent is outside of its container: the container's \
                        first process, `docker exec`"),
    ("script", "of `execve`: the script, when the executable is its interpreter"),
    ("exe_deleted", "of `execve`: `true` where the executable has no name any more"),
    ("previous", "of `execve`: the path of what ran before in this process"),
    ("gained", "of `execve` and `capset`: the capabilities that were not there before"),
    ("before", "of `chmod`: the mode that the file had"),
    ("modified", "of `utimensat`: the new time of modification, milliseconds since 1970"),
    ("operation", "of `mount`: `mount`, `bind`, `move`, `remount`, `unmount`, `pivot-root`"),
    ("target_path", "of `ptrace`, `kill` and process memory: what the other process runs"),
    ("target_container", "of the same: `own`, `other`, `host`"),
    ("way", "of process memory: `process-vm` or `proc-mem`"),
    ("writes", "of process memory: `true` for writing"),
    ("euid_before", "of `setuid` and its kin: the effective user before"),
    ("query", "of DNS messages: the name asked for"),
    ("query_type", "of DNS messages: the number of the record type"),
    ("code", "of DNS answers: the response code"),
    ("opcode", "of `io_uring_enter`: `IORING_OP_*` as a number"),
];

/// Arguments that `evt.rawarg` gives as numbers.
pub(super) const NUMBERS: &[&str] =
    &["res", "pid", "uid", "gid", "size", "mode", "flags", "sig", "opcode", "query_type"];

/// The arguments of `socket`, in Falco's order.
pub(super) const SOCKET: &[&str] = &["domain", "type", "proto"];

/// The names of a kind's arguments, those of every event first. An event may lack some of them.
pub(super) fn of(kind: Kind) -> impl Iterator<Item = &'static str> {
    EVERY.iter().chain(own(kind)).copied()
}

/// Every name that some event has.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    EVERY.iter().chain(Kind::ALL.into_iter().flat_map(own)).copied()
}

#[rustfmt::skip]
fn own(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Fork => &["flags", "exe", "comm", "args", "pid", "ptid", "cwd", "uid"],
        Kind::Exec => &[
            "exe", "args", "pid", "ptid", "cwd", "comm", "env", "tty", "exe_flags", "trusted_exepath",
            "filename", "uid", "exe_ino", "cap_permitted", "cap_effective", "cap_inheritable",
            "script", "exe_deleted", "previous", "gained",
        ],
        Kind::Exit => &["status", "ret", "sig"],
        Kind::Open | Kind::Create => &["name", "path", "flags", "mode", "dev", "ino", "fd"],
        Kind::Rename => &["oldpath", "newpath"],
        Kind::Link => &["oldpath", "newpath", "target", "linkpath"],
        Kind::Unlink => &["name", "path"],
        Kind::Mode => &["filename", "mode", "before"],
        Kind::Owner => &["path", "filename", "uid", "gid"],
        Kind::Times => &["path", "modified"],
        Kind::Truncate => &["path", "size"],
        Kind::Mount => &["dev", "dir", "name", "type", "flags", "operation"],
        Kind::Ptrace => &["request", "pid", "target_path", "target_container"],
        Kind::Memory => &["pid", "target_path", "target_container", "way", "writes"],
        Kind::Namespace => &["flags", "nstype"],
        Kind::Identity => &["uid", "ruid", "euid", "suid", "gid", "euid_before"],
        Kind::Capability => &["cap_permitted", "cap_effective", "cap_inheritable", "gained"],
        Kind::Module => &["name", "path"],
        Kind::Bpf => &["cmd", "type", "name"],
        Kind::Memfd => &["name", "flags"],
        Kind::Connect => &["addr", "tuple", "fd"],
        Kind::Accept => &["tuple", "fd"],
        Kind::Bind | Kind::Listen => &["addr", "fd"],
        Kind::Send => &["size", "tuple", "fd"],
        Kind::DnsQuestion => &["query", "query_type", "tuple"],
        Kind::DnsAnswer => &["query", "query_type", "code"],
        Kind::RawSocket => SOCKET,
        Kind::Signal => &["pid", "sig", "target_path", "target_container"],
        Kind::IoUring => &["opcode", "name"],
    }
}
