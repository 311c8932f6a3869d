use super::super::test_support::{
    assert_survives, collect, collect_with, collect_with_passwords, tight,
};
use super::*;
use crate::samples::{self, ZipMember};
use crate::unpack::Options;

const HELLO: &[u8] = b"hello hello hello hello";

fn members(members: &[ZipMember]) -> Vec<u8> {
    samples::zip_members(members)
}

#[test]
fn plain_archives_come_out_whole() {
    let text = samples::text(100_000);
    let archive = samples::zip(&[("a/b.txt", HELLO), ("text", &text), ("dir/", b"")]);
    collect(unpack, &archive).assert_clean(&[("a/b.txt", HELLO), ("text", &text)]);
    collect(unpack, &samples::zip(&[])).assert_clean(&[]);
}

#[test]
fn every_method_with_an_encoder_at_hand() {
    let plain = samples::text(5_000);
    let lzma = {
        let options = lzma_rust2::LzmaOptions::with_preset(6);
        let mut writer =
            lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
        std::io::Write::write_all(&mut writer, &plain).unwrap();
        let props = writer.props();
        let data = writer.finish().unwrap();
        let head = [&[9, 20, 5, 0, props][..], &options.dict_size.to_le_bytes()].concat();
        [head, data].concat()
    };
    let members_in = [
        ZipMember::stored("0", &plain),
        ZipMember::deflated("8", &plain),
        ZipMember::packed("12", 12, &plain, samples::bzip2(&plain)),
        ZipMember::packed("14", 14, &plain, lzma),
    ];
    let files = ["0", "8", "12", "14"].map(|name| (name, &plain[..]));
    collect(unpack, &members(&members_in)).assert_clean(&files);
}

#[test]
fn unknown_methods_are_stated() {
    let collected = collect(unpack, &members(&[ZipMember::packed("x", 96, HELLO, vec![1; 9])]));
    assert_eq!(collected.problems(), [(Some("x"), Problem::Unsupported)]);
}

#[test]
fn descriptors_and_prepended_and_appended_data() {
    let mut member = ZipMember::deflated("d", HELLO);
    member.descriptor = true;
    let archive = members(&[member]);
    collect(unpack, &archive).assert_clean(&[("d", HELLO)]);
    let stub = [&[0x4d; 1000][..], &archive].concat();
    collect(unpack, &stub).assert_clean(&[("d", HELLO)]);
    assert_eq!(last_archive(&stub, 0), Some(1_000));
    // A Java module: four bytes, then the archive.
    let module = [&b"JM\x01\0"[..], &archive].concat();
    assert_eq!(crate::filetype::detect(&module).ty.id, "jmod");
    collect(unpack, &module).assert_clean(&[("d", HELLO)]);
    let both = [&stub[..], b"tail"].concat();
    let collected = collect(unpack, &both);
    collected.assert_clean(&[("d", HELLO), ("", b"tail")]);
    assert_eq!(collected.children[1].0.kind, ChildKind::Overlay);
}

#[test]
fn truncated_archives_give_what_is_left() {
    let mut second = ZipMember::deflated("b", HELLO);
    second.descriptor = true;
    let archive = members(&[ZipMember::stored("a", HELLO), second]);
    let directory = crate::bytes::find(&archive, b"PK\x01\x02", 0).unwrap();
    let collected = collect(unpack, &archive[..directory]);
    assert_eq!(collected.files(), [("a", HELLO), ("b", HELLO)]);
    assert_eq!(collected.problems(), [(None, Problem::Truncated)]);
    let collected = collect(unpack, &archive[..40]);
    assert_eq!(collected.files(), [("a", &HELLO[..9])]);
    assert!(collected.has(Problem::Truncated));
}

#[test]
fn a_member_that_the_directory_hides_comes_out() {
    let mut hidden = ZipMember::deflated("hidden", b"here I am");
    hidden.listed = false;
    let archive = members(&[ZipMember::stored("a", HELLO), hidden, ZipMember::stored("b", HELLO)]);
    let collected = collect(unpack, &archive);
    assert_eq!(collected.files(), [("a", HELLO), ("hidden", &b"here I am"[..]), ("b", HELLO)]);
    assert_eq!(collected.problems(), [(Some("hidden"), Problem::Corrupt)]);
}

#[test]
fn a_zip_stored_in_a_zip_is_one_member() {
    let inner = samples::zip(&[("inner", HELLO)]);
    let archive = members(&[ZipMember::stored("inner.zip", &inner)]);
    collect(unpack, &archive).assert_clean(&[("inner.zip", &inner)]);
}

#[test]
fn contradicting_headers_give_both_versions() {
    let mut member = ZipMember::stored("x", HELLO);
    member.local = Some((b"y".to_vec(), 0, 5, 5));
    let collected = collect(unpack, &members(&[member]));
    assert_eq!(collected.files(), [("y", &HELLO[..5]), ("x", HELLO)]);
    assert!(collected.has(Problem::Corrupt));
    let mut member = ZipMember::packed("x", 0, HELLO, samples::deflated(HELLO));
    let packed = member.data.clone();
    member.local = Some((b"x".to_vec(), 8, packed.len() as u32, member.size));
    let files = collect(unpack, &members(&[member]));
    let mut files: Vec<_> = files.files().into_iter().map(|(_, bytes)| bytes.to_vec()).collect();
    files.sort();
    let mut expected = [HELLO.to_vec(), packed];
    expected.sort();
    assert_eq!(files, expected);
}

#[test]
fn two_archives_in_one_file_both_come_out() {
    let archive =
        [samples::zip(&[("first", b"one" as &[u8])]), samples::zip(&[("second", b"two" as &[u8])])]
            .concat();
    let collected = collect(unpack, &archive);
    assert_eq!(collected.files(), [("first", &b"one"[..]), ("second", b"two")]);
}

#[test]
fn a_wrong_checksum_or_size_is_stated_and_the_bytes_come() {
    for lie in 0..2 {
        let mut member = ZipMember::deflated("x", HELLO);
        match lie {
            0 => member.crc32 ^= 1,
            _ => member.size += 1,
        }
        let collected = collect(unpack, &members(&[member]));
        assert_eq!(collected.files(), [("x", HELLO)]);
        assert_eq!(collected.problems.len(), 1, "{:?}", collected.problems);
    }
}

#[test]
fn names_are_utf8_or_code_page_437() {
    let mut member = ZipMember::stored("", HELLO);
    member.name = b"\x81.txt".to_vec();
    member.flags = 0;
    collect(unpack, &members(&[member])).assert_clean(&[("ü.txt", HELLO)]);
}

#[test]
fn both_encryptions_open_with_the_right_password_only() {
    let plain = samples::text(3_000);
    let member = || ZipMember::deflated("x", &plain);
    let mut archives = vec![
        members(&[samples::zip_crypto_encrypted("infected", member())]),
        members(&[samples::zip_crypto_encrypted("infected", ZipMember::stored("x", &plain))]),
    ];
    for key in [16, 24, 32] {
        for version in [1, 2] {
            archives.push(members(&[samples::aes_encrypted("infected", key, version, member())]));
        }
    }
    for archive in &archives {
        let none = collect(unpack, archive);
        assert_eq!(none.problems(), [(Some("x"), Problem::Encrypted)]);
        let wrong = collect_with_passwords(unpack, archive, &["wrong", ""]);
        assert_eq!(wrong.problems(), [(Some("x"), Problem::WrongPassword)]);
        let right = collect_with_passwords(unpack, archive, &["wrong", "infected"]);
        right.assert_clean(&[("x", &plain)]);
        assert!(right.children[0].0.encrypted);
    }
}

#[test]
fn a_password_that_fits_by_chance_does_not_win() {
    let archive =
        members(&[samples::zip_crypto_encrypted("infected", ZipMember::stored("x", HELLO))]);
    // One in 256 fits the check byte; with 2,000 wrong ones some do.
    let wrong: Vec<String> = (0..2_000).map(|number| format!("wrong{number}")).collect();
    let mut passwords: Vec<&str> = wrong.iter().map(String::as_str).collect();
    passwords.push("infected");
    collect_with_passwords(unpack, &archive, &passwords).assert_clean(&[("x", HELLO)]);
    passwords.pop();
    let collected = collect_with_passwords(unpack, &archive, &passwords);
    assert!(collected.has(Problem::WrongPassword));
}

/// Fifield's full overlap: every central entry points at the same local header.
#[test]
fn an_overlapping_bomb_is_stated_and_bounded() {
    let kernel = samples::deflated(&vec![0; 900_000]);
    let one = members(&[ZipMember::packed("k", 8, &vec![0; 900_000], kernel)]);
    let start = crate::bytes::find(&one, b"PK\x01\x02", 0).unwrap();
    let end = crate::bytes::find(&one, b"PK\x05\x06", 0).unwrap();
    let entry = &one[start..end];
    let mut bomb = one[..start].to_vec();
    for _ in 0..10_000 {
        bomb.extend_from_slice(entry);
    }
    let mut record = one[end..].to_vec();
    record[8..10].copy_from_slice(&10_000_u16.to_le_bytes());
    record[10..12].copy_from_slice(&10_000_u16.to_le_bytes());
    record[12..16].copy_from_slice(&(entry.len() as u32 * 10_000).to_le_bytes());
    bomb.extend_from_slice(&record);
    let options = Options { limits: tight(), ..Options::default() };
    let collected = collect_with(unpack, &bomb, &options);
    assert!(collected.has(Problem::Overlap));
    assert!(collected.has(Problem::TotalTooLarge) || collected.has(Problem::TooManyChildren));
    let total: usize = collected.children.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total <= 4 << 20);
}

#[test]
fn sizes_of_zip64_are_read() {
    let mut archive = samples::zip(&[("x", HELLO)]);
    let start = crate::bytes::find(&archive, b"PK\x01\x02", 0).unwrap();
    // Turn the central sizes into all ones and give them in the extra field, as zip64 does.
    let packed = crate::bytes::u32_le(&archive, start + 20).unwrap();
    archive[start + 20..start + 28].fill(0xff);
    archive[start + 30] = 20;
    let extra =
        [&[1, 0, 16, 0][..], &(HELLO.len() as u64).to_le_bytes(), &u64::from(packed).to_le_bytes()]
            .concat();
    let at = start + 46 + 1;
    archive.splice(at..at, extra);
    let end = crate::bytes::find(&archive, b"PK\x05\x06", 0).unwrap();
    let size = (end - start) as u32;
    archive[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    collect(unpack, &archive).assert_clean(&[("x", HELLO)]);
}

#[test]
fn survives_anything() {
    let text = samples::text(120);
    let files: &[(&str, &[u8])] = &[("hello", HELLO), ("text", &text)];
    assert_survives(&samples::zip(files), unpack);
    let mut member = samples::zip_crypto_encrypted("virus", ZipMember::deflated("e", &text));
    member.descriptor = true;
    assert_survives(&members(&[member, ZipMember::stored("s", HELLO)]), unpack);
    for method in [1, 2, 5, 6, 9, 14, 20, 95, 98] {
        let member = ZipMember::packed("m", method, &text, samples::text(90));
        assert_survives(&members(&[member]), unpack);
    }
}
