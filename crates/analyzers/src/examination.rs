//! What an analyser is given, and where it notes what it sees. All bounds of its answer are here.

use std::io;

use palisade_model::{
    Evidence, Failure, Finding, Observable, ObservableKind, Outcome, Problem, ProblemKind,
    Property, Severity,
};
use palisade_ports::engine::{ChildHead, Opinion, Scan, ScanContext};

use crate::{AnalyzerSettings, FindingKind, StaticAnalyzer};

/// Findings of one artifact; more of one kind become further evidence.
pub const MAX_FINDINGS: usize = 100;
/// Places shown for one finding.
pub const MAX_EVIDENCE: usize = 8;
/// Observables of one artifact; the rest are counted in a property.
pub const MAX_OBSERVABLES: usize = 200;
/// Bytes of an observable's value; longer ones are cut at a character.
pub const MAX_OBSERVABLE_BYTES: usize = 2_048;
/// Properties of one artifact.
pub const MAX_PROPERTIES: usize = 64;
/// Bytes of a property's value or of an explanation.
pub const MAX_TEXT_BYTES: usize = 1_024;
/// Problems of one artifact.
pub const MAX_PROBLEMS: usize = 50;
/// Bytes shown of a place.
const EXCERPT_BYTES: usize = 64;

/// An artifact under examination, and what was noted of it.
pub struct Examination<'a> {
    analyzer: &'a StaticAnalyzer,
    bytes: &'a [u8],
    type_id: &'a str,
    context: &'a ScanContext,
    settings: &'a AnalyzerSettings,
    scan: &'a mut dyn Scan,
    opinion: Opinion,
    observables_left_out: u64,
    stopped: bool,
    children_refused: bool,
}

impl<'a> Examination<'a> {
    /// Of an artifact of this type.
    pub fn new(
        analyzer: &'a StaticAnalyzer,
        bytes: &'a [u8],
        type_id: &'a str,
        context: &'a ScanContext,
        scan: &'a mut dyn Scan,
    ) -> Self {
        Self {
            analyzer,
            bytes,
            type_id,
            context,
            settings: &crate::settings::DEFAULT,
            scan,
            opinion: Opinion::default(),
            observables_left_out: 0,
            stopped: false,
            children_refused: false,
        }
    }

    /// With the operator's settings in place of the default ones.
    pub fn with(mut self, settings: &'a AnalyzerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// What the operator chose.
    pub fn settings(&self) -> &'a AnalyzerSettings {
        self.settings
    }

    /// The artifact.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it is: an id of `palisade_formats::filetype`.
    pub fn type_id(&self) -> &'a str {
        self.type_id
    }

    /// The name that the caller or the container gives it; hostile text.
    pub fn name(&self) -> &'a str {
        &self.context.name
    }

    /// Passwords to try on what is encrypted.
    pub fn passwords(&self) -> &'a [String] {
        &self.context.passwords
    }

    /// Whether the time is nearly over. Ask in every loop that grows with the artifact, and leave it:
    /// the opinion then says that not everything was looked at.
    pub fn should_stop(&mut self) -> bool {
        self.stopped = self.stopped || self.scan.should_stop();
        self.stopped
    }

    /// Notes a finding. A second one of the same kind adds its evidence to the first.
    pub fn find(&mut self, kind: &FindingKind, explanation: impl Into<String>) -> Noted<'_> {
        debug_assert!(
            self.analyzer.kinds.iter().any(|listed| listed.id == kind.id),
            "{} is not in the analyser's list",
            kind.id
        );
        let findings = &mut self.opinion.findings;
        let place = findings.iter().position(|finding| finding.id == kind.id);
        let place = match place {
            Some(place) => Some(place),
            None if findings.len() < MAX_FINDINGS => {
                findings.push(Finding {
                    id: kind.id.to_owned(),
                    severity: kind.severity,
                    explanation: cut(explanation.into(), MAX_TEXT_BYTES),
                    tags: kind.tags.iter().map(|&tag| tag.to_owned()).collect(),
                    attack: kind.attack.iter().map(|&id| id.to_owned()).collect(),
                    evidence: Vec::new(),
                });
                Some(findings.len() - 1)
            }
            None => None,
        };
        Noted { bytes: self.bytes, finding: place.and_then(|place| findings.get_mut(place)) }
    }

    /// Whether a finding of this kind was noted.
    pub fn has(&self, kind: &FindingKind) -> bool {
        self.opinion.findings.iter().any(|finding| finding.id == kind.id)
    }

    /// Notes something that can be looked up elsewhere. Repeats are dropped.
    pub fn observe(&mut self, kind: ObservableKind, value: &str, context: &str) {
        let value = cut(value.to_owned(), MAX_OBSERVABLE_BYTES);
        let seen = &mut self.opinion.observables;
        if seen.iter().any(|known| known.kind == kind && known.value == value) {
            return;
        }
        if seen.len() >= MAX_OBSERVABLES {
            self.observables_left_out += 1;
            return;
        }
        seen.push(Observable { kind, value, context: cut(context.to_owned(), 128) });
    }

    /// Notes every address that stands in text, as [`crate::observables`] finds them.
    pub fn observe_text(&mut self, text: &[u8], context: &str) {
        for (kind, value) in crate::observables::in_text(text) {
            self.observe(kind, &value, context);
        }
    }

    /// Notes a fact about the artifact: `imphash`, `compiler`, `signer`.
    pub fn property(&mut self, name: &str, value: impl Into<String>) {
        if self.opinion.properties.len() < MAX_PROPERTIES {
            let value = cut(value.into(), MAX_TEXT_BYTES);
            self.opinion.properties.push(Property { name: name.to_owned(), value });
        }
    }

    /// Notes that something was not read, and why (law 10).
    pub fn problem(&mut self, kind: ProblemKind, detail: impl Into<String>) {
        if self.opinion.problems.len() < MAX_PROBLEMS {
            let detail = cut(detail.into(), MAX_TEXT_BYTES);
            self.opinion.problems.push(Problem { kind, name: String::new(), detail });
        }
    }

    /// Hands out a decoded layer, to be examined by every engine that reads its type. An analyser
    /// that does this says so in [`StaticAnalyzer::gives_children`].
    pub fn child(&mut self, name: &str, bytes: &[u8]) {
        debug_assert!(self.analyzer.gives_children);
        if self.children_refused {
            return;
        }
        let head = ChildHead { name: name.to_owned(), encrypted: false };
        let mut body: &[u8] = bytes;
        let handed: io::Result<()> = self.scan.child(&head, &mut body);
        // The host states which bound was reached.
        self.children_refused = handed.is_err();
    }

    /// What was noted.
    pub fn opinion(mut self) -> Opinion {
        if self.observables_left_out > 0 {
            let left_out = self.observables_left_out.to_string();
            self.property("observables-left-out", left_out);
        }
        let mut opinion = self.opinion;
        opinion.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let gravest = opinion.findings.first().filter(|finding| finding.severity > Severity::Info);
        opinion.threat = gravest.map(|finding| threat(self.analyzer.name, finding));
        if self.stopped {
            opinion.problems.push(Problem {
                kind: ProblemKind::TimedOut,
                name: String::new(),
                detail: "not all of it was looked at in time".to_owned(),
            });
            // What was found until then stands; nothing found is not "no threat" (law 10).
            if gravest_of(&opinion.findings) == Severity::Info {
                opinion.outcome = Some(Outcome::Failure(Failure::TimedOut));
                opinion.reason = Some("not all of it was looked at in time".to_owned());
            }
        }
        opinion
    }
}

fn gravest_of(findings: &[Finding]) -> Severity {
    findings.iter().map(|finding| finding.severity).max().unwrap_or_default()
}

/// `Suspicious.Elf.PackedSection`.
fn threat(analyzer: &str, finding: &Finding) -> String {
    let grade = match finding.severity {
        Severity::Malicious => "Malicious",
        Severity::Suspicious | Severity::Info => "Suspicious",
    };
    format!("{grade}.{}.{}", camel(analyzer), camel(&finding.id))
}

fn camel(kebab: &str) -> String {
    let mut text = String::with_capacity(kebab.len());
    for word in kebab.split('-') {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

/// Cuts text to at most `limit` bytes at a character.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

/// A finding just noted: where it was seen can be added.
pub struct Noted<'e> {
    bytes: &'e [u8],
    finding: Option<&'e mut Finding>,
}

impl Noted<'_> {
    /// Adds a place in the artifact, by offset and length in bytes; the excerpt is taken from there.
    pub fn at(self, label: impl Into<String>, offset: usize, length: usize) -> Self {
        let end = offset.saturating_add(length.min(EXCERPT_BYTES)).min(self.bytes.len());
        let excerpt = self.bytes.get(offset..end).unwrap_or_default();
        let excerpt = excerpt.escape_ascii().to_string();
        self.add(label.into(), offset as u64, length as u64, excerpt)
    }

    /// Adds a quotation of something that does not stand in the artifact as it is: decoded text, a
    /// name from a table.
    pub fn quoting(self, label: impl Into<String>, text: &[u8]) -> Self {
        let excerpt = text.get(..text.len().min(EXCERPT_BYTES)).unwrap_or_default();
        let excerpt = excerpt.escape_ascii().to_string();
        self.add(label.into(), 0, text.len() as u64, excerpt)
    }

    fn add(mut self, label: String, offset: u64, length: u64, excerpt: String) -> Self {
        if let Some(finding) = &mut self.finding
            && finding.evidence.len() < MAX_EVIDENCE
        {
            let label = cut(label, 128);
            finding.evidence.push(Evidence { label, offset, length, excerpt });
        }
        self
    }
}
