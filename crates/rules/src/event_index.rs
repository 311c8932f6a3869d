//! Which types of events a condition can match at all.

use std::collections::HashMap;

use crate::event::EventSet;
use crate::program::{Builder, Node, NodeId};

/// The events on which a node can be true (or, `negated`, false).
///
/// Only checks of `evt.type` say something of it; all others may turn out either way. Negation goes
/// down to them by De Morgan's laws.
pub(crate) fn events_of(
    builder: &Builder,
    node: NodeId,
    negated: bool,
    seen: &mut Seen,
) -> EventSet {
    if let Some(known) = seen.get(&(node, negated)) {
        return *known;
    }
    let events = match builder.node(node) {
        Some(Node::Constant(value)) if *value == negated => EventSet::EMPTY,
        Some(Node::Events(events)) if negated => events.complement(),
        Some(Node::Events(events)) => **events,
        Some(Node::Not(inner)) => events_of(builder, *inner, !negated, seen),
        Some(Node::And(parts)) if !negated => all_of(builder, parts, negated, seen),
        Some(Node::Or(parts)) if negated => all_of(builder, parts, negated, seen),
        Some(Node::And(parts) | Node::Or(parts)) => {
            parts.iter().fold(EventSet::EMPTY, |events, part| {
                events.or(&events_of(builder, *part, negated, seen))
            })
        }
        Some(Node::Constant(_) | Node::Check(_)) | None => EventSet::all(),
    };
    seen.insert((node, negated), events);
    events
}

/// What [`events_of`] found out already.
pub(crate) type Seen = HashMap<(NodeId, bool), EventSet>;

fn all_of(builder: &Builder, parts: &[NodeId], negated: bool, seen: &mut Seen) -> EventSet {
    parts
        .iter()
        .fold(EventSet::all(), |events, part| events.and(&events_of(builder, *part, negated, seen)))
}
