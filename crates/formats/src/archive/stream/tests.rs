use super::super::test_support::{
    Unpack, assert_survives, assert_survives_within, collect, collect_with, tight,
};
use super::*;
use crate::samples;
use crate::unpack::{ChildKind, Options, Problem};

type Pack = fn(&[u8]) -> Vec<u8>;

/// Every stream format: reader, writer, whether it has an end of its own and a checksum.
const FORMATS: [(&str, Unpack, Pack, bool); 10] = [
    ("gzip", unpack_gzip, samples::gzip, true),
    ("bzip2", unpack_bzip2, samples::bzip2, true),
    ("xz", unpack_xz, samples::xz, true),
    ("zstd", unpack_zstd, samples::zstd, true),
    ("lz4", unpack_lz4, samples::lz4, true),
    ("lz4 legacy", unpack_lz4, samples::lz4_legacy, false),
    ("lzma", unpack_lzma, samples::lzma, true),
    ("lzip", unpack_lzip, samples::lzip, true),
    ("compress", unpack_compress, samples::compress, false),
    ("zlib", unpack_zlib, samples::zlib, true),
];

#[test]
fn each_gives_its_content() {
    for length in [1, 300, 100_000] {
        let plain = samples::text(length);
        for (name, unpack, pack, _) in FORMATS {
            let collected = collect(unpack, &pack(&plain));
            assert_eq!(collected.problems, [], "{name} {length}");
            assert_eq!(collected.children.len(), 1, "{name} {length}");
            assert!(collected.children[0].1 == plain, "{name} {length}");
            assert_eq!(collected.children[0].0.kind, ChildKind::Stream);
        }
    }
}

#[test]
fn frames_are_joined() {
    let (first, second) = (samples::text(5_000), samples::text(77));
    for (name, unpack, pack, _) in FORMATS {
        if matches!(name, "lzma" | "compress") {
            continue;
        }
        let collected = collect(unpack, &[pack(&first), pack(&second)].concat());
        assert_eq!(collected.problems, [], "{name}");
        assert!(collected.children[0].1 == [&first[..], &second].concat(), "{name}");
    }
}

#[test]
fn a_cut_stream_gives_what_there_is_and_says_so() {
    let plain = samples::text(100_000);
    for (name, unpack, pack, has_end) in FORMATS {
        if !has_end {
            continue;
        }
        let packed = pack(&plain);
        for length in [packed.len() / 2, packed.len() - 1] {
            let collected = collect(unpack, &packed[..length]);
            assert_eq!(collected.problems(), [(Some(""), Problem::Truncated)], "{name} {length}");
            assert!(plain.starts_with(&collected.children[0].1), "{name}");
        }
    }
}

#[test]
fn what_follows_a_stream_is_told_and_handed_out() {
    let plain = samples::text(500);
    for (name, unpack, pack, has_end) in FORMATS {
        if !has_end || name == "lzma" {
            continue;
        }
        let collected =
            collect(unpack, &[&pack(&plain)[..], b"\0!other data, not a frame"].concat());
        let files = [("", &plain[..]), ("", b"\0!other data, not a frame")];
        assert!(collected.files() == files, "{name} {:?}", collected.problems);
        assert_eq!(collected.problems(), [(None, Problem::Corrupt)], "{name}");
        collect(unpack, &[&pack(&plain)[..], &[0; 512]].concat()).assert_clean(&[("", &plain)]);
    }
}

#[test]
fn a_flipped_bit_in_the_checksum_is_told_and_the_bytes_come() {
    let plain = samples::text(500);
    for (name, unpack, pack, from_end) in [
        ("gzip", unpack_gzip as Unpack, samples::gzip as Pack, 8),
        ("bzip2", unpack_bzip2, samples::bzip2, 3),
        ("zstd", unpack_zstd, samples::zstd, 1),
        ("lzip", unpack_lzip, samples::lzip, 20),
        ("zlib", unpack_zlib, samples::zlib, 1),
    ] {
        let mut packed = pack(&plain);
        let at = packed.len() - from_end;
        packed[at] ^= 4;
        let collected = collect(unpack, &packed);
        assert_eq!(collected.problems(), [(Some(""), Problem::Corrupt)], "{name}");
        assert!(collected.children[0].1 == plain, "{name}");
    }
}

#[test]
fn a_member_behind_a_broken_checksum_is_read() {
    let mut packed = samples::gzip(b"first ");
    let at = packed.len() - 8;
    packed[at] ^= 1;
    packed.extend(samples::gzip(b"second"));
    let collected = collect(unpack_gzip, &packed);
    assert_eq!(collected.files(), [("", &b"first second"[..])]);
    assert_eq!(collected.problems(), [(Some(""), Problem::Corrupt)]);
}

#[test]
fn gzip_keeps_the_stored_name() {
    collect(unpack_gzip, &samples::gzip_named("a.txt", b"a")).assert_clean(&[("a.txt", b"a")]);
}

#[test]
fn declared_memory_beyond_the_limit_is_refused() {
    let mut options = Options::default();
    options.limits.max_memory_bytes = 1 << 16;
    let plain = samples::text(200_000);
    for (name, unpack, pack, _) in FORMATS {
        if !matches!(name, "xz" | "lzma" | "lzip" | "lz4" | "lz4 legacy") {
            continue;
        }
        let collected = collect_with(unpack, &pack(&plain), &options);
        assert_eq!(collected.problems(), [(Some(""), Problem::MemoryTooHigh)], "{name}");
    }
    // A zstd frame with a window of 2 GiB: magic, descriptor, window byte (RFC 8878, 3.1.1.1.2).
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0];
    let collected = collect_with(unpack_zstd, &zstd, &options);
    assert_eq!(collected.problems(), [(Some(""), Problem::MemoryTooHigh)]);
}

#[test]
fn endless_empty_frames_end() {
    let empty = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(100_000);
    for unpack in [unpack_zstd as Unpack, unpack_lz4] {
        assert!(collect(unpack, &empty).has(Problem::Corrupt));
    }
}

#[test]
fn each_survives_anything() {
    let plain = samples::text(150);
    for (name, unpack, pack, _) in FORMATS {
        if name == "lz4 legacy" {
            // Its blocks are of 8 MiB, whatever is in them.
            let limits = Limits { max_memory_bytes: 32 << 20, ..tight() };
            assert_survives_within(&pack(&plain), unpack, limits, 100);
        } else {
            assert_survives(&pack(&plain), unpack);
        }
    }
}
