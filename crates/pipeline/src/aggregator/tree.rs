//! The fold of one request: events in, report out. Pure and deterministic; repeats and any order of
//! events give the same report, save that a cancellation ends it with what has come until then.

use std::collections::HashMap;

use palisade_model::{
    ChildRef, CommandId, Definitions, EngineEntry, EngineName, EngineResult, Failure, NodeEvent,
    NodeId, NodeReport, Outcome, Plan, Planned, Problem, ProblemKind, Progress, Report,
    ReportVerdict, Request, RequestId, RequestSummary, Sha256, UnixMillis, UnpackSummary, Verdict,
    cache_key,
};

use super::unplanned;

/// What is known of one request.
#[derive(Default)]
pub struct Tree {
    nodes: HashMap<NodeId, Node>,
    /// The sum of [`Node::missing`].
    missing: usize,
    /// Results that are there.
    done: u32,
    started: Option<UnixMillis>,
    /// Whose tree it is.
    root: Option<RequestId>,
    /// Set when whoever asked takes it back.
    cancelled: Option<RequestSummary>,
}

/// A node that somebody has spoken of: its plan, its parent, or one of its engines.
#[derive(Default)]
struct Node {
    plan: Option<Plan>,
    results: HashMap<EngineName, EngineResult>,
}

impl Node {
    /// How much of it is expected and not there. Without its plan, the plan is.
    fn missing(&self) -> usize {
        match &self.plan {
            None => 1,
            Some(plan) => plan
                .engines
                .iter()
                .filter(|e| e.planned == Planned::Run && !self.results.contains_key(&e.engine))
                .count(),
        }
    }
}

impl Tree {
    /// Takes an event; false when it says nothing new.
    pub fn take(&mut self, event: NodeEvent, now: UnixMillis) -> bool {
        self.started.get_or_insert(now);
        self.root.get_or_insert(event.node().root);
        match event {
            NodeEvent::Plan(plan) => {
                let plan = *plan;
                self.change(plan.request.node, |node| {
                    let new = node.plan.is_none();
                    node.plan.get_or_insert(plan);
                    new
                })
            }
            NodeEvent::Result(result) => self.take_result(*result),
            NodeEvent::Cancel(summary) => {
                let new = self.cancelled.is_none();
                self.cancelled.get_or_insert(*summary);
                new
            }
        }
    }

    fn take_result(&mut self, result: EngineResult) -> bool {
        let announced: Vec<NodeId> = result
            .children
            .iter()
            .filter(|child| child.left_out.is_none())
            .map(|child| child.node)
            .collect();
        let new = self.change(result.command.node, |node| {
            let engine = result.command.engine.clone();
            match node.results.entry(engine) {
                std::collections::hash_map::Entry::Occupied(_) => false,
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(result);
                    true
                }
            }
        });
        if new {
            self.done += 1;
            for child in announced {
                self.change(child, |_| true);
            }
        }
        new
    }

    /// Changes a node, which comes to be by being spoken of, and keeps the sum.
    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node) -> bool) -> bool {
        let before = self.nodes.get(&id).map_or(0, Node::missing);
        let node = self.nodes.entry(id).or_default();
        let changed = change(node);
        self.missing = self.missing + node.missing() - before;
        changed
    }

    /// The root's request, once its plan is there.
    pub fn request(&self) -> Option<&Request> {
        self.root_plan().map(|plan| &plan.request)
    }

    fn root_plan(&self) -> Option<&Plan> {
        let root = NodeId::root(self.root?);
        self.nodes.get(&root)?.plan.as_ref()
    }

    /// The definitions that the root's plan saw.
    pub fn planned_definitions(&self) -> Vec<(EngineName, String)> {
        self.root_plan()
            .into_iter()
            .flat_map(|plan| &plan.engines)
            .map(|engine| (engine.engine.clone(), engine.definitions.version.clone()))
            .collect()
    }

    /// Whether everything expected is there, or nothing more is wanted.
    pub fn is_complete(&self) -> bool {
        match &self.cancelled {
            None => self.missing == 0 && self.request().is_some(),
            // Enough is known of the request to name it.
            Some(summary) => self.request().is_some() || summary.node.is_root(),
        }
    }

    /// Whether it has more than its root: then the records hold sums of it.
    pub fn has_children(&self) -> bool {
        self.nodes.len() > 1
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let missing = u32::try_from(self.missing).unwrap_or(u32::MAX);
        Progress { done: self.done, expected: self.done.saturating_add(missing) }
    }

    /// The report of what is there; what is missing is stated in it. `None` before the root's plan.
    pub fn report(mut self, now: UnixMillis) -> Option<Report> {
        let Some(request) = self.request().cloned() else {
            let summary = self.cancelled.filter(|summary| summary.node.is_root())?;
            return Some(unplanned(summary, Failure::Cancelled, now));
        };
        let root = request.node;
        let mut listing = Listing {
            nodes: Vec::with_capacity(self.nodes.len()),
            cancelled: self.cancelled.is_some(),
            ..Listing::default()
        };
        self.place(root, None, &mut listing);
        // A node whose parent never told of it (its result is lost past the deadline) still counts:
        // what was found in it was found. From the top down: what hangs below it comes with it.
        let mut orphans: Vec<(u32, NodeId, NodeId)> = self
            .nodes
            .iter()
            .map(|(id, node)| {
                let lineage = node.plan.as_ref().and_then(|plan| plan.request.lineage.as_ref());
                lineage.map_or((0, *id, root), |lineage| (lineage.depth, *id, lineage.parent))
            })
            .collect();
        orphans.sort_unstable();
        for (_, orphan, parent) in orphans {
            let parent = if listing.places.contains_key(&parent) { parent } else { root };
            self.place(orphan, Some(parent), &mut listing);
        }
        let Listing { mut nodes, places, partial, cancelled } = listing;
        let unpacked = sum_up(&mut nodes, &places);
        if let Some(root) = nodes.first_mut().filter(|_| cancelled) {
            // Whatever else was missing was so because nobody waits for it any more.
            root.own.failure = Some(Failure::Cancelled);
            root.whole.failure = Some(Failure::Cancelled);
        }
        let verdict = nodes.first().map(|root| root.whole).unwrap_or_default();
        Some(Report {
            started: self.started.unwrap_or(now),
            finished: now,
            request,
            verdict,
            partial: partial || cancelled,
            nodes,
            unpacked,
        })
    }

    /// Appends a node and all below it, parents first. A loop instead of a recursion: the depth of a
    /// tree comes from outside.
    fn place(&mut self, start: NodeId, parent: Option<NodeId>, listing: &mut Listing) {
        let mut waiting: Vec<(NodeId, Option<NodeId>, Option<ChildRef>)> =
            vec![(start, parent, None)];
        while let Some((id, parent, reference)) = waiting.pop() {
            let Some(node) = self.nodes.remove(&id) else { continue };
            match node_report(id, parent, node, reference, listing) {
                Some(report) => {
                    let below = report.children.iter().rev();
                    waiting.extend(below.map(|child| (child.node, Some(id), Some(child.clone()))));
                    listing.places.insert(id, listing.nodes.len());
                    listing.nodes.push(report);
                }
                None => listing.miss(parent),
            }
        }
    }
}

/// The nodes of a report, parents before children.
#[derive(Default)]
struct Listing {
    nodes: Vec<NodeReport>,
    /// Where each stands.
    places: HashMap<NodeId, usize>,
    partial: bool,
    /// Whether what is missing was taken back, and not late.
    cancelled: bool,
}

impl Listing {
    /// A child that was announced and never planned: its parent's list of children tells of it.
    fn miss(&mut self, parent: Option<NodeId>) {
        self.partial = true;
        let place = parent.and_then(|parent| self.places.get(&parent));
        if let Some(parent) = place.and_then(|place| self.nodes.get_mut(*place)) {
            let failure = if self.cancelled { Failure::Cancelled } else { Failure::TimedOut };
            let missed = ReportVerdict { failure: Some(failure), ..ReportVerdict::default() };
            parent.own = parent.own.join(missed);
        }
    }
}

fn node_report(
    id: NodeId,
    parent: Option<NodeId>,
    mut node: Node,
    reference: Option<ChildRef>,
    listing: &mut Listing,
) -> Option<NodeReport> {
    let plan = node.plan?;
    let mut own = ReportVerdict::default();
    let mut engines = Vec::with_capacity(plan.engines.len());
    let mut children = Vec::new();
    for planned in plan.engines {
        let entry = match planned.planned {
            Planned::NotApplicable(reason) => EngineEntry::NotApplicable(reason),
            Planned::Down(reason) => EngineEntry::Down(reason),
            Planned::Run => match node.results.remove(&planned.engine) {
                None if listing.cancelled => {
                    let command = CommandId { node: id, engine: planned.engine.clone() };
                    let result = cancelled_result(command, planned.definitions);
                    EngineEntry::Done(Box::new(result))
                }
                None => EngineEntry::TimedOut,
                Some(mut result) => {
                    children.append(&mut result.children);
                    EngineEntry::Done(Box::new(result))
                }
            },
        };
        own = own.join(entry_verdict(&entry));
        let unanswered = match &entry {
            EngineEntry::TimedOut | EngineEntry::Down(_) => true,
            EngineEntry::Done(result) => matches!(
                result.outcome,
                Outcome::Failure(Failure::Failed | Failure::TimedOut | Failure::Cancelled)
            ),
            EngineEntry::NotApplicable(_) => false,
        };
        listing.partial |= unanswered;
        engines.push((planned.engine, entry));
    }
    let left_out = children.iter().filter_map(|child| child.left_out).min();
    own.problem = match (own.problem, left_out) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    // Nobody was to look at it, so nobody found it clean.
    if engines.is_empty() {
        own.failure = Some(Failure::NotScanned);
    }
    // An allow-listed artifact is answered for by whoever listed it.
    if is_allowed(&engines) {
        own = ReportVerdict::default();
    }
    let request = plan.request;
    Some(NodeReport {
        node: id,
        parent,
        name: request.name,
        path: request.path,
        artifact: request.artifact,
        file_type: Some(plan.file_type),
        encrypted: reference.is_some_and(|child| child.encrypted),
        engines,
        children,
        own,
        whole: own,
    })
}

/// What stands for an engine whose answer nobody waits for any more.
pub(crate) fn cancelled_result(command: CommandId, definitions: Definitions) -> EngineResult {
    EngineResult {
        outcome: Outcome::Failure(Failure::Cancelled),
        reason: Some(CANCELLED.to_owned()),
        ..EngineResult::new(command, definitions)
    }
}

/// Why an engine gave no answer, when the request was taken back.
pub(crate) const CANCELLED: &str = "the request was cancelled";

/// The finding by which the reputation engine says that an artifact is on an allow list.
pub const ALLOW_LISTED: &str = "allow-listed";

/// The engine that may say so. It parses nothing: of any other the finding may be an exploit's, and
/// an exploit costs one result (law 5), not every other engine's too.
pub const REPUTATION: &str = "reputation";

fn is_allowed(engines: &[(EngineName, EngineEntry)]) -> bool {
    engines.iter().any(|(engine, entry)| match entry {
        EngineEntry::Done(result) if engine.as_str() == REPUTATION => {
            result.findings.iter().any(|finding| finding.id == ALLOW_LISTED)
        }
        _ => false,
    })
}

/// What one engine's entry means for the verdict.
pub fn entry_verdict(entry: &EngineEntry) -> ReportVerdict {
    let failed = |failure| ReportVerdict { failure: Some(failure), ..ReportVerdict::default() };
    match entry {
        EngineEntry::NotApplicable(_) => ReportVerdict::default(),
        EngineEntry::Down(_) => failed(Failure::Failed),
        EngineEntry::TimedOut => failed(Failure::TimedOut),
        EngineEntry::Done(result) => {
            let problem = gravest_problem(&result.problems);
            // "Nothing is known" is what most engines say of most files; it is no reason to alarm.
            let (verdict, failure) = match result.outcome {
                Outcome::Verdict(Verdict::Unknown) => (Verdict::NoThreat, None),
                Outcome::Verdict(verdict) => (verdict, None),
                Outcome::Failure(failure) => {
                    (EngineResult::gravest(&result.findings).verdict(), Some(failure))
                }
            };
            ReportVerdict { verdict, failure, problem }
        }
    }
}

/// The problem that an entry is named after.
fn gravest_problem(problems: &[Problem]) -> Option<ProblemKind> {
    problems.iter().map(|problem| problem.kind).min()
}

/// Joins every node's verdict into its parent's, last first, and adds the sums up.
fn sum_up(nodes: &mut [NodeReport], places: &HashMap<NodeId, usize>) -> UnpackSummary {
    let mut summary = UnpackSummary::default();
    let mut depth = vec![0_u32; nodes.len()];
    let above = |node: &NodeReport| node.parent.and_then(|parent| places.get(&parent)).copied();
    for place in 0..nodes.len() {
        nodes[place].whole = nodes[place].own;
        if place > 0 {
            depth[place] = above(&nodes[place]).map_or(1, |parent| depth[parent] + 1);
            summary.files += 1;
            summary.bytes = summary.bytes.saturating_add(nodes[place].artifact.size);
            summary.depth = summary.depth.max(depth[place]);
        }
    }
    for place in (1..nodes.len()).rev() {
        // Parents come before their children, so a parent's sum is not yet used.
        if let Some(parent) = above(&nodes[place]) {
            nodes[parent].whole = nodes[parent].whole.join(nodes[place].whole);
        }
    }
    summary
}

/// The key under which a report may answer for the same bytes; `None` when it may not: a partial
/// report, a failure, or an engine whose definitions changed in the middle.
pub fn report_cache_key(
    report: &Report,
    plan_definitions: &[(EngineName, String)],
) -> Option<Sha256> {
    let facets = report.request.facets?;
    if report.partial || report.verdict.failure.is_some() {
        return None;
    }
    let mut versions: HashMap<&EngineName, &str> =
        plan_definitions.iter().map(|(engine, version)| (engine, version.as_str())).collect();
    let mut seen: HashMap<&EngineName, &str> = HashMap::new();
    for node in &report.nodes {
        for (engine, entry) in &node.engines {
            let EngineEntry::Done(result) = entry else { continue };
            let version = result.definitions.version.as_str();
            if *seen.entry(engine).or_insert(version) != version {
                return None;
            }
        }
    }
    versions.extend(seen);
    Some(cache_key(report.request.artifact.sha256(), facets, versions))
}
