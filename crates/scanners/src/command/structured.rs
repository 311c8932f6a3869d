//! Output that is one JSON value.

use palisade_model::{Finding, Severity};
use serde::Deserialize;
use serde_json::Value;

use super::reading::{JsonForm, MAX_FINDINGS};
use crate::answer::{Answer, Meaning};
use crate::text;

/// Reads a verdict and a name by their JSON pointers (RFC 6901).
pub(super) fn json(output: &[u8], form: &JsonForm) -> Answer {
    let value: Value = match serde_json::from_slice(output) {
        Ok(value) => value,
        Err(error) => return Answer::failed(format!("its output is no JSON: {error}")),
    };
    let verdict = match value.pointer(&form.verdict) {
        Some(Value::String(text)) => text.clone(),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => other.to_string(),
        _ => return Answer::failed(format!("its output has no verdict at `{}`", form.verdict)),
    };
    let Some(&meaning) = form.verdicts.get(&verdict) else {
        let verdict = text::line(&verdict, 40);
        return Answer::failed(format!("nothing is said of its verdict `{verdict}`"));
    };
    let threat = form.threat.as_ref().and_then(|pointer| value.pointer(pointer));
    Answer {
        meaning,
        threat: threat.and_then(Value::as_str).map(str::to_owned),
        reason: format!("its verdict is {}", text::line(&verdict, 40)),
        ..Answer::default()
    }
}

/// What is read of SARIF 2.1.0 (OASIS standard, sections 3.13, 3.14 and 3.27).
#[derive(Deserialize)]
struct Log {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    results: Option<Vec<SarifResult>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: Option<String>,
    level: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    message: Message,
}

#[derive(Default, Deserialize)]
struct Message {
    text: Option<String>,
}

impl SarifResult {
    /// Section 3.27.10: the level is `none` unless the kind is `fail`, and `warning` by default. The
    /// default of the kind is `fail` (3.27.9).
    fn severity(&self) -> Severity {
        if self.kind.as_deref().is_some_and(|kind| kind != "fail") {
            return Severity::Info;
        }
        match self.level.as_deref() {
            Some("error") => Severity::Malicious,
            None | Some("warning") => Severity::Suspicious,
            Some(_) => Severity::Info,
        }
    }
}

/// Reads results as findings: errors are threats, warnings are suspicious.
pub(super) fn sarif(output: &[u8], scanner: &str) -> Answer {
    let log: Log = match serde_json::from_slice(output) {
        Ok(log) => log,
        Err(error) => return Answer::failed(format!("its output is no SARIF: {error}")),
    };
    if log.runs.is_empty() {
        return Answer::failed("its SARIF has no run");
    }
    // `null` results mean that it could not look (section 3.14.23).
    if log.runs.iter().any(|run| run.results.is_none()) {
        return Answer::failed("a run of its SARIF has no results");
    }
    let results: Vec<_> = log.runs.into_iter().filter_map(|run| run.results).flatten().collect();
    let gravest = results.iter().max_by_key(|result| result.severity());
    let (meaning, threat) = match gravest {
        None => (Meaning::Clean, None),
        Some(result) => match result.severity() {
            Severity::Malicious => (Meaning::Infected, result.rule_id.clone()),
            Severity::Suspicious => (Meaning::Suspicious, result.rule_id.clone()),
            Severity::Info => (Meaning::Clean, None),
        },
    };
    let findings = results.iter().take(MAX_FINDINGS).map(|result| {
        let id = text::line(result.rule_id.as_deref().unwrap_or_default(), 128);
        let said = text::line(result.message.text.as_deref().unwrap_or_default(), text::LINE_BYTES);
        Finding {
            explanation: if said.is_empty() { format!("{scanner} says {id}") } else { said },
            id: if id.is_empty() { "detection".to_owned() } else { id },
            severity: result.severity(),
            ..Finding::default()
        }
    });
    Answer { meaning, threat, findings: findings.collect(), ..Answer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_by_pointers() {
        let form: JsonForm = toml::from_str(
            "verdict = \"/result/bad\"\nverdicts = { true = \"infected\", false = \"clean\" }\nthreat = \"/names/0\"",
        )
        .unwrap();
        let said = |text: &str| json(text.as_bytes(), &form);
        let bad = said(r#"{"result":{"bad":true},"names":["Bad.Thing"]}"#);
        assert_eq!((bad.meaning, bad.threat.as_deref()), (Meaning::Infected, Some("Bad.Thing")));
        assert_eq!(said(r#"{"result":{"bad":false}}"#).meaning, Meaning::Clean);
        for odd in ["", "{}", r#"{"result":{"bad":"yes"}}"#, r#"{"result":{"bad":[]}}"#, "[1]"] {
            assert_eq!(said(odd).meaning, Meaning::Failed, "{odd}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(said(&deep).meaning, Meaning::Failed);
    }

    #[test]
    fn sarif_levels() {
        let said = |results: &str| {
            let text =
                format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{}},"results":{results}}}]}}"#);
            sarif(text.as_bytes(), "x")
        };
        assert_eq!(said("[]").meaning, Meaning::Clean);
        assert_eq!(said("null").meaning, Meaning::Failed);
        let bad = said(
            r#"[{"ruleId":"a","level":"note"},{"ruleId":"b","level":"error","message":{"text":"m"}}]"#,
        );
        assert_eq!((bad.meaning, bad.threat.as_deref()), (Meaning::Infected, Some("b")));
        assert_eq!(bad.findings.len(), 2);
        assert_eq!(said(r#"[{"ruleId":"a"}]"#).meaning, Meaning::Suspicious);
        assert_eq!(
            said(r#"[{"ruleId":"a","kind":"pass","level":"error"}]"#).meaning,
            Meaning::Clean
        );
        assert_eq!(sarif(b"{}", "x").meaning, Meaning::Failed);
        assert_eq!(sarif(br#"{"runs":[]}"#, "x").meaning, Meaning::Failed);
    }
}
