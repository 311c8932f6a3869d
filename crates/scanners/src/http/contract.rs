//! The answers of the contract in `docs/http-scanner.md`. They are hostile input: what is not as
//! agreed is a failure, and everything is bounded.

use palisade_model::{Definitions, Finding, Outcome, Severity, UnixMillis, Verdict};
use palisade_ports::engine::Opinion;
use serde::Deserialize;

use crate::answer::{Answer, Meaning, UNNAMED};
use crate::{text, time};

/// Findings of one answer; those beyond are counted in a finding of their own.
const MAX_FINDINGS: usize = 256;

/// Tags, and ATT&CK techniques, of one finding.
const MAX_TAGS: usize = 32;

/// Bytes of an identifier.
const ID_BYTES: usize = 128;

/// Definitions as the contract has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct DefinitionsForm {
    #[serde(default)]
    version: String,
    /// RFC 3339.
    #[serde(default)]
    time: Option<String>,
}

/// What the scanner states of its bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct LimitsForm {
    /// The largest body, in bytes.
    #[serde(default)]
    pub(super) max_bytes: Option<u64>,
}

/// The answer to `GET /info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    definitions: DefinitionsForm,
    #[serde(default)]
    pub(super) limits: LimitsForm,
}

#[derive(Debug, Deserialize)]
struct FindingForm {
    #[serde(default)]
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    explanation: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    attack: Vec<String>,
}

/// The answer to `POST /scan`.
#[derive(Debug, Deserialize)]
pub(super) struct ScanForm {
    verdict: String,
    #[serde(default)]
    threat: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    findings: Vec<FindingForm>,
    #[serde(default)]
    definitions: Option<DefinitionsForm>,
}

/// The answer to anything that is not 200.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorForm {
    #[serde(default)]
    reason: String,
}

/// The reason in the body of an error; empty when there is none.
pub(super) fn reason(body: &[u8]) -> String {
    let form: ErrorForm = serde_json::from_slice(body).unwrap_or_default();
    text::line(&form.reason, text::LINE_BYTES)
}

impl Info {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("/info cannot be read: {error}"))
    }

    /// Scanner and definitions: both change the answer.
    pub(super) fn definitions(&self) -> Definitions {
        self.with(&self.definitions)
    }

    fn with(&self, form: &DefinitionsForm) -> Definitions {
        let parts = [&self.name, &self.version, &form.version].map(|p| text::line(p, ID_BYTES));
        let time = form.time.as_deref().and_then(time::rfc3339);
        Definitions { version: parts.join("/"), time: time.unwrap_or(UnixMillis(0)) }
    }
}

impl ScanForm {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"))
    }

    /// The definitions that it was made with, when it says so.
    pub(super) fn definitions(&self, info: &Info) -> Option<Definitions> {
        self.definitions.as_ref().map(|form| info.with(form))
    }

    /// As the opinion of the engine `scanner`.
    pub(super) fn opinion(self, scanner: &str) -> Opinion {
        let failure = match self.verdict.as_str() {
            "no-threat" => return self.judged(Verdict::NoThreat),
            "unknown" => return self.judged(Verdict::Unknown),
            "suspicious" => return self.judged(Verdict::Suspicious),
            "malicious" => return self.judged(Verdict::Malicious),
            "encrypted" => Meaning::Encrypted,
            "not-scanned" => Meaning::NotScanned,
            "timed-out" => Meaning::TimedOut,
            "failed" => Meaning::Failed,
            other => {
                let other = text::line(other, 40);
                return Answer::failed(format!("no verdict of the contract: `{other}`"))
                    .opinion(scanner);
            }
        };
        let reason = self.reason.unwrap_or_default();
        let mut opinion = Answer { meaning: failure, reason, ..Answer::default() }.opinion(scanner);
        opinion.findings = findings(self.findings);
        opinion
    }

    fn judged(self, said: Verdict) -> Opinion {
        let mut findings = findings(self.findings);
        // The findings and the verdict are both theirs: the graver counts.
        let gravest = findings.iter().map(|finding| finding.severity.verdict()).max();
        let verdict = said.max(gravest.unwrap_or_default());
        let mut threat = None;
        if verdict > Verdict::Unknown {
            let name = self.threat.as_deref().and_then(text::threat);
            let name = name.or_else(|| findings.first().map(|finding| finding.id.clone()));
            threat = Some(name.unwrap_or_else(|| UNNAMED.to_owned()));
            if findings.is_empty() {
                let malicious = verdict == Verdict::Malicious;
                findings.push(Finding {
                    id: "detection".to_owned(),
                    severity: if malicious { Severity::Malicious } else { Severity::Suspicious },
                    explanation: format!("it is known as {}", threat.as_deref().unwrap_or(UNNAMED)),
                    ..Finding::default()
                });
            }
        }
        Opinion { outcome: Some(Outcome::Verdict(verdict)), threat, findings, ..Opinion::default() }
    }
}

fn findings(forms: Vec<FindingForm>) -> Vec<Finding> {
    let more = forms.len().saturating_sub(MAX_FINDINGS);
    // What is left out must not make the answer lighter than it is.
    let rest = forms.iter().skip(MAX_FINDINGS).map(|form| severity(&form.severity)).max();
    let mut findings: Vec<Finding> = forms.into_iter().take(MAX_FINDINGS).map(finding).collect();
    if more > 0 {
        findings.push(Finding {
            id: "more-findings".to_owned(),
            severity: rest.unwrap_or_default(),
            explanation: format!("{more} more findings are left out"),
            ..Finding::default()
        });
    }
    findings
}

fn severity(word: &str) -> Severity {
    match word {
        "malicious" => Severity::Malicious,
        "suspicious" => Severity::Suspicious,
        _ => Severity::Info,
    }
}

fn finding(form: FindingForm) -> Finding {
    let words = |list: Vec<String>| -> Vec<String> {
        let words = list.iter().take(MAX_TAGS).map(|word| text::line(word, ID_BYTES));
        words.filter(|word| !word.is_empty()).collect()
    };
    let id = text::line(&form.id, ID_BYTES);
    Finding {
        id: if id.is_empty() { "finding".to_owned() } else { id },
        severity: severity(&form.severity),
        explanation: text::line(&form.explanation, text::LINE_BYTES),
        tags: words(form.tags),
        attack: words(form.attack),
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    use palisade_model::Failure;

    use super::*;

    fn of(json: &str) -> Opinion {
        ScanForm::read(json.as_bytes()).unwrap().opinion("x")
    }

    #[test]
    fn verdicts() {
        let verdict = |word: &str| of(&format!(r#"{{"verdict":"{word}","later":1}}"#)).outcome;
        assert_eq!(verdict("no-threat"), Some(Outcome::Verdict(Verdict::NoThreat)));
        assert_eq!(verdict("unknown"), Some(Outcome::Verdict(Verdict::Unknown)));
        assert_eq!(verdict("suspicious"), Some(Outcome::Verdict(Verdict::Suspicious)));
        assert_eq!(verdict("malicious"), Some(Outcome::Verdict(Verdict::Malicious)));
        assert_eq!(verdict("encrypted"), Some(Outcome::Failure(Failure::Encrypted)));
        assert_eq!(verdict("not-scanned"), Some(Outcome::Failure(Failure::NotScanned)));
        for odd in ["clean", "", "NO-THREAT", "failed"] {
            assert_eq!(verdict(odd), Some(Outcome::Failure(Failure::Failed)), "{odd}");
        }
        assert!(ScanForm::read(b"{}").is_err());
        assert!(ScanForm::read(b"[]").is_err());
        assert!(ScanForm::read(br#"{"verdict":1}"#).is_err());
    }

    #[test]
    fn the_graver_of_verdict_and_findings_counts() {
        let opinion =
            of(r#"{"verdict":"no-threat","findings":[{"id":"a","severity":"malicious"}]}"#);
        assert_eq!(opinion.outcome, Some(Outcome::Verdict(Verdict::Malicious)));
        assert_eq!(opinion.threat.as_deref(), Some("a"));
        let opinion = of(r#"{"verdict":"malicious","threat":"Bad\nThing"}"#);
        assert_eq!(opinion.threat.as_deref(), Some("Bad Thing"));
        assert_eq!(opinion.findings[0].severity, Severity::Malicious);
    }

    #[test]
    fn many_findings_are_bounded_and_lose_no_gravity() {
        let mut list = vec![r#"{"id":"i","severity":"info"}"#; 1_000];
        list.push(r#"{"id":"m","severity":"malicious"}"#);
        let opinion = of(&format!(r#"{{"verdict":"no-threat","findings":[{}]}}"#, list.join(",")));
        assert_eq!(opinion.findings.len(), MAX_FINDINGS + 1);
        assert_eq!(opinion.outcome, Some(Outcome::Verdict(Verdict::Malicious)));
    }

    #[test]
    fn definitions_name_scanner_and_signatures() {
        let info = br#"{"name":"ex","version":"1.0","definitions":{"version":"7","time":"2024-11-10T12:00:00Z"},"limits":{"max_bytes":5}}"#;
        let info = Info::read(info).unwrap();
        assert_eq!(info.definitions().version, "ex/1.0/7");
        assert_eq!(info.definitions().time, UnixMillis(1_731_240_000_000));
        assert_eq!(info.limits.max_bytes, Some(5));
        let form = ScanForm::read(br#"{"verdict":"no-threat","definitions":{"version":"8"}}"#);
        assert_eq!(form.unwrap().definitions(&info).unwrap().version, "ex/1.0/8");
    }
}
