use palisade_model::Severity;

/// A finding that an analyser can note: its constant part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingKind {
    /// Stable name within the engine, in kebab case: `packed-section`.
    pub id: &'static str,
    /// How grave.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids, for example `T1027.002`.
    pub attack: &'static [&'static str],
    /// Capability groups: `network`, `injection`, `persistence`, ….
    pub tags: &'static [&'static str],
    /// For the documentation, one or two sentences: what it is, and when legitimate files have it.
    pub about: &'static str,
}

impl FindingKind {
    /// A kind that is only worth knowing.
    pub const fn info(
        id: &'static str,
        attack: &'static [&'static str],
        tags: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { id, severity: Severity::Info, attack, tags, about }
    }

    /// A kind that legitimate files rarely show.
    pub const fn suspicious(
        id: &'static str,
        attack: &'static [&'static str],
        tags: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { id, severity: Severity::Suspicious, attack, tags, about }
    }
}

/// A table of findings: constants, and `ALL` of them.
macro_rules! kinds {
    ($($name:ident = $id:literal, $severity:expr, $attack:expr, $tags:expr, $about:literal;)*) => {
        $(
            pub(super) const $name: $crate::FindingKind = $crate::FindingKind {
                id: $id,
                severity: $severity,
                attack: &$attack,
                tags: &$tags,
                about: $about,
            };
        )*
        /// All of them.
        pub(super) const ALL: &[$crate::FindingKind] = &[$($name),*];
    };
}
pub(crate) use kinds;
