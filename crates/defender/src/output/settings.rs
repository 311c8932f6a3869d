use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use palisade_model::event::{IncidentSeverity, KindSet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ocsf::{LineLimits, MIN_LINE_BYTES};
use super::queue::QueueSettings;
use super::{Item, OutputError};

/// Where everything that is seen goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSettings {
    /// Directory of the queues of sinks in the network, one below it for each. Default
    /// `/var/lib/palisade/defender/queues`.
    pub queues: PathBuf,
    /// How long lines may get.
    pub lines: LineLimits,
    /// Items that wait in memory for one sink, at most. One in eight is kept for incidents and blind
    /// intervals, which a flood of events cannot push out. Default 4,096.
    pub waiting_items: usize,
    /// The sinks, by name: 1 to 32 of `a-z`, `0-9`, `-`. None by default.
    pub sinks: BTreeMap<String, SinkSettings>,
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            queues: PathBuf::from("/var/lib/palisade/defender/queues"),
            lines: LineLimits::default(),
            waiting_items: 4_096,
            sinks: BTreeMap::new(),
        }
    }
}

impl OutputSettings {
    /// Whether they can be used.
    ///
    /// # Errors
    /// [`OutputError::Setting`], with the name of what cannot.
    pub fn check(&self) -> Result<(), OutputError> {
        let wrong = |what: &str, why: &str| {
            Err(OutputError::Setting { setting: what.to_owned(), reason: why.to_owned() })
        };
        if self.lines.line_bytes < MIN_LINE_BYTES {
            return wrong("lines.line_bytes", "at least 1024");
        }
        if self.waiting_items < 16 {
            return wrong("waiting_items", "at least 16");
        }
        for (name, sink) in &self.sinks {
            let fit = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            if !(1..=32).contains(&name.len()) || !name.bytes().all(fit) {
                return wrong("sinks", "names are 1 to 32 of a-z, 0-9 and -");
            }
            match &sink.to {
                Target::File(file) if file.rotate_bytes < 1 << 20 => {
                    return wrong("rotate_bytes", "at least 1 MiB");
                }
                Target::File(file) if file.keep > 1_000 => return wrong("keep", "at most 1000"),
                Target::Syslog(syslog) if syslog.facility > 23 => {
                    return wrong("facility", "0 to 23 (RFC 5424)");
                }
                Target::Syslog(syslog)
                    if !(2 * MIN_LINE_BYTES..=1 << 18).contains(&syslog.message_bytes()) =>
                {
                    return wrong("message_bytes", "2048 to 262144");
                }
                Target::Syslog(_) if sink.format != Format::Json => {
                    return wrong("format", "syslog takes json");
                }
                _ => {}
            }
            if sink.queue.disk_bytes < 1 << 20 {
                return wrong("queue.disk_bytes", "at least 1 MiB");
            }
        }
        Ok(())
    }
}

/// One sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Where its lines go.
    pub to: Target,
    /// In which form. Default `json`.
    #[serde(default)]
    pub format: Format,
    /// Which events: `all`, `none`, or a list of kinds. Default `all`.
    #[serde(default = "KindSet::all", with = "events")]
    pub events: KindSet,
    /// Whether incidents. Default true.
    #[serde(default = "yes")]
    pub incidents: bool,
    /// Incidents below this are left out. Default `informational`: none.
    #[serde(default)]
    pub minimum_severity: IncidentSeverity,
    /// Whether blind intervals. Default true.
    #[serde(default = "yes")]
    pub blind: bool,
    /// What may wait on disk; only for sinks in the network.
    #[serde(default)]
    pub queue: QueueSettings,
}

fn yes() -> bool {
    true
}

impl SinkSettings {
    /// Everything, as JSON.
    pub fn all(to: Target) -> Self {
        Self {
            to,
            format: Format::Json,
            events: KindSet::all(),
            incidents: true,
            minimum_severity: IncidentSeverity::default(),
            blind: true,
            queue: QueueSettings::default(),
        }
    }

    /// Whether the sink is to have it.
    pub fn wants(&self, item: &Item) -> bool {
        match item {
            Item::Event(event) => self.events.contains(event.kind()),
            Item::Blind(_) => self.blind,
            Item::Incident(incident, _) => {
                self.incidents && incident.severity >= self.minimum_severity
            }
            Item::Dropped(_) => true,
        }
    }
}

/// The form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// OCSF, one object a line.
    #[default]
    Json,
    /// For people.
    Pretty,
    /// The Defender's own form, one record a line: what `palisade policy explain` reads. Events and blind
    /// intervals; incidents are made of them.
    Record,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(FileSettings),
    /// A syslog server or the host's own.
    Syslog(SyslogSettings),
}

/// A file that lines are appended to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Its path. Made with mode 0600, as are directories above it with 0700.
    pub path: PathBuf,
    /// Bytes at which it is renamed to `PATH.1` and a new one is begun. Default 100 MiB.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: u64,
    /// Old files kept, `PATH.1` the newest. Default 5.
    #[serde(default = "keep")]
    pub keep: u32,
}

impl FileSettings {
    /// A file, with everything else as it is by default.
    pub fn at(path: PathBuf) -> Self {
        Self { path, rotate_bytes: rotate_bytes(), keep: keep() }
    }
}

fn rotate_bytes() -> u64 {
    100 << 20
}

fn keep() -> u32 {
    5
}

/// Syslog as in RFC 5424.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSettings {
    /// `unix:/dev/log` (a datagram socket), `udp://HOST:PORT` or `tcp://HOST:PORT`.
    pub address: SyslogAddress,
    /// The facility's number. Default 10, `authpriv`.
    #[serde(default = "facility")]
    pub facility: u8,
    /// Bytes of one message with its head. Longer lines are written shorter, as by
    /// [`LineLimits::line_bytes`]. Default 8 KiB, over TCP 64 KiB.
    #[serde(default)]
    pub message_bytes: Option<usize>,
}

fn facility() -> u8 {
    10
}

impl SyslogSettings {
    /// The bound of one message.
    pub fn message_bytes(&self) -> usize {
        let usual = if matches!(self.address, SyslogAddress::Tcp(_)) { 64 << 10 } else { 8 << 10 };
        self.message_bytes.unwrap_or(usual)
    }
}

/// Where a syslog server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram socket in the file system.
    Unix(PathBuf),
    /// One message a datagram (RFC 5426).
    Udp(String),
    /// Octet-counted messages (RFC 6587, 3.4.1).
    Tcp(String),
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Udp(address) => write!(formatter, "udp://{address}"),
            Self::Tcp(address) => write!(formatter, "tcp://{address}"),
        }
    }
}

impl FromStr for SyslogAddress {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected unix:PATH, udp://HOST:PORT or tcp://HOST:PORT";
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(FORM) };
        }
        let (scheme, address) = text.split_once("://").ok_or(FORM)?;
        let (host, port) = address.rsplit_once(':').ok_or(FORM)?;
        if host.is_empty() || host.contains(['@', '/']) || port.parse::<u16>().is_err() {
            return Err(FORM);
        }
        match scheme {
            "udp" => Ok(Self::Udp(address.to_owned())),
            "tcp" => Ok(Self::Tcp(address.to_owned())),
            _ => Err(FORM),
        }
    }
}

impl Serialize for SyslogAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SyslogAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// `all`, `none` or a list.
mod events {
    use palisade_model::event::KindSet;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        All,
        None,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Word(Word),
        Kinds(KindSet),
    }

    pub(super) fn serialize<S: Serializer>(
        kinds: &KindSet,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let form = match *kinds {
            all if all == KindSet::all() => Form::Word(Word::All),
            none if none.is_empty() => Form::Word(Word::None),
            some => Form::Kinds(some),
        };
        form.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<KindSet, D::Error> {
        let form = Form::deserialize(deserializer).map_err(|_| {
            serde::de::Error::custom("expected \"all\", \"none\" or a list of kinds")
        })?;
        Ok(match form {
            Form::Word(Word::All) => KindSet::all(),
            Form::Word(Word::None) => KindSet::EMPTY,
            Form::Kinds(kinds) => kinds,
        })
    }
}
