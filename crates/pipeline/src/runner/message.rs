//! A result as a message that fits on the log.

use palisade_model::{
    EngineResult, Failure, Finding, NodeEvent, Outcome, Problem, ProblemKind, Verdict, wire,
};
use palisade_ports::log::MAX_PAYLOAD_BYTES;

use super::children::cut;

/// Bytes that are kept of a text of a result that does not fit.
const KEPT_BYTES: usize = 256;

/// The message. What an engine says comes from a process that reads hostile bytes: when it is more
/// than a message takes, the message says that, and keeps the children and how grave it was. An
/// append that is refused each time would end the stage each time.
pub(crate) fn encode(result: EngineResult) -> Vec<u8> {
    let event = NodeEvent::Result(Box::new(result));
    let bytes = wire::encode(&event);
    match event {
        NodeEvent::Result(result) if bytes.len() > MAX_PAYLOAD_BYTES => {
            tracing::error!(command = %result.command, bytes = bytes.len(), "a result is too large");
            wire::encode(&NodeEvent::Result(Box::new(shortened(*result))))
        }
        _ => bytes,
    }
}

fn shortened(mut result: EngineResult) -> EngineResult {
    let grave = matches!(result.outcome, Outcome::Verdict(verdict) if verdict > Verdict::Unknown);
    if !grave {
        result.outcome = Outcome::Failure(Failure::Failed);
    }
    let gravest = result.findings.into_iter().max_by_key(|finding| finding.severity);
    result.findings = gravest
        .map(|finding| {
            let mut id = finding.id;
            cut(&mut id, KEPT_BYTES);
            Finding { id, severity: finding.severity, ..Finding::default() }
        })
        .into_iter()
        .collect();
    if let Some(threat) = &mut result.threat {
        cut(threat, KEPT_BYTES);
    }
    let reason = "what the engine said does not fit into a message".to_owned();
    result.problems =
        vec![Problem { kind: ProblemKind::TooLarge, name: String::new(), detail: reason.clone() }];
    result.reason = Some(reason);
    result
}
