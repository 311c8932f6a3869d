//! Whether a file may pass: by its codes, and by what its workflow's policy adds to them.

use std::collections::HashMap;

use palisade_model::{
    EngineEntry, Failure, NodeId, NodeReport, Outcome, Policy, ProblemKind, Report, Tolerated,
    Verdict,
};

use super::super::code::{Listed, ScanCode};
use super::engine;
use super::node::is_document;

/// What a file's result comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    /// Why it is blocked; empty when it may pass.
    pub(super) reasons: Vec<String>,
}

impl Advice {
    pub(super) fn allows(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The word in `process_info.result`.
    pub(super) fn result(&self) -> &'static str {
        if self.allows() { "Allowed" } else { "Blocked" }
    }
}

/// What a policy says of a node, or of a node with everything below it.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// Whether all that stands against it may pass.
    tolerable: bool,
    /// Why its type is blocked, at the root and anywhere.
    root_type: Option<&'static str>,
    any_type: Option<&'static str>,
}

impl Standing {
    const FINE: Self = Self { tolerable: true, root_type: None, any_type: None };

    /// Of a node alone.
    fn of(policy: &Policy, node: &NodeReport) -> Self {
        let why = policy.blocks_type(node.file_type.as_ref(), node.node.is_root());
        Self {
            tolerable: tolerable(policy, node),
            root_type: why.filter(|_| node.node.is_root()),
            any_type: why.filter(|_| !node.node.is_root()),
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            tolerable: self.tolerable && other.tolerable,
            root_type: self.root_type.or(other.root_type),
            any_type: self.any_type.or(other.any_type),
        }
    }

    fn advice(self, policy: &Policy, codes: &[ScanCode], partial: bool) -> Advice {
        let Advice { mut reasons } = by_codes(codes);
        if !policy.tolerate.is_empty() && !partial && self.tolerable {
            reasons.clear();
        }
        for why in [self.root_type, self.any_type].into_iter().flatten() {
            if !reasons.iter().any(|known| known == why) {
                reasons.push(why.to_owned());
            }
        }
        Advice { reasons }
    }
}

/// Without a policy, the codes decide.
fn by_codes(codes: &[ScanCode]) -> Advice {
    let passes = codes.first().is_some_and(|code| code.allows());
    let reasons = match passes {
        true => Vec::new(),
        false => codes.iter().map(|code| code.text().to_owned()).collect(),
    };
    Advice { reasons }
}

/// The advice on a node with these codes, gravest first. `below` is the node and everything below it.
pub(super) fn on(
    report: &Report,
    codes: &[ScanCode],
    below: &[&NodeReport],
    partial: bool,
) -> Advice {
    let Some(policy) = &report.request.policy else { return by_codes(codes) };
    let all = below.iter().map(|node| Standing::of(policy, node));
    all.fold(Standing::FINE, Standing::join).advice(policy, codes, partial)
}

/// What a policy says of every node with everything below it, in one pass: for lists.
pub(super) struct Gathered(HashMap<NodeId, Standing>);

impl Gathered {
    pub(super) fn new(report: &Report) -> Self {
        let mut gathered = HashMap::new();
        if let Some(policy) = &report.request.policy {
            // Parents stand before children, so from the end every node is whole when it is reached.
            for node in report.nodes.iter().rev() {
                let below = gathered.get(&node.node).copied().unwrap_or(Standing::FINE);
                let whole = Standing::of(policy, node).join(below);
                gathered.insert(node.node, whole);
                if let Some(parent) = node.parent {
                    let known = gathered.get(&parent).copied().unwrap_or(Standing::FINE);
                    gathered.insert(parent, known.join(whole));
                }
            }
        }
        Self(gathered)
    }

    /// As [`on`], of a node of the report.
    pub(super) fn on(
        &self,
        report: &Report,
        node: NodeId,
        codes: &[ScanCode],
        partial: bool,
    ) -> Advice {
        match (&report.request.policy, self.0.get(&node)) {
            (Some(policy), Some(standing)) => standing.advice(policy, codes, partial),
            _ => by_codes(codes),
        }
    }
}

/// Whether everything that stands against a node is something that may pass. The verdict alone does
/// not tell: it names the first problem of many.
fn tolerable(policy: &Policy, node: &NodeReport) -> bool {
    let tolerates = |what: Tolerated| policy.tolerate.contains(&what);
    // Whoever put it on the list answers for it.
    if engine::listed(node) == Some(Listed::Allow) {
        return true;
    }
    let problem = |kind: ProblemKind| match kind {
        ProblemKind::EncryptedArchive => tolerates(Tolerated::EncryptedArchive),
        ProblemKind::EncryptedDocument => tolerates(Tolerated::EncryptedDocument),
        ProblemKind::TooDeep => tolerates(Tolerated::TooDeep),
        ProblemKind::TooManyFiles => tolerates(Tolerated::TooManyFiles),
        ProblemKind::TooLarge => tolerates(Tolerated::TooLarge),
        ProblemKind::TimedOut => tolerates(Tolerated::TimedOut),
        ProblemKind::Unsupported => tolerates(Tolerated::Unsupported),
        ProblemKind::Truncated | ProblemKind::Corrupt => false,
    };
    let failure = |failure: Failure| match failure {
        Failure::Encrypted if is_document(node) => tolerates(Tolerated::EncryptedDocument),
        Failure::Encrypted => tolerates(Tolerated::EncryptedArchive),
        Failure::NotScanned => tolerates(Tolerated::NotScanned),
        Failure::Failed | Failure::TimedOut | Failure::Cancelled => false,
    };
    let entries = node.engines.iter().all(|(_, entry)| match entry {
        EngineEntry::NotApplicable(_) => true,
        EngineEntry::Down(_) | EngineEntry::TimedOut => false,
        EngineEntry::Done(result) => {
            let outcome = match result.outcome {
                Outcome::Verdict(Verdict::NoThreat | Verdict::Unknown) => true,
                Outcome::Verdict(Verdict::Suspicious) => tolerates(Tolerated::Suspicious),
                Outcome::Verdict(Verdict::Malicious) => false,
                Outcome::Failure(why) => failure(why),
            };
            outcome && result.problems.iter().all(|found| problem(found.kind))
        }
    });
    // What the fold itself says of it: nobody looked, or a child never came.
    let own = match (node.engines.is_empty(), node.own.failure) {
        (true, Some(why)) => failure(why),
        (true, None) => true,
        // The entries have said why, unless it is something that no entry can say.
        (false, Some(Failure::TimedOut | Failure::Cancelled)) => false,
        (false, _) => true,
    };
    let verdict = match node.own.verdict {
        Verdict::NoThreat => true,
        Verdict::Unknown => tolerates(Tolerated::Unknown),
        Verdict::Suspicious => tolerates(Tolerated::Suspicious),
        Verdict::Malicious => false,
    };
    let left_out = node.children.iter().filter_map(|child| child.left_out).all(problem);
    entries && own && verdict && left_out
}
