//! Reports as the aggregator would make them.

use palisade_model::{
    ArtifactRef, ChildRef, CommandId, Definitions, EngineEntry, EngineName, EngineResult, Evidence,
    FileType, Finding, NodeId, NodeReport, Outcome, Problem, ProblemKind, Report, ReportVerdict,
    Request, RequestId, RequestSummary, Severity, UnixMillis, UnpackLimits, UnpackSummary, Verdict,
};
use palisade_pipeline::artifacts::Digests;

pub(crate) fn definitions() -> Definitions {
    Definitions { version: "2026.11.1".to_owned(), time: UnixMillis(1_793_600_000_000) }
}

pub(crate) fn artifact(bytes: &[u8]) -> ArtifactRef {
    ArtifactRef { hashes: Digests::of(bytes), size: bytes.len() as u64 }
}

/// A request with a fixed id, time and so on: for golden files.
pub(crate) fn request(name: &str) -> Request {
    let accepted = UnixMillis(1_793_613_600_000);
    Request {
        node: NodeId::root(RequestId::new(accepted, [7; 10])),
        lineage: None,
        inline: None,
        artifact: artifact(name.as_bytes()),
        name: name.to_owned(),
        path: String::new(),
        workflow: "default".to_owned(),
        engines: None,
        passwords: vec!["secret".to_owned()],
        limits: UnpackLimits::default(),
        accepted,
        deadline: accepted.plus(60_000),
        priority: Default::default(),
        key: Some(palisade_model::KeyId::new([1; 6])),
        user_agent: Some("tests".to_owned()),
        metadata: Some(serde_json::json!({"ticket": 7})),
        callback: None,
        policy: None,
        facets: None,
    }
}

pub(crate) fn summary(request: &Request) -> RequestSummary {
    RequestSummary::of(request)
}

fn file_type(category: &str) -> FileType {
    let (id, mime, extension) = match category {
        "mail" => ("eml", "message/rfc822", "eml"),
        "archive" => ("zip", "application/zip", "zip"),
        _ => ("txt", "text/plain", "txt"),
    };
    FileType {
        id: id.to_owned(),
        description: format!("A {category}"),
        mime: mime.to_owned(),
        extension: extension.to_owned(),
        category: category.to_owned(),
    }
}

fn result(node: NodeId, engine: &str) -> EngineResult {
    EngineResult {
        command: CommandId { node, engine: engine.parse().unwrap() },
        outcome: Outcome::Verdict(Verdict::NoThreat),
        threat: None,
        reason: None,
        findings: Vec::new(),
        problems: Vec::new(),
        observables: Vec::new(),
        properties: Vec::new(),
        children: Vec::new(),
        definitions: definitions(),
        wait_us: 1_500,
        scan_us: 2_001,
    }
}

fn node(request: &Request, id: NodeId, name: &str, category: &str) -> NodeReport {
    let done = |engine: &str| {
        let name: EngineName = engine.parse().unwrap();
        (name, EngineEntry::Done(Box::new(result(id, engine))))
    };
    NodeReport {
        node: id,
        parent: None,
        name: name.to_owned(),
        path: String::new(),
        artifact: if id.is_root() { request.artifact.clone() } else { artifact(name.as_bytes()) },
        file_type: Some(file_type(category)),
        encrypted: false,
        engines: vec![
            done("filetype"),
            done("reputation"),
            done("yara"),
            (
                "unpack".parse().unwrap(),
                EngineEntry::NotApplicable("no container of a kind that is unpacked".to_owned()),
            ),
        ],
        children: Vec::new(),
        own: ReportVerdict::default(),
        whole: ReportVerdict::default(),
    }
}

fn done<'a>(node: &'a mut NodeReport, engine: &str) -> &'a mut EngineResult {
    let place = node.engines.iter().position(|(name, _)| name.as_str() == engine).unwrap();
    let entry = &mut node.engines[place].1;
    if !matches!(entry, EngineEntry::Done(_)) {
        *entry = EngineEntry::Done(Box::new(result(node.node, engine)));
    }
    match entry {
        EngineEntry::Done(result) => result,
        _ => unreachable!(),
    }
}

fn child_of(parent: &mut NodeReport, place: u32, mut child: NodeReport) -> NodeReport {
    let id = parent.node.child(place);
    child.parent = Some(parent.node);
    child.path = match parent.path.as_str() {
        "" => child.name.clone(),
        path => format!("{path}/{}", child.name),
    };
    assert_eq!(child.node, id);
    let reference = ChildRef {
        node: id,
        name: child.name.clone(),
        sha256: child.artifact.sha256(),
        size: child.artifact.size,
        encrypted: child.encrypted,
        left_out: None,
    };
    parent.children.push(reference.clone());
    done(parent, "unpack").children.push(reference);
    child
}

fn report(request: &Request, nodes: Vec<NodeReport>) -> Report {
    let files = u32::try_from(nodes.len() - 1).unwrap();
    Report {
        verdict: nodes[0].whole,
        partial: false,
        unpacked: UnpackSummary {
            files,
            bytes: nodes[1..].iter().map(|node| node.artifact.size).sum(),
            depth: files.min(2),
        },
        nodes,
        started: request.accepted.plus(3),
        finished: request.accepted.plus(44),
        request: Request { passwords: Vec::new(), ..request.clone() },
    }
}

pub(crate) fn clean(request: &Request) -> Report {
    report(request, vec![node(request, request.node, &request.name, "text")])
}

/// A mail with an archive with something malicious.
pub(crate) fn infected(request: &Request) -> Report {
    let mut mail = node(request, request.node, &request.name, "mail");
    let zip = node(request, mail.node.child(0), "attachment.zip", "archive");
    let mut zip = child_of(&mut mail, 0, zip);
    let evil = node(request, zip.node.child(0), "evil.com", "text");
    let mut evil = child_of(&mut zip, 0, evil);
    let fine = node(request, zip.node.child(1), "readme.txt", "text");
    let fine = child_of(&mut zip, 1, fine);

    let malicious = ReportVerdict { verdict: Verdict::Malicious, ..ReportVerdict::default() };
    let yara = done(&mut evil, "yara");
    yara.outcome = Outcome::Verdict(Verdict::Malicious);
    yara.threat = Some("Test_Rule".to_owned());
    yara.findings.push(Finding {
        id: "Test_Rule".to_owned(),
        severity: Severity::Malicious,
        explanation: "A rule of the tests".to_owned(),
        tags: vec!["test".to_owned()],
        attack: vec!["T1059.001".to_owned()],
        evidence: vec![Evidence {
            label: "$a".to_owned(),
            offset: 3,
            length: 8,
            excerpt: "evil\\x00".to_owned(),
        }],
    });
    evil.own = malicious;
    for node in [&mut mail, &mut zip, &mut evil] {
        node.whole = malicious;
    }
    report(request, vec![mail, zip, evil, fine])
}

/// An archive with a member that no password opens.
pub(crate) fn encrypted(request: &Request) -> Report {
    let mut zip = node(request, request.node, &request.name, "archive");
    let unpack = done(&mut zip, "unpack");
    unpack.problems.push(Problem {
        kind: ProblemKind::EncryptedArchive,
        name: "secret.txt".to_owned(),
        detail: "no password was given".to_owned(),
    });
    zip.own.problem = Some(ProblemKind::EncryptedArchive);
    zip.whole = zip.own;
    report(request, vec![zip])
}

/// An engine was down, and another did not answer.
pub(crate) fn partial(request: &Request) -> Report {
    let mut root = node(request, request.node, &request.name, "text");
    root.engines[2].1 = EngineEntry::Down("no host of it is alive".to_owned());
    root.engines[1].1 = EngineEntry::TimedOut;
    root.own.failure = Some(palisade_model::Failure::Failed);
    root.whole = root.own;
    Report { partial: true, ..report(request, vec![root]) }
}

/// On one of the operator's lists.
pub(crate) fn listed(request: &Request, block: bool) -> Report {
    let mut root = node(request, request.node, &request.name, "text");
    let reputation = done(&mut root, "reputation");
    let (id, severity) = match block {
        true => ("block-listed", Severity::Malicious),
        false => ("allow-listed", Severity::Info),
    };
    reputation.outcome = Outcome::Verdict(severity.verdict());
    reputation.findings.push(Finding {
        id: id.to_owned(),
        severity,
        explanation: "on the operator's list".to_owned(),
        ..Finding::default()
    });
    root.own.verdict = severity.verdict();
    root.whole = root.own;
    report(request, vec![root])
}

/// An archive with a child that was left out for its depth.
pub(crate) fn left_out(request: &Request) -> Report {
    let mut root = node(request, request.node, &request.name, "archive");
    let child = node(request, root.node.child(0), "deep.zip", "archive");
    child_of(&mut root, 0, child);
    root.children[0].left_out = Some(ProblemKind::TooDeep);
    root.own.problem = Some(ProblemKind::TooDeep);
    root.whole = root.own;
    report(request, vec![root])
}

/// An archive with so many clean children.
pub(crate) fn wide(request: &Request, files: u32) -> Report {
    let mut root = node(request, request.node, &request.name, "archive");
    let mut nodes = Vec::new();
    for place in 0..files {
        let child = node(request, root.node.child(place), &format!("f{place}"), "text");
        nodes.push(child_of(&mut root, place, child));
    }
    nodes.insert(0, root);
    report(request, nodes)
}
