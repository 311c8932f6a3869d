//! The file or socket behind the descriptor of an act: `fd.*`.

use std::ops::ControlFlow;

use palisade_model::event::{
    Activity, Endpoint, FileKind, FileRef, MountOperation, SocketAddress, Transport,
};
use palisade_rules::{FieldId, Value};

use super::{EventFields, Slot, argument};

pub(super) const FILLED: &[FieldId] = &[
    FieldId::FdNum,
    FieldId::FdDev,
    FieldId::FdDevMajor,
    FieldId::FdDevMinor,
    FieldId::FdIno,
    FieldId::FdType,
    FieldId::FdTypechar,
    FieldId::FdName,
    FieldId::FdDirectory,
    FieldId::FdFilename,
    FieldId::FdL4proto,
    FieldId::FdSockfamily,
    FieldId::FdContainername,
    FieldId::FdContainerdirectory,
    FieldId::FdCipName,
    FieldId::FdSipName,
    FieldId::FdLipName,
    FieldId::FdRipName,
    FieldId::FdIp,
    FieldId::FdCip,
    FieldId::FdSip,
    FieldId::FdLip,
    FieldId::FdRip,
    FieldId::FdPort,
    FieldId::FdCport,
    FieldId::FdSport,
    FieldId::FdLport,
    FieldId::FdRport,
    FieldId::FdNet,
    FieldId::FdCnet,
    FieldId::FdSnet,
    FieldId::FdLnet,
    FieldId::FdRnet,
    FieldId::FdIsServer,
    FieldId::FdConnected,
    FieldId::FdNameChanged,
    FieldId::FdIsUpperLayer,
    FieldId::FdIsLowerLayer,
];

/// The number of a descriptor that there is: the sensor does not tell which.
const SOME_DESCRIPTOR: i64 = i32::MAX as i64;

/// A socket, as rules look at one.
#[derive(Clone, Copy)]
struct Socket<'e> {
    transport: Transport,
    /// Who asks.
    client: Option<&'e SocketAddress>,
    /// Who is asked, or waits.
    server: Option<&'e SocketAddress>,
    /// We are asked, or wait.
    serves: bool,
    /// It waits for connections or is about to: there is no client.
    waits: bool,
}

fn socket(activity: &Activity) -> Option<Socket<'_>> {
    Some(match activity {
        Activity::Connect { transport, remote, local } => Socket {
            transport: *transport,
            client: local.as_ref(),
            server: Some(remote),
            serves: false,
            waits: false,
        },
        Activity::Send { transport, remote, .. } => Socket {
            transport: *transport,
            client: None,
            server: Some(remote),
            serves: false,
            waits: false,
        },
        Activity::DnsQuestion { server, .. } => Socket {
            transport: Transport::Udp,
            client: None,
            server: Some(server.as_ref()?),
            serves: false,
            waits: false,
        },
        Activity::Accept { transport, local, remote } => Socket {
            transport: *transport,
            client: Some(remote),
            server: Some(local),
            serves: true,
            waits: false,
        },
        Activity::Bind { transport, local } | Activity::Listen { transport, local } => Socket {
            transport: *transport,
            client: None,
            server: Some(local),
            serves: true,
            waits: true,
        },
        _ => return None,
    })
}

impl<'e> Socket<'e> {
    fn local(self) -> Option<&'e SocketAddress> {
        if self.serves { self.server } else { self.client }
    }

    fn remote(self) -> Option<&'e SocketAddress> {
        if self.serves { self.client } else { self.server }
    }

    fn any(self) -> Option<&'e SocketAddress> {
        self.server.or(self.client)
    }

    /// `fd.type` and `fd.typechar`.
    fn kind(self) -> Option<(&'static str, &'static str)> {
        Some(match self.any()? {
            SocketAddress::Inet(end) if end.ip().is_ipv4() => ("ipv4", "4"),
            SocketAddress::Inet(_) => ("ipv6", "6"),
            SocketAddress::Unix(_) | SocketAddress::UnixAbstract(_) => ("unix", "u"),
            SocketAddress::Netlink { .. } => ("netlink", "N"),
            _ => return None,
        })
    }

    /// `client->server`, or the server alone; of a local socket its name.
    fn write(self, out: &mut String) -> bool {
        if let Some(client) = self.client
            && client.endpoint().is_some()
        {
            argument::address(client, out);
            out.push_str("->");
        } else if !self.waits && self.server.and_then(SocketAddress::endpoint).is_some() {
            out.push_str("0.0.0.0:0->");
        }
        if let Some(server) = self.server {
            argument::address(server, out);
        }
        !out.is_empty()
    }
}

/// The file of an act that has a descriptor of it. Acts on a name alone have none.
fn file<'e>(view: &EventFields<'e>) -> Option<&'e FileRef> {
    match (&view.event.activity, view.kind.name()) {
        (Activity::Open { file, .. }, _) => Some(file),
        (
            Activity::Create { file, .. },
            "open" | "openat" | "openat2" | "creat" | "open_by_handle_at",
        ) => Some(file),
        (Activity::Mode { file, .. }, "fchmod")
        | (Activity::Owner { file, .. }, "fchown")
        | (Activity::Truncate { file, .. }, "ftruncate") => Some(file),
        (Activity::Module { file, .. }, "finit_module") | (Activity::IoUring { file, .. }, _) => {
            file.as_ref()
        }
        _ => None,
    }
}

pub(super) fn get<'v>(view: &'v EventFields<'_>, field: FieldId) -> Value<'v> {
    if let Some(file) = file(view) {
        return of_file(view, file, field);
    }
    match socket(&view.event.activity) {
        Some(socket) => of_socket(view, socket, field),
        None => Value::Absent,
    }
}

/// Both ends of a connection, or the one that there is.
pub(super) fn each_end(
    view: &EventFields<'_>,
    field: FieldId,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) {
    let Some(socket) = socket(&view.event.activity) else { return };
    for end in [socket.client, socket.server].into_iter().flatten() {
        let Some(end) = end.endpoint() else { continue };
        let value = match field {
            FieldId::FdPort => Value::Unsigned(end.port().into()),
            _ => Value::Address(end.ip()),
        };
        if visit(value).is_break() {
            return;
        }
    }
}

/// The names that the container was given the address for, the newest first.
pub(super) fn each_name(
    view: &EventFields<'_>,
    field: FieldId,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) {
    for name in names(view, field) {
        if visit(Value::from(name)).is_break() {
            return;
        }
    }
}

fn names<'v>(view: &'v EventFields<'_>, field: FieldId) -> impl Iterator<Item = &'v str> {
    let socket = socket(&view.event.activity);
    let end = socket.and_then(|socket| match field {
        FieldId::FdCipName => socket.client,
        FieldId::FdSipName => socket.server,
        FieldId::FdLipName => socket.local(),
        _ => socket.remote(),
    });
    let container = view.event.container.as_deref().map(|container| &container.id);
    let known = end.and_then(SocketAddress::endpoint).zip(view.resolved);
    known.into_iter().flat_map(move |(end, resolved)| resolved.names(container, end.ip()))
}

fn of_file<'v>(view: &'v EventFields<'_>, file: &'v FileRef, field: FieldId) -> Value<'v> {
    let device = file.identity.map(|identity| identity.dev);
    match field {
        FieldId::FdNum => number(view),
        FieldId::FdName => text(&file.path),
        FieldId::FdDirectory => text(file.directory()),
        FieldId::FdFilename => text(file.name()),
        FieldId::FdType => Value::from(file_kind(file.kind).0),
        FieldId::FdTypechar => Value::from(file_kind(file.kind).1),
        FieldId::FdContainername => in_container(view, Slot::FdContainerName, &file.path),
        FieldId::FdContainerdirectory => {
            in_container(view, Slot::FdContainerDirectory, file.directory())
        }
        FieldId::FdDev => device.map_or(Value::Absent, signed),
        // The kernel's own encoding: 12 bits above 20.
        FieldId::FdDevMajor => device.map_or(Value::Absent, |device| signed(device >> 20)),
        FieldId::FdDevMinor => device.map_or(Value::Absent, |device| signed(device & 0xf_ffff)),
        FieldId::FdIno => file.identity.map_or(Value::Absent, |identity| signed(identity.inode)),
        FieldId::FdIsUpperLayer => Value::Boolean(file.upper == Some(true)),
        FieldId::FdIsLowerLayer => Value::Boolean(file.upper == Some(false)),
        _ => Value::Absent,
    }
}

fn of_socket<'v>(view: &'v EventFields<'_>, socket: Socket<'v>, field: FieldId) -> Value<'v> {
    use FieldId as F;
    let ip = |end: Option<Endpoint>| end.map_or(Value::Absent, |end| Value::Address(end.ip()));
    let port =
        |end: Option<Endpoint>| end.map_or(Value::Absent, |end| Value::Unsigned(end.port().into()));
    let inet = |end: Option<&SocketAddress>| end.and_then(SocketAddress::endpoint);
    match field {
        F::FdNum => number(view),
        F::FdName => view.text(Slot::FdName, |out| socket.write(out)),
        F::FdType => socket.kind().map_or(Value::Absent, |(name, _)| Value::from(name)),
        F::FdTypechar => socket.kind().map_or(Value::Absent, |(_, letter)| Value::from(letter)),
        F::FdSockfamily => match socket.any() {
            Some(SocketAddress::Inet(_)) => Value::from("ip"),
            Some(SocketAddress::Unix(_) | SocketAddress::UnixAbstract(_)) => Value::from("unix"),
            _ => Value::Absent,
        },
        F::FdL4proto if inet(socket.any()).is_some() => {
            argument::transport(socket.transport).map_or(Value::Absent, Value::from)
        }
        F::FdCipName | F::FdSipName | F::FdLipName | F::FdRipName => {
            names(view, field).next().map_or(Value::Absent, Value::from)
        }
        F::FdCip | F::FdCnet => ip(inet(socket.client)),
        F::FdSip | F::FdSnet => ip(inet(socket.server)),
        F::FdLip | F::FdLnet => ip(inet(socket.local())),
        F::FdRip | F::FdRnet => ip(inet(socket.remote())),
        // Shown, not compared: comparisons ask both ends.
        F::FdIp | F::FdNet => ip(inet(socket.any())),
        F::FdPort => port(inet(socket.any())),
        F::FdCport => port(inet(socket.client)),
        F::FdSport => port(inet(socket.server)),
        F::FdLport => port(inet(socket.local())),
        F::FdRport => port(inet(socket.remote())),
        F::FdIsServer => Value::Boolean(socket.serves),
        F::FdConnected => Value::Boolean(
            matches!(view.event.activity, Activity::Connect { .. } | Activity::Accept { .. })
                && view.event.error == 0,
        ),
        // A datagram's socket takes the name of where it is sent.
        F::FdNameChanged => Value::Boolean(matches!(
            view.event.activity,
            Activity::Send { .. } | Activity::DnsQuestion { .. }
        )),
        _ => Value::Absent,
    }
}

/// −1 for a failed act, as Falco; which number a successful one got is not known.
fn number(view: &EventFields<'_>) -> Value<'static> {
    let opens = matches!(view.event.activity, Activity::Open { .. } | Activity::Create { .. });
    Value::Signed(if opens && view.event.error != 0 { -1 } else { SOME_DESCRIPTOR })
}

/// `fd.type` and `fd.typechar`. Falco has no letter for devices: they are files.
fn file_kind(kind: FileKind) -> (&'static str, &'static str) {
    match kind {
        FileKind::Directory => ("directory", "d"),
        FileKind::Fifo => ("pipe", "p"),
        FileKind::Socket => ("unix", "u"),
        FileKind::Anonymous => ("memfd", "m"),
        FileKind::Regular
        | FileKind::Symlink
        | FileKind::CharacterDevice
        | FileKind::BlockDevice => ("file", "f"),
    }
}

/// The word for an operation on the mount tree.
pub(super) fn operation(operation: MountOperation) -> &'static str {
    match operation {
        MountOperation::Mount => "mount",
        MountOperation::Bind => "bind",
        MountOperation::Move => "move",
        MountOperation::Remount => "remount",
        MountOperation::Unmount => "unmount",
        MountOperation::PivotRoot => "pivot-root",
    }
}

/// `container:path`, a name for the file on this host.
fn in_container<'v>(view: &'v EventFields<'_>, slot: Slot, path: &str) -> Value<'v> {
    view.text(slot, |out| {
        out.push_str(view.event.container.as_deref().map_or("", |own| own.id.short()));
        out.push(':');
        out.push_str(path);
        true
    })
}

fn signed(number: u64) -> Value<'static> {
    Value::Signed(i64::try_from(number).unwrap_or(i64::MAX))
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Absent } else { Value::from(text) }
}
