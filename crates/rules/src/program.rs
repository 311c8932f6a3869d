//! Compiled conditions: all rules share one set of nodes, so that what two rules ask is one node.

use std::collections::{HashMap, HashSet};

use crate::ast::Transform;
use crate::event::EventSet;
use crate::field::OwnedArgument;
use crate::field_table::FieldId;
use crate::problem::Fault;
use crate::test::Test;

/// A node by its place in the program. Children come before their parents.
pub(crate) type NodeId = u32;

#[derive(Debug)]
pub(crate) enum Node {
    Constant(bool),
    /// The type of the event is one of these.
    Events(Box<EventSet>),
    Check(Box<Check>),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
}

/// A comparison.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) subject: Subject,
    pub(crate) test: Test,
    /// Of several values all must pass, not one.
    pub(crate) every: bool,
}

/// A field with its argument and transformers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) field: FieldId,
    pub(crate) argument: OwnedArgument,
    /// The innermost first.
    pub(crate) transforms: Box<[Transform]>,
    /// There may be several values.
    pub(crate) many: bool,
}

/// The nodes of all rules.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// Whether the answer is worth remembering for the rest of the event.
    pub(crate) remember: Vec<bool>,
}

/// Below this cost an answer is found as fast as it is looked up.
const REMEMBERED: u32 = 6;

/// Builds a program.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    costs: Vec<u32>,
    uses: Vec<u32>,
    known: HashMap<String, NodeId>,
}

impl Builder {
    pub(crate) fn constant(&mut self, value: bool) -> NodeId {
        self.put(format!("{value}"), 0, Node::Constant(value))
    }

    pub(crate) fn events(&mut self, events: EventSet) -> NodeId {
        self.put(format!("{events:?}"), 1, Node::Events(Box::new(events)))
    }

    /// A comparison, unless there is one of this description already.
    pub(crate) fn check(
        &mut self,
        key: String,
        make: impl FnOnce() -> Result<Check, Fault>,
    ) -> Result<NodeId, Fault> {
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let check = make()?;
        let transforms = u32::try_from(check.subject.transforms.len()).unwrap_or(u32::MAX / 16);
        let mut cost = check.test.cost().saturating_add(transforms.saturating_mul(10));
        if check.subject.many {
            cost = cost.saturating_mul(4);
        }
        Ok(self.put(key, cost, Node::Check(Box::new(check))))
    }

    pub(crate) fn not(&mut self, inner: NodeId) -> NodeId {
        match self.node(inner) {
            Some(Node::Constant(value)) => {
                let value = !*value;
                self.constant(value)
            }
            Some(Node::Not(inner)) => *inner,
            _ => {
                let cost = self.cost(inner);
                self.put(format!("!{inner}"), cost, Node::Not(inner))
            }
        }
    }

    pub(crate) fn and(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.join(parts, true)
    }

    pub(crate) fn or(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.join(parts, false)
    }

    /// An `and` or `or`: without what changes nothing, the cheap parts first. Absence makes a
    /// comparison false and has no other effect, so that the order cannot be seen.
    fn join(&mut self, parts: Vec<NodeId>, and: bool) -> NodeId {
        let mut kept: Vec<NodeId> = Vec::with_capacity(parts.len());
        let mut seen = HashSet::with_capacity(parts.len());
        for part in parts {
            match self.node(part) {
                Some(Node::Constant(value)) if *value == and => {}
                Some(Node::Constant(value)) => {
                    let value = *value;
                    return self.constant(value);
                }
                _ if seen.insert(part) => kept.push(part),
                _ => {}
            }
        }
        kept.sort_by_key(|part| (self.cost(*part), *part));
        match kept.as_slice() {
            [] => self.constant(and),
            [only] => *only,
            _ => {
                let cost =
                    kept.iter().fold(0_u32, |sum, part| sum.saturating_add(self.cost(*part)));
                let key = format!("{}{kept:?}", if and { '&' } else { '|' });
                let parts = kept.into_boxed_slice();
                let node = if and { Node::And(parts) } else { Node::Or(parts) };
                self.put(key, cost, node)
            }
        }
    }

    /// Counts a use that is no node's: a rule's.
    pub(crate) fn used(&mut self, node: NodeId) {
        if let Some(uses) = self.uses.get_mut(index(node)) {
            *uses += 1;
        }
    }

    pub(crate) fn finish(self) -> Program {
        let remember = self.costs.iter().zip(&self.uses);
        let remember = remember.map(|(cost, uses)| *uses > 1 && *cost >= REMEMBERED).collect();
        Program { nodes: self.nodes, remember }
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(index(node))
    }

    fn cost(&self, node: NodeId) -> u32 {
        self.costs.get(index(node)).copied().unwrap_or_default()
    }

    fn put(&mut self, key: String, cost: u32, node: Node) -> NodeId {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let children: &[NodeId] = match &node {
            Node::And(parts) | Node::Or(parts) => parts,
            Node::Not(inner) => std::slice::from_ref(inner),
            Node::Constant(_) | Node::Events(_) | Node::Check(_) => &[],
        };
        for child in children {
            if let Some(uses) = self.uses.get_mut(index(*child)) {
                *uses += 1;
            }
        }
        // The bound on all conditions together keeps this far below 2^32.
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(node);
        self.costs.push(cost);
        self.uses.push(0);
        self.known.insert(key, id);
        id
    }
}

/// The place of a node.
#[inline]
pub(crate) fn index(node: NodeId) -> usize {
    node as usize
}
