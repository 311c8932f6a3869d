use super::super::test_support::{assert_survives, collect};
use super::*;
use crate::samples::{self, CabMethod, cab};

#[test]
fn stored_and_mszip_over_several_blocks() {
    let text = samples::text(100_000);
    let files: &[(&str, &[u8])] = &[("a.txt", b"first"), ("dir\\text", &text), ("c", b"last")];
    for method in [CabMethod::Stored, CabMethod::MsZip, CabMethod::LzxUncompressed] {
        let archive = cab(method, files);
        collect(unpack, &archive).assert_clean(files);
        let stub = [&b"stub of some program"[..], &archive].concat();
        collect(unpack, &stub).assert_clean(files);
    }
}

#[test]
fn broken_blocks_are_told() {
    let text = samples::text(90_000);
    let files: &[(&str, &[u8])] = &[("a", b"first"), ("b", &text)];
    let mut archive = cab(CabMethod::Stored, files);
    let at = archive.len() - 10;
    archive[at] ^= 1;
    let collected = collect(unpack, &archive);
    assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
    assert_eq!(collected.files().len(), 2);
    let collected = collect(unpack, &archive[..at]);
    assert_eq!(collected.problems(), [(Some("b"), Problem::Truncated)]);
    assert!(text.starts_with(&collected.children[1].1[..80_000]));
}

#[test]
fn unknown_methods_and_other_cabinets_are_told() {
    let mut archive = cab(CabMethod::Stored, &[("a", b"1")]);
    // The folder's method, right before the first file, becomes Quantum.
    archive[42] = 2;
    assert_eq!(collect(unpack, &archive).problems(), [(Some("a"), Problem::Unsupported)]);
    let mut archive = cab(CabMethod::Stored, &[("a", b"1")]);
    archive[44 + 8..44 + 10].copy_from_slice(&[0xfd, 0xff]);
    assert_eq!(collect(unpack, &archive).problems(), [(Some("a"), Problem::Unsupported)]);
}

#[test]
fn overlapping_files_are_bounded() {
    let mut archive = cab(CabMethod::Stored, &[("a", b"12345"), ("b", b"67890")]);
    // Both start at 0.
    archive[44 + 18 + 4] = 0;
    let collected = collect(unpack, &archive);
    assert_eq!(collected.files(), [("a", &b"12345"[..]), ("b", b"12345")]);
    assert_eq!(collected.problems(), [(Some("b"), Problem::Overlap)]);
}

#[test]
fn survives_anything() {
    for method in [CabMethod::Stored, CabMethod::MsZip, CabMethod::LzxUncompressed] {
        assert_survives(&cab(method, &[("a", b"first file"), ("b", b"second")]), unpack);
    }
}
