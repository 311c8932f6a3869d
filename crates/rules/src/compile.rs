//! From a condition without macros to nodes: names become fields, words become values.

use std::collections::HashMap;

use crate::ast::{Check, Expr, Modifier, Operand, Operator, Subject as Written, Transform, Word};
use crate::catalogue::Catalogue;
use crate::constant;
use crate::event::{EventSet, EventType};
use crate::field::{self, FieldType, OwnedArgument, Spread, Unresolved};
use crate::field_table::FieldId;
use crate::limits::Limits;
use crate::problem::{Code, Fault, Problems};
use crate::program::{self, Builder, NodeId, Subject};
use crate::source::Position;
use crate::test::Test;
use crate::value::Value;

/// What `evt.dir` says. Events are acts that are over, as in Falco since it has no enter events.
pub(crate) const DIRECTION: &str = "<";

/// What `evt.dir` said of the beginning of a call.
const ENTER: &str = ">";

/// Compiles the conditions of all rules into one builder.
pub(crate) struct Compiler<'a> {
    pub(crate) builder: Builder,
    catalogue: &'a Catalogue,
    limits: &'a Limits,
    /// What is wrong with the condition at hand.
    faults: Vec<Fault>,
}

/// A field as the compiler sees it.
struct Typed {
    subject: Subject,
    kind: FieldType,
    spread: Spread,
}

impl Typed {
    fn is_plain(&self, field: FieldId) -> bool {
        self.subject.field == field && self.subject.transforms.is_empty()
    }
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue, limits: &'a Limits) -> Self {
        Compiler { builder: Builder::default(), catalogue, limits, faults: Vec::new() }
    }

    /// The node of a rule's condition, or all that is wrong with it.
    pub(crate) fn condition(
        &mut self,
        expr: Expr,
        problems: &mut Problems,
    ) -> Result<NodeId, Vec<Fault>> {
        self.faults.clear();
        let node = self.expr(expr, false, problems);
        if self.faults.is_empty() {
            self.builder.used(node);
            return Ok(node);
        }
        Err(std::mem::take(&mut self.faults))
    }

    /// The node of a part; `negated` where it is below an odd number of `not`.
    fn expr(&mut self, expr: Expr, negated: bool, problems: &mut Problems) -> NodeId {
        let mut all = |parts: Vec<Expr>, compiler: &mut Self| -> Vec<NodeId> {
            parts.into_iter().map(|part| compiler.expr(part, negated, problems)).collect()
        };
        match expr {
            Expr::And(parts) => {
                let parts = all(parts, self);
                self.builder.and(parts)
            }
            Expr::Or(parts) => {
                let parts = all(merge(parts), self);
                self.builder.or(parts)
            }
            Expr::Not(inner) => {
                let inner = self.expr(*inner, !negated, problems);
                self.builder.not(inner)
            }
            Expr::Macro(name, at) => {
                // Expansion leaves none behind.
                self.faults.push(Fault::new(Code::UnknownMacro, at, format!("no macro `{name}`")));
                self.builder.constant(false)
            }
            Expr::Check(check) => match self.check(&check, negated, problems) {
                Ok(node) => node,
                Err(fault) => {
                    self.faults.push(fault);
                    self.builder.constant(false)
                }
            },
        }
    }

    fn check(
        &mut self,
        check: &Check,
        negated: bool,
        problems: &mut Problems,
    ) -> Result<NodeId, Fault> {
        let typed = self.subject(&check.subject)?;
        if !constant::fits(check.operator, typed.kind, typed.spread == Spread::List) {
            let message = format!(
                "`{}` does not work on {}, which is {}",
                check.operator.name(),
                typed.subject.field,
                typed.kind.name()
            );
            return Err(Fault::new(Code::Type, check.operator_at, message));
        }
        let words: &[Word] = match &check.operand {
            Operand::None => &[],
            Operand::Word(word) => std::slice::from_ref(word),
            Operand::List(words) => words.as_slice(),
            Operand::Subject(right) => return self.against(check, typed, right),
        };
        let listed = match (check.operator, check.modifier) {
            (Operator::Equal, Some(Modifier::Any)) => Some(Operator::In),
            (Operator::NotEqual, Some(Modifier::All)) => Some(Operator::NotEqual),
            (Operator::Equal | Operator::NotEqual | Operator::In, None) => Some(check.operator),
            _ => None,
        };
        if typed.is_plain(FieldId::EvtType)
            && let Some(operator) = listed
        {
            return Ok(self.events(operator, words, problems));
        }
        let list = check.modifier.is_some()
            || matches!(check.operator, Operator::In | Operator::Intersects);
        if words.is_empty() && list {
            // Nothing is in an empty list.
            return Ok(self.builder.constant(false));
        }
        let every = match typed.spread {
            Spread::Ends => check.operator == Operator::NotEqual,
            Spread::List => check.operator == Operator::In,
            Spread::One | Spread::Ancestors => false,
        };
        let make = || match (check.operator, check.modifier) {
            (Operator::Exists, _) => Ok(Test::Exists),
            (operator, None) => constant::test(operator, typed.kind, words, self.limits),
            (operator, Some(modifier)) => {
                let one = |word| {
                    constant::test(operator, typed.kind, std::slice::from_ref(word), self.limits)
                };
                let tests = words.iter().map(one).collect::<Result<_, _>>()?;
                Ok(Test::Several(modifier, tests))
            }
        };
        if typed.is_plain(FieldId::EvtDir) {
            let test = make()?;
            let value = test.holds(Value::from(DIRECTION));
            let enters = !value && test.holds(Value::from(ENTER));
            if enters {
                let message = "the beginning of a call is not told by itself: \
                               the call, which is told once, stands for it";
                problems.warn(Code::Deprecated, check.operator_at, message);
            }
            // A call counts as begun where a rule asks for that, and where one leaves it out it does not:
            // so nothing is lost that was found before there were no such events.
            return Ok(self.builder.constant(value || (enters && !negated)));
        }
        let mut texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        if texts.len() > 1 {
            texts.sort_unstable();
        }
        let key =
            format!("{:?} {:?} {:?} {texts:?}", typed.subject, check.operator, check.modifier);
        let subject = typed.subject.clone();
        self.builder.check(key, || Ok(program::Check { subject, test: make()?, every }))
    }

    /// A comparison with another field.
    fn against(&mut self, check: &Check, left: Typed, right: &Written) -> Result<NodeId, Fault> {
        let typed = self.subject(right)?;
        let fault = |at, message: String| Err(Fault::new(Code::Type, at, message));
        if matches!(check.operator, Operator::Pmatch | Operator::Regex) {
            let message = format!("`{}` takes no field on the right", check.operator.name());
            return fault(check.operator_at, message);
        }
        let network = FieldType::Network;
        if left.kind != typed.kind || left.kind == network {
            let message = format!(
                "{} is {}, and {} is {}",
                left.subject.field,
                left.kind.name(),
                typed.subject.field,
                typed.kind.name()
            );
            return fault(right.at, message);
        }
        let operator = check.operator;
        let key = format!("{:?} {operator:?} val {:?}", left.subject, typed.subject);
        let every = left.spread == Spread::Ends && operator == Operator::NotEqual;
        self.builder.check(key, || {
            let test = Test::Against(operator, Box::new(typed.subject));
            Ok(program::Check { subject: left.subject, test, every })
        })
    }

    fn events(&mut self, operator: Operator, words: &[Word], problems: &mut Problems) -> NodeId {
        let mut events = EventSet::EMPTY;
        for word in words {
            match EventType::from_name(&word.text) {
                Some(event) => events.insert(event),
                None => {
                    let message = format!("nobody knows the event type `{}`", word.text);
                    problems.warn(Code::UnknownEvent, word.at, message);
                }
            }
        }
        if operator == Operator::NotEqual {
            events = events.complement();
        }
        if events.is_empty() {
            return self.builder.constant(false);
        }
        self.builder.events(events)
    }

    /// Finds the field, and what it becomes through its transformers.
    fn subject(&mut self, written: &Written) -> Result<Typed, Fault> {
        let (field, argument) = resolve(written, self.catalogue)?;
        let info = field.info();
        let (mut kind, mut spread) = (info.kind, info.spread);
        if argument != OwnedArgument::None {
            spread = Spread::One;
        }
        for (place, transform) in written.transforms.iter().enumerate() {
            let text = matches!(kind, FieldType::Text | FieldType::Bytes);
            match transform {
                Transform::Length if text || spread == Spread::List => {
                    kind = FieldType::Unsigned;
                    spread = Spread::One;
                }
                Transform::Join(_) if place == 0 && spread != Spread::One => {
                    kind = FieldType::Text;
                    spread = Spread::One;
                }
                Transform::Upper | Transform::Lower | Transform::Base64 | Transform::Basename
                    if text =>
                {
                    kind = FieldType::Text;
                }
                Transform::Join(_) => {
                    let message = format!("{field} has no several values to join");
                    return Err(Fault::new(Code::Type, written.at, message));
                }
                _ => {
                    let message = format!("this transformer does not work on {}", kind.name());
                    return Err(Fault::new(Code::Type, written.at, message));
                }
            }
        }
        let many = spread != Spread::One;
        let transforms = written.transforms.clone().into_boxed_slice();
        Ok(Typed { subject: Subject { field, argument, transforms, many }, kind, spread })
    }
}

/// Finds a field that this catalogue can fill.
pub(crate) fn resolve(
    written: &Written,
    catalogue: &Catalogue,
) -> Result<(FieldId, OwnedArgument), Fault> {
    let name = &written.field;
    let at: Position = written.at;
    match field::resolve(name, written.argument.as_deref()) {
        Ok((field, argument)) if catalogue.fills(field, argument.borrow()) => Ok((field, argument)),
        Ok((field, argument)) => {
            let shown = match &argument {
                OwnedArgument::None => field.name().to_owned(),
                OwnedArgument::Index(index) => format!("{field}[{index}]"),
                OwnedArgument::Name(name) => format!("{field}[{name}]"),
            };
            let message = format!("the field {shown} cannot be filled here");
            Err(Fault::new(Code::UnfilledField, at, message))
        }
        Err(Unresolved::Unknown) => {
            Err(Fault::new(Code::UnknownField, at, format!("there is no field `{name}`")))
        }
        Err(Unresolved::Argument(message)) => Err(Fault::new(Code::Type, at, message)),
    }
}

/// Joins comparisons of one field in an `or`: many `contains` are looked for at once, and many `=`
/// are one set.
fn merge(parts: Vec<Expr>) -> Vec<Expr> {
    let mut merged: Vec<Expr> = Vec::with_capacity(parts.len());
    let mut places = HashMap::new();
    for part in parts {
        let Expr::Check(check) = part else {
            merged.push(part);
            continue;
        };
        let Some(group) = group(&check) else {
            merged.push(Expr::Check(check));
            continue;
        };
        let place = *places.entry(group).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(Expr::Check(known)) => {
                let mut words = words(std::mem::replace(&mut known.operand, Operand::None));
                words.extend(self::words(check.operand));
                if known.operator == Operator::Equal {
                    known.operator = Operator::In;
                }
                known.operand = Operand::List(words);
            }
            _ => merged.push(Expr::Check(check)),
        }
    }
    merged
}

/// What comparisons have in common that can be joined: the field, its argument and the operator.
/// Only of text without transformers; a list field asks for all of its values in `in`.
fn group(check: &Check) -> Option<(FieldId, Option<String>, Operator)> {
    let field = FieldId::from_name(&check.subject.field)?;
    let info = field.info();
    let operator = match check.operator {
        Operator::Equal | Operator::In => Operator::In,
        Operator::Contains | Operator::IContains => check.operator,
        _ => return None,
    };
    let constant =
        matches!(check.operand, Operand::Word(_) | Operand::List(_)) && check.modifier.is_none();
    let text = info.kind == FieldType::Text && info.spread != Spread::List;
    (constant && text && check.subject.transforms.is_empty())
        .then(|| (field, check.subject.argument.clone(), operator))
}

fn words(operand: Operand) -> Vec<Word> {
    match operand {
        Operand::Word(word) => vec![word],
        Operand::List(words) => words,
        Operand::None | Operand::Subject(_) => Vec::new(),
    }
}
