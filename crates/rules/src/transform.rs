//! Values through transformers, in memory that the next event uses again.

use std::cell::RefCell;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::ast::Transform;
use crate::value::Value;

/// Padded or not: what attackers hand to a shell is often cut off.
static BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text longer than this gives its memory back.
const KEPT_BYTES: usize = 64 << 10;

/// Texts to write into. A few are enough: transformers nest as deep as comparisons do.
#[derive(Debug, Default)]
pub(crate) struct Spare(RefCell<Vec<Vec<u8>>>);

impl Spare {
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.try_borrow_mut().ok().and_then(|mut texts| texts.pop()).unwrap_or_default()
    }

    pub(crate) fn put(&self, mut text: Vec<u8>) {
        if text.capacity() <= KEPT_BYTES
            && let Ok(mut texts) = self.0.try_borrow_mut()
        {
            text.clear();
            texts.push(text);
        }
    }
}

/// Gives the transformed value to a test. What cannot be transformed is absent.
pub(crate) fn with_transforms(
    value: Value<'_>,
    transforms: &[Transform],
    spare: &Spare,
    passes: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    let Some((transform, rest)) = transforms.split_first() else { return passes(value) };
    let text = match (value, transform) {
        (Value::Text(text), _) => text,
        (Value::List(values), Transform::Length) if !values.is_empty() => {
            return passes(count(values.len()));
        }
        _ => return passes(Value::Absent),
    };
    match transform {
        Transform::Upper => rewritten(text.iter().map(u8::to_ascii_uppercase), rest, spare, passes),
        Transform::Lower => rewritten(text.iter().map(u8::to_ascii_lowercase), rest, spare, passes),
        Transform::Base64 => {
            let mut own = spare.take();
            let answer = match BASE64.decode_vec(text, &mut own) {
                Ok(()) => with_transforms(Value::Text(&own), rest, spare, passes),
                Err(_) => passes(Value::Absent),
            };
            spare.put(own);
            answer
        }
        Transform::Basename => {
            let start = memchr::memrchr(b'/', text).map_or(0, |slash| slash + 1);
            let name = text.get(start..).unwrap_or_default();
            with_transforms(Value::Text(name), rest, spare, passes)
        }
        // The compiler lets nothing come after it.
        Transform::Length => passes(count(text.len())),
        // The compiler lets it come first only, where there are several values.
        Transform::Join(_) => passes(Value::Absent),
    }
}

/// A text of other bytes, and what comes after.
fn rewritten(
    bytes: impl Iterator<Item = u8>,
    rest: &[Transform],
    spare: &Spare,
    passes: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    let mut own = spare.take();
    own.extend(bytes);
    let answer = with_transforms(Value::Text(&own), rest, spare, passes);
    spare.put(own);
    answer
}

/// Adds a value to those that are joined already.
pub(crate) fn join(value: Value<'_>, separator: &str, out: &mut Vec<u8>, first: &mut bool) {
    if value == Value::Absent {
        return;
    }
    if !std::mem::take(first) {
        out.extend_from_slice(separator.as_bytes());
    }
    match value {
        Value::Text(text) => out.extend_from_slice(text),
        value => out.extend_from_slice(value.to_text().unwrap_or_default().as_bytes()),
    }
}

fn count(length: usize) -> Value<'static> {
    Value::Unsigned(u64::try_from(length).unwrap_or(u64::MAX))
}
