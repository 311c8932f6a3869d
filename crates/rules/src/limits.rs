//! Bounds on what a rule file may ask for.

/// Bounds on loading. Going over one is a problem with a position, never a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one source.
    pub source_bytes: usize,
    /// YAML nodes of one source, those behind aliases counted each time they are used.
    pub nodes: usize,
    /// Nesting of YAML sequences and mappings.
    pub nesting: usize,
    /// Rules, macros and lists in all sources together.
    pub items: usize,
    /// Bytes of one condition or output, appended parts included.
    pub text_bytes: usize,
    /// Nesting of one condition as it is written.
    pub depth: usize,
    /// Parts of one condition after its macros and lists are put in.
    pub expanded: usize,
    /// Parts of all conditions together after macros and lists are put in; as many values of all lists.
    pub expanded_together: usize,
    /// Bytes that one compiled regular expression may take.
    pub regex_bytes: usize,
    /// Problems that are kept; the rest is only counted.
    pub problems: usize,
}

impl Default for Limits {
    /// Some ten times what the largest public rule sets need.
    fn default() -> Self {
        Limits {
            source_bytes: 4 << 20,
            nodes: 500_000,
            nesting: 32,
            items: 20_000,
            text_bytes: 256 << 10,
            depth: 200,
            expanded: 100_000,
            expanded_together: 2_000_000,
            regex_bytes: 1 << 20,
            problems: 1_000,
        }
    }
}
