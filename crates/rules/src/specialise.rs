//! Conditions as they are for one type of event: what they ask of the type is answered when rules are loaded.

use std::collections::HashMap;

use crate::event::EventType;
use crate::program::{Builder, Node, NodeId};

/// Nodes that may come of it. What there is no room for asks for the type at each event, as it was written.
const MOST: usize = 50_000;

/// Makes conditions for types of events, one type after the other.
#[derive(Debug, Default)]
pub(crate) struct Specialiser {
    /// Whether the type is asked for in a node or below it.
    asks: HashMap<NodeId, bool>,
    made: usize,
}

/// What nodes are for one type of event.
pub(crate) type Special = HashMap<NodeId, NodeId>;

impl Specialiser {
    /// The node for events of this type. `known` is what was found out for it already.
    pub(crate) fn node(
        &mut self,
        builder: &mut Builder,
        node: NodeId,
        event: EventType,
        known: &mut Special,
    ) -> NodeId {
        if self.made >= MOST || !self.asks(builder, node) {
            return node;
        }
        if let Some(special) = known.get(&node) {
            return *special;
        }
        let before = builder.len();
        let special = match builder.node(node) {
            Some(Node::Events(events)) => {
                let answer = events.contains(event);
                builder.constant(answer)
            }
            Some(Node::And(parts)) => {
                let parts = parts.to_vec();
                let parts = self.all(builder, &parts, event, known);
                builder.and(parts)
            }
            Some(Node::Or(parts)) => {
                let parts = parts.to_vec();
                let parts = self.all(builder, &parts, event, known);
                builder.or(parts)
            }
            Some(Node::Not(inner)) => {
                let inner = *inner;
                let inner = self.node(builder, inner, event, known);
                builder.not(inner)
            }
            Some(Node::Constant(_) | Node::Check(_)) | None => node,
        };
        self.made += builder.len() - before;
        known.insert(node, special);
        special
    }

    fn all(
        &mut self,
        builder: &mut Builder,
        parts: &[NodeId],
        event: EventType,
        known: &mut Special,
    ) -> Vec<NodeId> {
        parts.iter().map(|part| self.node(builder, *part, event, known)).collect()
    }

    fn asks(&mut self, builder: &Builder, node: NodeId) -> bool {
        if let Some(known) = self.asks.get(&node) {
            return *known;
        }
        let asks = match builder.node(node) {
            Some(Node::Events(_)) => true,
            Some(Node::And(parts) | Node::Or(parts)) => {
                parts.iter().any(|part| self.asks(builder, *part))
            }
            Some(Node::Not(inner)) => self.asks(builder, *inner),
            Some(Node::Constant(_) | Node::Check(_)) | None => false,
        };
        self.asks.insert(node, asks);
        asks
    }
}
