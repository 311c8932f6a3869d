use std::fmt;

use serde::Serialize;

/// What happens with something that departs; the graver one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing, not even an alert.
    Disable,
    /// It is told.
    #[default]
    Alert,
    /// The act fails, where a rung can refuse it; see [`crate::policy::Enforce`].
    Prevent,
    /// The act fails, and the container is stopped.
    Block,
}

impl Effect {
    /// Every effect, the mildest first.
    pub const ALL: [Self; 4] = [Self::Disable, Self::Alert, Self::Prevent, Self::Block];

    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Alert => "alert",
            Self::Prevent => "prevent",
            Self::Block => "block",
        }
    }

    /// Whether the act is to fail.
    pub fn refuses(self) -> bool {
        self >= Self::Prevent
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What happens when an answer does not come in time, or not enough is known for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fail {
    /// The act takes place.
    #[default]
    Open,
    /// The act is refused, in containers whose rule asks in user space.
    Closed,
}

impl Fail {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A part of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What runs.
    Process,
    /// What is written and read.
    File,
    /// Where connections go and what is listened on.
    Network,
    /// Names that are asked for.
    Dns,
    /// Mounts, tracing, BPF, modules.
    Kernel,
    /// What the detection rules found.
    Detect,
}

impl Section {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Kernel => "kernel",
            Self::Detect => "detect",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What of a section spoke: the key that an operator looks for in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// An entry of `deny`.
    Deny,
    /// An entry of `read_deny`.
    ReadDeny,
    /// An entry of `listen_deny`.
    ListenDeny,
    /// Neither the behaviour model nor `allow` (of ports: `listen`) has it.
    Effect,
    /// An entry of `allow` or `listen`, or what is always allowed.
    Allow,
    /// `drift`: the file did not come with the image.
    Drift,
    /// `fileless`: the program has no file.
    Fileless,
    /// `malware`: its hash is on the list of bad ones.
    Malware,
    /// `mount`.
    Mount,
    /// `ptrace`.
    Ptrace,
    /// `bpf`.
    Bpf,
    /// `module`.
    Module,
    /// An entry of `[[rule.detect]]`, or the policy's `detections`.
    Detection,
    /// The address was the answer for a denied name.
    Answer,
}

impl Clause {
    /// The key in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::ReadDeny => "read_deny",
            Self::ListenDeny => "listen_deny",
            Self::Effect => "effect",
            Self::Allow => "allow",
            Self::Drift => "drift",
            Self::Fileless => "fileless",
            Self::Malware => "malware",
            Self::Mount => "mount",
            Self::Ptrace => "ptrace",
            Self::Bpf => "bpf",
            Self::Module => "module",
            Self::Detection => "detect",
            Self::Answer => "deny (its answer)",
        }
    }
}

/// An entry as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Entry {
    /// Its text.
    pub text: String,
    /// Its line; 0 for what every policy holds.
    pub line: u32,
}

/// One thing that spoke about an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The section.
    pub section: Section,
    /// The key in it.
    pub clause: Clause,
    /// The entry, where the key has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    /// What it wants.
    pub effect: Effect,
    /// In words.
    pub text: String,
}

impl Reason {
    pub(crate) fn new(
        section: Section,
        clause: Clause,
        entry: Option<&Entry>,
        effect: Effect,
        text: impl Into<String>,
    ) -> Self {
        Self { section, clause, entry: entry.cloned(), effect, text: text.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}.{}", self.effect, self.section, self.clause.as_str())?;
        if let Some(entry) = &self.entry {
            write!(formatter, " `{}`", entry.text)?;
            if entry.line > 0 {
                write!(formatter, " (line {})", entry.line)?;
            }
        }
        write!(formatter, ": {}", self.text)
    }
}

/// The gravest of what was said; `Disable` when nothing was.
pub(crate) fn gravest(reasons: &[Reason]) -> Effect {
    reasons.iter().map(|reason| reason.effect).max().unwrap_or(Effect::Disable)
}
