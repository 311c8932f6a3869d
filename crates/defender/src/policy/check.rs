//! `palisade policy check`.

use std::fmt;

use serde::Serialize;

use super::Policy;
use super::effect::{Effect, Reason};
use super::enforce::Enforce;
use super::lease::Leases;
use super::problem::Problem;
use super::rule_set::RuleSet;

/// What a policy is, rule by rule, and what of it this machine cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The file's name.
    pub file: String,
    /// Its version.
    pub version: String,
    /// Its rules in their order, and the defaults.
    pub rules: Vec<Checked>,
    /// Warnings of reading it.
    pub warnings: Vec<Problem>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Its line; 0 for a default.
    pub line: u32,
    /// Whom it is for.
    pub matched: String,
    /// Of each section: the effect of what departs, and of what is denied.
    pub sections: Vec<(String, Effect, Effect)>,
    /// What is asked in user space before a program runs.
    pub asked: Vec<Reason>,
    /// What is not refused although it should be, or not wholly.
    pub gaps: Vec<Reason>,
    /// What the rungs in use cannot refuse.
    pub unenforced: Vec<String>,
}

impl Policy {
    /// What the policy is, and what of it cannot be enforced with `enforce`. Models are not known here:
    /// what they add is told by [`RuleSet::plan`].
    pub fn check(&self, enforce: &Enforce) -> Check {
        let rules = self.rules.iter().chain([&self.rest, &self.host]);
        Check {
            file: self.name.clone(),
            version: self.version.to_string(),
            rules: rules.map(|rule| checked(rule, enforce)).collect(),
            warnings: self.warnings.clone(),
        }
    }
}

fn checked(rule: &RuleSet, enforce: &Enforce) -> Checked {
    let planned = rule.plan(None, &Leases::default());
    let set = rule.0.as_ref();
    let section = |name: &str, effect, deny| (name.to_owned(), effect, deny);
    Checked {
        name: rule.name().to_owned(),
        line: rule.line(),
        matched: rule.matches(),
        sections: vec![
            section("process", set.process.effect, set.process.deny_effect),
            section("file", set.file.effect, set.file.deny_effect),
            section("network", set.network.effect, set.network.deny_effect),
            section("dns", set.dns.effect, set.dns.deny_effect),
        ],
        unenforced: rule.unenforced(&planned, enforce),
        asked: planned.asked,
        gaps: planned.gaps,
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: policy {}", self.file, self.version)?;
        for (number, rule) in self.rules.iter().enumerate() {
            write!(formatter, "{}. {}", number + 1, rule.name)?;
            if rule.line > 0 {
                write!(formatter, " (line {})", rule.line)?;
            }
            write!(formatter, ": for {}\n  ", rule.matched)?;
            for (name, effect, deny) in &rule.sections {
                write!(formatter, " {name} {effect}")?;
                if deny != effect {
                    write!(formatter, " (denied: {deny})")?;
                }
            }
            writeln!(formatter)?;
            for reason in &rule.asked {
                let (section, clause) = (reason.section, reason.clause.as_str());
                write!(formatter, "   asked in user space: {section}.{clause}")?;
                match &reason.entry {
                    Some(entry) => writeln!(formatter, " `{}` (line {})", entry.text, entry.line)?,
                    None => writeln!(formatter, ": {}", reason.text)?,
                }
            }
            for gap in &rule.gaps {
                write!(formatter, "   not wholly: {}.{}", gap.section, gap.clause.as_str())?;
                if let Some(entry) = &gap.entry {
                    write!(formatter, " `{}` (line {})", entry.text, entry.line)?;
                }
                writeln!(formatter, ": {}", gap.text)?;
            }
            for missing in &rule.unenforced {
                writeln!(formatter, "   here: {missing}")?;
            }
        }
        for warning in &self.warnings {
            writeln!(formatter, "{warning}")?;
        }
        Ok(())
    }
}
