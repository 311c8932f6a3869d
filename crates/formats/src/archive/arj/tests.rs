use super::super::test_support::{assert_survives, collect};
use super::*;
use crate::samples::{self, ArjMethod, arj};

#[test]
fn every_method() {
    let text = samples::text(3_000);
    let run = vec![b'x'; 900];
    let files: &[(&str, &[u8])] = &[("A.TXT", b"first"), ("TEXT", &text), ("RUN", &run)];
    for method in [ArjMethod::Stored, ArjMethod::Lzh, ArjMethod::Fast] {
        let archive = arj(method, files);
        collect(unpack, &archive).assert_clean(files);
        let stub = [&b"MZ\x60\xea stub"[..], &archive].concat();
        collect(unpack, &stub).assert_clean(files);
    }
}

#[test]
fn encrypted_members_are_told() {
    let mut archive = arj(ArjMethod::Stored, &[("A", b"1")]);
    let at = bytes::find(&archive, MAGIC, 2).unwrap();
    archive[at + 8] |= GARBLED;
    let collected = collect(unpack, &archive);
    assert!(collected.has(Problem::Encrypted));
    assert_eq!(collected.files(), []);
}

#[test]
fn broken_and_cut_archives_are_told() {
    let archive = arj(ArjMethod::Stored, &[("A", b"123456"), ("B", b"7")]);
    let at = bytes::find(&archive, b"123456", 0).unwrap();
    let mut broken = archive.clone();
    broken[at] = b'!';
    assert_eq!(collect(unpack, &broken).problems(), [(Some("A"), Problem::Corrupt)]);
    assert!(collect(unpack, &archive[..at + 3]).has(Problem::Truncated));
    // A damaged header: the next one is found.
    let header = bytes::find(&archive, MAGIC, 2).unwrap();
    let mut broken = archive.clone();
    broken[header + 2] = 0xff;
    broken[header + 3] = 0xff;
    let collected = collect(unpack, &broken);
    assert_eq!(collected.files(), [("B", &b"7"[..])]);
    assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
}

#[test]
fn survives_anything() {
    let text = samples::text(100);
    for method in [ArjMethod::Stored, ArjMethod::Lzh, ArjMethod::Fast] {
        assert_survives(&arj(method, &[("A", &text), ("B", b"1")]), unpack);
    }
}
