//! `[[rule.detect]]`: what becomes of what the detection rules find.

use palisade_model::event::{Cause, IncidentSeverity, Technique};

use crate::Finding;

use super::effect::{Clause, Effect, Entry, Reason, Section};
use super::pattern::{Form, Name};
use super::reader::{Reader, Value};

const SEVERITIES: [(&str, IncidentSeverity); 5] = [
    ("informational", IncidentSeverity::Informational),
    ("low", IncidentSeverity::Low),
    ("medium", IncidentSeverity::Medium),
    ("high", IncidentSeverity::High),
    ("critical", IncidentSeverity::Critical),
];

/// One entry; every key that is given must fit, and the first entry that fits holds.
#[derive(Debug, Clone)]
pub(crate) struct Detection {
    rule: Option<Name>,
    technique: Option<Technique>,
    /// At least this.
    severity: Option<IncidentSeverity>,
    pub(crate) effect: Effect,
    raise_as: Option<IncidentSeverity>,
    reason: String,
    entry: Entry,
}

impl Detection {
    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Option<Self> {
        let table = reader.table(value)?;
        let keys = ["rule", "technique", "severity", "effect", "raise_as", "reason"];
        reader.keys(table, &keys);
        let mut shown = Vec::new();
        let mut rule = None;
        if let Some(value) = table.get("rule") {
            let text = reader.text(value)?;
            rule = Some(Name::read(&text, Form::Name, reader)?);
            shown.push(text.text);
        }
        let mut technique = None;
        if let Some(value) = table.get("technique") {
            let text = reader.text(value)?;
            technique = text.text.parse().ok();
            if technique.is_none() {
                let message = "a technique of ATT&CK is written `T1059` or `T1059.004`";
                reader.notes.error(value.span(), message);
                return None;
            }
            shown.push(text.text);
        }
        let mut severity = None;
        if let Some(value) = table.get("severity") {
            severity = Some(reader.word(value, "severity", &SEVERITIES)?);
            shown.push(format!("{} or graver", value.get_ref().as_str().unwrap_or_default()));
        }
        if shown.is_empty() {
            let message = "an entry needs `rule`, `technique` or `severity`; for every detection, \
                           set `detections` at the top";
            reader.notes.error(value.span(), message);
        }
        let raise_as = match table.get("raise_as") {
            Some(value) => Some(reader.word(value, "severity", &SEVERITIES)?),
            None => None,
        };
        let effect = reader.effect(table, "effect").unwrap_or_default();
        let reason = match table.get("reason") {
            Some(value) => reader.text(value)?.text,
            None => String::new(),
        };
        if effect == Effect::Disable && reason.is_empty() {
            let message = "what is disabled needs a `reason`: somebody will ask";
            reader.notes.error(value.span(), message);
        }
        let entry = Entry { text: shown.join(", "), line: reader.notes.line(value.span().start) };
        Some(Self { rule, technique, severity, effect, raise_as, reason, entry })
    }

    fn fits(&self, finding: &Finding) -> bool {
        let Cause::Rule { name } = &finding.cause else { return false };
        let technique = self.technique.as_ref().is_none_or(|wanted| {
            finding.techniques.iter().any(|technique| {
                let rest = technique.as_str().strip_prefix(wanted.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        });
        technique
            && self.rule.as_ref().is_none_or(|pattern| pattern.matches(name))
            && self.severity.is_none_or(|least| finding.severity >= least)
    }
}

/// What becomes of a rule's finding: its severity is set, and what is to happen is given.
pub(crate) fn judge(list: &[Detection], all: Effect, finding: &mut Finding) -> Reason {
    let title = finding.title.clone();
    let Some(found) = list.iter().find(|detection| detection.fits(finding)) else {
        return Reason::new(Section::Detect, Clause::Detection, None, all, title);
    };
    if let Some(severity) = found.raise_as {
        finding.severity = severity;
    }
    let text = if found.reason.is_empty() { title } else { format!("{title} ({})", found.reason) };
    Reason::new(Section::Detect, Clause::Detection, Some(&found.entry), found.effect, text)
}
