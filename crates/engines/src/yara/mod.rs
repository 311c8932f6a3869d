//! `yara`: YARA-X over our own starter rules and the operator's.
//!
//! Rules are compiled outside the jail, in a process of their own ([`compile`]), into a blob with
//! native code; the template only reads it.

mod blob;
mod compile;
mod matches;
mod sources;

use std::time::Duration;

use palisade_jail::Loaded;
use palisade_model::{
    Definitions, Failure, Finding, Outcome, Problem, ProblemKind, Severity, UnixMillis,
};
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
    /// Milliseconds for the rules of one file over one artifact, once all rules together have taken
    /// a third of the scan's time. At least 1,000.
    pub rule_timeout_ms: u64,
}

struct YaraEngine {
    rules: yara_x::Rules,
    /// The same rules in parts, with the names of their files: for when the whole takes too long.
    parts: Vec<(String, yara_x::Rules)>,
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
    let sets = blob::split(blob).ok_or("the compiled rules are damaged")?;
    let mut loaded = Vec::with_capacity(sets.len());
    for (name, bytes) in sets {
        let rules = yara_x::Rules::deserialize(bytes).map_err(|error| error.to_string())?;
        loaded.push((name, rules));
    }
    if loaded.is_empty() {
        return Err("the compiled rules are damaged".to_owned());
    }
    let (_, rules) = loaded.remove(0);
    Ok(Box::new(YaraEngine { rules, parts: loaded, settings }))
}

impl Loaded for YaraEngine {
    fn definitions(&self) -> Definitions {
        Definitions { version: self.settings.version.clone(), time: self.settings.time }
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        let mut scanner = yara_x::Scanner::new(&self.rules);
        scanner.max_matches_per_pattern(matches::MAX_MATCHES_PER_PATTERN);
        // The first scan with a time limit starts the rule engine's heart, a thread: now, because
        // later no thread can be started.
        scanner.set_timeout(Duration::from_secs(3600));
        let _ = scanner.scan(b"");
        Box::new(YaraAnalyzer { scanner, engine: self })
    }
}

struct YaraAnalyzer<'r> {
    scanner: yara_x::Scanner<'r>,
    engine: &'r YaraEngine,
}

impl Analyzer for YaraAnalyzer<'_> {
    fn analyze(&mut self, bytes: &[u8], _: &ScanContext, scan: &mut dyn Scan) -> Opinion {
        let limit = Duration::from_millis(scan.remaining_ms() / 3);
        let default = self.engine.settings.default_severity;
        match findings(&mut self.scanner, bytes, limit, default) {
            Ok(findings) => opinion(findings, Vec::new()),
            Err(yara_x::errors::ScanError::Timeout) if self.engine.parts.len() > 1 => {
                self.in_parts(bytes, scan)
            }
            Err(yara_x::errors::ScanError::Timeout) => Opinion {
                outcome: Some(Outcome::Failure(Failure::TimedOut)),
                reason: Some("the rules took too long over this file".to_owned()),
                ..Opinion::default()
            },
            Err(error) => Opinion {
                outcome: Some(Outcome::Failure(Failure::Failed)),
                reason: Some(error.to_string()),
                ..Opinion::default()
            },
        }
    }
}

impl YaraAnalyzer<'_> {
    /// File by file of the rules: the slow ones are left out for this artifact and named, and the
    /// others have their say.
    fn in_parts(&self, bytes: &[u8], scan: &mut dyn Scan) -> Opinion {
        let default = self.engine.settings.default_severity;
        let mut all = Vec::new();
        let mut problems = Vec::new();
        let mut left = self.engine.parts.len();
        for (name, rules) in &self.engine.parts {
            let limit = scan.remaining_ms() / u64::try_from(left).unwrap_or(u64::MAX);
            // Below a second the rule engine's clock does not tick.
            let limit = Duration::from_millis(limit.min(self.engine.settings.rule_timeout_ms));
            left -= 1;
            let mut scanner = yara_x::Scanner::new(rules);
            scanner.max_matches_per_pattern(matches::MAX_MATCHES_PER_PATTERN);
            let found = if scan.should_stop() {
                Err(yara_x::errors::ScanError::Timeout)
            } else {
                findings(&mut scanner, bytes, limit, default)
            };
            match found {
                Ok(found) => all.extend(found),
                Err(error) => problems.push(Problem {
                    kind: ProblemKind::TimedOut,
                    name: String::new(),
                    detail: format!("rules of {name} were left out for this file: {error}"),
                }),
            }
        }
        opinion(all, problems)
    }
}

fn findings(
    scanner: &mut yara_x::Scanner<'_>,
    bytes: &[u8],
    limit: Duration,
    default: Severity,
) -> Result<Vec<Finding>, yara_x::errors::ScanError> {
    scanner.set_timeout(limit.max(Duration::from_secs(1)));
    let results = scanner.scan(bytes)?;
    let rules = results.matching_rules().take(matches::MAX_RULES);
    Ok(rules.map(|rule| matches::finding(&rule, default)).collect())
}

fn opinion(findings: Vec<Finding>, problems: Vec<Problem>) -> Opinion {
    let gravest = findings.iter().max_by_key(|finding| finding.severity);
    let threat = gravest
        .filter(|finding| finding.severity >= Severity::Suspicious)
        .map(|finding| format!("YARA.{}", finding.id));
    let outcome = (!problems.is_empty()).then_some(Outcome::Failure(Failure::TimedOut));
    let reason = problems.first().map(|problem| problem.detail.clone());
    Opinion { outcome, reason, threat, findings, problems, ..Opinion::default() }
}
