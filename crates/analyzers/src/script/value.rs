//! Values that are known without running anything.

use std::borrow::Cow;

use super::decode::Steps;

/// A known value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// A string, and what was done to get it.
    Text(Cow<'a, [u8]>, Steps),
    /// A number.
    Number(i64),
    /// Numbers in a row.
    Numbers(Vec<i64>),
    /// Values in a row.
    List(Vec<Value<'a>>),
    /// Characters of a string, apart.
    Chars(Vec<u8>, Steps),
    /// Something that only running would tell.
    Unknown,
}

impl<'a> Value<'a> {
    pub(super) fn text(bytes: Vec<u8>, steps: Steps) -> Self {
        Self::Text(Cow::Owned(bytes), steps)
    }

    /// As a string: characters and lists of strings are joined with nothing between.
    pub(super) fn as_text(&self) -> Option<(Cow<'a, [u8]>, Steps)> {
        match self {
            Self::Text(bytes, steps) => Some((bytes.clone(), *steps)),
            Self::Chars(bytes, steps) => Some((Cow::Owned(bytes.clone()), *steps)),
            Self::List(values) => join(values, b""),
            _ => None,
        }
    }

    /// As character codes.
    pub(super) fn as_codes(&self) -> Option<Vec<i64>> {
        match self {
            Self::Number(number) => Some(vec![*number]),
            Self::Numbers(numbers) => Some(numbers.clone()),
            Self::List(values) => values.iter().map(Self::as_number).collect(),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(bytes, _) => parse_number(bytes),
            _ => None,
        }
    }

    /// Bytes that holding it takes, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(bytes, _) => bytes.len(),
            Self::Chars(bytes, _) => bytes.len(),
            Self::Numbers(numbers) => numbers.len() * 8,
            Self::List(values) => values.iter().map(|value| value.size() + 16).sum(),
            Self::Number(_) | Self::Unknown => 8,
        }
    }
}

/// Strings of a list with a separator between.
pub(super) fn join<'a>(values: &[Value<'a>], separator: &[u8]) -> Option<(Cow<'a, [u8]>, Steps)> {
    let mut out = Vec::new();
    let mut steps = Steps::JOINED;
    for (place, value) in values.iter().enumerate() {
        let Value::Text(bytes, how) = value else { return None };
        if place > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(bytes);
        steps = steps.and(*how);
    }
    Some((Cow::Owned(out), steps))
}

/// Text of character codes; codes above a byte are written in UTF-8.
pub(super) fn from_codes(codes: &[i64]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(codes.len());
    for code in codes {
        super::escapes::push(
            &mut out,
            u32::try_from(*code).ok().filter(|code| *code < 0x11_0000)?,
            *code < 256,
        );
    }
    Some(out)
}

fn parse_number(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes.trim_ascii()).ok().filter(|text| text.len() < 20)?;
    match text.strip_prefix("0x").or(text.strip_prefix("0X")).or(text.strip_prefix("&H")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
