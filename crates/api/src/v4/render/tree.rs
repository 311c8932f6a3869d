use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use palisade_model::{
    ArtifactRef, ChildRef, EngineName, Failure, Hashes, NodeId, NodeReport, Report, ReportVerdict,
};

use super::super::code::{Circumstances, ScanCode, outcomes};
use super::count;
use super::engine::{detections, late, listed};
use super::node::is_document;

/// A report with what its nodes need to know of each other, gathered in two passes.
pub(super) struct Tree<'a> {
    report: &'a Report,
    places: HashMap<NodeId, usize>,
    /// Engines that found something in a node or below it; nodes without any have no entry.
    detecting: HashMap<NodeId, BTreeSet<&'a EngineName>>,
    /// Nodes with an engine that did not answer, or above such a node.
    late: HashSet<NodeId>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let places =
            report.nodes.iter().enumerate().map(|(place, entry)| (entry.node, place)).collect();
        let mut tree = Self { report, places, detecting: HashMap::new(), late: HashSet::new() };
        // Parents stand before children, so from the end every node is whole when it is reached.
        for entry in report.nodes.iter().rev() {
            let engines: Vec<_> = detections(entry).map(|detection| detection.engine).collect();
            if !engines.is_empty() {
                tree.detecting.entry(entry.node).or_default().extend(engines);
            }
            if entry.engines.iter().any(|(_, entry)| late(entry)) {
                tree.late.insert(entry.node);
            }
            if let Some(parent) = entry.parent {
                if let Some(engines) = tree.detecting.get(&entry.node).cloned() {
                    tree.detecting.entry(parent).or_default().extend(engines);
                }
                if tree.late.contains(&entry.node) {
                    tree.late.insert(parent);
                }
            }
        }
        tree
    }

    /// A node; one that was left out of the scan is made from what its container says of it.
    pub(super) fn view(&self, node: NodeId) -> Option<Cow<'a, NodeReport>> {
        if let Some(entry) = self.entry(node) {
            return Some(Cow::Borrowed(entry));
        }
        let (parent, child) = self.report.nodes.iter().find_map(|parent| {
            parent.children.iter().find(|child| child.node == node).map(|child| (parent, child))
        })?;
        let verdict = ReportVerdict {
            failure: Some(Failure::NotScanned),
            problem: child.left_out,
            ..ReportVerdict::default()
        };
        let path = match parent.path.as_str() {
            "" => child.name.clone(),
            path => format!("{path}/{}", child.name),
        };
        Some(Cow::Owned(NodeReport {
            node,
            parent: Some(parent.node),
            name: child.name.clone(),
            path,
            artifact: name_only(child),
            file_type: None,
            encrypted: child.encrypted,
            engines: Vec::new(),
            children: Vec::new(),
            own: verdict,
            whole: verdict,
        }))
    }

    pub(super) fn entry(&self, node: NodeId) -> Option<&'a NodeReport> {
        self.places.get(&node).and_then(|&place| self.report.nodes.get(place))
    }

    /// Whether something planned in it did not end. The report's word counts for its root, whatever
    /// its entries say.
    pub(super) fn partial(&self, entry: &NodeReport) -> bool {
        let node = entry.node;
        self.late.contains(&node) || (node.is_root() && self.report.partial)
    }

    /// Everything to be said of a node, gravest first; never empty.
    pub(super) fn codes(&self, entry: &NodeReport) -> Vec<ScanCode> {
        codes(self.report, entry, self.partial(entry))
    }

    /// Engines that found something in a node or below it.
    pub(super) fn detected(&self, node: NodeId) -> u32 {
        self.detecting.get(&node).map_or(0, |engines| count(engines.len()))
    }

    /// A node and everything below it, parents before children.
    pub(super) fn below(&self, node: NodeId) -> Vec<&'a NodeReport> {
        if node.is_root() {
            return self.report.nodes.iter().collect();
        }
        let mut inside = HashSet::from([node]);
        let mut found = Vec::new();
        for entry in &self.report.nodes {
            let below = entry.parent.is_some_and(|parent| inside.contains(&parent));
            if below || entry.node == node {
                inside.insert(entry.node);
                found.push(entry);
            }
        }
        found
    }
}

/// What a container says of a child that was left out: its other hashes were not kept.
fn name_only(child: &ChildRef) -> ArtifactRef {
    let hashes = Hashes {
        md5: String::new(),
        sha1: String::new(),
        sha256: child.sha256,
        sha512: String::new(),
    };
    ArtifactRef { hashes, size: child.size }
}

/// Everything to be said of a node, gravest first; never empty.
pub(super) fn codes(report: &Report, entry: &NodeReport, partial: bool) -> Vec<ScanCode> {
    let mut whole = entry.whole.join(entry.own);
    if entry.node.is_root() {
        whole = whole.join(report.verdict);
    }
    let circumstances =
        Circumstances { listed: listed(entry), partial, document: is_document(entry) };
    outcomes(whole, circumstances)
}
