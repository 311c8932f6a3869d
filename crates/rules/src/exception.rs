//! From exceptions to conditions.
//!
//! An exception of one field is `field op (values)`. One of several fields is an `or` over its
//! rows, each an `and` over its fields. A rule with exceptions is
//! `(condition) and not exception and not …`.

use crate::ast::{Check, Expr, Modifier, Operand, Operator, Word};
use crate::item::{Entry, Exception};
use crate::lexer;
use crate::parser;
use crate::problem::{Code, Fault};
use crate::source::Position;
use crate::text::Text;

/// A rule's condition with its exceptions.
pub(crate) fn except(condition: Expr, exceptions: &[Exception]) -> Result<Expr, Fault> {
    let mut parts = vec![condition];
    for exception in exceptions {
        if let Some(expr) = matches(exception)? {
            parts.push(Expr::Not(Box::new(expr)));
        }
    }
    Ok(Expr::And(parts))
}

/// What an exception matches; nothing if it has no values.
fn matches(exception: &Exception) -> Result<Option<Expr>, Fault> {
    let fault = |at, message: &str| Err(Fault::new(Code::Exception, at, message));
    if exception.values.is_empty() {
        return Ok(None);
    }
    match (&exception.fields, &exception.comparisons) {
        (Some(Entry::One(field, field_at)), Some(Entry::One(name, name_at))) => {
            let mut words = Vec::with_capacity(exception.values.len());
            for value in &exception.values {
                match value {
                    Entry::One(text, at) => words.push(word(text, *at)?),
                    Entry::Many(_, at) => {
                        return fault(*at, "the values of one field are plain text");
                    }
                }
            }
            let operator = operator(name, *name_at)?;
            check(field, *field_at, operator, *name_at, Operand::List(words)).map(Some)
        }
        (Some(Entry::Many(fields, _)), Some(Entry::Many(names, _))) => {
            let mut rows = Vec::with_capacity(exception.values.len());
            for value in &exception.values {
                let Entry::Many(values, at) = value else {
                    return fault(value.position(), "a row has a value for each field");
                };
                if values.len() != fields.len() {
                    return fault(*at, "a row has as many values as there are fields");
                }
                let mut parts = Vec::with_capacity(fields.len());
                for ((field, name), value) in fields.iter().zip(names).zip(values) {
                    let (Entry::One(field, field_at), Entry::One(name, name_at)) = (field, name)
                    else {
                        return fault(field.position(), "fields and comps are plain text");
                    };
                    let operator = operator(name, *name_at)?;
                    let operand = operand(operator, value)?;
                    parts.push(check(field, *field_at, operator, *name_at, operand)?);
                }
                rows.push(Expr::And(parts));
            }
            Ok(Some(Expr::Or(rows)))
        }
        _ => fault(exception.position, "fields and comps do not fit each other"),
    }
}

fn operator(name: &str, at: Position) -> Result<(Operator, Option<Modifier>), Fault> {
    Operator::with_modifier(name)
        .ok_or_else(|| Fault::new(Code::Exception, at, format!("`{name}` is no operator")))
}

fn check(
    field: &str,
    at: Position,
    (operator, modifier): (Operator, Option<Modifier>),
    operator_at: Position,
    operand: Operand,
) -> Result<Expr, Fault> {
    // A field of an exception may be written with an argument and transformers.
    let subject = parser::parse_subject(&Text::of_word(field, at), 8)?;
    Ok(Expr::Check(Box::new(Check { subject, operator, modifier, operator_at, operand })))
}

/// The value of one field of a row.
fn operand(
    (operator, modifier): (Operator, Option<Modifier>),
    value: &Entry,
) -> Result<Operand, Fault> {
    if operator == Operator::Exists {
        return Ok(Operand::None);
    }
    match (operator.takes_list() || modifier.is_some(), value) {
        (true, Entry::One(text, at)) => list(text, *at).map(Operand::List),
        (true, Entry::Many(values, _)) => {
            let mut words = Vec::with_capacity(values.len());
            for value in values {
                match value {
                    Entry::One(text, at) => words.push(word(text, *at)?),
                    Entry::Many(_, at) => {
                        let message = "a value of a list is plain text";
                        return Err(Fault::new(Code::Exception, *at, message));
                    }
                }
            }
            Ok(Operand::List(words))
        }
        (false, Entry::One(text, at)) => word(text, *at).map(Operand::Word),
        (false, Entry::Many(_, at)) => {
            let message = format!("`{}` takes one value", operator.name());
            Err(Fault::new(Code::Exception, *at, message))
        }
    }
}

/// Several values in one text: a list in parentheses, or with commas, or one value.
fn list(text: &str, at: Position) -> Result<Vec<Word>, Fault> {
    let text = text.trim();
    if text.starts_with('(') {
        return parser::parse_list(&Text::of_word(text, at));
    }
    if text.contains(',') {
        return parser::parse_list(&Text::of_word(&format!("({text})"), at));
    }
    Ok(vec![word(text, at)?])
}

/// One value. With quotes of its own they are taken off; with a blank it needs none.
pub(crate) fn word(text: &str, at: Position) -> Result<Word, Fault> {
    if let Some(text) = lexer::unquote(text, at)? {
        return Ok(Word { text, quoted: true, at });
    }
    let quoted = text.contains(' ');
    Ok(Word { text: text.to_owned(), quoted, at })
}
