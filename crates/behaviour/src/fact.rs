use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use palisade_model::Sha256;
use palisade_model::event::{
    Activity, Event, FileKind, FileRef, Process, SocketAddress, Transport,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::MAX_TEXT;
use crate::{Section, Settings, generalise};

/// A port of a transport, written `tcp/443`, `udp/ephemeral`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// What carries it.
    pub transport: Transport,
    /// Its number; `None` for those that the kernel hands out.
    pub number: Option<u16>,
}

impl Port {
    pub(crate) fn new(transport: Transport, number: u16, settings: &Settings) -> Self {
        let number = (number != 0 && number < settings.ephemeral_from).then_some(number);
        Self { transport, number }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/", self.transport.as_str())?;
        match self.number {
            Some(number) => write!(formatter, "{number}"),
            None => formatter.write_str("ephemeral"),
        }
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("not a port such as `tcp/443`"))
    }
}

impl FromStr for Port {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (transport, number) = text.split_once('/').ok_or(())?;
        let transport = match transport {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            "other" => Transport::Other,
            _ => return Err(()),
        };
        let number = match number {
            "ephemeral" => None,
            number => Some(number.parse().map_err(|_| ())?),
        };
        Ok(Self { transport, number })
    }
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remote {
    /// An address.
    Address(IpAddr),
    /// An address that was the answer for this name.
    Name(IpAddr, String),
}

/// One thing that an event says about an image, generalised: what is learned and compared.
/// Written as JSON, for example `{"listening":"tcp/81"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// A program ran.
    Process {
        /// Path of the executable.
        path: String,
        /// Of its bytes, when known.
        hash: Option<Sha256>,
        /// Path of what it was started from; empty for what is outside the container (the runtime, or
        /// somebody's `exec`).
        parent: String,
        /// It has no file.
        fileless: bool,
    },
    /// A file was written, made, renamed, removed or changed.
    File {
        /// Path of the executable that did it.
        executable: String,
        /// Path of the file.
        path: String,
    },
    /// A port was listened on.
    Listening(Port),
    /// A connection was begun, or a datagram sent.
    Outbound(Port, Remote),
    /// A name was asked for.
    Name(String),
    /// A program ran as this user.
    User(u32),
}

impl Fact {
    /// The section that it belongs to.
    pub fn section(&self) -> Section {
        match self {
            Self::Process { .. } => Section::Processes,
            Self::File { .. } => Section::Files,
            Self::Listening(_) => Section::Listening,
            Self::Outbound(..) => Section::Outbound,
            Self::Name(_) => Section::Names,
            Self::User(_) => Section::Users,
        }
    }
}

impl Fact {
    /// Whether it is one that a model can hold: no empty or overlong text, no control characters,
    /// absolute file paths. Whatever an event says is; what somebody wrote by hand may not be.
    pub fn is_sound(&self) -> bool {
        let text = |text: &str| {
            !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
        };
        match self {
            Self::Process { path, parent, .. } => text(path) && (parent.is_empty() || text(parent)),
            Self::File { executable, path } => {
                text(executable) && text(path) && path.starts_with('/')
            }
            Self::Outbound(_, Remote::Name(_, name)) | Self::Name(name) => {
                text(name) && !name.contains('/')
            }
            Self::Listening(_) | Self::Outbound(_, Remote::Address(_)) | Self::User(_) => true,
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { path, parent, .. } if parent.is_empty() => {
                write!(formatter, "{path} started from outside the container")
            }
            Self::Process { path, parent, .. } => write!(formatter, "{path} started by {parent}"),
            Self::File { executable, path } => write!(formatter, "{executable} changed {path}"),
            Self::Listening(port) => write!(formatter, "listening on {port}"),
            Self::Outbound(port, Remote::Address(address)) => {
                write!(formatter, "connection to {address}, {port}")
            }
            Self::Outbound(port, Remote::Name(address, name)) => {
                write!(formatter, "connection to {name} ({address}), {port}")
            }
            Self::Name(name) => write!(formatter, "question for {name}"),
            Self::User(uid) => write!(formatter, "program run as user {uid}"),
        }
    }
}

/// What an event says, and whether a text had to be cut. `resolve` gives the name that an address was
/// the answer for.
pub(crate) fn facts(
    event: &Event,
    settings: &Settings,
    resolve: impl Fn(IpAddr) -> Option<String>,
) -> (Vec<Fact>, bool) {
    let mut cut = false;
    let mut keep = |(text, was_cut): (String, bool)| {
        cut |= was_cut;
        text
    };
    let process = event.process.as_ref();
    let mut facts = Vec::new();
    match &event.activity {
        Activity::Exec { .. } => {
            facts.push(Fact::Process {
                path: keep(program(process, settings)),
                hash: process.executable.hash,
                parent: keep(generalise::executable(parent_inside(process), settings)),
                fileless: process.executable.fileless,
            });
            facts.push(Fact::User(process.credentials.euid));
        }
        Activity::Identity { after, .. } => facts.push(Fact::User(after.euid)),
        Activity::Open { file, flags } if flags.writes() || flags.truncates() => {
            facts.extend(written(process, file, settings, &mut keep));
        }
        Activity::Create { file, .. }
        | Activity::Unlink { file }
        | Activity::Mode { file, .. }
        | Activity::Owner { file, .. }
        | Activity::Times { file, .. }
        | Activity::Truncate { file, .. } => {
            facts.extend(written(process, file, settings, &mut keep));
        }
        Activity::Rename { from, to, .. } => {
            facts.extend(written(process, from, settings, &mut keep));
            facts.extend(written(process, &FileRef::at(to.as_str()), settings, &mut keep));
        }
        Activity::Link { link, .. } => {
            facts.extend(written(process, &FileRef::at(link.as_str()), settings, &mut keep));
        }
        Activity::Listen { transport, local: SocketAddress::Inet(end) } => {
            facts.push(Fact::Listening(Port::new(*transport, end.port(), settings)));
        }
        // A datagram socket that has a port of its own choice waits for whatever comes; one that lets
        // the kernel choose is a client's.
        Activity::Bind { transport: Transport::Udp, local: SocketAddress::Inet(end) }
            if end.port() != 0 =>
        {
            facts.push(Fact::Listening(Port::new(Transport::Udp, end.port(), settings)));
        }
        Activity::Connect { transport, remote: SocketAddress::Inet(end), .. }
        | Activity::Send { transport, remote: SocketAddress::Inet(end), .. } => {
            let remote = match resolve(end.ip()) {
                Some(name) => Remote::Name(end.ip(), name),
                None => Remote::Address(end.ip()),
            };
            facts.push(Fact::Outbound(Port::new(*transport, end.port(), settings), remote));
        }
        Activity::DnsQuestion { name, .. } if !name.is_empty() => {
            facts.push(Fact::Name(keep(generalise::name(name, settings))));
        }
        _ => {}
    }
    (facts, cut)
}

/// The path of what a process runs. `?` where the kernel could not tell: an empty path is the outside of
/// the container.
fn program(process: &Process, settings: &Settings) -> (String, bool) {
    match process.path() {
        "" => ("?".to_owned(), false),
        path => generalise::executable(path, settings),
    }
}

/// The parent's path; empty when it is not in the process's own control group. Control groups within
/// a container are the exception; their parents are then outside, each time alike.
fn parent_inside(process: &Process) -> &str {
    match process.ancestors.parent() {
        Some(parent) if parent.cgroup == process.cgroup && parent.path.is_empty() => "?",
        Some(parent) if parent.cgroup == process.cgroup => &parent.path,
        _ => "",
    }
}

/// Only what has a name in a file system: devices and pipes are written to all day and say nothing.
fn written(
    process: &Process,
    file: &FileRef,
    settings: &Settings,
    keep: &mut impl FnMut((String, bool)) -> String,
) -> Option<Fact> {
    let of_interest =
        matches!(file.kind, FileKind::Regular | FileKind::Directory | FileKind::Symlink);
    if !of_interest || !file.path.starts_with('/') {
        return None;
    }
    Some(Fact::File {
        executable: keep(program(process, settings)),
        path: keep(generalise::path(&file.path, settings)),
    })
}
