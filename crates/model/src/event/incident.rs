use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{ContainerIdentity, Event, ImageDigest, Process, ProcessKey, Record, shared};
use crate::{IdError, RequestId, Sha256, UnixMillis};

/// Records kept as evidence of one incident.
pub const MAX_EVIDENCE: usize = 64;

/// Processes kept in the tree of one incident.
pub const MAX_TREE: usize = 64;

/// The id of an incident: made as a request's is, and never one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(RequestId);

impl IncidentId {
    /// From the time of its first event and ten random bytes.
    pub fn new(time: UnixMillis, chance: [u8; 10]) -> Self {
        Self(RequestId::new(time, chance))
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for IncidentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

impl Serialize for IncidentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IncidentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RequestId::deserialize(deserializer).map(Self)
    }
}

/// A MITRE ATT&CK technique: `T1059`, `T1059.004`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Technique(String);

impl Technique {
    /// Its id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Technique {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Technique {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|c| c.is_ascii_digit());
        let number = text.strip_prefix('T').ok_or(IdError)?;
        let good = match number.split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(number, 4),
        };
        if good { Ok(Self(text.to_owned())) } else { Err(IdError) }
    }
}

impl Serialize for Technique {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Technique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How much somebody should mind, with OCSF's numbers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentSeverity {
    /// 1: worth a line.
    #[default]
    Informational,
    /// 2: look when there is time.
    Low,
    /// 3: look today.
    Medium,
    /// 4: look now.
    High,
    /// 5: look now, everybody.
    Critical,
}

impl IncidentSeverity {
    /// OCSF's `severity_id`.
    pub fn ocsf(self) -> u8 {
        match self {
            Self::Informational => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        }
    }
}

/// A section of a behaviour model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSection {
    /// What runs, and from what it was started.
    Processes,
    /// What is written, by what.
    Files,
    /// Ports that are listened on.
    Listening,
    /// Where connections go.
    Outbound,
    /// Names that are asked for.
    Names,
    /// Users that programs run as.
    Users,
}

/// What made it an incident.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A rule matched.
    Rule {
        /// Its name.
        name: String,
    },
    /// The container did what its image does not do.
    Deviation {
        /// The image whose model says so.
        image: ImageDigest,
        /// In which section.
        section: ModelSection,
    },
    /// A policy forbids it.
    Policy {
        /// The policy rule's name.
        name: String,
    },
    /// An executable that is known to be bad.
    Malware {
        /// Its hash.
        hash: Sha256,
        /// What it is called, and by whom.
        name: String,
    },
    /// Prevention was tried and did not hold: the canary ran.
    PreventionLost,
    /// The sensor was blind longer than is tolerated.
    Blind,
}

/// What we did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The act was refused or its process killed.
    Prevented {
        /// Which process.
        process: ProcessKey,
    },
    /// The container was stopped.
    ContainerStopped,
    /// Something was to be done and was not.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One story for a person to look at: a rule or a deviation, everything of the same process tree that
/// belongs to it, and what we did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What made it one; the gravest first. Never empty.
    pub causes: Vec<Cause>,
    /// One line for people.
    pub title: String,
    /// What it looks like in ATT&CK, sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<Technique>,
    /// The gravest of its causes.
    pub severity: IncidentSeverity,
    /// Where; `None` for the host.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shared::option")]
    pub container: Option<Arc<ContainerIdentity>>,
    /// The host's name.
    pub host: String,
    /// Time of the first event.
    pub first: UnixMillis,
    /// Time of the last event.
    pub last: UnixMillis,
    /// Events that belong to it, kept or not.
    pub count: u64,
    /// The processes of the story, by their start; at most [`MAX_TREE`].
    pub tree: Vec<Process>,
    /// What was seen, in the order it came, blind intervals among it; the first [`MAX_EVIDENCE`].
    pub evidence: Vec<Record>,
    /// What we did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<Response>,
    /// How strange the system calls of its container were, where they are compared. It informs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequences: Option<SequenceScore>,
}

/// How strange the latest sequences of system calls of a container are to what its image was learned to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceScore {
    /// Sequences among the last [`SequenceScore::of`] that were never seen while learning.
    pub mismatches: u8,
    /// Sequences looked back on, at most 100.
    pub of: u8,
}

impl SequenceScore {
    /// From 0 (all known) to 100 (none known), per cent.
    pub fn percent(self) -> u8 {
        let share = u16::from(self.mismatches) * 100 / u16::from(self.of.max(1));
        u8::try_from(share).unwrap_or(100)
    }
}

impl Incident {
    /// A story that begins with `event`.
    pub fn new(
        id: IncidentId,
        cause: Cause,
        title: String,
        severity: IncidentSeverity,
        host: String,
        event: Event,
    ) -> Self {
        let mut incident = Self {
            id,
            causes: vec![cause],
            title,
            attack: Vec::new(),
            severity,
            container: event.container.clone(),
            host,
            first: event.time,
            last: event.time,
            count: 0,
            tree: Vec::new(),
            evidence: Vec::new(),
            responses: Vec::new(),
            sequences: None,
        };
        incident.add(event);
        incident
    }

    /// Another event of the same story. It is counted always, and kept while there is room.
    pub fn add(&mut self, event: Event) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
        self.add_process(&event.process);
        if self.evidence.len() < MAX_EVIDENCE {
            self.evidence.push(Record::Event(Box::new(event)));
        }
    }

    /// Another reason for the same story. A graver one gives the title.
    pub fn add_cause(&mut self, cause: Cause, title: String, severity: IncidentSeverity) {
        if self.causes.contains(&cause) {
            return;
        }
        if severity > self.severity {
            self.severity = severity;
            self.title = title;
            self.causes.insert(0, cause);
        } else {
            self.causes.push(cause);
        }
    }

    /// Another technique.
    pub fn add_technique(&mut self, technique: Technique) {
        if let Err(place) = self.attack.binary_search(&technique) {
            self.attack.insert(place, technique);
        }
    }

    /// A process of the story, or what is newly known of it.
    pub fn add_process(&mut self, process: &Process) {
        match self.tree.binary_search_by_key(&process.key, |known| known.key) {
            Ok(place) => self.tree[place] = process.clone(),
            Err(place) if self.tree.len() < MAX_TREE => self.tree.insert(place, process.clone()),
            Err(_) => {}
        }
    }

    /// Events that belong to it and are not among the evidence.
    pub fn left_out(&self) -> u64 {
        let events = self.evidence.iter().filter(|record| matches!(record, Record::Event(_)));
        self.count.saturating_sub(events.count() as u64)
    }
}
