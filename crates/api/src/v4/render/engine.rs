use std::collections::BTreeMap;

use palisade_model::{
    EngineEntry, EngineName, EngineResult, Failure, Finding, NodeReport, Observable,
    ObservableKind, Outcome, Problem, ProblemKind, Severity, UnixMillis, Verdict,
};

use super::super::code::{Listed, ScanCode};
use super::super::engine::{self as wire, EngineDetails};
use super::super::report::{SignerInfo, Yara, YaraHit};
use super::super::time::timestamp;

const REPUTATION: &str = "reputation";
const YARA: &str = "yara";
const PE: &str = "pe";

/// Observables of one engine's entry, and values of its properties, in a result.
const MAX_OBSERVABLES: usize = 200;
const MAX_PROPERTIES: usize = 200;

/// The longest value of a property and the longest observable, in bytes.
const MAX_VALUE: usize = 2_048;

/// The stable id of an engine, in the vendor's manner.
pub fn eng_id(engine: &EngineName) -> String {
    format!("{engine}_1_linux")
}

/// Every engine's entry.
pub(super) fn all(entry: &NodeReport) -> BTreeMap<String, EngineDetails> {
    entry.engines.iter().map(|(name, entry)| (name.to_string(), details(name, entry))).collect()
}

fn details(name: &EngineName, entry: &EngineEntry) -> EngineDetails {
    let blank = |code: ScanCode, state: &str, reason: &str| EngineDetails {
        threat_found: String::new(),
        scan_result_i: code.number(),
        // Clients parse it; an engine that was not asked has definitions of no time.
        def_time: timestamp(UnixMillis(0)),
        scan_time: 0,
        eng_id: eng_id(name),
        location: "local".to_owned(),
        wait_time: 0,
        state: state.to_owned(),
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        definitions: None,
        findings: Vec::new(),
        problems: Vec::new(),
        observables: Vec::new(),
        properties: BTreeMap::new(),
    };
    match entry {
        EngineEntry::NotApplicable(reason) => {
            blank(ScanCode::Unsupported, "not-applicable", reason)
        }
        EngineEntry::Down(reason) => blank(ScanCode::Failed, "down", reason),
        EngineEntry::TimedOut => {
            blank(ScanCode::Failed, "timed-out", "no answer by the request's deadline")
        }
        EngineEntry::Done(result) => EngineDetails {
            threat_found: threat(result).unwrap_or_default().to_owned(),
            def_time: timestamp(result.definitions.time),
            scan_time: result.scan_us.div_ceil(1000),
            wait_time: result.wait_us.div_ceil(1000),
            definitions: Some(wire::Definitions {
                version: result.definitions.version.clone(),
                time: timestamp(result.definitions.time),
            }),
            findings: result.findings.iter().map(finding).collect(),
            problems: result.problems.iter().map(problem).collect(),
            observables: result.observables.iter().take(MAX_OBSERVABLES).map(observable).collect(),
            properties: properties(result),
            ..blank(code(result), state(result.outcome), result.reason.as_deref().unwrap_or(""))
        },
    }
}

/// The code of one engine: of these numbers the vendor's engines use only 0, 1, 2, 3, 10, 19, 22
/// and 23.
fn code(result: &EngineResult) -> ScanCode {
    match result.outcome {
        Outcome::Verdict(Verdict::Malicious) => ScanCode::Infected,
        Outcome::Verdict(Verdict::Suspicious) => ScanCode::Suspicious,
        Outcome::Verdict(Verdict::Unknown) => ScanCode::NotScanned,
        Outcome::Verdict(Verdict::NoThreat) => {
            // It found nothing in what it could read (law 10).
            match result.problems.iter().map(|problem| problem.kind).min() {
                None => ScanCode::NoThreat,
                Some(ProblemKind::Truncated | ProblemKind::Corrupt) => ScanCode::Failed,
                Some(ProblemKind::Unsupported) => ScanCode::Unsupported,
                Some(_) => ScanCode::NotScanned,
            }
        }
        Outcome::Failure(Failure::Failed | Failure::TimedOut) => ScanCode::Failed,
        Outcome::Failure(Failure::Encrypted | Failure::NotScanned) => ScanCode::NotScanned,
        Outcome::Failure(Failure::Cancelled) => ScanCode::Cancelled,
    }
}

fn state(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Verdict(Verdict::NoThreat) => "no-threat",
        Outcome::Verdict(Verdict::Unknown) => "unknown",
        Outcome::Verdict(Verdict::Suspicious) => "suspicious",
        Outcome::Verdict(Verdict::Malicious) => "malicious",
        Outcome::Failure(Failure::Failed) => "failed",
        Outcome::Failure(Failure::TimedOut) => "timed-out",
        Outcome::Failure(Failure::Encrypted) => "encrypted",
        Outcome::Failure(Failure::NotScanned) => "not-scanned",
        Outcome::Failure(Failure::Cancelled) => "cancelled",
    }
}

/// The name of what an engine found: its own word, or else its gravest finding. None when it found
/// nothing.
fn threat(result: &EngineResult) -> Option<&str> {
    let Outcome::Verdict(Verdict::Suspicious | Verdict::Malicious) = result.outcome else {
        return None;
    };
    let gravest = || result.findings.iter().max_by_key(|finding| finding.severity);
    result.threat.as_deref().or_else(|| gravest().map(|finding| finding.id.as_str())).or(Some(""))
}

/// Something found by one engine in one node.
pub(super) struct Detection<'a> {
    pub(super) engine: &'a EngineName,
    pub(super) name: &'a str,
    pub(super) severity: &'static str,
}

/// What the engines found in a node itself.
pub(super) fn detections(entry: &NodeReport) -> impl Iterator<Item = Detection<'_>> {
    entry.engines.iter().filter_map(|(engine, entry)| match entry {
        EngineEntry::Done(result) => {
            threat(result).map(|name| Detection { engine, name, severity: state(result.outcome) })
        }
        _ => None,
    })
}

/// Which of the operator's lists holds the artifact.
pub(super) fn listed(entry: &NodeReport) -> Option<Listed> {
    let findings = done(entry, REPUTATION).map(|result| result.findings.as_slice());
    let mut ids = findings.unwrap_or_default().iter().map(|finding| finding.id.as_str());
    ids.find_map(|id| match id {
        "allow-listed" => Some(Listed::Allow),
        "block-listed" => Some(Listed::Block),
        _ => None,
    })
}

/// Whether an engine owes its answer.
pub(super) fn late(entry: &EngineEntry) -> bool {
    matches!(entry, EngineEntry::TimedOut | EngineEntry::Down(_))
}

fn done<'a>(entry: &'a NodeReport, engine: &str) -> Option<&'a EngineResult> {
    entry.engines.iter().find_map(|(name, entry)| match entry {
        EngineEntry::Done(result) if name.as_str() == engine => Some(&**result),
        _ => None,
    })
}

fn observable(observable: &Observable) -> wire::Observable {
    let kind = match observable.kind {
        ObservableKind::Url => "url",
        ObservableKind::DomainName => "domain-name",
        ObservableKind::Ipv4 => "ipv4-addr",
        ObservableKind::Ipv6 => "ipv6-addr",
        ObservableKind::EmailAddr => "email-addr",
        ObservableKind::FileHash => "file-hash",
    };
    wire::Observable {
        kind: kind.to_owned(),
        value: cut(&observable.value),
        context: cut(&observable.context),
    }
}

/// An engine's properties by name, each with its values in their order.
fn properties(result: &EngineResult) -> BTreeMap<String, Vec<String>> {
    let mut properties = BTreeMap::<String, Vec<String>>::new();
    for property in result.properties.iter().take(MAX_PROPERTIES) {
        properties.entry(cut(&property.name)).or_default().push(cut(&property.value));
    }
    properties
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_VALUE)).unwrap_or_default().to_owned()
}

/// What the engine that reads programs says of a node; `None` when it has not looked at it.
pub(super) fn pe(entry: &NodeReport) -> Option<EngineDetails> {
    entry
        .engines
        .iter()
        .find(|(name, entry)| name.as_str() == PE && matches!(entry, EngineEntry::Done(_)))
        .map(|(name, entry)| details(name, entry))
}

/// Who signed a program, from the properties that the engine `pe` names `signer…`.
pub(super) fn signers(entry: &NodeReport) -> Vec<SignerInfo> {
    let Some(result) = done(entry, PE) else { return Vec::new() };
    let value = |name: &str| {
        let property = result.properties.iter().find(|property| property.name == name);
        property.map(|property| cut(&property.value)).unwrap_or_default()
    };
    let vendor_name = value("signer");
    if vendor_name.is_empty() {
        return Vec::new();
    }
    // The chain goes from the signer up: `Signer < Issuer < Root`.
    let issuer = value("signer-chain").split(" < ").nth(1).unwrap_or_default().to_owned();
    let digest = value("signature-digest");
    vec![SignerInfo {
        vendor_name,
        issuer,
        serial_number: value("signer-serial"),
        digest_algorithm: digest.split(' ').next().unwrap_or_default().to_owned(),
    }]
}

/// The rules that matched a node itself.
pub(super) fn yara(entry: &NodeReport) -> Yara {
    let Some(result) = done(entry, YARA) else {
        let missed = entry.engines.iter().any(|(name, entry)| name.as_str() == YARA && late(entry));
        return Yara { hits: BTreeMap::new(), verdict: if missed { 3 } else { 4 } };
    };
    let verdict = match code(result) {
        ScanCode::NoThreat => 0,
        ScanCode::Infected => 1,
        ScanCode::Suspicious => 2,
        _ => 3,
    };
    let hit = |finding: &Finding| {
        let hit = YaraHit {
            description: finding.explanation.clone(),
            severity: severity(finding.severity).to_owned(),
            tags: finding.tags.clone(),
            matches: finding.evidence.len() as u64,
        };
        (finding.id.clone(), hit)
    };
    Yara { hits: result.findings.iter().map(hit).collect(), verdict }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Suspicious => "suspicious",
        Severity::Malicious => "malicious",
    }
}

fn finding(finding: &Finding) -> wire::Finding {
    wire::Finding {
        id: finding.id.clone(),
        severity: severity(finding.severity).to_owned(),
        explanation: finding.explanation.clone(),
        tags: finding.tags.clone(),
        attack: finding.attack.clone(),
        evidence: finding
            .evidence
            .iter()
            .map(|evidence| wire::Evidence {
                label: evidence.label.clone(),
                offset: evidence.offset,
                length: evidence.length,
                excerpt: evidence.excerpt.clone(),
            })
            .collect(),
    }
}

pub(super) fn problem(problem: &Problem) -> wire::Problem {
    wire::Problem {
        kind: kind(problem.kind).to_owned(),
        name: problem.name.clone(),
        detail: problem.detail.clone(),
    }
}

pub(super) fn kind(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::EncryptedArchive => "encrypted-archive",
        ProblemKind::EncryptedDocument => "encrypted-document",
        ProblemKind::TooDeep => "too-deep",
        ProblemKind::TooManyFiles => "too-many-files",
        ProblemKind::TooLarge => "too-large",
        ProblemKind::TimedOut => "timed-out",
        ProblemKind::Truncated => "truncated",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unsupported => "unsupported",
    }
}
