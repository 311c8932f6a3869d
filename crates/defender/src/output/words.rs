//! What people read of an event: a verb and what it was done to. And which characters are safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

use palisade_model::event::{
    Activity, Blind, BlindCause, Event, MemoryWay, ModuleOperation, MountOperation,
    NamespaceOperation, ProcessRef, SocketAddress, Transport,
};

/// Whether a character can be shown as it is: no control character, nothing that reorders, hides or
/// breaks a line (Unicode's bidirectional controls, zero-width characters, line and paragraph
/// separators, tags, and what is not a character).
pub(super) fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(u32::from(character),
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xfeff | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
}

/// A text for a terminal: what is not plain is written `\u{…}`.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_plain(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_unicode());
        }
    }
    Cow::Owned(safe)
}

/// Arguments as one line, as a shell would take them: what has blanks, quotes or nothing in it is
/// quoted, so that two different lists never look the same.
pub(super) fn command_line(args: &[String]) -> String {
    let mut line = String::new();
    for (place, argument) in args.iter().enumerate() {
        if place > 0 {
            line.push(' ');
        }
        let special = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\');
        if argument.is_empty() || argument.contains(special) {
            line.push('\'');
            line.push_str(&argument.replace('\'', r"'\''"));
            line.push('\'');
        } else {
            line.push_str(argument);
        }
    }
    line
}

/// An end of a socket.
pub(super) fn address(address: &SocketAddress) -> String {
    match address {
        SocketAddress::Inet(endpoint) => endpoint.to_string(),
        SocketAddress::Unix(path) if path.is_empty() => "unix:(unnamed)".to_owned(),
        SocketAddress::Unix(path) => format!("unix:{path}"),
        SocketAddress::UnixAbstract(name) => format!("unix:@{name}"),
        SocketAddress::Netlink { protocol, port } => format!("netlink:{protocol}:{port}"),
        SocketAddress::Packet { interface, protocol } => {
            format!("packet:{interface}:{protocol:#06x}")
        }
        SocketAddress::Vsock { cid, port } => format!("vsock:{cid}:{port}"),
        SocketAddress::Other(family) => format!("family:{family}"),
    }
}

/// The name of a record's type, RFC 1035 and its successors.
pub(super) fn record_type(number: u16) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        255 => "ANY",
        257 => "CAA",
        // RFC 3597, 5.
        other => return Cow::Owned(format!("TYPE{other}")),
    })
}

/// Why nothing was seen, in words.
pub(super) fn blind_cause(cause: BlindCause) -> &'static str {
    match cause {
        BlindCause::BufferFull => "the kernel's buffer was full",
        BlindCause::QueueFull => "a queue of the Defender was full",
        BlindCause::RateLimited => "a container made more events than its share",
        BlindCause::Detached => "a sensor was not attached",
        BlindCause::Stalled => "the Defender was stopped or stalled",
        BlindCause::Unreadable => "an event could not be read",
    }
}

/// A blind interval as one sentence.
pub(super) fn blind(blind: &Blind) -> String {
    let mut line = format!("blind for {} ms: {}", blind.length_ms(), blind_cause(blind.cause));
    if blind.lost.is_empty() {
        let kinds: Vec<_> = blind.kinds.iter().map(|kind| kind.as_str()).collect();
        let _ = write!(line, "; unseen, if they were: {}", kinds.join(", "));
    } else {
        let _ = write!(line, "; lost {}", blind.total());
        for (place, (kind, count)) in blind.lost.iter().enumerate() {
            let _ = write!(line, "{} {count} {kind}", if place == 0 { ":" } else { "," });
        }
    }
    line
}

fn target(target: &ProcessRef) -> String {
    match target.path.as_str() {
        "" => format!("process {}", target.key.tgid()),
        path => format!("{path}[{}]", target.key.tgid()),
    }
}

fn listening(transport: Transport, local: &SocketAddress) -> String {
    match local {
        SocketAddress::Inet(end) if end.ip().is_unspecified() => {
            format!("{} :{}", transport.as_str(), end.port())
        }
        SocketAddress::Inet(end) => format!("{} {end}", transport.as_str()),
        other => address(other),
    }
}

fn over(transport: Transport, remote: &SocketAddress) -> String {
    match remote {
        SocketAddress::Inet(end) => format!("{} {end}", transport.as_str()),
        other => address(other),
    }
}

/// What was done, and to what. Hostile texts are in it as they are: see [`shown`].
pub(super) fn act(event: &Event) -> (&'static str, String) {
    match &event.activity {
        Activity::Fork { child, .. } => ("fork", format!("process {}", child.tgid())),
        Activity::Exec { script, .. } => ("exec", exec(event, script.as_ref().map(|s| &s.path))),
        Activity::Exit { signal: 0, status } => ("exit", status.to_string()),
        Activity::Exit { signal, .. } => ("exit", format!("by signal {signal}")),
        Activity::Open { file, flags } => {
            (if flags.writes() { "write" } else { "read" }, file.path.clone())
        }
        Activity::Create { file, .. } => ("create", file.path.clone()),
        Activity::Rename { from, to, .. } => ("rename", format!("{} → {to}", from.path)),
        Activity::Link { target, link, symbolic } => {
            (if *symbolic { "symlink" } else { "link" }, format!("{link} → {}", target.path))
        }
        Activity::Unlink { file } => ("remove", file.path.clone()),
        Activity::Mode { file, mode } => ("chmod", format!("{mode:04o} {}", file.path)),
        Activity::Owner { file, uid, gid } => {
            let part = |id: &Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
            ("chown", format!("{}:{} {}", part(uid), part(gid), file.path))
        }
        Activity::Times { file, .. } => ("touch", file.path.clone()),
        Activity::Truncate { file, size } => ("truncate", format!("{} to {size} B", file.path)),
        Activity::Mount { operation, source, target, .. } => mount(*operation, source, target),
        Activity::Ptrace { target: other, request } => {
            ("ptrace", format!("{} request {request}", target(other)))
        }
        Activity::Memory { target: other, writes, way } => {
            let way = match way {
                MemoryWay::ProcessVm => "",
                MemoryWay::ProcMem => " through /proc",
            };
            let verb = if *writes { "memwrite" } else { "memread" };
            (verb, format!("{}{way}", target(other)))
        }
        Activity::Namespace { operation, flags, .. } => {
            let verb = match operation {
                NamespaceOperation::Enter => "setns",
                NamespaceOperation::Unshare => "unshare",
                NamespaceOperation::Clone => "clone",
            };
            (verb, namespaces(*flags))
        }
        Activity::Identity { before, after } => {
            ("setuid", format!("{}/{} → {}/{}", before.uid, before.euid, after.uid, after.euid))
        }
        Activity::Capability { before, after } => {
            ("capset", format!("gained {:#x}", after.gained(before)))
        }
        Activity::Module { operation: ModuleOperation::Load, name, .. } => ("insmod", name.clone()),
        Activity::Module { name, .. } => ("rmmod", name.clone()),
        Activity::Bpf { command, name, .. } => ("bpf", format!("command {command} {name}")),
        Activity::Memfd { name, .. } => ("memfd", name.clone()),
        Activity::Connect { transport, remote, .. } => ("connect", over(*transport, remote)),
        Activity::Accept { transport, local, remote } => {
            ("accept", format!("{} on {}", over(*transport, remote), address(local)))
        }
        Activity::Bind { transport, local } => ("bind", listening(*transport, local)),
        Activity::Listen { transport, local } => ("listen", listening(*transport, local)),
        Activity::Send { transport, remote, bytes } => {
            ("send", format!("{} {bytes} B", over(*transport, remote)))
        }
        Activity::DnsQuestion { name, record_type: number, .. } => {
            ("dns?", format!("{name} {}", record_type(*number)))
        }
        Activity::DnsAnswer { name, addresses, aliases, code, .. } => {
            let found = addresses.iter().map(ToString::to_string);
            let found: Vec<_> = aliases.iter().cloned().chain(found).collect();
            match code {
                0 => ("dns!", format!("{name} {}", found.join(" "))),
                code => ("dns!", format!("{name} error {code}")),
            }
        }
        Activity::RawSocket { family, socket_type, protocol } => {
            ("rawsock", format!("family {family} type {socket_type} protocol {protocol}"))
        }
        Activity::Signal { target: other, number } => {
            ("signal", format!("{number} to {}", target(other)))
        }
        Activity::IoUring { opcode, file } => {
            let path = file.as_ref().map_or("", |file| &file.path);
            ("io_uring", format!("operation {opcode} {path}"))
        }
    }
}

/// The program's path, then its arguments without its own name.
fn exec(event: &Event, script: Option<&String>) -> String {
    let process = &event.process;
    let mut line = script.map_or(process.path(), String::as_str).to_owned();
    let rest = process.args.get(1..).unwrap_or_default();
    if !rest.is_empty() {
        line.push(' ');
        line.push_str(&command_line(rest));
    }
    if process.args_cut {
        line.push_str(" …");
    }
    line
}

fn mount(operation: MountOperation, source: &str, target: &str) -> (&'static str, String) {
    match operation {
        MountOperation::Unmount => ("umount", target.to_owned()),
        MountOperation::Remount => ("remount", target.to_owned()),
        MountOperation::PivotRoot => ("pivot", target.to_owned()),
        MountOperation::Mount => ("mount", format!("{source} on {target}")),
        MountOperation::Bind => ("mount", format!("{source} bound on {target}")),
        MountOperation::Move => ("mount", format!("{source} moved to {target}")),
    }
}

/// `CLONE_NEW*` of `linux/sched.h`.
fn namespaces(flags: u64) -> String {
    const NAMES: [(u64, &str); 8] = [
        (0x80, "time"),
        (0x2_0000, "mnt"),
        (0x200_0000, "cgroup"),
        (0x400_0000, "uts"),
        (0x800_0000, "ipc"),
        (0x1000_0000, "user"),
        (0x2000_0000, "pid"),
        (0x4000_0000, "net"),
    ];
    let names = NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    let names: Vec<_> = names.collect();
    if names.is_empty() { format!("flags {flags:#x}") } else { names.join(" ") }
}
