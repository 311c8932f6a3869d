//! `yara`: YARA-X over our own starter rules and the operator's.
//!
//! Rules are compiled outside the jail, in a process of their own ([`compile`]), into a blob with
//! native code; the template only reads it.

mod compile;
mod matches;
mod sources;

use palisade_jail::Loaded;
use palisade_model::{Definitions, Failure, Finding, Outcome, Severity, UnixMillis};
use palisade_ports::Analyzer;
use palisade_ports::engine::{Opinion, Scan, ScanContext};
use serde::{Deserialize, Serialize};

pub use compile::{Compiled, Compiler, RuleProblem, compile_main};
pub use sources::{RuleFile, built_in_rules, read_rules};

/// Its name.
pub const NAME: &str = "yara";

/// For people.
pub const DESCRIPTION: &str = "YARA-X rules: our own and the operator's";

/// What the jailed side is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The definitions' version.
    pub version: String,
    /// When they were made.
    pub time: UnixMillis,
    /// What a rule without `meta.severity` means.
    pub default_severity: Severity,
}

struct YaraEngine {
    rules: yara_x::Rules,
    settings: Settings,
}

/// Loads compiled rules.
///
/// # Errors
/// Settings or a blob that this version cannot read.
pub fn load(
    settings: &serde_json::Value,
    definitions: &[&[u8]],
) -> Result<Box<dyn Loaded>, String> {
    let settings =
        Settings::deserialize(settings).map_err(|error| format!("yara settings: {error}"))?;
    let blob = definitions.first().ok_or("the yara engine needs compiled rules")?;
    let rules = yara_x::Rules::deserialize(blob).map_err(|error| error.to_string())?;
    Ok(Box::new(YaraEngine { rules, settings }))
}

impl Loaded for YaraEngine {
    fn definitions(&self) -> Definitions {
        Definitions { version: self.settings.version.clone(), time: self.settings.time }
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        let mut scanner = yara_x::Scanner::new(&self.rules);
        scanner.max_matches_per_pattern(matches::MAX_MATCHES_PER_PATTERN);
        Box::new(YaraAnalyzer { scanner, default: self.settings.default_severity })
    }
}

struct YaraAnalyzer<'r> {
    scanner: yara_x::Scanner<'r>,
    default: Severity,
}

impl Analyzer for YaraAnalyzer<'_> {
    fn analyze(&mut self, bytes: &[u8], _: &ScanContext, _: &mut dyn Scan) -> Opinion {
        let findings: Vec<Finding> = match self.scanner.scan(bytes) {
            Ok(results) => results
                .matching_rules()
                .take(matches::MAX_RULES)
                .map(|rule| matches::finding(&rule, self.default))
                .collect(),
            Err(error) => {
                return Opinion {
                    outcome: Some(Outcome::Failure(Failure::Failed)),
                    reason: Some(error.to_string()),
                    ..Opinion::default()
                };
            }
        };
        let gravest = findings.iter().max_by_key(|finding| finding.severity);
        let threat = gravest
            .filter(|finding| finding.severity >= Severity::Suspicious)
            .map(|finding| format!("YARA.{}", finding.id));
        Opinion { threat, findings, ..Opinion::default() }
    }
}
