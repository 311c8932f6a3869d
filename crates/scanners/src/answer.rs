//! What an outside scanner says, in our words.

use palisade_model::{Failure, Finding, Outcome, Problem, ProblemKind, Severity, Verdict};
use palisade_ports::engine::Opinion;
use serde::{Deserialize, Serialize};

use crate::text;

/// Name of a threat that the scanner did not name.
pub(crate) const UNNAMED: &str = "Unnamed";

/// What a class of detections counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Worth knowing; no threat.
    Info,
    /// Suspicious.
    Suspicious,
    /// Malicious.
    Malicious,
}

impl Treatment {
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Suspicious => Severity::Suspicious,
            Self::Malicious => Severity::Malicious,
        }
    }
}

/// What an answer comes to. In order of what counts when a scanner says several things at once: a
/// threat that was found stays found whatever else went wrong, and nothing is clean beside a failure.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Looked at, nothing found.
    Clean,
    /// It broke, or its answer cannot be read.
    #[default]
    Failed,
    /// Left out by the scanner: a bound, a format that it does not read.
    NotScanned,
    /// Not done in its own time.
    TimedOut,
    /// It could not be read without a password.
    Encrypted,
    /// Something that legitimate files rarely have.
    Suspicious,
    /// A threat.
    Infected,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) meaning: Meaning,
    /// The threat's name, for the two gravest meanings; as the scanner wrote it.
    pub(crate) threat: Option<String>,
    /// Why, for a failure; as the scanner wrote it.
    pub(crate) reason: String,
    /// Words about the threat.
    pub(crate) tags: Vec<String>,
    /// What it noticed, one by one; empty when the threat is all there is to say.
    pub(crate) findings: Vec<Finding>,
}

impl Answer {
    pub(crate) fn new(meaning: Meaning) -> Self {
        Self { meaning, ..Self::default() }
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self { meaning: Meaning::Failed, reason: reason.into(), ..Self::default() }
    }

    pub(crate) fn not_scanned(reason: impl Into<String>) -> Self {
        Self { meaning: Meaning::NotScanned, reason: reason.into(), ..Self::default() }
    }

    /// As an opinion of the engine `scanner`.
    pub(crate) fn opinion(self, scanner: &str) -> Opinion {
        let severity = match self.meaning {
            Meaning::Clean => return verdict(Verdict::NoThreat),
            Meaning::Failed => return self.failure(Failure::Failed, None),
            Meaning::TimedOut => {
                return self.failure(Failure::TimedOut, Some(ProblemKind::TimedOut));
            }
            Meaning::NotScanned => {
                return self.failure(Failure::NotScanned, None);
            }
            Meaning::Encrypted => {
                let document = self.tags.iter().any(|tag| tag == ENCRYPTED_DOCUMENT);
                let kind = if document {
                    ProblemKind::EncryptedDocument
                } else {
                    ProblemKind::EncryptedArchive
                };
                return self.failure(Failure::Encrypted, Some(kind));
            }
            Meaning::Suspicious => Severity::Suspicious,
            Meaning::Infected => Severity::Malicious,
        };
        let mut opinion = detection(scanner, severity, self.threat.as_deref(), self.tags);
        if !self.findings.is_empty() {
            opinion.findings = self.findings;
        }
        opinion
    }

    fn failure(self, failure: Failure, problem: Option<ProblemKind>) -> Opinion {
        let reason = text::line(&self.reason, text::LINE_BYTES);
        let reason = if reason.is_empty() { "it gave no reason".to_owned() } else { reason };
        let problems = problem
            .map(|kind| Problem { kind, name: String::new(), detail: reason.clone() })
            .into_iter()
            .collect();
        Opinion {
            outcome: Some(Outcome::Failure(failure)),
            reason: Some(reason),
            problems,
            ..Opinion::default()
        }
    }
}

/// Tag of an [`Answer`] about an encrypted document, as opposed to an archive.
pub(crate) const ENCRYPTED_DOCUMENT: &str = "encrypted-document";

pub(crate) fn verdict(verdict: Verdict) -> Opinion {
    Opinion { outcome: Some(Outcome::Verdict(verdict)), ..Opinion::default() }
}

/// A detection by `scanner`, which may have given the threat no name.
pub(crate) fn detection(
    scanner: &str,
    severity: Severity,
    threat: Option<&str>,
    tags: Vec<String>,
) -> Opinion {
    let threat = threat.and_then(text::threat).unwrap_or_else(|| UNNAMED.to_owned());
    let finding = Finding {
        id: "detection".to_owned(),
        severity,
        explanation: format!("{scanner} knows it as {threat}"),
        tags,
        ..Finding::default()
    };
    let verdict = severity.verdict();
    Opinion {
        outcome: Some(Outcome::Verdict(verdict)),
        threat: (verdict > Verdict::Unknown).then_some(threat),
        findings: vec![finding],
        ..Opinion::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_is_no_threat() {
        for (meaning, outcome) in [
            (Meaning::Clean, Outcome::Verdict(Verdict::NoThreat)),
            (Meaning::Failed, Outcome::Failure(Failure::Failed)),
            (Meaning::NotScanned, Outcome::Failure(Failure::NotScanned)),
            (Meaning::TimedOut, Outcome::Failure(Failure::TimedOut)),
            (Meaning::Encrypted, Outcome::Failure(Failure::Encrypted)),
            (Meaning::Suspicious, Outcome::Verdict(Verdict::Suspicious)),
            (Meaning::Infected, Outcome::Verdict(Verdict::Malicious)),
        ] {
            assert_eq!(Answer::new(meaning).opinion("x").outcome, Some(outcome), "{meaning:?}");
        }
        assert_eq!(Meaning::default(), Meaning::Failed);
        assert!(Meaning::Failed > Meaning::Clean);
    }

    #[test]
    fn a_threat_without_a_name_is_one_all_the_same() {
        let opinion = Answer { threat: Some("\n".to_owned()), ..Answer::new(Meaning::Infected) };
        let opinion = opinion.opinion("x");
        assert_eq!(opinion.threat.as_deref(), Some(UNNAMED));
        assert_eq!(opinion.findings.len(), 1);
    }
}
