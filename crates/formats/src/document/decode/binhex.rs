//! BinHex 4.0 (RFC 1741, appendix A).

use crate::bytes::Cursor;

const DIGITS: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

/// A decoded file: both forks and the name.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    pub(crate) resource: Vec<u8>,
    /// False when less is there than the header claims.
    pub(crate) whole: bool,
}

/// The line before the encoded part.
pub(crate) const BANNER: &[u8] = b"(This file must be converted with BinHex";

/// Decodes the part after the banner; `None` without a header. A run is at most 255 bytes for 3
/// encoded ones, so the output is bounded by `limit` instead of by the input.
pub(crate) fn decode(text: &[u8], limit: usize) -> Option<File> {
    let start = memchr::memchr(b':', text)? + 1;
    let mut values = [0xffu8; 256];
    for (value, digit) in (0u8..).zip(DIGITS) {
        values[usize::from(*digit)] = value;
    }
    let mut out: Vec<u8> = Vec::new();
    let (mut bits, mut count) = (0u32, 0u8);
    let mut run = false;
    for byte in text[start..].iter().take_while(|byte| **byte != b':') {
        let value = values[usize::from(*byte)];
        if value == 0xff {
            if byte.is_ascii_whitespace() {
                continue;
            }
            break;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count < 8 {
            continue;
        }
        count -= 8;
        let decoded = (bits >> count) as u8;
        if run {
            run = false;
            match decoded {
                0 => out.push(0x90),
                repeat => {
                    let last = out.last().copied().unwrap_or(0);
                    out.resize(out.len() + usize::from(repeat) - 1, last);
                }
            }
        } else if decoded == 0x90 {
            run = true;
        } else {
            out.push(decoded);
        }
        if out.len() > limit {
            break;
        }
    }
    let mut cursor = Cursor::new(&out);
    let length = usize::from(cursor.u8()?);
    let name = String::from_utf8_lossy(cursor.take(length)?).into_owned();
    // A version byte, type, creator, flags.
    cursor.skip(1 + 4 + 4 + 2)?;
    let data_length = cursor.u32_be()? as usize;
    let resource_length = cursor.u32_be()? as usize;
    cursor.skip(2)?;
    let available = cursor.rest().len();
    let data = cursor.take(data_length.min(available))?.to_vec();
    let _checksum = cursor.skip(2);
    let resource = cursor.rest();
    let resource = resource[..resource_length.min(resource.len())].to_vec();
    let whole = data.len() == data_length && resource.len() == resource_length;
    Some(File { name, data, resource, whole })
}
