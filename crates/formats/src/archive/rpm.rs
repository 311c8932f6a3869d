//! RPM packages: lead, signature, header, and a compressed cpio ("RPM Package format", version 3
//! and 4).

use super::{cpio, stream};
use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

const LEAD: usize = 96;
const HEADER: &[u8] = b"\x8e\xad\xe8\x01";

/// Unpacks the files of a package.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let payload = Cursor::at(input, LEAD).and_then(|mut cursor| {
        skip_header(&mut cursor)?;
        // The signature is filled up to eight bytes.
        let filled = cursor.position().checked_next_multiple_of(8)?;
        let mut cursor = Cursor::at(input, filled)?;
        skip_header(&mut cursor)?;
        Some(cursor.rest())
    });
    let Some(payload) = payload else {
        return unpacking.stop(Problem::Truncated, "no payload behind the header");
    };
    let type_id = match payload {
        [0x1f, 0x8b, ..] => "gzip",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0x5d, 0, 0, ..] => "lzma",
        [b'0', b'7', b'0', b'7', ..] => {
            return cpio::read(&mut &*payload, unpacking);
        }
        [] => return unpacking.stop(Problem::Truncated, "no payload behind the header"),
        _ => {
            unpacking.problem(None, Problem::Unsupported, "unknown payload format");
            let child = Child::new(ChildKind::Member, "").packed(payload.len() as u64);
            return unpacking.child_bytes(&child, payload);
        }
    };
    let limits = *unpacking.limits();
    match stream::reader(type_id, payload, &limits) {
        Some(mut reader) => cpio::read(&mut reader, unpacking),
        None => unpacking.stop(Problem::Unsupported, "unknown payload format"),
    }
}

/// A header: magic, reserved, numbers of entries and of bytes, entries of 16 bytes, bytes.
fn skip_header(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.take(4)? != HEADER {
        return None;
    }
    cursor.skip(4)?;
    let entries = cursor.u32_be()? as usize;
    let bytes = cursor.u32_be()? as usize;
    cursor.skip(entries.checked_mul(16)?.checked_add(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::{self, rpm, rpm_with_payload};

    const FILES: &[(&str, &[u8])] = &[("./usr/bin/a", b"first"), ("./b", b"second")];

    #[test]
    fn payloads_of_every_compression() {
        let cpio = samples::cpio(samples::CpioLayout::New, FILES);
        collect(unpack, &rpm(FILES)).assert_clean(FILES);
        for payload in
            [cpio.clone(), samples::bzip2(&cpio), samples::xz(&cpio), samples::zstd(&cpio)]
        {
            collect(unpack, &rpm_with_payload(&payload)).assert_clean(FILES);
        }
    }

    #[test]
    fn cut_and_unknown_payloads_are_told() {
        let package = rpm(FILES);
        assert!(collect(unpack, &package[..package.len() - 20]).has(Problem::Truncated));
        assert!(collect(unpack, &package[..100]).has(Problem::Truncated));
        let collected = collect(unpack, &rpm_with_payload(b"something"));
        assert_eq!(collected.problems(), [(None, Problem::Unsupported)]);
        assert_eq!(collected.files(), [("", &b"something"[..])]);
    }

    #[test]
    fn survives_anything() {
        assert_survives(&rpm(FILES), unpack);
    }
}
