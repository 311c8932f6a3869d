//! Archives behind something else: self-extracting executables, polyglots.

use std::io::Read;

use memchr::memmem;

use super::{stream, zip};
use crate::bytes;
use crate::unpack::Limits;

/// Occurrences of one signature that are looked at: a file full of signatures must not cost more.
const MAX_TRIES: usize = 64;

/// Archives found returned: more are not made by anybody who wants them to be found.
const MAX_FOUND: usize = 16;

/// A signature that stands at the start of an archive, and a check of what follows it.
struct Signature {
    type_id: &'static str,
    magic: &'static [u8],
    holds: fn(&[u8]) -> bool,
}

const SIGNATURES: &[Signature] = &[
    Signature { type_id: "7z", magic: b"7z\xbc\xaf\x27\x1c", holds: seven_zip },
    Signature { type_id: "rar", magic: b"Rar!\x1a\x07", holds: rar },
    Signature { type_id: "cab", magic: b"MSCF\0\0\0\0", holds: cab },
    Signature { type_id: "gzip", magic: b"\x1f\x8b\x08", holds: gzip },
    Signature { type_id: "xz", magic: b"\xfd7zXZ\0", holds: xz },
    Signature { type_id: "arj", magic: b"\x60\xea", holds: arj },
];

/// Finds archives that stand in `input` at or after `from` (for an executable: its overlay, or 0
/// for anywhere): pairs of offset and type id, by offset. A zip is found by its end record, so that
/// the offset is that of its first member; the others by signature and a plausible header.
/// Work is linear in the input; at most 16 archives are reported, and none twice.
pub fn embedded(input: &[u8], from: usize) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    if let Some(start) = zip::last_archive(input, from) {
        found.push((start, "zip"));
    }
    let Some(rest) = input.get(from..) else { return found };
    for signature in SIGNATURES {
        let offsets = memmem::find_iter(rest, signature.magic)
            .take(MAX_TRIES)
            .filter(|&at| rest.get(at..).is_some_and(signature.holds))
            .filter_map(|at| at.checked_add(from));
        found.extend(offsets.map(|offset| (offset, signature.type_id)));
    }
    found.sort_unstable();
    found.truncate(MAX_FOUND);
    found
}

/// Version 0 and a start header whose checksum holds.
fn seven_zip(data: &[u8]) -> bool {
    data.get(6) == Some(&0) && data.get(12..32).map(crc32fast::hash) == bytes::u32_le(data, 8)
}

/// Version 4's marker ends in 0, version 5's in 1 0.
fn rar(data: &[u8]) -> bool {
    matches!(data.get(6..8), Some([0, _] | [1, 0]))
}

/// Plausible sizes, version 1.3 or 1.1, at least one folder and one file.
fn cab(data: &[u8]) -> bool {
    let size = bytes::u32_le(data, 8).unwrap_or(0);
    let files = bytes::u32_le(data, 16).unwrap_or(u32::MAX);
    size > 36
        && files < size
        && data.get(25) == Some(&1)
        && bytes::u16_le(data, 26).is_some_and(|folders| folders > 0)
        && bytes::u16_le(data, 28).is_some_and(|files| files > 0)
}

/// No reserved flags, a known "extra flags" byte and operating system, and deflate data that
/// starts with a valid block type: four bytes alone stand in every large executable by chance.
fn gzip(data: &[u8]) -> bool {
    let plausible = data.get(3).is_some_and(|flags| flags & 0xe0 == 0)
        && matches!(data.get(8), Some(0 | 2 | 4))
        && matches!(data.get(9), Some(0..=13 | 255));
    let mut probe = [0; 64];
    plausible
        && stream::reader("gzip", data, &Limits::default())
            .is_some_and(|mut reader| reader.read(&mut probe).is_ok_and(|count| count > 0))
}

/// Stream flags are two bytes, their checksum follows.
fn xz(data: &[u8]) -> bool {
    data.get(6..8).map(crc32fast::hash) == bytes::u32_le(data, 8)
}

/// A main header with the right checksum.
fn arj(data: &[u8]) -> bool {
    let size = usize::from(bytes::u16_le(data, 2).unwrap_or(0));
    (30..=2_600).contains(&size)
        && data.get(10) == Some(&2)
        && data.get(4..4 + size).map(crc32fast::hash) == bytes::u32_le(data, 4 + size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, ArjMethod, CabMethod, SevenZip};

    const FILES: &[(&str, &[u8])] = &[("a", b"first")];

    #[test]
    fn each_kind_is_found_behind_a_stub() {
        let options = SevenZip { lzma: false, password: None, pack_header: false };
        let archives = [
            ("zip", samples::zip(FILES)),
            ("7z", samples::seven_zip(options, FILES)),
            ("cab", samples::cab(CabMethod::Stored, FILES)),
            ("gzip", samples::gzip(b"first")),
            ("xz", samples::xz(b"first")),
            ("arj", samples::arj(ArjMethod::Stored, FILES)),
            ("rar", b"Rar!\x1a\x07\x01\0.......".to_vec()),
        ];
        for (type_id, archive) in archives {
            let file = [&[b'M'; 777][..], &archive, &[0; 40]].concat();
            assert_eq!(embedded(&file, 0), [(777, type_id)], "{type_id}");
            assert_eq!(embedded(&file, 777), [(777, type_id)], "{type_id}");
            assert_eq!(embedded(&file, 778), [], "{type_id}");
        }
    }

    #[test]
    fn signatures_alone_are_nothing_and_cost_little() {
        let all: Vec<u8> =
            SIGNATURES.iter().flat_map(|signature| signature.magic).copied().collect();
        let file = all.repeat(10_000);
        let found = embedded(&file, 0);
        assert!(found.len() <= MAX_FOUND);
        assert!(found.iter().all(|(_, type_id)| *type_id == "rar"), "{found:?}");
        assert_eq!(embedded(&file, file.len() + 1), []);
    }
}
