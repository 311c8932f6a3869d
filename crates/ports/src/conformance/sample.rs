//! Nouns for the suites, told apart by a number.

use palisade_model::{
    ArtifactRef, Hashes, KeyId, NodeId, NodeReport, Priority, Report, ReportVerdict, Request,
    RequestId, Sha256, UnixMillis, UnpackLimits, UnpackSummary, Verdict,
};

/// The id of request `number`.
pub(super) fn id(number: u64) -> RequestId {
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    RequestId::new(UnixMillis(1_700_000_000_000), chance)
}

/// A name that no content has.
pub(super) fn sha256(number: u64) -> Sha256 {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Sha256(bytes)
}

/// The artifact `number`.
pub(super) fn artifact(number: u64) -> ArtifactRef {
    let hashes = Hashes {
        md5: format!("{number:032x}"),
        sha1: format!("{number:040x}"),
        sha256: sha256(number),
        sha512: format!("{number:0128x}"),
    };
    ArtifactRef { hashes, size: 1000 + number }
}

/// Request `number` about artifact `about`, accepted at `accepted` and due a minute later.
pub(super) fn request(number: u64, about: u64, accepted: u64) -> Request {
    Request {
        node: NodeId::root(id(number)),
        lineage: None,
        inline: None,
        artifact: artifact(about),
        name: format!("file {number} \u{1f4c4}.zip"),
        path: String::new(),
        workflow: "default".into(),
        engines: None,
        passwords: vec!["not to be kept".into()],
        limits: UnpackLimits::default(),
        accepted: UnixMillis(accepted),
        deadline: UnixMillis(accepted).plus(60_000),
        priority: Priority::Interactive,
        key: Some(KeyId::new([1, 2, 3, 4, 5, 6])),
        user_agent: Some("conformance".into()),
        metadata: Some(serde_json::json!({ "number": number })),
        callback: None,
        policy: None,
        facets: None,
    }
}

/// The report of request `number` about artifact `about`, finished at `finished`.
pub(super) fn report(number: u64, about: u64, finished: u64) -> Report {
    let request = request(number, about, finished.saturating_sub(500));
    let verdict = ReportVerdict { verdict: Verdict::Suspicious, failure: None, problem: None };
    let root = NodeReport {
        node: request.node,
        parent: None,
        name: request.name.clone(),
        path: String::new(),
        artifact: request.artifact.clone(),
        file_type: None,
        encrypted: false,
        engines: Vec::new(),
        children: Vec::new(),
        own: verdict,
        whole: verdict,
    };
    Report {
        verdict,
        partial: false,
        nodes: vec![root],
        unpacked: UnpackSummary::default(),
        started: request.accepted,
        finished: UnixMillis(finished),
        request,
    }
}
