/// Bounds of a policy file. Beyond one, the file is refused with a problem that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Rules.
    pub max_rules: usize,
    /// Entries of one list.
    pub max_entries: usize,
    /// Patterns with wildcards in all of the file: each is compiled.
    pub max_patterns: usize,
    /// Bytes of one pattern or name.
    pub max_text: usize,
    /// Problems that are kept; the rest is counted.
    pub max_problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_rules: 1_024,
            max_entries: 4_096,
            max_patterns: 16_384,
            max_text: 1_024,
            max_problems: 100,
        }
    }
}
