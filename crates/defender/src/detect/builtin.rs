//! The rules that come with the agent.

use palisade_rules::Source;

/// File names and texts, one file for each of ATT&CK's tactics; the first has what all of them use.
const FILES: &[(&str, &str)] = &[("builtin/common.yaml", include_str!("../../rules/common.yaml"))];

/// The built-in rules, to be loaded before an operator's own, which can change them (`override`).
pub fn builtin_sources() -> Vec<Source> {
    FILES.iter().map(|(name, text)| Source::new(*name, *text)).collect()
}
