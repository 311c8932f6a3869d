//! What a comparison asks of one value.

use std::cmp::Ordering;
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use memchr::memmem::{self, Finder};
use regex::bytes::Regex;

use crate::ast::{Modifier, Operator};
use crate::glob::Glob;
use crate::network::Network;
use crate::prefix::Prefixes;
use crate::program::Subject;
use crate::text_set::TextSet;
use crate::value::Value;

/// An order between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Relation {
    pub(crate) fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Equal => Relation::Equal,
            Operator::NotEqual => Relation::NotEqual,
            Operator::Less => Relation::Less,
            Operator::LessEqual => Relation::LessEqual,
            Operator::Greater => Relation::Greater,
            Operator::GreaterEqual => Relation::GreaterEqual,
            _ => return None,
        })
    }

    #[inline]
    fn holds(self, order: Option<Ordering>) -> bool {
        let Some(order) = order else { return false };
        match self {
            Relation::Equal => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterEqual => order.is_ge(),
        }
    }
}

/// A test of one value. A value of another type fails it, an absent one always.
#[derive(Debug)]
pub(crate) enum Test {
    Exists,
    Text(Relation, Box<[u8]>),
    TextIn(TextSet),
    Contains(Box<Finder<'static>>),
    /// Any of several parts, or one in either case.
    ContainsAny(Box<AhoCorasick>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob(Glob),
    Regex(Regex),
    Prefixes(Prefixes),
    Number(Relation, i128),
    NumberIn(Box<[i128]>),
    Real(Relation, f64),
    RealIn(Box<[f64]>),
    /// Whether `false` passes, whether `true` does.
    Boolean([bool; 2]),
    Addresses {
        of: Box<[IpAddr]>,
        negated: bool,
    },
    Networks {
        of: Box<[Network]>,
        negated: bool,
    },
    /// How many of several tests pass.
    Several(Modifier, Box<[Test]>),
    /// Another field of the same event, which evaluation fetches.
    Against(Operator, Box<Subject>),
}

impl Test {
    /// Whether a value passes. `Against` never does: it has two values, for [`compare`].
    pub(crate) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (_, Value::Absent) => false,
            (Test::Exists, _) => true,
            (Test::Text(relation, own), Value::Text(text)) => {
                relation.holds(Some(text.cmp(own.as_ref())))
            }
            (Test::TextIn(set), Value::Text(text)) => set.contains(text),
            (Test::Contains(finder), Value::Text(text)) => finder.find(text).is_some(),
            (Test::ContainsAny(parts), Value::Text(text)) => parts.is_match(text),
            (Test::StartsWith(own), Value::Text(text)) => text.starts_with(own),
            (Test::EndsWith(own), Value::Text(text)) => text.ends_with(own),
            (Test::Glob(glob), Value::Text(text)) => glob.matches(text),
            (Test::Regex(regex), Value::Text(text)) => regex.is_match(text),
            (Test::Prefixes(prefixes), Value::Text(text)) => prefixes.matches(text),
            (Test::Number(relation, own), value) => {
                relation.holds(number(value).map(|number| number.cmp(own)))
            }
            (Test::NumberIn(own), value) => {
                number(value).is_some_and(|number| own.binary_search(&number).is_ok())
            }
            (Test::Real(relation, own), value) => {
                relation.holds(real(value).and_then(|real| real.partial_cmp(own)))
            }
            (Test::RealIn(own), value) => real(value).is_some_and(|real| own.contains(&real)),
            (Test::Boolean(pass), Value::Boolean(flag)) => pass[usize::from(flag)],
            (Test::Addresses { of, negated }, Value::Address(address)) => {
                of.contains(&address.to_canonical()) != *negated
            }
            (Test::Networks { of, negated }, Value::Address(address)) => {
                of.iter().any(|network| network.contains(address)) != *negated
            }
            (Test::Several(Modifier::Any, tests), value) => {
                tests.iter().any(|test| test.holds(value))
            }
            (Test::Several(Modifier::All, tests), value) => {
                tests.iter().all(|test| test.holds(value))
            }
            (Test::Several(Modifier::One, tests), value) => {
                tests.iter().filter(|test| test.holds(value)).take(2).count() == 1
            }
            _ => false,
        }
    }

    /// What it costs, in no unit; evaluation tries the cheap ones first.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Test::Exists | Test::Boolean(_) | Test::Number(..) | Test::Real(..) => 2,
            Test::Text(..) | Test::StartsWith(_) | Test::EndsWith(_) => 3,
            Test::TextIn(_) | Test::NumberIn(_) | Test::RealIn(_) => 4,
            Test::Addresses { .. } => 4,
            Test::Networks { of, .. } => 4 + u32::try_from(of.len()).unwrap_or(u32::MAX / 16),
            Test::Against(..) => 8,
            Test::Prefixes(_) => 10,
            Test::Contains(_) => 12,
            Test::ContainsAny(_) => 16,
            Test::Glob(_) => 20,
            Test::Regex(_) => 40,
            Test::Several(_, tests) => {
                tests.iter().fold(4, |sum: u32, test| sum.saturating_add(test.cost()))
            }
        }
    }
}

/// Compares two values of one event.
pub(crate) fn compare(operator: Operator, left: Value<'_>, right: Value<'_>) -> bool {
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        return match operator {
            Operator::Contains | Operator::BContains => memmem::find(left, right).is_some(),
            Operator::IContains => {
                let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
                memmem::find(&left, &right).is_some()
            }
            Operator::StartsWith | Operator::BStartsWith => left.starts_with(right),
            Operator::EndsWith => left.ends_with(right),
            Operator::Glob => Glob::new(right, false).matches(left),
            Operator::IGlob => Glob::new(right, true).matches(left),
            Operator::In | Operator::Intersects => left == right,
            _ => {
                Relation::of(operator).is_some_and(|relation| relation.holds(Some(left.cmp(right))))
            }
        };
    }
    let relation = match operator {
        Operator::In | Operator::Intersects => Relation::Equal,
        _ => match Relation::of(operator) {
            Some(relation) => relation,
            None => return false,
        },
    };
    let order = match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(&right)),
        (Value::Address(left), Value::Address(right)) => {
            Some(left.to_canonical().cmp(&right.to_canonical()))
        }
        (left, right) => match (number(left), number(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => real(left).zip(real(right)).and_then(|(left, right)| left.partial_cmp(&right)),
        },
    };
    relation.holds(order)
}

fn number(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Signed(number) => Some(number.into()),
        Value::Unsigned(number) => Some(number.into()),
        _ => None,
    }
}

fn real(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Real(real) => Some(real),
        Value::Signed(number) => Some(number as f64),
        Value::Unsigned(number) => Some(number as f64),
        _ => None,
    }
}
