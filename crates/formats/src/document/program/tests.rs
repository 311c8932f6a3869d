use super::{unpack_elf, unpack_pe};
use crate::document::samples;
use crate::document::test_support::{collect, survives};
use crate::unpack::Problem;

const ARCHIVE: &[u8] = b"7z\xbc\xaf\x27\x1c\0\x04 the rest of an archive";

#[test]
fn an_appended_archive_is_a_child() {
    let found = collect(unpack_pe, &samples::pe_overlay(ARCHIVE));
    assert_eq!(found.names(), ["overlay-1.7z"]);
    assert_eq!(found.children[0].1, ARCHIVE);
    let found = collect(unpack_elf, &samples::elf_overlay(ARCHIVE));
    assert_eq!(found.children[0].1, ARCHIVE);
}

#[test]
fn an_archive_behind_a_stub_is_found() {
    let overlay = [b"some settings of the unpacker;".as_slice(), ARCHIVE].concat();
    let found = collect(unpack_pe, &samples::pe_overlay(&overlay));
    assert_eq!(found.children[0].1, ARCHIVE);
}

#[test]
fn a_signature_is_no_child() {
    // A certificate table that happens to hold an archive's signature.
    let mut file = samples::pe_overlay(ARCHIVE);
    let start = (file.len() - ARCHIVE.len()) as u32;
    file[0x80 + 24 + 96 + 32..][..4].copy_from_slice(&start.to_le_bytes());
    file[0x80 + 24 + 96 + 36..][..4].copy_from_slice(&(ARCHIVE.len() as u32).to_le_bytes());
    assert!(collect(unpack_pe, &file).children.is_empty());
}

#[test]
fn installers_are_opened_or_stated() {
    let listed = b"a.exe\0Disk1\\a.exe\x000.0.0.0\x005\0helloother";
    let found = collect(unpack_pe, &samples::pe_overlay(listed));
    assert_eq!(found.names(), ["Disk1/a.exe"]);
    assert_eq!(found.children[0].1, b"hello");
    let nsis = b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst\x05\x11\0\0\x4d\x05\0\0";
    assert_eq!(collect(unpack_pe, &samples::pe_overlay(nsis)).problems, [Problem::Unsupported]);
}

#[test]
fn scrambled_installer_files_are_unscrambled() {
    let mut table = b"InstallShield\0\x01\0".to_vec();
    table.resize(46, 0);
    let name = b"ab";
    let mut entry = name.to_vec();
    entry.resize(260, 0);
    entry.extend(4u32.to_le_bytes());
    entry.extend([0; 4]);
    entry.extend(5u32.to_le_bytes());
    entry.resize(312, 0);
    table.extend(entry);
    let key = [b'a' ^ 0x13, b'b' ^ 0x35];
    table.extend(
        b"hello".iter().enumerate().map(|(at, byte)| (!byte ^ key[at % 2]).rotate_right(4)),
    );
    let found = collect(unpack_pe, &samples::pe_overlay(&table));
    assert_eq!(found.body("ab"), b"hello");
}

#[test]
fn ordinary_programs_have_no_children() {
    assert!(collect(unpack_pe, &samples::pe_overlay(b"")).children.is_empty());
    assert!(collect(unpack_pe, &samples::pe_overlay(&[0; 300])).children.is_empty());
    assert!(
        collect(unpack_pe, &samples::pe_overlay(b"just a few words of text")).children.is_empty()
    );
}

#[test]
fn hostile_bytes_survive() {
    survives(unpack_pe, &samples::pe_overlay(ARCHIVE));
    survives(unpack_elf, &samples::elf_overlay(ARCHIVE));
}
