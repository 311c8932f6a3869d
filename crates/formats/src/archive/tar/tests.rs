use super::super::test_support::{assert_survives, collect};
use super::*;
use crate::samples::{self, TarMember, pax_record, tar_checksum, tar_members};

fn sparse(size: &str) -> Vec<u8> {
    [pax_record("GNU.sparse.map", "0,3,10,2"), pax_record("GNU.sparse.size", size)].concat()
}

#[test]
fn files_come_out_and_links_do_not() {
    let text = samples::text(3_000);
    let archive = tar_members(&[
        TarMember::file("a", b"first"),
        TarMember::of_kind(b'5', "dir/", b""),
        TarMember::of_kind(b'2', "link", b""),
        TarMember::of_kind(b'1', "hard", b""),
        TarMember::file("dir/text", &text),
        TarMember::of_kind(0, "v7", b"old"),
        TarMember::file("empty", b""),
    ]);
    collect(unpack, &archive).assert_clean(&[
        ("a", b"first"),
        ("dir/text", &text),
        ("v7", b"old"),
        ("empty", b""),
    ]);
}

#[test]
fn long_names_of_gnu_and_pax() {
    let long = format!("{}x", "deep/".repeat(40));
    let record = pax_record("path", &long);
    let archive = tar_members(&[
        TarMember::of_kind(b'L', "././@LongLink", format!("{long}\0").as_bytes()),
        TarMember::file("short", b"1"),
        TarMember::of_kind(b'x', "PaxHeader", &record),
        TarMember::file("short", b"2"),
        TarMember::file("short", b"3"),
    ]);
    collect(unpack, &archive).assert_clean(&[(&long, b"1"), (&long, b"2"), ("short", b"3")]);
}

#[test]
fn pax_size_wins() {
    let member = TarMember { size: 0, ..TarMember::file("a", b"12345") };
    let archive = tar_members(&[TarMember::of_kind(b'x', "p", &pax_record("size", "5")), member]);
    collect(unpack, &archive).assert_clean(&[("a", b"12345")]);
}

#[test]
fn behind_the_end_mark_it_goes_on() {
    let archive = [samples::tar(&[("a", b"1" as &[u8])]), samples::tar(&[("b", b"2" as &[u8])])];
    collect(unpack, &archive.concat()).assert_clean(&[("a", b"1"), ("b", b"2")]);
}

#[test]
fn broken_headers_are_told() {
    let mut archive = samples::tar(&[("a", b"1" as &[u8]), ("b", b"2")]);
    archive[3] = b'x';
    let collected = collect(unpack, &archive);
    assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
    assert_eq!(collected.files().len(), 2);
    // Garbage is stepped over.
    let archive = [&[b'!'; 1_024][..], &samples::tar(&[("b", b"2")])].concat();
    let collected = collect(unpack, &archive);
    assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
    assert_eq!(collected.files(), [("b", &b"2"[..])]);
}

#[test]
fn truncated_and_lying_sizes_are_told() {
    let archive = tar_members(&[TarMember::file("a", &[7; 2_000])]);
    let collected = collect(unpack, &archive[..1_000]);
    assert_eq!(collected.problems(), [(Some("a"), Problem::Truncated)]);
    assert_eq!(collected.children[0].1, [7; 488]);
    let member = TarMember { size: 0o77777777777, ..TarMember::file("a", b"1") };
    assert!(collect(unpack, &tar_members(&[member])).has(Problem::Truncated));
}

#[test]
fn sparse_files_are_filled() {
    // Old GNU: 3 bytes at 0, 2 at 10, size 12.
    let mut record = TarMember::of_kind(b'S', "old", b"abcde").record();
    let header: &mut [u8; 512] = record.first_chunk_mut().unwrap();
    for (at, value) in [(386, 0), (398, 3), (410, 10), (422, 2), (483, 12)] {
        header[at..at + 12].copy_from_slice(format!("{value:011o}\0").as_bytes());
    }
    tar_checksum(header);
    collect(unpack, &record).assert_clean(&[("old", b"abc\0\0\0\0\0\0\0de")]);
    let mut map = b"2\n0\n3\n10\n2\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(b"abcde");
    let keywords = [
        pax_record("GNU.sparse.major", "1"),
        pax_record("GNU.sparse.realsize", "12"),
        pax_record("GNU.sparse.name", "new"),
    ]
    .concat();
    let archive = tar_members(&[
        TarMember::of_kind(b'x', "p", &keywords),
        TarMember::file("placeholder", &map),
    ]);
    collect(unpack, &archive).assert_clean(&[("new", b"abc\0\0\0\0\0\0\0de")]);
    let keywords = sparse("1200");
    let archive = tar_members(&[
        TarMember::of_kind(b'x', "p", &keywords),
        TarMember::file("older", b"abcde"),
    ]);
    assert_eq!(collect(unpack, &archive).children[0].1.len(), 1_200);
}

#[test]
fn a_sparse_bomb_gives_its_data_only() {
    let keywords = sparse("9000000000000000");
    let archive =
        tar_members(&[TarMember::of_kind(b'x', "p", &keywords), TarMember::file("bomb", b"abcde")]);
    let collected = collect(unpack, &archive);
    assert_eq!(collected.files(), [("bomb", &b"abcde"[..])]);
    assert_eq!(collected.problems(), [(Some("bomb"), Problem::Unsupported)]);
}

#[test]
fn survives_anything() {
    let archive = tar_members(&[
        TarMember::of_kind(b'x', "p", &sparse("90")),
        TarMember::file("a", b"abcde"),
        TarMember::of_kind(b'L', "l", b"long\0"),
        TarMember::of_kind(b'S', "s", b"long\0"),
    ]);
    assert_survives(&archive, unpack);
}
