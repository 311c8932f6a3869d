//! The rules that come with the agent.

use palisade_rules::Source;

/// File names and texts, one file for each of ATT&CK's tactics; the first has what all of them use.
const FILES: &[(&str, &str)] = &[
    ("builtin/common.yaml", include_str!("../../rules/common.yaml")),
    ("builtin/execution.yaml", include_str!("../../rules/execution.yaml")),
    ("builtin/persistence.yaml", include_str!("../../rules/persistence.yaml")),
    ("builtin/privilege_escalation.yaml", include_str!("../../rules/privilege_escalation.yaml")),
    ("builtin/defense_evasion.yaml", include_str!("../../rules/defense_evasion.yaml")),
    ("builtin/credential_access.yaml", include_str!("../../rules/credential_access.yaml")),
    ("builtin/discovery.yaml", include_str!("../../rules/discovery.yaml")),
    ("builtin/lateral_movement.yaml", include_str!("../../rules/lateral_movement.yaml")),
    ("builtin/command_and_control.yaml", include_str!("../../rules/command_and_control.yaml")),
    ("builtin/impact.yaml", include_str!("../../rules/impact.yaml")),
];

/// The built-in rules, to be loaded before an operator's own, which can change them (`override`).
pub fn builtin_sources() -> Vec<Source> {
    FILES.iter().map(|(name, text)| Source::new(*name, *text)).collect()
}
