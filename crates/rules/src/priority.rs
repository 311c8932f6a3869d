//! How much a rule's match matters.

use std::fmt;

/// The priorities of Falco, which are those of syslog; less is worse, as there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The system is unusable.
    Emergency,
    /// Act at once.
    Alert,
    /// Critical.
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Normal but significant.
    Notice,
    /// Information. Rule files also write `INFO`.
    Informational,
    /// For those who write rules.
    #[default]
    Debug,
}

impl Priority {
    const ALL: [Priority; 8] = [
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The short names of syslog. Falco knows the last alone; the others are no reason to leave a rule out.
    const SHORT: [(&str, Priority); 5] = [
        ("emerg", Priority::Emergency),
        ("crit", Priority::Critical),
        ("err", Priority::Error),
        ("warn", Priority::Warning),
        ("info", Priority::Informational),
    ];

    /// The priority of a name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let short = Self::SHORT.into_iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
        if let Some((_, priority)) = short {
            return Some(priority);
        }
        Self::ALL.into_iter().find(|priority| priority.name().eq_ignore_ascii_case(name))
    }

    /// The name as Falco prints it.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
