//! From the words on the right of an operator to a test.

use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use regex::bytes::RegexBuilder;

use crate::ast::{Operator, Word};
use crate::field::FieldType;
use crate::glob::Glob;
use crate::limits::Limits;
use crate::network::{self, Network};
use crate::prefix::Prefixes;
use crate::problem::{Code, Fault};
use crate::test::{Relation, Test};
use crate::text_set::TextSet;

/// Whether an operator works on a type at all.
pub(crate) fn fits(operator: Operator, kind: FieldType, list: bool) -> bool {
    use Operator as O;
    if operator == O::Exists {
        return true;
    }
    if list {
        return matches!(operator, O::In | O::Intersects);
    }
    let equal = matches!(operator, O::Equal | O::NotEqual | O::In | O::Intersects);
    let ordered = equal || Relation::of(operator).is_some();
    let text = ordered
        || matches!(operator, O::Contains | O::IContains | O::StartsWith | O::EndsWith)
        || matches!(operator, O::Glob | O::IGlob | O::Regex | O::Pmatch);
    match kind {
        FieldType::Boolean | FieldType::Address | FieldType::Network => equal,
        FieldType::Signed
        | FieldType::Unsigned
        | FieldType::Real
        | FieldType::Port
        | FieldType::Time => ordered,
        FieldType::Text | FieldType::Dynamic => text,
        FieldType::Bytes => {
            equal
                || matches!(operator, O::Contains | O::StartsWith | O::EndsWith)
                || matches!(operator, O::BContains | O::BStartsWith)
        }
    }
}

/// Makes the test of an operator that [`fits`] the type, with one word or several.
pub(crate) fn test(
    operator: Operator,
    kind: FieldType,
    words: &[Word],
    limits: &Limits,
) -> Result<Test, Fault> {
    match kind {
        FieldType::Text | FieldType::Bytes => text(operator, words, limits),
        FieldType::Signed | FieldType::Unsigned | FieldType::Port | FieldType::Time => {
            numbers(operator, &each(words, kind, |text| number(text, kind))?, words, kind)
        }
        FieldType::Real => {
            let reals = each(words, kind, |text| text.parse::<f64>().ok())?;
            match (Relation::of(operator), reals.as_slice()) {
                (Some(relation), [real]) => Ok(Test::Real(relation, *real)),
                _ => Ok(Test::RealIn(reals.into())),
            }
        }
        FieldType::Boolean => {
            let flags = each(words, kind, |text| match text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            })?;
            let negated = operator == Operator::NotEqual;
            Ok(Test::Boolean([flags.contains(&false) != negated, flags.contains(&true) != negated]))
        }
        // Networks among addresses, and addresses among networks, are what they look like.
        FieldType::Address if words.iter().any(|word| word.text.contains('/')) => {
            networks(operator, words, kind)
        }
        FieldType::Address => {
            let of = each(words, kind, |text| text.parse::<IpAddr>().ok())?;
            let of = of.into_iter().map(|address| address.to_canonical()).collect();
            Ok(Test::Addresses { of, negated: operator == Operator::NotEqual })
        }
        FieldType::Network => networks(operator, words, kind),
        FieldType::Dynamic => {
            let numbers_only = words.iter().all(|word| number(&word.text, kind).is_some());
            if numbers_only && fits(operator, FieldType::Signed, false) {
                test(operator, FieldType::Signed, words, limits)
            } else {
                text(operator, words, limits)
            }
        }
    }
}

fn networks(operator: Operator, words: &[Word], kind: FieldType) -> Result<Test, Fault> {
    let of = each(words, kind, |text| {
        Network::parse(text).or_else(|| text.parse().ok().map(Network::of))
    })?;
    Ok(Test::Networks { of: of.into(), negated: operator == Operator::NotEqual })
}

fn each<T>(
    words: &[Word],
    kind: FieldType,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Fault> {
    words
        .iter()
        .map(|word| {
            read(&word.text).ok_or_else(|| {
                let message = format!("`{}` is not {}", word.text, kind.name());
                Fault::new(Code::Type, word.at, message)
            })
        })
        .collect()
}

fn numbers(
    operator: Operator,
    numbers: &[i128],
    words: &[Word],
    kind: FieldType,
) -> Result<Test, Fault> {
    match (Relation::of(operator), numbers) {
        (Some(relation), [number]) => Ok(Test::Number(relation, *number)),
        (Some(_), _) => {
            let at = words.first().map(|word| word.at).unwrap_or_default();
            Err(Fault::new(Code::Type, at, format!("expected one value: {}", kind.name())))
        }
        (None, _) => {
            let mut numbers = numbers.to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            Ok(Test::NumberIn(numbers.into()))
        }
    }
}

/// A whole number, decimal or hexadecimal, in the range of its type.
fn number(text: &str, kind: FieldType) -> Option<i128> {
    if kind == FieldType::Port
        && let Some(port) = network::port(text)
    {
        return Some(port.into());
    }
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number: i128 = match hex {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?.into(),
        None => text.parse().ok()?,
    };
    let range = match kind {
        FieldType::Unsigned | FieldType::Time => 0..=i128::from(u64::MAX),
        FieldType::Port => 0..=i128::from(u16::MAX),
        _ => i128::from(i64::MIN)..=i128::from(u64::MAX),
    };
    range.contains(&number).then_some(number)
}

fn text(operator: Operator, words: &[Word], limits: &Limits) -> Result<Test, Fault> {
    let texts = || words.iter().map(|word| word.text.as_bytes());
    match operator {
        Operator::In | Operator::Intersects => {
            return Ok(Test::TextIn(TextSet::new(texts().map(<[u8]>::to_vec))));
        }
        Operator::Pmatch => return Ok(Test::Prefixes(Prefixes::new(texts()))),
        // Several parts come from an `or` of comparisons of one field.
        Operator::Contains if words.len() > 1 => {
            return any_of(texts(), false, words);
        }
        Operator::IContains => return any_of(texts(), true, words),
        _ => {}
    }
    let [word] = words else {
        let at = words.first().map(|word| word.at).unwrap_or_default();
        return Err(Fault::new(Code::Type, at, format!("`{}` takes one value", operator.name())));
    };
    let own = word.text.as_bytes();
    Ok(match operator {
        Operator::Contains => Test::Contains(Box::new(Finder::new(own).into_owned())),
        Operator::StartsWith => Test::StartsWith(own.into()),
        Operator::EndsWith => Test::EndsWith(own.into()),
        Operator::BContains => Test::Contains(Box::new(Finder::new(&bytes(word)?).into_owned())),
        Operator::BStartsWith => Test::StartsWith(bytes(word)?.into()),
        Operator::Glob => Test::Glob(Glob::new(own, false)),
        Operator::IGlob => Test::Glob(Glob::new(own, true)),
        Operator::Regex => {
            let regex = RegexBuilder::new(&format!(r"\A(?:{})\z", word.text))
                .size_limit(limits.regex_bytes)
                .dfa_size_limit(limits.regex_bytes)
                .build();
            Test::Regex(regex.map_err(|error| {
                let message = format!("this is no regular expression that fits: {error}");
                Fault::new(Code::Type, word.at, message)
            })?)
        }
        _ => match Relation::of(operator) {
            Some(relation) => Test::Text(relation, own.into()),
            None => {
                let message = format!("`{}` does not work on text", operator.name());
                return Err(Fault::new(Code::Type, word.at, message));
            }
        },
    })
}

fn any_of<'w>(
    texts: impl Iterator<Item = &'w [u8]>,
    fold: bool,
    words: &[Word],
) -> Result<Test, Fault> {
    let built = AhoCorasick::builder().ascii_case_insensitive(fold).build(texts);
    built.map(|parts| Test::ContainsAny(Box::new(parts))).map_err(|error| {
        let at = words.first().map(|word| word.at).unwrap_or_default();
        Fault::new(Code::Limit, at, format!("these are too many parts to look for: {error}"))
    })
}

/// The bytes of a hexadecimal value, for the operators on buffers.
fn bytes(word: &Word) -> Result<Vec<u8>, Fault> {
    let digits = word.text.as_bytes();
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks(2) {
        match pair {
            [high, low] => bytes.extend(digit(high).zip(digit(low)).map(|(h, l)| (h << 4) | l)),
            _ => break,
        }
    }
    if digits.is_empty() || bytes.len() * 2 != digits.len() {
        let message = format!("`{}` is no sequence of hexadecimal bytes", word.text);
        return Err(Fault::new(Code::Type, word.at, message));
    }
    Ok(bytes)
}
