use palisade_model::{
    Failure, NodeReport, Report, ReportVerdict, Request, RequestSummary, UnixMillis, UnpackLimits,
    UnpackSummary,
};

/// The report of a request that nobody looked at: partial, and never clean.
pub(crate) fn unplanned(summary: RequestSummary, why: Failure, now: UnixMillis) -> Report {
    let verdict = ReportVerdict { failure: Some(why), ..ReportVerdict::default() };
    let root = NodeReport {
        node: summary.node,
        parent: None,
        name: summary.name.clone(),
        path: String::new(),
        artifact: summary.artifact.clone(),
        file_type: None,
        encrypted: false,
        engines: Vec::new(),
        children: Vec::new(),
        own: verdict,
        whole: verdict,
    };
    let request = Request {
        node: summary.node,
        lineage: None,
        inline: None,
        artifact: summary.artifact,
        name: summary.name,
        path: String::new(),
        workflow: summary.workflow,
        engines: None,
        passwords: Vec::new(),
        limits: UnpackLimits::default(),
        accepted: summary.accepted,
        deadline: summary.deadline,
        priority: summary.priority,
        key: summary.key,
        user_agent: summary.user_agent,
        metadata: summary.metadata,
        callback: None,
        policy: None,
        facets: None,
    };
    Report {
        request,
        verdict,
        partial: true,
        nodes: vec![root],
        unpacked: UnpackSummary::default(),
        started: now,
        finished: now,
    }
}
