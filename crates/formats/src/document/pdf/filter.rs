//! Stream filters (ISO 32000-1, 7.4).

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::object::Object;
use crate::document::decode::hex;

/// Filters of one stream; honest ones have two.
const MAX_FILTERS: usize = 8;

/// What came of decoding.
pub struct Decoded {
    /// The bytes that came out.
    pub bytes: Vec<u8>,
    /// Whether that is all.
    pub outcome: Outcome,
}

/// How decoding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is there.
    Whole,
    /// The data ends early or breaks its format; the bytes before that are there.
    Broken,
    /// The bound was reached.
    TooLarge,
    /// A filter for pictures, or one that nobody knows.
    Unsupported,
}

/// Undoes the filters of a stream's dictionary. At most `limit` bytes after each of them.
pub fn decode(dictionary: &Object, raw: &[u8], limit: usize) -> Decoded {
    let mut decoded = Decoded { bytes: raw.to_vec(), outcome: Outcome::Whole };
    let filters = list(dictionary, b"Filter", b"F");
    let parameters = list(dictionary, b"DecodeParms", b"DP");
    for (at, filter) in filters.iter().take(MAX_FILTERS).enumerate() {
        let Object::Name(name) = filter else { continue };
        let parameters = parameters.get(at);
        let next = match name.as_slice() {
            b"FlateDecode" | b"Fl" => inflate(&decoded.bytes, limit),
            b"LZWDecode" | b"LZW" => lzw(&decoded.bytes, parameters, limit),
            b"ASCIIHexDecode" | b"AHx" => whole(ascii_hex(&decoded.bytes)),
            b"ASCII85Decode" | b"A85" => whole(ascii85(&decoded.bytes)),
            b"RunLengthDecode" | b"RL" => run_length(&decoded.bytes, limit),
            // The identity filter is that of streams left unencrypted.
            b"Crypt" => continue,
            _ => {
                decoded.outcome = Outcome::Unsupported;
                return decoded;
            }
        };
        decoded.bytes = next.bytes;
        if next.outcome != Outcome::Whole {
            decoded.outcome = next.outcome;
        }
        if let (b"FlateDecode" | b"Fl" | b"LZWDecode" | b"LZW", Some(parameters)) =
            (name.as_slice(), parameters)
        {
            decoded.bytes = predict(decoded.bytes, parameters);
        }
    }
    decoded
}

fn whole(bytes: Vec<u8>) -> Decoded {
    Decoded { bytes, outcome: Outcome::Whole }
}

/// One value or an array of them.
fn list(dictionary: &Object, key: &[u8], short: &[u8]) -> Vec<Object> {
    match dictionary.get(key).or_else(|| dictionary.get(short)) {
        Some(Object::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
        None => Vec::new(),
    }
}

/// Undoes zlib, or the bare deflate behind a broken header of it; at most `limit` bytes.
pub fn inflate(data: &[u8], limit: usize) -> Decoded {
    let mut bytes = Vec::new();
    let bound = limit as u64 + 1;
    // Line ends before the data are a common mistake of writers.
    let data = data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")).unwrap_or(data);
    let mut result = ZlibDecoder::new(data).take(bound).read_to_end(&mut bytes);
    if bytes.is_empty() && result.is_err() {
        // A broken header: the deflate data behind it may be whole.
        let body = data.get(2..).unwrap_or_default();
        result = DeflateDecoder::new(body).take(bound).read_to_end(&mut bytes);
    }
    let outcome = if bytes.len() > limit {
        bytes.truncate(limit);
        Outcome::TooLarge
    } else if result.is_err() {
        Outcome::Broken
    } else {
        Outcome::Whole
    };
    Decoded { bytes, outcome }
}

/// LZW of 9 to 12 bits, most significant bit first (7.4.4). `EarlyChange` is 1 unless given.
fn lzw(data: &[u8], parameters: Option<&Object>, limit: usize) -> Decoded {
    let early = parameters
        .and_then(|parameters| parameters.get(b"EarlyChange"))
        .and_then(Object::number)
        .is_none_or(|change| change != 0);
    // Each entry is the one it prolongs and the byte it adds; its length saves walking twice.
    let mut previous = [0u16; 4096];
    let mut last = [0u8; 4096];
    let mut length = [1u16; 4096];
    for (code, byte) in (0..=255u8).enumerate() {
        last[code] = byte;
    }
    let mut bytes = Vec::new();
    let (mut next, mut width) = (258usize, 9u32);
    let (mut bits, mut count) = (0u32, 0u32);
    let mut old: Option<usize> = None;
    let mut outcome = Outcome::Broken;
    for byte in data {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        if count < width {
            continue;
        }
        count -= width;
        let code = (bits >> count) as usize & ((1 << width) - 1);
        match code {
            256 => {
                (next, width, old) = (258, 9, None);
                continue;
            }
            257 => {
                outcome = Outcome::Whole;
                break;
            }
            _ => {}
        }
        let start = bytes.len();
        match old {
            _ if code < 256 || (code < next && old.is_some()) => {
                expand(code, &previous, &last, &length, &mut bytes);
            }
            Some(old) if code == next => {
                expand(old, &previous, &last, &length, &mut bytes);
                bytes.push(bytes[start]);
            }
            _ => break,
        }
        if let Some(old) = old
            && next < 4096
        {
            previous[next] = old as u16;
            last[next] = bytes[start];
            length[next] = length[old] + 1;
            next += 1;
        }
        old = Some(code);
        width = match next + usize::from(early) {
            ..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if bytes.len() > limit {
            bytes.truncate(limit);
            outcome = Outcome::TooLarge;
            break;
        }
    }
    Decoded { bytes, outcome }
}

fn expand(code: usize, previous: &[u16], last: &[u8], length: &[u16], out: &mut Vec<u8>) {
    let start = out.len();
    let count = usize::from(length[code]);
    out.resize(start + count, 0);
    let mut at = code;
    for slot in out[start..].iter_mut().rev() {
        *slot = last[at];
        at = usize::from(previous[at]);
    }
}

/// Hexadecimal digits up to `>`; a missing last one is 0 (7.4.2).
pub fn ascii_hex(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        text.iter().take_while(|b| **b != b'>').filter_map(|b| hex::digit(*b)).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

/// Five digits of base 85 for four bytes, up to `~` (7.4.3).
fn ascii85(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"<~").unwrap_or(text);
    let mut out = Vec::with_capacity(text.len());
    let (mut value, mut count) = (0u32, 0usize);
    for byte in text {
        match byte {
            b'~' => break,
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.extend(value.to_be_bytes());
                    (value, count) = (0, 0);
                }
            }
            _ => {}
        }
    }
    if count > 1 {
        for _ in count..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(&value.to_be_bytes()[..count - 1]);
    }
    out
}

/// Runs and literals (7.4.5): at most 128 bytes for two.
fn run_length(data: &[u8], limit: usize) -> Decoded {
    let mut bytes = Vec::new();
    let mut at = 0;
    let mut outcome = Outcome::Broken;
    while let Some(length) = data.get(at).copied() {
        at += 1;
        match length {
            128 => {
                outcome = Outcome::Whole;
                break;
            }
            0..128 => {
                let rest = &data[at..];
                let taken = (usize::from(length) + 1).min(rest.len());
                bytes.extend_from_slice(&rest[..taken]);
                at += taken;
            }
            _ => {
                let Some(byte) = data.get(at) else { break };
                bytes.resize(bytes.len() + 257 - usize::from(length), *byte);
                at += 1;
            }
        }
        if bytes.len() > limit {
            bytes.truncate(limit);
            outcome = Outcome::TooLarge;
            break;
        }
    }
    Decoded { bytes, outcome }
}

/// Undoes PNG prediction (7.4.4.4). TIFF prediction is for pictures.
fn predict(bytes: Vec<u8>, parameters: &Object) -> Vec<u8> {
    let number = |key: &[u8], default: i64| {
        parameters.get(key).and_then(Object::number).unwrap_or(default).clamp(1, 1 << 16) as usize
    };
    if parameters.get(b"Predictor").and_then(Object::number).unwrap_or(1) < 10 {
        return bytes;
    }
    let bits = number(b"Colors", 1).min(32) * number(b"BitsPerComponent", 8).min(32);
    let pixel = bits.div_ceil(8).max(1);
    let row = (bits * number(b"Columns", 1)).div_ceil(8).max(1);
    let mut out = Vec::with_capacity(bytes.len());
    let mut above = vec![0u8; row];
    for line in bytes.chunks(row + 1) {
        let Some((kind, line)) = line.split_first() else { break };
        let mut current = vec![0u8; row];
        for at in 0..line.len() {
            let left = if at >= pixel { current[at - pixel] } else { 0 };
            let corner = if at >= pixel { above[at - pixel] } else { 0 };
            let guess = match kind {
                1 => left,
                2 => above[at],
                3 => ((u16::from(left) + u16::from(above[at])) / 2) as u8,
                4 => paeth(left, above[at], corner),
                _ => 0,
            };
            current[at] = line[at].wrapping_add(guess);
        }
        out.extend_from_slice(&current[..line.len()]);
        above = current;
    }
    out
}

fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let estimate = a + b - c;
    let (to_a, to_b, to_c) = ((estimate - a).abs(), (estimate - b).abs(), (estimate - c).abs());
    if to_a <= to_b && to_a <= to_c {
        left
    } else if to_b <= to_c {
        above
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::{Object, Parser};
    use super::{Outcome, decode};

    fn check(dictionary: &[u8], raw: &[u8], expect: &[u8]) {
        let dictionary = Parser::new(dictionary, 0).value().unwrap_or(Object::Other);
        let decoded = decode(&dictionary, raw, 1 << 20);
        assert_eq!((decoded.bytes.as_slice(), decoded.outcome), (expect, Outcome::Whole));
    }

    #[test]
    fn each_filter_is_undone() {
        check(b"<</Filter/ASCIIHexDecode>>", b"68 65 6c 6C 6f>", b"hello");
        check(b"<</Filter/ASCII85Decode>>", b"BOu!rDZ~>", b"hello");
        check(b"<</Filter/RunLengthDecode>>", b"\x01he\xffl\x00o\x80", b"hello");
        check(b"<</Filter[/AHx/A85]>>", b"424f7521 72445a7e3e>", b"hello");
        // The example of ISO 32000-1, 7.4.4.2.
        check(
            b"<</Filter/LZWDecode>>",
            b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01",
            &[45, 45, 45, 45, 45, 65, 45, 45, 45, 66],
        );
        check(
            b"<</Filter/AHx/DecodeParms<</Predictor 12/Columns 2>>>>",
            b"0201020201",
            &[2, 1, 2, 2, 1],
        );
    }

    #[test]
    fn a_bomb_is_cut() {
        let dictionary = Parser::new(b"<</Filter/RL>>", 0).value().unwrap_or(Object::Other);
        let raw = [0x81u8, 0].repeat(1000);
        let decoded = decode(&dictionary, &raw, 500);
        assert_eq!((decoded.bytes.len(), decoded.outcome), (500, Outcome::TooLarge));
    }
}
