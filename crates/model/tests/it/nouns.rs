//! One of each noun, with every field set and every variant somewhere.

use palisade_model::{
    ArtifactRef, Attempt, Batch, BatchId, Callback, ChildRef, Command, CommandId, DeadLetter,
    Definitions, Delivery, DeliveryState, EngineEntry, EngineName, EngineResult, Evidence, Failure,
    FileType, Finding, Hashes, KeyId, Lineage, NodeEvent, NodeId, NodeReport, Outcome, Part, Plan,
    Planned, PlannedEngine, Policy, Priority, Problem, ProblemKind, Report, ReportNotice,
    ReportVerdict, Request, RequestId, RequestSummary, Severity, Sha256, Subject, Tolerated,
    UnixMillis, UnpackLimits, UnpackSummary, Upload, Verdict, wire,
};

const ACCEPTED: UnixMillis = UnixMillis(1_700_000_000_123);

fn id() -> RequestId {
    RequestId::new(ACCEPTED, [0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
}

fn engine(name: &str) -> EngineName {
    name.parse().unwrap()
}

fn artifact(byte: u8) -> ArtifactRef {
    let hashes = Hashes {
        md5: format!("{byte:032x}"),
        sha1: format!("{byte:040x}"),
        sha256: Sha256([byte; 32]),
        sha512: format!("{byte:0128x}"),
    };
    ArtifactRef { hashes, size: 4_294_967_296 + u64::from(byte) }
}

fn definitions() -> Definitions {
    Definitions { version: "2026-11-21.3".to_owned(), time: UnixMillis(1_699_000_000_000) }
}

fn file_type() -> FileType {
    FileType {
        id: "zip".to_owned(),
        description: "ZIP archive".to_owned(),
        mime: "application/zip".to_owned(),
        extension: "zip".to_owned(),
        category: "archive".to_owned(),
    }
}

pub(crate) fn root_request() -> Request {
    Request {
        node: NodeId::root(id()),
        lineage: None,
        inline: None,
        artifact: artifact(0x11),
        name: "Rechnung \u{202e}gpj.zip".to_owned(),
        path: String::new(),
        workflow: "default".to_owned(),
        engines: Some(vec![engine("yara"), engine("unpack")]),
        passwords: vec!["infected".to_owned(), "\"\\\u{1}".to_owned()],
        limits: UnpackLimits {
            max_depth: 16,
            max_files: 20_000,
            max_file_bytes: 1 << 30,
            max_total_bytes: 4 << 30,
            max_ratio: 1_000,
        },
        accepted: ACCEPTED,
        deadline: ACCEPTED.plus(60_000),
        priority: Priority::Interactive,
        key: Some(KeyId::new([1, 2, 3, 4, 5, 0xff])),
        user_agent: Some("client/1.0".to_owned()),
        metadata: Some(serde_json::json!({ "ticket": 7, "tags": ["a", null, 1.5] })),
        callback: Some(Callback { url: "https://callback.invalid/done?x=1".to_owned() }),
        policy: None,
        facets: Some(Sha256([0x22; 32])),
    }
}

pub(crate) fn child_request() -> Request {
    Request {
        node: NodeId::root(id()).child(3).child(0),
        lineage: Some(Lineage {
            parent: NodeId::root(id()).child(3),
            depth: 2,
            ancestors: vec![Sha256([0x11; 32]), Sha256([0x12; 32])],
        }),
        artifact: artifact(0x13),
        name: "c.exe".to_owned(),
        path: "b.zip/c.exe".to_owned(),
        priority: Priority::Batch,
        metadata: None,
        callback: None,
        facets: None,
        ..root_request()
    }
}

pub(crate) fn least_request() -> Request {
    Request {
        engines: None,
        passwords: Vec::new(),
        key: None,
        user_agent: None,
        metadata: None,
        callback: None,
        facets: None,
        ..root_request()
    }
}

pub(crate) fn command() -> Command {
    Command {
        engine: engine("yara"),
        request: child_request(),
        file_type: file_type(),
        issued: ACCEPTED.plus(5),
    }
}

pub(crate) fn plan() -> NodeEvent {
    let planned =
        |name, planned| PlannedEngine { engine: engine(name), planned, definitions: definitions() };
    NodeEvent::Plan(Box::new(Plan {
        request: Request { passwords: Vec::new(), ..root_request() },
        file_type: file_type(),
        engines: vec![
            planned("filetype", Planned::Run),
            planned("unpack", Planned::NotApplicable("a text does not hold others".to_owned())),
            planned("yara", Planned::Down("not heard of for 11 s".to_owned())),
        ],
    }))
}

fn engine_result() -> EngineResult {
    EngineResult {
        command: CommandId { node: NodeId::root(id()), engine: engine("yara") },
        outcome: Outcome::Verdict(Verdict::Malicious),
        threat: Some("Test.Threat".to_owned()),
        reason: Some("for people".to_owned()),
        findings: [Severity::Info, Severity::Suspicious, Severity::Malicious]
            .map(|severity| Finding {
                id: "a_rule".to_owned(),
                severity,
                explanation: "one line".to_owned(),
                tags: vec!["dropper".to_owned()],
                attack: vec!["T1059.001".to_owned()],
                evidence: vec![Evidence {
                    label: "$a".to_owned(),
                    offset: 1 << 40,
                    length: 4,
                    excerpt: "MZ\\x90\\x00".to_owned(),
                }],
            })
            .to_vec(),
        problems: [
            ProblemKind::EncryptedArchive,
            ProblemKind::EncryptedDocument,
            ProblemKind::TooDeep,
            ProblemKind::TooManyFiles,
            ProblemKind::TooLarge,
            ProblemKind::TimedOut,
            ProblemKind::Truncated,
            ProblemKind::Corrupt,
            ProblemKind::Unsupported,
        ]
        .map(|kind| Problem { kind, name: "member".to_owned(), detail: "a line".to_owned() })
        .to_vec(),
        observables: Vec::new(),
        properties: Vec::new(),
        children: vec![
            ChildRef {
                node: NodeId::root(id()).child(0),
                name: "a/b.txt".to_owned(),
                sha256: Sha256([0x14; 32]),
                size: 12,
                encrypted: true,
                left_out: None,
            },
            ChildRef {
                node: NodeId::root(id()).child(1),
                name: String::new(),
                sha256: Sha256([0x11; 32]),
                size: 0,
                encrypted: false,
                left_out: Some(ProblemKind::TooDeep),
            },
        ],
        definitions: definitions(),
        wait_us: 1_500,
        scan_us: 20_000,
    }
}

pub(crate) fn result() -> NodeEvent {
    NodeEvent::Result(Box::new(engine_result()))
}

/// A bare result for every outcome.
pub(crate) fn outcomes() -> Vec<(&'static str, NodeEvent)> {
    let bare = |outcome| {
        NodeEvent::Result(Box::new(EngineResult {
            outcome,
            threat: None,
            reason: None,
            findings: Vec::new(),
            problems: Vec::new(),
            observables: Vec::new(),
            properties: Vec::new(),
            children: Vec::new(),
            ..engine_result()
        }))
    };
    vec![
        ("no-threat", bare(Outcome::Verdict(Verdict::NoThreat))),
        ("unknown", bare(Outcome::Verdict(Verdict::Unknown))),
        ("suspicious", bare(Outcome::Verdict(Verdict::Suspicious))),
        ("failed", bare(Outcome::Failure(Failure::Failed))),
        ("timed-out", bare(Outcome::Failure(Failure::TimedOut))),
        ("encrypted", bare(Outcome::Failure(Failure::Encrypted))),
        ("not-scanned", bare(Outcome::Failure(Failure::NotScanned))),
        ("cancelled", bare(Outcome::Failure(Failure::Cancelled))),
    ]
}

fn verdict() -> ReportVerdict {
    ReportVerdict {
        verdict: Verdict::Suspicious,
        failure: Some(Failure::TimedOut),
        problem: Some(ProblemKind::Truncated),
    }
}

pub(crate) fn report() -> Report {
    let done = EngineResult { children: Vec::new(), ..engine_result() };
    let root = NodeReport {
        node: NodeId::root(id()),
        parent: None,
        name: "a.zip".to_owned(),
        path: String::new(),
        artifact: artifact(0x11),
        file_type: Some(file_type()),
        encrypted: false,
        engines: vec![
            (engine("filetype"), EngineEntry::Done(Box::new(done))),
            (engine("pe"), EngineEntry::NotApplicable("not its type".to_owned())),
            (engine("unpack"), EngineEntry::Down("away".to_owned())),
            (engine("yara"), EngineEntry::TimedOut),
        ],
        children: engine_result().children,
        own: verdict(),
        whole: verdict(),
    };
    let child = NodeReport {
        node: NodeId::root(id()).child(0),
        parent: Some(NodeId::root(id())),
        name: "b.txt".to_owned(),
        path: "a/b.txt".to_owned(),
        artifact: artifact(0x14),
        file_type: None,
        encrypted: true,
        engines: Vec::new(),
        children: Vec::new(),
        own: ReportVerdict::default(),
        whole: ReportVerdict::default(),
    };
    Report {
        request: Request { passwords: Vec::new(), ..root_request() },
        verdict: verdict(),
        partial: true,
        nodes: vec![root, child],
        unpacked: UnpackSummary { files: 1, bytes: 12, depth: 1 },
        started: ACCEPTED.plus(10),
        finished: ACCEPTED.plus(900),
    }
}

pub(crate) fn notice() -> ReportNotice {
    ReportNotice { request: id(), verdict: verdict(), partial: true, finished: ACCEPTED.plus(900) }
}

pub(crate) fn dead_letter() -> DeadLetter {
    DeadLetter {
        id: format!("{}.yara", NodeId::root(id())),
        topic: "palisade.commands.yara.batch".to_owned(),
        key: id().to_string(),
        reason: "it killed its worker 3 times: signal 11".to_owned(),
        attempts: 3,
        time: ACCEPTED.plus(700),
        payload: String::from_utf8(wire::encode(&command())).unwrap(),
    }
}

pub(crate) fn request_with_policy() -> Request {
    let policy = Policy {
        tolerate: [Tolerated::Suspicious, Tolerated::EncryptedArchive].into(),
        block_types: ["pe".to_owned()].into(),
        allow_types: ["document".to_owned()].into(),
    };
    Request { policy: Some(policy), ..least_request() }
}

pub(crate) fn cancel() -> NodeEvent {
    NodeEvent::Cancel(Box::new(RequestSummary::of(&root_request())))
}

fn batch_id() -> BatchId {
    BatchId::new(ACCEPTED, [0xb0; 10])
}

pub(crate) fn batch() -> Batch {
    Batch {
        id: batch_id(),
        created: ACCEPTED,
        key: Some(KeyId::new([1, 2, 3, 4, 5, 0xff])),
        workflow: "mail".to_owned(),
        user_agent: Some("client/1.0".to_owned()),
        user_data: Some("ticket 7".to_owned()),
    }
}

pub(crate) fn deliveries() -> Vec<(&'static str, Delivery)> {
    let url = || "https://callback.invalid/done?x=1".to_owned();
    let tried = |status, error: &str| {
        Some(Attempt { time: ACCEPTED.plus(50), status, error: error.to_owned() })
    };
    let waiting = Delivery::new(Subject::Request(id()), url(), ACCEPTED);
    let dead = Delivery {
        state: DeliveryState::Dead,
        attempts: 8,
        last: tried(None, "refused"),
        ..Delivery::new(Subject::Batch(batch_id()), url(), ACCEPTED)
    };
    let delivered = Delivery {
        state: DeliveryState::Delivered,
        attempts: 1,
        last: tried(Some(200), ""),
        ..waiting.clone()
    };
    vec![("waiting", waiting), ("dead", dead), ("delivered", delivered)]
}

pub(crate) fn upload() -> Upload {
    Upload {
        id: id(),
        key: Some(KeyId::new([1, 2, 3, 4, 5, 0xff])),
        created: ACCEPTED,
        expires: ACCEPTED.plus(3_600_000),
        total: 10_485_760,
        asked: "{}".to_owned(),
    }
}

pub(crate) fn part() -> Part {
    Part { offset: 2_000_000, size: 2_000_000, sha256: Sha256([0x33; 32]) }
}
