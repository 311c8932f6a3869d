//! The fold of a request's events is pure: order and repeats do not matter, it is complete exactly
//! with the last missing event, and what was found is in the report whatever else is missing.

use std::collections::HashSet;

use palisade_model::{
    ArtifactRef, ChildRef, CommandId, Definitions, EngineEntry, EngineName, EngineResult, Failure,
    FileType, Finding, Hashes, Lineage, NodeEvent, NodeId, Outcome, Plan, Planned, PlannedEngine,
    Priority, Problem, ProblemKind, Report, Request, RequestId, Severity, Sha256, UnixMillis,
    UnpackLimits, Verdict,
};
use palisade_pipeline::aggregator::tree::Tree;
use proptest::prelude::*;
use proptest::sample::Index;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// What happens to one node, and under which earlier one it hangs.
#[derive(Debug, Clone)]
struct Shape {
    parent: Index,
    left_out: bool,
    engines: [Says; 2],
    unpacked: Says,
}

#[derive(Debug, Clone, Copy)]
enum Says {
    Verdict(Verdict),
    Failure(Failure),
    Problem(ProblemKind),
    Skipped,
    Down,
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        6 => Just(Says::Verdict(Verdict::NoThreat)),
        2 => Just(Says::Verdict(Verdict::Unknown)),
        1 => Just(Says::Verdict(Verdict::Suspicious)),
        1 => Just(Says::Verdict(Verdict::Malicious)),
        1 => Just(Says::Failure(Failure::Encrypted)),
        1 => Just(Says::Failure(Failure::Failed)),
        1 => Just(Says::Problem(ProblemKind::Truncated)),
        1 => Just(Says::Problem(ProblemKind::TooLarge)),
        1 => Just(Says::Skipped),
        1 => Just(Says::Down),
    ]
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = (any::<Index>(), prop::bool::weighted(0.1), [says(), says()], says());
    let shape = shape.prop_map(|(parent, left_out, engines, unpacked)| Shape {
        parent,
        left_out,
        engines,
        unpacked,
    });
    prop::collection::vec(shape, 1..24)
}

/// Every event of the tree of these shapes, in an order in which they may well come.
fn events(shapes: &[Shape]) -> Vec<NodeEvent> {
    let root = NodeId::root(RequestId::new(NOW, [7; 10]));
    let mut nodes = vec![Node { id: root, parent: None, depth: 0, children: Vec::new() }];
    for shape in &shapes[1..] {
        let parent = shape.parent.index(nodes.len());
        let index = u32::try_from(nodes[parent].children.len()).unwrap();
        let id = nodes[parent].id.child(index);
        if shape.left_out {
            nodes[parent].children.push((id, Some(ProblemKind::TooDeep)));
            // It is no node; the place is kept so that shapes and nodes go together.
            nodes.push(Node { id: root, parent: None, depth: u32::MAX, children: Vec::new() });
            continue;
        }
        // What hangs below a child that was left out hangs below the root instead.
        let parent = if nodes[parent].depth == u32::MAX { 0 } else { parent };
        let index = u32::try_from(nodes[parent].children.len()).unwrap();
        let id = nodes[parent].id.child(index);
        nodes[parent].children.push((id, None));
        let (depth, parent) = (nodes[parent].depth + 1, Some(nodes[parent].id));
        nodes.push(Node { id, parent, depth, children: Vec::new() });
    }
    let mut events = Vec::new();
    for (node, shape) in nodes.iter().zip(shapes).filter(|(node, _)| node.depth != u32::MAX) {
        let unpacks = !node.children.is_empty();
        let unpacked = match shape.unpacked {
            // Who has children was unpacked.
            Says::Skipped | Says::Down if unpacks => Says::Verdict(Verdict::NoThreat),
            says => says,
        };
        let all = [("a", shape.engines[0]), ("b", shape.engines[1]), ("unpack", unpacked)];
        events.push(NodeEvent::Plan(Box::new(plan(node, &all))));
        for (engine, says) in all {
            if let Some(mut result) = result(node, engine, says) {
                if engine == "unpack" {
                    result.children = node.children.iter().map(child).collect();
                }
                events.push(NodeEvent::Result(Box::new(result)));
            }
        }
    }
    events
}

struct Node {
    id: NodeId,
    parent: Option<NodeId>,
    depth: u32,
    children: Vec<(NodeId, Option<ProblemKind>)>,
}

fn name(engine: &str) -> EngineName {
    engine.parse().unwrap()
}

fn plan(node: &Node, engines: &[(&str, Says)]) -> Plan {
    let lineage =
        node.parent.map(|parent| Lineage { parent, depth: node.depth, ancestors: Vec::new() });
    let hashes = Hashes {
        md5: String::new(),
        sha1: String::new(),
        sha256: Sha256([9; 32]),
        sha512: String::new(),
    };
    let request = Request {
        inline: None,
        node: node.id,
        lineage,
        artifact: ArtifactRef { hashes, size: 10 },
        name: node.id.to_string(),
        path: String::new(),
        workflow: "default".to_owned(),
        engines: None,
        passwords: Vec::new(),
        limits: UnpackLimits::default(),
        accepted: NOW,
        deadline: NOW.plus(60_000),
        priority: Priority::Interactive,
        key: None,
        user_agent: None,
        metadata: None,
        callback: None,
        policy: None,
        facets: Some(Sha256([1; 32])),
    };
    let planned = |(engine, says): &(&str, Says)| PlannedEngine {
        engine: name(engine),
        planned: match says {
            Says::Skipped => Planned::NotApplicable("not its type".to_owned()),
            Says::Down => Planned::Down("away".to_owned()),
            _ => Planned::Run,
        },
        definitions: Definitions::default(),
    };
    let engines = engines.iter().map(planned).collect();
    Plan { request, file_type: FileType::default(), engines }
}

fn result(node: &Node, engine: &str, says: Says) -> Option<EngineResult> {
    let mut result = EngineResult {
        command: CommandId { node: node.id, engine: name(engine) },
        outcome: Outcome::Verdict(Verdict::NoThreat),
        threat: None,
        reason: None,
        findings: Vec::new(),
        problems: Vec::new(),
        observables: Vec::new(),
        properties: Vec::new(),
        children: Vec::new(),
        definitions: Definitions::default(),
        wait_us: 1,
        scan_us: 2,
    };
    match says {
        Says::Skipped | Says::Down => return None,
        Says::Verdict(verdict) => {
            result.outcome = Outcome::Verdict(verdict);
            if verdict == Verdict::Malicious {
                let severity = Severity::Malicious;
                result.findings = vec![Finding { severity, ..Finding::default() }];
            }
        }
        Says::Failure(failure) => result.outcome = Outcome::Failure(failure),
        Says::Problem(kind) => {
            result.problems = vec![Problem { kind, name: String::new(), detail: String::new() }];
        }
    }
    Some(result)
}

fn child((node, left_out): &(NodeId, Option<ProblemKind>)) -> ChildRef {
    ChildRef {
        node: *node,
        name: node.to_string(),
        sha256: Sha256([9; 32]),
        size: 10,
        encrypted: false,
        left_out: *left_out,
    }
}

fn fold(events: impl IntoIterator<Item = NodeEvent>) -> Tree {
    let mut tree = Tree::default();
    for event in events {
        tree.take(event, NOW);
    }
    tree
}

fn shuffled(shapes: Vec<Shape>) -> impl Strategy<Value = (Vec<Shape>, Vec<NodeEvent>)> {
    let events = events(&shapes);
    (Just(shapes), Just(events).prop_shuffle())
}

/// Parents stand before their children, each node once, and a whole is the join of its parts.
fn assert_well_formed(report: &Report) {
    let mut seen = HashSet::new();
    for node in &report.nodes {
        if let Some(parent) = node.parent {
            assert!(seen.contains(&parent), "{} before its parent", node.node);
        }
        assert!(seen.insert(node.node), "{} twice", node.node);
    }
    for node in &report.nodes {
        let below = report.nodes.iter().filter(|child| child.parent == Some(node.node));
        let whole = below.fold(node.own, |sum, child| sum.join(child.whole));
        assert_eq!(node.whole, whole, "{}", node.node);
    }
    assert_eq!(report.unpacked.files as usize, report.nodes.len() - 1);
    assert_eq!(report.verdict, report.nodes[0].whole);
    assert!(report.nodes[0].node.is_root());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn order_and_repeats_do_not_matter(
        (shapes, shuffled) in shapes().prop_flat_map(shuffled),
        repeats in prop::collection::vec(any::<(Index, Index)>(), 0..20),
    ) {
        let straight = fold(events(&shapes));
        prop_assert!(straight.is_complete());
        let expected = straight.report(NOW).unwrap();
        assert_well_formed(&expected);
        let mut disturbed = shuffled;
        for (from, to) in repeats {
            let event = disturbed[from.index(disturbed.len())].clone();
            disturbed.insert(to.index(disturbed.len() + 1), event);
        }
        let tree = fold(disturbed);
        prop_assert!(tree.is_complete());
        prop_assert_eq!(tree.report(NOW).unwrap(), expected);
    }

    #[test]
    fn it_is_complete_with_the_last_missing_event(
        (_, events) in shapes().prop_flat_map(shuffled),
    ) {
        let mut tree = Tree::default();
        let last = events.len() - 1;
        for (place, event) in events.into_iter().enumerate() {
            prop_assert!(!tree.is_complete());
            prop_assert!(tree.take(event.clone(), NOW), "it is new");
            prop_assert!(!tree.take(event, NOW), "it is known");
            prop_assert_eq!(tree.is_complete(), place == last);
            let progress = tree.progress();
            prop_assert!(progress.done <= progress.expected && progress.percent() <= 99);
        }
    }

    #[test]
    fn what_was_found_is_in_the_report_whatever_is_missing(
        (_, events) in shapes().prop_flat_map(shuffled),
        keep in any::<Index>(),
    ) {
        // A random part of the events, and the root's plan.
        let total = events.len();
        let mut kept = events;
        let is_root_plan = |event: &NodeEvent| {
            matches!(event, NodeEvent::Plan(plan) if plan.request.node.is_root())
        };
        kept.sort_by_key(|event| !is_root_plan(event));
        kept.truncate(1 + keep.index(total));
        let tree = fold(kept.clone());
        let complete = tree.is_complete();
        prop_assert_eq!(complete, kept.len() == total);
        let report = tree.report(NOW).unwrap();
        assert_well_formed(&report);
        if !complete {
            prop_assert!(report.partial);
            prop_assert!(!report.verdict.is_clean(), "partial and clean: {:#?}", report);
            prop_assert!(report.verdict.failure.is_some());
        }
        let planned: HashSet<NodeId> = kept.iter().filter_map(|event| match event {
            NodeEvent::Plan(plan) => Some(plan.request.node),
            NodeEvent::Result(_) | NodeEvent::Cancel(_) => None,
        }).collect();
        prop_assert_eq!(&report.nodes.iter().map(|n| n.node).collect::<HashSet<_>>(), &planned);
        for event in &kept {
            let NodeEvent::Result(result) = event else { continue };
            if !planned.contains(&result.command.node) {
                continue;
            }
            if let Outcome::Verdict(verdict) = result.outcome && verdict > Verdict::Unknown {
                prop_assert!(report.verdict.verdict >= verdict, "lost: {:#?}", result);
            }
            let node = report.node(result.command.node).unwrap();
            let entry = node.engines.iter().find(|(engine, _)| *engine == result.command.engine);
            prop_assert!(matches!(entry, Some((_, EngineEntry::Done(_)))));
        }
    }
}

/// A container of many files that nobody looked at in time: its report must not take for ever.
#[test]
fn a_wide_tree_without_plans_is_reported_in_linear_time() {
    let root = NodeId::root(RequestId::new(NOW, [7; 10]));
    let mut events = Vec::new();
    let wide = 20_000_u32;
    let children = |node: NodeId| (0..wide).map(move |n| (node.child(n), None)).collect::<Vec<_>>();
    let mut node = Node { id: root, parent: None, depth: 0, children: children(root) };
    let all = [("unpack", Says::Verdict(Verdict::NoThreat))];
    for level in 0..4 {
        events.push(NodeEvent::Plan(Box::new(plan(&node, &all))));
        let mut result = result(&node, "unpack", all[0].1).unwrap();
        result.children = node.children.iter().map(child).collect();
        events.push(NodeEvent::Result(Box::new(result)));
        let id = node.id.child(wide - 1);
        node = Node { id, parent: Some(node.id), depth: level + 1, children: children(id) };
    }
    let report = fold(events).report(NOW).unwrap();
    assert_eq!(report.nodes.len(), 4);
    assert_eq!(report.verdict.failure, Some(Failure::TimedOut));
    assert!(report.nodes.iter().all(|node| node.own.failure == Some(Failure::TimedOut)));
}
