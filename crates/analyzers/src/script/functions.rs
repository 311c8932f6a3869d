//! Functions whose result is known when their arguments are: decoders, character codes, joins.

use super::decode::{self, Steps};
use super::escapes;
use super::language::Language;
use super::value::{Value, from_codes, join};

/// Bytes that replacing may add: replacements of replacements grow without end.
const MAX_GROWTH: usize = 256 << 10;

/// The last part of a dotted name, in lower case: `fromcharcode` of `String.fromCharCode`.
pub(super) fn last_part(name: &[u8]) -> Vec<u8> {
    let part = name.rsplit(|byte| matches!(byte, b'.' | b':' | b'>')).next().unwrap_or(name);
    part.strip_suffix(b"$").unwrap_or(part).to_ascii_lowercase()
}

/// The result of a call, if it is known.
pub(super) fn call<'a>(
    name: &[u8],
    receiver: Option<&Value<'a>>,
    args: &[Value<'a>],
    language: Language,
) -> Option<Value<'a>> {
    let mut part = last_part(name);
    let mut args = args;
    if part == b"apply" || part == b"call" {
        // `String.fromCharCode.apply(null, […])`
        let inner = name.get(..name.len() - part.len() - 1)?;
        part = last_part(inner);
        args = args.get(1..)?;
    }
    if let Some(receiver) = receiver
        && let Some(value) = method(&part, receiver, args)
    {
        return Some(value);
    }
    match part.as_slice() {
        b"fromcharcode" | b"fromcodepoint" | b"chr" | b"chrw" | b"chrb" | b"bytes"
        | b"bytearray" | b"tochar" => codes(args),
        b"strreverse" | b"strrev" => reversed(args.first()?),
        b"replace" if args.len() >= 3 => replaced(args.first()?, args.get(1)?, args.get(2)?),
        b"str_replace" | b"str_ireplace" => replaced(args.get(2)?, args.first()?, args.get(1)?),
        b"atob"
        | b"base64_decode"
        | b"b64decode"
        | b"decodestring"
        | b"decodebytes"
        | b"frombase64string"
        | b"decode_base64"
        | b"decode64"
        | b"strict_decode64"
        | b"urlsafe_b64decode"
        | b"standard_b64decode"
        | b"urlsafe_decode64" => step(args.first()?, Steps::BASE64, decode::from_base64),
        b"fromhex" | b"unhexlify" | b"hex2bin" | b"fromhexstring" | b"a2b_hex" => {
            step(args.first()?, Steps::HEX, decode::from_hex)
        }
        b"a2b_base64" => step(args.first()?, Steps::BASE64, decode::from_base64),
        b"unescape"
        | b"decodeuricomponent"
        | b"decodeuri"
        | b"urldecode"
        | b"rawurldecode"
        | b"unquote"
        | b"unquote_plus"
        | b"urlunescape" => step(args.first()?, Steps::PERCENT, escapes::percent),
        b"str_rot13" => step(args.first()?, Steps::ROTATED, decode::rot13),
        b"gzinflate" | b"gzuncompress" | b"gzdecode" | b"decompress" | b"inflate"
        | b"inflatesync" | b"gunzipsync" | b"inflaterawsync" | b"uncompress" | b"zlib_decode" => {
            inflated(args.first()?)
        }
        b"pack" => packed(args),
        // A buffer from a string in an encoding.
        b"from" | b"buffer" => encoded(args.first()?, args.get(1)?),
        b"decode" if args.len() >= 2 => encoded(args.first()?, args.get(1)?),
        b"join" if language == Language::PowerShell || language == Language::VbScript => {
            // `[string]::join('', …)`, `Join(Array(…), "")`
            let (list, separator) = match args {
                [separator, list] if language == Language::PowerShell => (list, separator),
                [list, separator] => (list, separator),
                [list] => return joined(list, b" "),
                _ => return None,
            };
            joined(list, &separator.as_text()?.0)
        }
        b"implode" => joined(args.get(1)?, &args.first()?.as_text()?.0),
        b"array" | b"list" => row(args),
        b"getstring" => decoded_text(args.first()?),
        // What only changes the type.
        b"str" | b"cstr" | b"string" | b"tostring" | b"compile" | b"strval" | b"bytesio"
        | b"memoryview" | b"new" | b"create" | b"cbyte" | b"cint" | b"clng" | b"int"
        | b"chararray" => same(part.as_slice(), args, language),
        b"memorystream" | b"stringio" => args.first().filter(|a| **a != Value::Unknown).cloned(),
        _ => None,
    }
}

fn same<'a>(part: &[u8], args: &[Value<'a>], language: Language) -> Option<Value<'a>> {
    let first = args.first().filter(|value| **value != Value::Unknown)?;
    match part {
        b"create" | b"new" | b"tostring" if language != Language::PowerShell => None,
        b"compile" if language != Language::Python => None,
        b"cint" | b"clng" | b"int" | b"cbyte" => first.as_number().map(Value::Number),
        _ => Some(first.clone()),
    }
}

/// A method of a known value.
fn method<'a>(part: &[u8], receiver: &Value<'a>, args: &[Value<'a>]) -> Option<Value<'a>> {
    match part {
        b"split" => {
            let (text, steps) = receiver.as_text()?;
            let separator = args.first()?.as_text()?.0;
            if separator.is_empty() {
                return Some(Value::Chars(text.into_owned(), steps));
            }
            split(&text, &separator, steps)
        }
        b"tochararray" => {
            let (text, steps) = receiver.as_text()?;
            Some(Value::Chars(text.into_owned(), steps))
        }
        b"reverse" => match receiver {
            Value::List(values) => Some(Value::List(values.iter().rev().cloned().collect())),
            Value::Numbers(numbers) => {
                Some(Value::Numbers(numbers.iter().rev().copied().collect()))
            }
            // Ruby reverses strings, JavaScript their characters.
            Value::Chars(bytes, steps) => Some(Value::Chars(
                bytes.iter().rev().copied().collect(),
                steps.and(Steps::REVERSED),
            )),
            Value::Text(..) => reversed(receiver),
            _ => None,
        },
        b"join" => match (receiver, args.first()) {
            // Python: the separator's method.
            (Value::Text(separator, _), Some(list @ (Value::List(_) | Value::Chars(..)))) => {
                joined(list, separator)
            }
            (list, Some(separator)) => joined(list, &separator.as_text()?.0),
            (list, None) => joined(list, b","),
        },
        b"replace" | b"replaceall" | b"gsub" => replaced(receiver, args.first()?, args.get(1)?),
        b"concat" => {
            let (mut text, mut steps) = receiver.as_text()?;
            for arg in args {
                let (more, how) = arg.as_text()?;
                text.to_mut().extend_from_slice(&more);
                steps = steps.and(how).and(Steps::JOINED);
            }
            Some(Value::Text(text, steps))
        }
        b"decode" => match args.first() {
            Some(encoding) => encoded(receiver, encoding),
            None => Some(receiver.clone()),
        },
        b"tostring" | b"encode" | b"trim" | b"strip" | b"valueof" | b"tolower" | b"tolowercase"
        | b"invoke" => Some(receiver.clone()),
        b"substring" | b"substr" => {
            let (text, steps) = receiver.as_text()?;
            let start = usize::try_from(args.first()?.as_number()?).ok()?;
            let rest = text.get(start..)?;
            let length = match args.get(1) {
                Some(length) => usize::try_from(length.as_number()?).ok()?,
                None => rest.len(),
            };
            Some(Value::text(rest.get(..length.min(rest.len()))?.to_vec(), steps))
        }
        b"unpack1" | b"unpack" => {
            let format = args.first()?.as_text()?.0;
            match format.first()? {
                b'm' => step(receiver, Steps::BASE64, decode::from_base64),
                _ => None,
            }
        }
        b"pack" => {
            let format = args.first()?.as_text()?.0;
            let Value::List(values) = receiver else {
                return matches!(format.first()?, b'c' | b'C' | b'U')
                    .then(|| codes(std::slice::from_ref(receiver)))
                    .flatten();
            };
            (format.first() == Some(&b'H'))
                .then(|| step(values.first()?, Steps::HEX, decode::from_hex))
                .flatten()
        }
        _ => None,
    }
}

/// Values in a row, as numbers when all are.
pub(super) fn row<'a>(values: &[Value<'a>]) -> Option<Value<'a>> {
    // Lists in lists are no code, and every level would be copied again.
    let nested = |value: &Value<'_>| matches!(value, Value::List(_) | Value::Unknown);
    if values.is_empty() || values.iter().any(nested) {
        return None;
    }
    let numbers: Option<Vec<i64>> = values
        .iter()
        .map(|value| if let Value::Number(number) = value { Some(*number) } else { None })
        .collect();
    Some(numbers.map_or_else(|| Value::List(values.to_vec()), Value::Numbers))
}

fn codes<'a>(args: &[Value<'a>]) -> Option<Value<'a>> {
    let mut all = Vec::new();
    for arg in args {
        // Python's `bytes("…", "utf8")` and PHP's `chr("65")`.
        match arg {
            Value::Text(bytes, _) if all.is_empty() => match arg.as_number() {
                Some(number) => all.push(number),
                None => return Some(Value::Text(bytes.clone(), Steps::default())),
            },
            Value::Text(..) => {}
            _ => all.extend(arg.as_codes()?),
        }
    }
    Some(Value::text(from_codes(&all)?, Steps::CODES))
}

fn reversed<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let (text, steps) = value.as_text()?;
    Some(Value::text(text.iter().rev().copied().collect(), steps.and(Steps::REVERSED)))
}

pub(super) fn replaced<'a>(
    text: &Value<'a>,
    from: &Value<'a>,
    to: &Value<'a>,
) -> Option<Value<'a>> {
    let (text, steps) = text.as_text()?;
    let (from, to) = (from.as_text()?.0, to.as_text()?.0);
    if from.is_empty() || to.len() > 64 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let (mut past, mut count) = (0usize, 0usize);
    for at in memchr::memmem::find_iter(&text, &from[..]) {
        out.extend_from_slice(text.get(past..at)?);
        out.extend_from_slice(&to);
        past = at + from.len();
        count += 1;
        if out.len() > text.len() + MAX_GROWTH {
            return None;
        }
    }
    out.extend_from_slice(text.get(past..)?);
    let steps = if count > 0 { steps.and(Steps::REPLACED) } else { steps };
    Some(Value::text(out, steps))
}

fn step<'a>(value: &Value<'a>, how: Steps, run: fn(&[u8]) -> Vec<u8>) -> Option<Value<'a>> {
    let (text, steps) = value.as_text()?;
    Some(Value::text(run(&text), steps.and(how)))
}

fn inflated<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let (text, steps) = value.as_text()?;
    // Some bytes may stand before the stream: PHP code cuts them off with `substr`.
    let bytes = decode::inflate(&text, true)?;
    Some(Value::text(bytes, steps.and(Steps::INFLATED)))
}

fn packed<'a>(args: &[Value<'a>]) -> Option<Value<'a>> {
    let format = args.first()?.as_text()?.0;
    match format.first()? {
        b'H' | b'h' => step(args.get(1)?, Steps::HEX, decode::from_hex),
        b'c' | b'C' | b'U' => codes(args.get(1..)?),
        _ => None,
    }
}

fn encoded<'a>(value: &Value<'a>, encoding: &Value<'a>) -> Option<Value<'a>> {
    let encoding = encoding.as_text()?.0.to_ascii_lowercase();
    match encoding.as_slice() {
        b"base64" | b"base64url" => step(value, Steps::BASE64, decode::from_base64),
        b"hex" => step(value, Steps::HEX, decode::from_hex),
        b"rot13" | b"rot_13" => step(value, Steps::ROTATED, decode::rot13),
        b"zlib" | b"zip" => inflated(value),
        b"utf-16le" | b"utf-16" | b"utf16le" => decoded_text(value),
        _ => matches!(value, Value::Text(..)).then(|| value.clone()),
    }
}

/// Bytes as text: UTF-16 when they look like it.
fn decoded_text<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let (text, steps) = match value.as_codes() {
        Some(codes) => (from_codes(&codes)?.into(), Steps::CODES),
        None => value.as_text()?,
    };
    Some(match decode::utf16(&text) {
        Some(wide) => Value::text(wide, steps.and(Steps::UTF16)),
        None => Value::Text(text, steps),
    })
}

pub(super) fn joined<'a>(list: &Value<'a>, separator: &[u8]) -> Option<Value<'a>> {
    match list {
        Value::Chars(bytes, steps) if separator.is_empty() => {
            Some(Value::Text(bytes.clone().into(), *steps))
        }
        Value::List(values) => {
            let (text, steps) = join(values, separator)?;
            Some(Value::Text(text, steps))
        }
        Value::Text(..) => Some(list.clone()),
        _ => None,
    }
}

pub(super) fn split<'a>(text: &[u8], separator: &[u8], steps: Steps) -> Option<Value<'a>> {
    const MAX_PIECES: usize = 100_000;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, separator)
        && pieces.len() < MAX_PIECES
    {
        pieces.push(Value::text(rest.get(..at)?.to_vec(), steps));
        rest = rest.get(at + separator.len()..)?;
    }
    pieces.push(Value::text(rest.to_vec(), steps));
    let numbers: Option<Vec<i64>> = pieces.iter().map(Value::as_number).collect();
    Some(match numbers {
        Some(numbers) if pieces.len() > 2 => Value::Numbers(numbers),
        _ => Value::List(pieces),
    })
}
