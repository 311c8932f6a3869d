//! Operators on known values.

use std::borrow::Cow;

use super::decode::Steps;
use super::fold::Item;
use super::functions;
use super::value::{Value, from_codes};

/// PowerShell's operators that are words (about_Operators).
const OPERATORS: [&[u8]; 12] = [
    b"-f",
    b"-join",
    b"-replace",
    b"-creplace",
    b"-ireplace",
    b"-split",
    b"-csplit",
    b"-isplit",
    b"-bxor",
    b"-eq",
    b"-ne",
    b"-and",
];
/// Longest pattern and number of operands that are looked at.
const MAX_OPERANDS: usize = 4_096;
/// Bytes that a format may grow to.
const MAX_FORMATTED: usize = 4 << 20;

pub(super) fn is_operator(word: &[u8]) -> bool {
    word.first() == Some(&b'-')
        && OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(word))
}

/// Automatic variables and those of the environment whose letters obfuscators pick from, with their
/// values on every Windows (about_Automatic_Variables). The name is in lower case.
pub(super) fn automatic(name: &[u8]) -> Option<&'static [u8]> {
    Some(match name {
        b"$env:comspec" => b"C:\\WINDOWS\\system32\\cmd.exe",
        b"$pshome" => b"C:\\Windows\\System32\\WindowsPowerShell\\v1.0",
        b"$shellid" => b"Microsoft.PowerShell",
        b"$verbosepreference" => b"SilentlyContinue",
        _ => return None,
    })
}

/// A value turned into a type: `[char]65`.
pub(super) fn cast<'a>(name: &[u8], value: &Value<'a>) -> Option<Value<'a>> {
    match name {
        b"char" => match value {
            Value::Number(_) => Some(Value::text(from_codes(&value.as_codes()?)?, Steps::CODES)),
            Value::Text(text, steps) if text.len() > 4 => Some(Value::Chars(text.to_vec(), *steps)),
            Value::Text(..) => match value.as_number() {
                Some(number) if number > 9 => {
                    Some(Value::text(from_codes(&[number])?, Steps::CODES))
                }
                _ => Some(value.clone()),
            },
            Value::Numbers(numbers) => Some(Value::Chars(from_codes(numbers)?, Steps::CODES)),
            Value::List(_) => Some(Value::Chars(from_codes(&value.as_codes()?)?, Steps::CODES)),
            _ => None,
        },
        b"int" | b"byte" | b"convert" => match value {
            Value::Text(..) => value.as_number().map(Value::Number),
            Value::Number(_) | Value::Numbers(_) => Some(value.clone()),
            _ => None,
        },
        b"string" => match value {
            Value::Chars(bytes, steps) => Some(Value::Text(bytes.clone().into(), *steps)),
            Value::Text(..) => Some(value.clone()),
            _ => None,
        },
        b"scriptblock" | b"array" | b"object" => Some(value.clone()),
        _ => None,
    }
}

/// The result of an operator between two values; they come back when it is not known.
pub(super) fn binary<'a>(
    operator: u8,
    joins: bool,
    loose: bool,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, (Value<'a>, Value<'a>)> {
    if let (Value::Number(a), Value::Number(b)) = (&left, &right) {
        let result = match operator {
            b'+' if loose => a.checked_add(*b),
            b'-' if loose => a.checked_sub(*b),
            b'*' => a.checked_mul(*b),
            b'^' if loose => Some(a ^ b),
            _ => None,
        };
        return result.map(Value::Number).ok_or((left, right));
    }
    let joinable =
        |value: &Value<'_>| matches!(value, Value::Text(..) | Value::Chars(..) | Value::Number(_));
    if !joins || !joinable(&left) || !joinable(&right) {
        return Err((left, right));
    }
    let text = |value: &Value<'a>| match value {
        Value::Number(number) => (Cow::Owned(number.to_string().into_bytes()), Steps::default()),
        other => other.as_text().unwrap_or_default(),
    };
    let (more, how) = text(&right);
    let (mut whole, steps) = match left {
        Value::Text(bytes, steps) => (bytes, steps),
        other => text(&other),
    };
    whole.to_mut().extend_from_slice(&more);
    Ok(Value::Text(whole, steps.and(how).and(Steps::JOINED)))
}

/// Evaluates PowerShell's operators among the items from `from` on.
pub(super) fn finish(stack: &mut Vec<(Item<'_>, usize)>, from: usize) {
    let tail = stack.get(from..).unwrap_or_default();
    let operator = |item: &Item<'_>| matches!(item, Item::Word(word) if is_operator(word));
    if tail.len() > MAX_OPERANDS || !tail.iter().any(|(item, _)| operator(item)) {
        return;
    }
    let tail = stack.split_off(from);
    let mut at = 0;
    while let Some((item, offset)) = tail.get(at) {
        at += 1;
        if let Item::Word(word) = item
            && is_operator(word)
        {
            let operator = word.to_ascii_lowercase();
            let right = operands(tail.get(at..).unwrap_or_default());
            let left = match stack.last() {
                Some((Item::Known(value), _)) if stack.len() > from => Some(value.clone()),
                _ => None,
            };
            if let Some(value) = evaluate(&operator, left.as_ref(), &right) {
                if left.is_some() {
                    stack.pop();
                }
                let value = match stack.last() {
                    Some((Item::Cast(name), _)) if stack.len() > from => {
                        let done = cast(name, &value);
                        if done.is_some() {
                            stack.pop();
                        }
                        done.unwrap_or(value)
                    }
                    _ => value,
                };
                stack.push((Item::Known(value), *offset));
                // Operands with the commas between them.
                at += (right.len() * 2).saturating_sub(1);
                continue;
            }
        }
        stack.push((item.clone(), *offset));
    }
}

/// The known values here, between commas.
fn operands<'a>(items: &[(Item<'a>, usize)]) -> Vec<Value<'a>> {
    let mut found = Vec::new();
    for pair in items.chunks(2) {
        let Some((Item::Known(value), _)) = pair.first() else { break };
        found.push(value.clone());
        if !pair.get(1).is_some_and(|(item, _)| item.is_mark(b',')) {
            break;
        }
    }
    found
}

fn evaluate<'a>(
    operator: &[u8],
    left: Option<&Value<'a>>,
    right: &[Value<'a>],
) -> Option<Value<'a>> {
    match (operator, left) {
        (b"-join", None) => functions::joined(right.first()?, b""),
        (b"-join", Some(list)) => functions::joined(list, &right.first()?.as_text()?.0),
        (b"-f", Some(format)) => {
            // Operands in brackets are one list.
            match right {
                [Value::List(values)] => formatted(format, values),
                values => formatted(format, values),
            }
        }
        (b"-replace" | b"-creplace" | b"-ireplace", Some(text)) => {
            let (pattern, steps) = right.first()?.as_text()?;
            let special = pattern.iter().any(|byte| b"[]^*+?{}|.$".contains(byte));
            if special && pattern.len() > 1 && !pattern.contains(&b'\\') {
                return None;
            }
            let plain: Vec<u8> = pattern.iter().copied().filter(|byte| *byte != b'\\').collect();
            let empty = Value::text(Vec::new(), Steps::default());
            let to = right.get(1).unwrap_or(&empty);
            functions::replaced(text, &Value::text(plain, steps), to)
        }
        (b"-split" | b"-csplit" | b"-isplit", Some(text)) => {
            let (bytes, steps) = text.as_text()?;
            let separator = right.first()?.as_text()?.0;
            (!separator.is_empty()).then(|| functions::split(&bytes, &separator, steps)).flatten()
        }
        (b"-bxor", Some(Value::Number(number))) => {
            Some(Value::Number(number ^ right.first()?.as_number()?))
        }
        _ => None,
    }
}

/// `"{1}{0}" -f 'b', 'a'` (.NET composite formatting).
fn formatted<'a>(format: &Value<'a>, values: &[Value<'a>]) -> Option<Value<'a>> {
    let (format, mut steps) = format.as_text()?;
    let mut out = Vec::new();
    let mut rest: &[u8] = &format;
    while let Some((byte, after)) = rest.split_first() {
        let close = memchr::memchr(b'}', rest.get(..rest.len().min(24))?);
        let number = match (byte, close) {
            (b'{', Some(close)) => std::str::from_utf8(rest.get(1..close)?)
                .ok()
                .and_then(|text| text.split([',', ':']).next()?.trim().parse::<usize>().ok())
                .map(|number| (number, close)),
            _ => None,
        };
        match number {
            Some((number, close)) => {
                let (text, how) = match values.get(number)? {
                    Value::Number(number) => {
                        (number.to_string().into_bytes().into(), Steps::default())
                    }
                    value => value.as_text()?,
                };
                out.extend_from_slice(&text);
                steps = steps.and(how);
                rest = rest.get(close + 1..)?;
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
        if out.len() > MAX_FORMATTED {
            return None;
        }
    }
    Some(Value::text(out, steps.and(Steps::JOINED)))
}

/// `value[…]`: a character, an element, letters picked by number, or all of it backwards.
pub(super) fn index<'a>(value: &Value<'a>, inner: &[(Item<'a>, usize)]) -> Option<Value<'a>> {
    let marks: Vec<Option<u8>> = inner
        .iter()
        .take(6)
        .map(|(item, _)| if let Item::Mark(mark) = item { Some(*mark) } else { None })
        .collect();
    let number = |at: usize| match inner.get(at) {
        Some((Item::Known(Value::Number(number)), _)) => Some(*number),
        _ => None,
    };
    // Python's `[::-1]`, PowerShell's `[-1..-9]`.
    let python = marks.starts_with(&[Some(b':'), Some(b':'), Some(b'-')]) && number(3) == Some(1);
    let powershell = marks.first() == Some(&Some(b'-'))
        && number(1) == Some(1)
        && matches!(marks.get(2..4), Some([Some(b'.'), Some(b'.')]));
    if python || powershell {
        let (text, steps) = value.as_text()?;
        let turned = text.iter().rev().copied().collect();
        let steps = steps.and(Steps::REVERSED);
        return Some(if python { Value::text(turned, steps) } else { Value::Chars(turned, steps) });
    }
    if inner.len() == 1 {
        let at = usize::try_from(number(0)?).ok()?;
        return match value {
            Value::List(values) => values.get(at).cloned(),
            Value::Numbers(numbers) => numbers.get(at).copied().map(Value::Number),
            Value::Text(text, steps) => text.get(at).map(|byte| Value::text(vec![*byte], *steps)),
            _ => None,
        };
    }
    let (text, steps) = match value {
        Value::Text(..) | Value::Chars(..) => value.as_text()?,
        _ => return None,
    };
    let mut picked = Vec::new();
    for (place, (item, _)) in inner.iter().take(MAX_OPERANDS).enumerate() {
        match (place % 2, item) {
            (0, Item::Known(Value::Number(at))) => {
                picked.push(*text.get(usize::try_from(*at).ok()?)?);
            }
            (1, Item::Mark(b',')) => {}
            _ => return None,
        }
    }
    Some(Value::Chars(picked, steps.and(Steps::REPLACED)))
}
