//! LHA and LZH, levels 0 to 3; decoders by the crate `delharc`.

use std::io::{self, Read};

use delharc::decode::DecoderAny;
use delharc::{LhaDecodeReader, LhaHeader};

use super::reading::{Guarded, corrupt, guard, truncated};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

/// Unpacks an lha archive; a self-extracting one has a stub before it.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut rest = input.get(start(input)..).unwrap_or_default();
    loop {
        unpacking.keep_going()?;
        // A zero ends the archive.
        if matches!(rest.first(), None | Some(0)) {
            return Ok(());
        }
        let header = guard(|| {
            let mut ahead = rest;
            match LhaHeader::read(&mut ahead) {
                Ok(header) => Ok(header.map(|header| (header, ahead))),
                Err(_) if ahead.is_empty() => Err(truncated("ends inside a header")),
                Err(_) => Err(corrupt("no header where one is due")),
            }
        });
        let (header, behind) = match header {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) => {
                let problem = match error.kind() {
                    io::ErrorKind::UnexpectedEof => Problem::Truncated,
                    _ => Problem::Corrupt,
                };
                unpacking.problem(None, problem, &error.to_string());
                return Ok(());
            }
        };
        let length = usize::try_from(header.compressed_size).unwrap_or(usize::MAX);
        let data = behind.get(..length).unwrap_or(behind);
        let next = behind.get(length..).unwrap_or_default();
        // Each turn takes at least a header.
        if next.len() >= rest.len() {
            return Ok(());
        }
        rest = next;
        let name = header.parse_pathname_to_str();
        if header.is_directory() && data.is_empty() {
            continue;
        }
        let decoder = DecoderAny::new_from_header(&header, data);
        if !decoder.is_supported() {
            unpacking.problem(Some(&name), Problem::Unsupported, "unknown compression method");
            continue;
        }
        let whole = data.len() == length;
        let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
        let left = header.original_size;
        let mut reader = LhaDecodeReader::default();
        reader.begin_with_header_and_decoder(header, decoder);
        let mut body = Guarded::new(Member { reader, left, whole, checked: false });
        unpacking.child(&child, &mut body)?;
    }
}

/// Offset of the first thing that looks like a header: a method id such as `-lh5-` two bytes in.
fn start(input: &[u8]) -> usize {
    let is_method = |at: usize| {
        matches!(
            input.get(at..at + 5),
            Some([b'-', b'l' | b'p', b'h' | b'z' | b'm', b'0'..=b'9' | b'd' | b's' | b'x', b'-'])
        )
    };
    if is_method(2) {
        return 0;
    }
    memchr::memchr_iter(b'-', input).find(|&at| at >= 2 && is_method(at)).map_or(0, |at| at - 2)
}

/// One member, its length and checksum watched.
struct Member<'a> {
    reader: LhaDecodeReader<&'a [u8]>,
    left: u64,
    /// All packed bytes are there.
    whole: bool,
    checked: bool,
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The decoder fills a buffer or fails: small pieces lose less before an error.
        let want = buffer.len().min(512).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if want == 0 {
            if buffer.is_empty() || std::mem::replace(&mut self.checked, true) {
                return Ok(0);
            }
            if !self.reader.crc_is_ok() {
                return Err(corrupt("checksum does not match"));
            }
            return Ok(0);
        }
        let result = self.reader.read(&mut buffer[..want]);
        match result {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(_) if !self.whole => Err(truncated("data beyond the end of the file")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(truncated("compressed data ends early"))
            }
            Err(_) => Err(corrupt("broken compressed data")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::lha;

    #[test]
    fn stored_members_of_every_level() {
        let files: &[(&str, &[u8])] = &[("a.txt", b"first"), ("b", b""), ("c", &[7; 3_000])];
        for level in [0, 1, 2] {
            let archive = lha(level, files);
            collect(unpack, &archive).assert_clean(files);
            collect(unpack, &[&b"MZ - stub -"[..], &archive].concat()).assert_clean(files);
        }
    }

    #[test]
    fn broken_and_cut_archives_are_told() {
        let archive = lha(2, &[("a", b"123456"), ("b", b"7")]);
        let at = crate::bytes::find(&archive, b"123456", 0).unwrap();
        let mut broken = archive.clone();
        broken[at] = b'!';
        let collected = collect(unpack, &broken);
        assert_eq!(collected.problems(), [(Some("a"), Problem::Corrupt)]);
        assert_eq!(collected.files(), [("a", &b"!23456"[..]), ("b", b"7")]);
        assert!(collect(unpack, &archive[..at + 3]).has(Problem::Truncated));
    }

    #[test]
    fn unknown_methods_are_told() {
        let mut archive = lha(0, &[("a", b"1")]);
        archive[5] = b'9';
        archive[1] = archive[1].wrapping_add(9);
        assert_eq!(collect(unpack, &archive).problems(), [(Some("a"), Problem::Unsupported)]);
    }

    #[test]
    fn survives_anything() {
        for level in [0, 1, 2] {
            let mut archive = lha(level, &[("a.txt", b"first file"), ("c", &[7; 30])]);
            assert_survives(&archive, unpack);
            // The same bytes as if they were packed.
            let at = crate::bytes::find(&archive, b"-lh0-", 0).unwrap();
            archive[at + 3] = b'5';
            assert_survives(&archive, unpack);
        }
    }
}
