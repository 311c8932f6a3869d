//! Runs compiled conditions on an event.

use std::borrow::Cow;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::ast::Transform;
use crate::compile::DIRECTION;
use crate::event::EventType;
use crate::field::Argument;
use crate::field_table::FieldId;
use crate::program::{Check, Node, NodeId, Program, Subject, index};
use crate::test::{Test, compare};
use crate::value::{Fields, Value};

/// Padded or not: what attackers hand to a shell is often cut off.
static BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Answers that are shared between the rules of one event. Keep one for each thread: it allocates
/// once, and fits every ruleset.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each node, the event that its answer is of and the answer, in the lowest bit.
    answers: Vec<u64>,
    event: u64,
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
        let (event, fields) = (self.event, self.fields);
        let Test::Against(operator, right) = &check.test else {
            return ask(event, fields, &check.subject, check.every, &mut |value| {
                check.test.holds(value)
            });
        };
        ask(event, fields, &check.subject, check.every, &mut |left| {
            ask(event, fields, right, check.every && right.many, &mut |right| {
                compare(*operator, left, right)
            })
        })
    }
}

/// Whether one value of a subject passes; with `every`, all of them and at least one.
fn ask<F: Fields + ?Sized>(
    event: EventType,
    fields: &F,
    subject: &Subject,
    every: bool,
    passes: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    let argument = subject.argument.borrow();
    if !subject.many {
        let value = fetch(event, fields, subject.field, argument);
        return with_transforms(value, &subject.transforms, passes);
    }
    let mut answer = false;
    fields.each(subject.field, argument, &mut |value| {
        answer = with_transforms(value, &subject.transforms, passes);
        if answer == every { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    answer
}

/// The value of a field, from the event or from what needs no event.
pub(crate) fn fetch<'f, F: Fields + ?Sized>(
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

/// Gives the transformed value to a test. What cannot be transformed is absent.
pub(crate) fn with_transforms(
    value: Value<'_>,
    transforms: &[Transform],
    passes: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    if transforms.is_empty() {
        return passes(value);
    }
    let mut text = match (value, transforms) {
        (Value::Text(text), _) => Cow::Borrowed(text),
        (Value::List(values), [Transform::Length]) if !values.is_empty() => {
            return passes(count(values.len()));
        }
        _ => return passes(Value::Absent),
    };
    for transform in transforms {
        match transform {
            Transform::Upper => text.to_mut().make_ascii_uppercase(),
            Transform::Lower => text.to_mut().make_ascii_lowercase(),
            Transform::Base64 => match BASE64.decode(text.as_ref()) {
                Ok(decoded) => text = Cow::Owned(decoded),
                Err(_) => return passes(Value::Absent),
            },
            Transform::Basename => {
                let start = memchr::memrchr(b'/', &text).map_or(0, |slash| slash + 1);
                text = match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.get(start..).unwrap_or_default()),
                    Cow::Owned(mut text) => {
                        text.drain(..start);
                        Cow::Owned(text)
                    }
                };
            }
            // The compiler lets nothing come after it.
            Transform::Length => return passes(count(text.len())),
        }
    }
    passes(Value::Text(&text))
}

fn count(length: usize) -> Value<'static> {
    Value::Unsigned(u64::try_from(length).unwrap_or(u64::MAX))
}
