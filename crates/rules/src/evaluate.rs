//! Runs compiled conditions on an event.

use std::ops::ControlFlow;

use crate::ast::Transform;
use crate::compile::DIRECTION;
use crate::event::EventType;
use crate::field::Argument;
use crate::field_table::FieldId;
use crate::program::{Check, Node, NodeId, Program, Subject, index};
use crate::test::{Test, compare};
use crate::transform::{self, Spare, with_transforms};
use crate::value::{Fields, Value};

/// Answers that are shared between the rules of one event. Keep one for each thread: it allocates
/// once, and fits every ruleset.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each node, the event that its answer is of and the answer, in the lowest bit.
    answers: Vec<u64>,
    event: u64,
    /// For transformed values.
    spare: Spare,
}

impl Scratch {
    /// Scratch for any ruleset.
    pub fn new() -> Self {
        Scratch::default()
    }

    pub(crate) fn next(&mut self, nodes: usize) {
        if self.answers.len() < nodes {
            self.answers.resize(nodes, 0);
        }
        // One in a nanosecond for 292 years.
        self.event += 1;
    }

    #[inline]
    fn get(&self, node: NodeId) -> Option<bool> {
        let answer = *self.answers.get(index(node))?;
        (answer >> 1 == self.event).then_some(answer & 1 == 1)
    }

    #[inline]
    fn put(&mut self, node: NodeId, answer: bool) {
        if let Some(place) = self.answers.get_mut(index(node)) {
            *place = (self.event << 1) | u64::from(answer);
        }
    }
}

/// One event and what is known of it so far.
pub(crate) struct Run<'r, F: ?Sized> {
    pub(crate) program: &'r Program,
    pub(crate) event: EventType,
    pub(crate) fields: &'r F,
    pub(crate) scratch: &'r mut Scratch,
}

impl<F: Fields + ?Sized> Run<'_, F> {
    /// Whether a node holds.
    pub(crate) fn holds(&mut self, node: NodeId) -> bool {
        let remember = self.program.remember.get(index(node)).copied().unwrap_or(false);
        if remember && let Some(answer) = self.scratch.get(node) {
            return answer;
        }
        let program = self.program;
        let answer = match program.nodes.get(index(node)) {
            Some(Node::Constant(value)) => *value,
            Some(Node::Events(events)) => events.contains(self.event),
            Some(Node::Check(check)) => self.check(check),
            Some(Node::And(parts)) => parts.iter().all(|part| self.holds(*part)),
            Some(Node::Or(parts)) => parts.iter().any(|part| self.holds(*part)),
            Some(Node::Not(inner)) => !self.holds(*inner),
            None => false,
        };
        if remember {
            self.scratch.put(node, answer);
        }
        answer
    }

    fn check(&self, check: &Check) -> bool {
        let (event, fields, spare) = (self.event, self.fields, &self.scratch.spare);
        let Test::Against(operator, right) = &check.test else {
            return ask(event, fields, &check.subject, check.every, spare, &mut |value| {
                check.test.holds(value)
            });
        };
        ask(event, fields, &check.subject, check.every, spare, &mut |left| {
            ask(event, fields, right, check.every && right.many, spare, &mut |right| {
                compare(*operator, left, right)
            })
        })
    }
}

/// Whether one value of a subject passes; with `every`, all of them and at least one.
pub(crate) fn ask<F: Fields + ?Sized>(
    event: EventType,
    fields: &F,
    subject: &Subject,
    every: bool,
    spare: &Spare,
    passes: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    let argument = subject.argument.borrow();
    if let Some((Transform::Join(separator), rest)) = subject.transforms.split_first() {
        let (mut joined, mut none) = (spare.take(), true);
        fields.each(subject.field, argument, &mut |value| {
            transform::join(value, separator, &mut joined, &mut none);
            ControlFlow::Continue(())
        });
        let value = if none { Value::Absent } else { Value::Text(&joined) };
        let answer = with_transforms(value, rest, spare, passes);
        spare.put(joined);
        return answer;
    }
    if !subject.many {
        let value = fetch(event, fields, subject.field, argument);
        return with_transforms(value, &subject.transforms, spare, passes);
    }
    let mut answer = false;
    fields.each(subject.field, argument, &mut |value| {
        answer = with_transforms(value, &subject.transforms, spare, passes);
        if answer == every { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    answer
}

/// The value of a field, from the event or from what needs no event.
fn fetch<'f, F: Fields + ?Sized>(
    event: EventType,
    fields: &'f F,
    field: FieldId,
    argument: Argument<'_>,
) -> Value<'f> {
    match (field, argument) {
        (FieldId::EvtType, _) => Value::from(event.name()),
        (FieldId::EvtDir, _) => Value::from(DIRECTION),
        (FieldId::EvtTypeIs, Argument::Name(name)) => {
            Value::Unsigned(u64::from(name == event.name()))
        }
        _ => fields.get(field, argument),
    }
}
