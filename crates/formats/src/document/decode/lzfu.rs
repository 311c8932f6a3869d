//! Compressed RTF of Outlook (\[MS-OXRTFCP\]).

use crate::bytes::Cursor;

/// What the dictionary holds at the start (\[MS-OXRTFCP\] 2.1.2.1).
const START: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \
\\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier\
{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Unpacks `data`; `None` when it has neither form. A reference gives at most 17 bytes for 2, so
/// the output is within 9 times the input.
pub(crate) fn decode(data: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor::new(data);
    cursor.skip(4)?;
    let raw_size = cursor.u32_le()? as usize;
    let kind = cursor.array::<4>()?;
    cursor.skip(4)?;
    match &kind {
        b"MELA" => {
            let rest = cursor.rest();
            return Some(rest[..raw_size.min(rest.len())].to_vec());
        }
        b"LZFu" => {}
        _ => return None,
    }
    let mut dictionary = [0u8; 4096];
    dictionary[..START.len()].copy_from_slice(START);
    let mut write = START.len();
    let mut out = Vec::new();
    while let Some(control) = cursor.u8() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(byte) = cursor.u8() else { return Some(out) };
                out.push(byte);
                dictionary[write] = byte;
                write = (write + 1) % 4096;
                continue;
            }
            let Some(reference) = cursor.u16_be() else { return Some(out) };
            let offset = usize::from(reference >> 4);
            if offset == write {
                return Some(out);
            }
            for step in 0..usize::from(reference & 15) + 2 {
                let byte = dictionary[(offset + step) % 4096];
                out.push(byte);
                dictionary[write] = byte;
                write = (write + 1) % 4096;
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    /// The example of \[MS-OXRTFCP\] 4.1.1.
    #[test]
    fn decodes_the_example_of_the_specification() {
        let packed = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\
\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        let text = super::decode(packed).expect("compressed RTF");
        assert_eq!(text, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    }
}
