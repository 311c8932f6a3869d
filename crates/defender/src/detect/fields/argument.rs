//! The arguments of the call: `evt.arg.NAME`.
//!
//! Names and texts are Falco's where its call has such an argument. Those of [`argument_names::OWN`] are Palisade's own.

use std::fmt::Write as _;

use palisade_model::event::{
    Activity, Event, Kind, MemoryWay, NamespaceOperation, SocketAddress, Transport,
};
use palisade_rules::{Argument, FieldId, Fields as _, Value};

use super::{EventFields, Slot, argument_names, descriptor, symbols};
use crate::runtime_setup;

/// The text of an argument, by its name or, of a socket, its place.
pub(super) fn get<'v>(view: &'v EventFields<'_>, argument: Argument<'_>) -> Value<'v> {
    let found = match argument {
        // Falco's order, which is ours for the one call that rules ask so: socket(domain, type, protocol).
        Argument::Index(index) if view.event.kind() == Kind::RawSocket => {
            let name = usize::try_from(index).ok().and_then(|at| argument_names::SOCKET.get(at));
            name.and_then(|name| place(view.event.kind(), name))
        }
        Argument::None | Argument::Index(_) => None,
        Argument::Name(name) => place(view.event.kind(), name),
    };
    let Some((at, name)) = found else { return Value::Absent };
    view.text(Slot::Argument(at), |out| write(view, name, out))
}

fn place(kind: Kind, name: &str) -> Option<(usize, &'static str)> {
    argument_names::of(kind).enumerate().find(|(_, own)| *own == name)
}

/// The number behind an argument.
pub(super) fn number(view: &EventFields<'_>, argument: Argument<'_>) -> Value<'static> {
    let Argument::Name(name) = argument else { return Value::Absent };
    let event = view.event;
    let number: i64 = match (name, &event.activity) {
        ("res", _) => -i64::from(event.error),
        ("pid", Activity::Ptrace { target, .. })
        | ("pid", Activity::Memory { target, .. })
        | ("pid", Activity::Signal { target, .. }) => target.key.tgid().into(),
        ("pid", Activity::Exec { .. } | Activity::Fork { .. }) => event.process.key.tgid().into(),
        ("uid", Activity::Exec { .. } | Activity::Fork { .. }) => {
            event.process.credentials.euid.into()
        }
        ("uid", Activity::Identity { after, .. }) => after.uid.into(),
        ("gid", Activity::Identity { after, .. }) => after.gid.into(),
        ("uid", Activity::Owner { uid: Some(id), .. })
        | ("gid", Activity::Owner { gid: Some(id), .. }) => (*id).into(),
        ("size", Activity::Send { bytes, .. }) => i64::try_from(*bytes).unwrap_or(i64::MAX),
        ("size", Activity::Truncate { size, .. }) => i64::try_from(*size).unwrap_or(i64::MAX),
        ("mode", Activity::Mode { mode, .. }) => (*mode).into(),
        ("flags", Activity::Open { flags, .. } | Activity::Create { flags, .. }) => flags.0.into(),
        ("flags", Activity::Fork { flags, .. })
        | ("flags", Activity::Namespace { flags, .. })
        | ("flags", Activity::Mount { flags, .. }) => i64::try_from(*flags).unwrap_or(i64::MAX),
        ("sig", Activity::Signal { number, .. }) => (*number).into(),
        ("sig", Activity::Exit { signal, .. }) => (*signal).into(),
        ("opcode", Activity::IoUring { opcode, .. }) => (*opcode).into(),
        ("query_type", Activity::DnsQuestion { record_type, .. })
        | ("query_type", Activity::DnsAnswer { record_type, .. }) => (*record_type).into(),
        _ => return Value::Absent,
    };
    Value::Signed(number)
}

/// All arguments that there are, `name=value` apart by a space.
pub(super) fn write_all(view: &EventFields<'_>, out: &mut String) -> bool {
    for name in argument_names::of(view.event.kind()) {
        let before = out.len();
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(name);
        out.push('=');
        if !write(view, name, out) {
            out.truncate(before);
        }
    }
    !out.is_empty()
}

/// Writes an argument; `false` where this event has none of this name, with `out` as it was.
fn write(view: &EventFields<'_>, name: &str, out: &mut String) -> bool {
    let event = view.event;
    let process = &event.process;
    match name {
        "res" if event.error == 0 => out.push('0'),
        "res" => out.push_str(symbols::error(event.error)),
        "runtime_setup" => truth(view.runtime_setup, out),
        "parent_outside" => truth(runtime_setup::parent_is_outside(event), out),
        "fd" => return field(view, FieldId::FdNum, out),
        "tuple" => return field(view, FieldId::FdName, out),
        _ => match (name, &event.activity) {
            ("exe", _) => return text(process.args.first(), out),
            ("args", _) => return field(view, FieldId::ProcArgs, out),
            ("comm", _) => out.push_str(&process.name),
            ("cwd", _) => return field(view, FieldId::ProcCwd, out),
            ("ptid", _) => return field(view, FieldId::ProcPpid, out),
            ("pid", Activity::Exec { .. } | Activity::Fork { .. }) => {
                symbols::number(process.key.tgid(), out);
            }
            ("uid", Activity::Exec { .. } | Activity::Fork { .. }) => {
                symbols::number(process.credentials.euid, out);
            }
            (_, Activity::Exec { .. }) => return executed(view, name, out),
            _ => return of_activity(event, name, out),
        },
    }
    true
}

fn executed(view: &EventFields<'_>, name: &str, out: &mut String) -> bool {
    let process = &view.event.process;
    let Activity::Exec { script, previous, gained } = &view.event.activity else { return false };
    let file = &process.executable.file;
    match name {
        "env" => return field(view, FieldId::ProcEnv, out),
        "tty" => symbols::number(process.terminal, out),
        "trusted_exepath" | "filename" => out.push_str(&file.path),
        "exe_ino" => return field(view, FieldId::ProcExeIno, out),
        "cap_permitted" => return field(view, FieldId::ThreadCapPermitted, out),
        "cap_effective" => return field(view, FieldId::ThreadCapEffective, out),
        "cap_inheritable" => return field(view, FieldId::ThreadCapInheritable, out),
        "exe_deleted" => truth(file.deleted && !process.executable.fileless, out),
        "script" => return text(script.as_ref().map(|script| &script.path), out),
        "previous" => return text(Some(previous), out),
        "gained" if *gained == 0 => return false,
        "gained" => symbols::capabilities(*gained, out),
        "exe_flags" => {
            let flags = [
                (view.get(FieldId::ProcIsExeWritable, Argument::None), 1),
                (Value::Boolean(file.upper == Some(true)), 2),
                (Value::Boolean(process.executable.fileless), 4),
                (Value::Boolean(file.upper == Some(false)), 8),
            ];
            let set = flags.into_iter().filter(|(value, _)| *value == Value::Boolean(true));
            const WORDS: &[(u64, &str)] = &[
                (1, "EXE_WRITABLE"),
                (2, "EXE_UPPER_LAYER"),
                (4, "EXE_FROM_MEMFD"),
                (8, "EXE_LOWER_LAYER"),
            ];
            symbols::join(set.fold(0, |bits, (_, bit)| bits | bit), WORDS, "0", out);
        }
        _ => return false,
    }
    true
}

fn of_activity(event: &Event, name: &str, out: &mut String) -> bool {
    use Activity as A;
    match (name, &event.activity) {
        ("flags", A::Fork { flags, .. }) => symbols::join(*flags, symbols::CLONE, "0", out),
        ("flags" | "nstype", A::Namespace { operation, flags, .. }) => {
            let entered = *operation == NamespaceOperation::Enter;
            if name == "nstype" && !entered {
                return false;
            }
            symbols::join(*flags, symbols::CLONE, "0", out);
        }
        ("status" | "ret", A::Exit { status, .. }) => symbols::number((*status).into(), out),
        ("sig", A::Exit { signal: number, .. } | A::Signal { number, .. }) => {
            symbols::signal(*number, out);
        }
        ("name" | "path", A::Open { file, .. } | A::Create { file, .. } | A::Unlink { file }) => {
            return text(Some(&file.path), out);
        }
        ("flags", A::Open { flags, .. } | A::Create { flags, .. }) => {
            symbols::open_flags(flags.0, out);
        }
        ("mode", A::Open { file, .. } | A::Create { file, .. }) => {
            let Some(mode) = file.mode else { return false };
            symbols::join(mode.into(), symbols::MODE, "0", out);
        }
        ("dev" | "ino", A::Open { file, .. } | A::Create { file, .. }) => {
            let Some(identity) = file.identity else { return false };
            let number = if name == "dev" { identity.dev } else { identity.inode };
            let _ = write!(out, "{number}");
        }
        ("oldpath", A::Rename { from, .. }) => return text(Some(&from.path), out),
        ("newpath", A::Rename { to, .. }) => return text(Some(to), out),
        ("oldpath", A::Link { target, symbolic: false, .. })
        | ("target", A::Link { target, symbolic: true, .. }) => {
            return text(Some(&target.path), out);
        }
        ("newpath", A::Link { link, symbolic: false, .. })
        | ("linkpath", A::Link { link, symbolic: true, .. }) => return text(Some(link), out),
        ("filename", A::Mode { file, .. })
        | ("filename" | "path", A::Owner { file, .. })
        | ("path", A::Times { file, .. } | A::Truncate { file, .. }) => {
            return text(Some(&file.path), out);
        }
        ("mode", A::Mode { mode, .. }) => symbols::join((*mode).into(), symbols::MODE, "0", out),
        ("before", A::Mode { file, .. }) => {
            let Some(mode) = file.mode else { return false };
            symbols::join(mode.into(), symbols::MODE, "0", out);
        }
        ("uid", A::Owner { uid: Some(id), .. }) | ("gid", A::Owner { gid: Some(id), .. }) => {
            symbols::number(*id, out);
        }
        ("modified", A::Times { modified: Some(time), .. }) => {
            let _ = write!(out, "{}", time.0);
        }
        ("size", A::Truncate { size, .. } | A::Send { bytes: size, .. }) => {
            let _ = write!(out, "{size}");
        }
        _ => return of_system(event, name, out),
    }
    true
}

fn of_system(event: &Event, name: &str, out: &mut String) -> bool {
    use Activity as A;
    match (name, &event.activity) {
        ("dev", A::Mount { source, .. }) => return text(Some(source), out),
        ("dir" | "name", A::Mount { target, .. }) => return text(Some(target), out),
        ("type", A::Mount { filesystem, .. }) => return text(Some(filesystem), out),
        ("flags", A::Mount { flags, .. }) => symbols::join(*flags, symbols::MOUNT, "0", out),
        ("operation", A::Mount { operation, .. }) => {
            out.push_str(descriptor::operation(*operation))
        }
        ("request", A::Ptrace { request, .. }) => symbols::ptrace(*request, out),
        (_, A::Ptrace { target, .. } | A::Memory { target, .. } | A::Signal { target, .. })
            if matches!(name, "pid" | "target_path" | "target_container") =>
        {
            match name {
                "pid" => symbols::number(target.key.tgid(), out),
                "target_path" => return text(Some(&target.path), out),
                _ => {
                    let own = event.container.as_deref().map(|container| &container.id);
                    out.push_str(match (own, &target.container) {
                        (own, other) if own == other.as_ref() => "own",
                        (_, Some(_)) => "other",
                        (_, None) => "host",
                    });
                }
            }
        }
        ("way", A::Memory { way, .. }) => out.push_str(match way {
            MemoryWay::ProcessVm => "process-vm",
            MemoryWay::ProcMem => "proc-mem",
        }),
        ("writes", A::Memory { writes, .. }) => truth(*writes, out),
        ("uid" | "ruid", A::Identity { after, .. }) => symbols::number(after.uid, out),
        ("euid", A::Identity { after, .. }) => symbols::number(after.euid, out),
        ("suid", A::Identity { after, .. }) => symbols::number(after.suid, out),
        ("gid", A::Identity { after, .. }) => symbols::number(after.gid, out),
        ("euid_before", A::Identity { before, .. }) => symbols::number(before.euid, out),
        (_, A::Capability { before, after }) => {
            let mask = match name {
                "cap_permitted" => after.permitted,
                "cap_effective" => after.effective,
                "cap_inheritable" => after.inheritable,
                "gained" if after.gained(before) != 0 => after.gained(before),
                _ => return false,
            };
            symbols::capabilities(mask, out);
        }
        ("name", A::Module { name, .. } | A::Bpf { name, .. } | A::Memfd { name, .. }) => {
            return text(Some(name), out);
        }
        ("path", A::Module { file, .. }) | ("name", A::IoUring { file, .. }) => {
            return text(file.as_ref().map(|file| &file.path), out);
        }
        ("cmd", A::Bpf { command, .. }) => symbols::bpf(*command, out),
        ("type", A::Bpf { program_type: Some(number), .. }) => symbols::number(*number, out),
        ("flags", A::Memfd { flags, .. }) => {
            symbols::join((*flags).into(), symbols::MEMFD, "0", out);
        }
        ("addr", A::Connect { remote: end, .. } | A::Bind { local: end, .. })
        | ("addr", A::Listen { local: end, .. }) => address(end, out),
        ("query", A::DnsQuestion { name, .. } | A::DnsAnswer { name, .. }) => out.push_str(name),
        ("query_type", A::DnsQuestion { record_type, .. } | A::DnsAnswer { record_type, .. }) => {
            symbols::number((*record_type).into(), out);
        }
        ("code", A::DnsAnswer { code, .. }) => symbols::number((*code).into(), out),
        ("domain", A::RawSocket { family, .. }) => symbols::family(*family, out),
        ("type", A::RawSocket { socket_type, .. }) => symbols::number((*socket_type).into(), out),
        ("proto", A::RawSocket { protocol, .. }) => symbols::number((*protocol).into(), out),
        ("opcode", A::IoUring { opcode, .. }) => symbols::number((*opcode).into(), out),
        _ => return false,
    }
    true
}

/// One end of a socket in words.
pub(super) fn address(end: &SocketAddress, out: &mut String) {
    let _ = match end {
        SocketAddress::Inet(endpoint) => write!(out, "{}:{}", endpoint.ip(), endpoint.port()),
        SocketAddress::Unix(path) => write!(out, "{path}"),
        SocketAddress::UnixAbstract(name) => write!(out, "@{name}"),
        SocketAddress::Netlink { protocol, port } => write!(out, "netlink:{protocol}:{port}"),
        SocketAddress::Packet { interface, protocol } => {
            write!(out, "packet:{interface}:{protocol}")
        }
        SocketAddress::Vsock { cid, port } => write!(out, "vsock:{cid}:{port}"),
        SocketAddress::Other(family) => write!(out, "family:{family}"),
    };
}

/// The layer-4 protocol, as `fd.l4proto` has it.
pub(super) fn transport(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Tcp => Some("tcp"),
        Transport::Udp => Some("udp"),
        Transport::Other => None,
    }
}

fn field(view: &EventFields<'_>, field: FieldId, out: &mut String) -> bool {
    match view.get(field, Argument::None) {
        Value::Text(bytes) => std::str::from_utf8(bytes).is_ok_and(|value| {
            out.push_str(value);
            true
        }),
        Value::Signed(number) => write!(out, "{number}").is_ok(),
        Value::Unsigned(number) => write!(out, "{number}").is_ok(),
        _ => false,
    }
}

fn text(value: Option<&String>, out: &mut String) -> bool {
    match value {
        Some(value) if !value.is_empty() => {
            out.push_str(value);
            true
        }
        _ => false,
    }
}

fn truth(value: bool, out: &mut String) {
    out.push_str(if value { "true" } else { "false" });
}
