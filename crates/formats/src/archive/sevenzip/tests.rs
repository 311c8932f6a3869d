use super::super::test_support::{assert_survives, collect, collect_with, collect_with_passwords};
use super::*;
use crate::samples::{self, SevenZip, seven_zip};
use crate::unpack::Options;

const PLAIN: SevenZip<'_> = SevenZip { lzma: false, password: None, pack_header: false };

fn variants(password: Option<&str>) -> Vec<SevenZip<'_>> {
    let mut variants = Vec::new();
    for lzma in [false, true] {
        for pack_header in [false, true] {
            variants.push(SevenZip { lzma, password, pack_header });
        }
    }
    variants
}

#[test]
fn solid_blocks_and_empty_files() {
    let text = samples::text(50_000);
    let files: &[(&str, &[u8])] = &[("a", b"first"), ("ü/text", &text), ("b", b"last"), ("e", b"")];
    for options in variants(None) {
        collect(unpack, &seven_zip(options, files)).assert_clean(files);
    }
}

#[test]
fn encrypted_archives_open_with_the_right_password_only() {
    let text = samples::text(1_000);
    let files: &[(&str, &[u8])] = &[("a", &text), ("b", b"last")];
    for options in variants(Some("infected")) {
        let archive = seven_zip(options, files);
        let none = collect(unpack, &archive);
        assert_eq!(none.files(), []);
        assert!(none.problems().iter().all(|(_, problem)| *problem == Problem::Encrypted));
        assert!(none.has(Problem::Encrypted));
        let wrong = collect_with_passwords(unpack, &archive, &["virus", ""]);
        assert_eq!(wrong.files(), []);
        assert!(wrong.has(Problem::WrongPassword));
        let right = collect_with_passwords(unpack, &archive, &["virus", "infected"]);
        right.assert_clean(files);
        assert!(right.children[0].0.encrypted);
    }
}

#[test]
fn a_broken_solid_block_is_told_for_every_file_behind() {
    let text = samples::text(20_000);
    let files: &[(&str, &[u8])] = &[("a", &text), ("b", &text), ("c", b"3")];
    let mut archive = seven_zip(SevenZip { lzma: true, ..PLAIN }, files);
    for byte in &mut archive[300..320] {
        *byte ^= 0x55;
    }
    let collected = collect(unpack, &archive);
    assert_eq!(collected.problems.len() + collected.children.len() - 1, 3);
    assert!(collected.problems.iter().any(|(name, ..)| name.as_deref() == Some("c")));
}

#[test]
fn truncated_archives_are_told() {
    let archive = seven_zip(PLAIN, &[("a", b"1")]);
    assert_eq!(collect(unpack, &archive[..20]).problems(), [(None, Problem::Truncated)]);
    assert!(collect(unpack, &archive[..archive.len() - 1]).has(Problem::Truncated));
}

#[test]
fn a_large_dictionary_is_refused() {
    let text = samples::text(300_000);
    let archive = seven_zip(SevenZip { lzma: true, ..PLAIN }, &[("a", &text)]);
    let mut options = Options::default();
    options.limits.max_memory_bytes = 1 << 16;
    let collected = collect_with(unpack, &archive, &options);
    assert_eq!(collected.problems(), [(Some("a"), Problem::MemoryTooHigh)]);
}

#[test]
fn what_follows_the_archive_comes_out() {
    let mut archive = seven_zip(PLAIN, &[("a", b"1")]);
    archive.extend_from_slice(b"tail");
    collect(unpack, &archive).assert_clean(&[("a", b"1"), ("", b"tail")]);
}

#[test]
fn survives_anything() {
    let files: &[(&str, &[u8])] = &[("a", b"first file"), ("b", b"last"), ("e", b"")];
    for options in variants(None).into_iter().chain(variants(Some("infected"))) {
        assert_survives(&seven_zip(options, files), unpack);
    }
}
