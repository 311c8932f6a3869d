//! Compression of VBA (\[MS-OVBA\] 2.4.1): chunks of 4,096 bytes, copied from themselves.

use palisade_formats::bytes::Cursor;

/// Bytes that come out of one container: the source of one module is at most 64 KiB lines long, and
/// none of the ones that were ever seen came near.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// Bytes of a decompressed chunk.
const CHUNK: usize = 4096;

/// Decompresses a container. `None` when it does not begin with one; what could be read when it breaks.
pub(crate) fn decompress(container: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor::new(container);
    if cursor.u8()? != 1 {
        return None;
    }
    let mut out = Vec::new();
    while let Some(head) = cursor.u16_le() {
        // Bits 12 to 14 are a signature that Office does check (2.4.1.1.5).
        if head & 0x7000 != 0x3000 || out.len() >= MAX_BYTES {
            break;
        }
        let length = usize::from(head & 0xfff) + 1;
        let rest = cursor.rest();
        let Some(body) = cursor.take(length.min(rest.len())) else { break };
        if head & 0x8000 == 0 {
            out.extend_from_slice(body.get(..body.len().min(CHUNK)).unwrap_or_default());
        } else {
            chunk(body, &mut out);
        }
    }
    Some(out)
}

/// A chunk of token sequences (2.4.1.1.7): a byte of flags, then eight literals or copies.
fn chunk(body: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut cursor = Cursor::new(body);
    while let Some(flags) = cursor.u8() {
        for bit in 0..8 {
            if out.len() - start >= CHUNK {
                return;
            }
            if flags >> bit & 1 == 0 {
                let Some(literal) = cursor.u8() else { return };
                out.push(literal);
                continue;
            }
            let Some(token) = cursor.u16_le() else { return };
            let done = out.len() - start;
            // How many bits are the offset depends on how far the chunk is (2.4.1.3.19.1).
            let bits = (usize::BITS - done.saturating_sub(1).leading_zeros()).clamp(4, 12);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let offset = usize::from(token >> (16 - bits)) + 1;
            let Some(from) = done.checked_sub(offset).map(|at| at + start) else { return };
            for at in (from..).take(length.min(CHUNK - done)) {
                let Some(byte) = out.get(at).copied() else { return };
                out.push(byte);
            }
        }
    }
}

/// Whether a container starts here: its signature, the chunk's, and as every module begins, the
/// word "Attribut" behind the first byte of flags.
pub(crate) fn is_module(bytes: &[u8]) -> bool {
    bytes.first() == Some(&1)
        && bytes.get(2).is_some_and(|high| high & 0x70 == 0x30)
        && bytes.get(4..12).is_some_and(|word| word.eq_ignore_ascii_case(b"attribut"))
}

#[cfg(test)]
mod tests {
    use super::decompress;

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // [MS-OVBA] 3.2.2, "normal compression".
        let packed = b"\x01\x2f\xb0\x00#aaabcde\x82f\x00paghij\x018\x08akl\x000mnop\x06q\x02p\x04\x10rstuv\x10wxyz\x00\x3c";
        let plain = b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa";
        assert_eq!(decompress(packed).as_deref(), Some(&plain[..]));
        // 3.2.3, "maximum compression".
        let packed = b"\x01\x03\xb0\x02\x61\x45\x00";
        assert_eq!(decompress(packed), Some(vec![b'a'; 73]));
    }

    #[test]
    fn broken_containers_give_what_they_have() {
        assert_eq!(decompress(b""), None);
        assert_eq!(decompress(b"\x02"), None);
        assert_eq!(decompress(b"\x01\x2f\xb0\x00#aa").as_deref(), Some(&b"#aa"[..]));
        // A copy from before the chunk.
        assert_eq!(decompress(b"\x01\x03\xb0\x01\xff\xff"), Some(Vec::new()));
    }
}
