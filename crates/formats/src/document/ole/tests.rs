use super::compound::Compound;
use super::{unpack, unpack_installer};
use crate::document::samples;
use crate::document::test_support::{collect, survives};
use crate::filetype;
use crate::unpack::Problem;

#[test]
fn a_package_object_is_unwrapped() {
    let native = samples::ole10native("tool.exe", b"MZ payload");
    let file = samples::compound(&[("\u{1}Ole10Native", &native)]);
    let found = collect(unpack, &file);
    assert_eq!(found.body("tool.exe"), b"MZ payload");
    assert_eq!(found.problems, []);
}

#[test]
fn streams_of_both_sizes_are_read_whole() {
    let large: Vec<u8> = (0..70_000u32).map(|at| (at / 7) as u8).collect();
    let file = samples::compound(&[("small", b"abc"), ("large", &large), ("empty", b"")]);
    let compound = Compound::open(&file, 100).expect("a compound file");
    let root = compound.root_number();
    for (name, bytes) in [("small", &b"abc"[..]), ("large", &large), ("empty", b"")] {
        let stream = compound.read(compound.stream_in(root, name).expect(name), u64::MAX);
        assert!(stream.whole && stream.bytes == bytes, "{name}");
    }
}

#[test]
fn the_kind_of_document_goes_by_its_streams() {
    for (stream, expect) in [
        ("WordDocument", "doc"),
        ("Workbook", "xls"),
        ("PowerPoint Document", "ppt"),
        ("__properties_version1.0", "msg"),
        ("EncryptedPackage", "ooxml_encrypted"),
        ("other", "ole"),
    ] {
        assert_eq!(filetype::detect(&samples::compound(&[(stream, b"x")])).ty.id, expect);
    }
}

#[test]
fn encryption_is_stated() {
    let mut word = vec![0; 64];
    word[11] = 1;
    let mut book = vec![9, 8, 0, 0, 0x2f, 0, 2, 0, 0, 0];
    book.resize(64, 0);
    for (stream, bytes) in [("WordDocument", &word), ("Workbook", &book)] {
        let found = collect(unpack, &samples::compound(&[(stream, bytes)]));
        assert_eq!(found.problems, [Problem::ProtectedDocument], "{stream}");
    }
}

#[test]
fn an_embedded_document_is_a_child_and_unknown_bytes_are_not() {
    let file = samples::compound(&[("Package", b"{\\rtf1 x}"), ("CONTENTS", b"\x01\x02\x03")]);
    assert_eq!(collect(unpack, &file).names(), ["Package.rtf"]);
}

#[test]
fn a_presentation_gives_its_objects() {
    let file = samples::ppt_object(&samples::compound(&[("a", b"b")]));
    let found = collect(unpack, &file);
    assert_eq!(found.names(), ["object-1.ole"]);
    assert!(found.children[0].1.starts_with(b"\xd0\xcf\x11\xe0"));
}

#[test]
fn an_installer_gives_its_files() {
    let file = samples::compound(&[
        ("Data.cab", b"MSCF"),
        ("\u{4840}Table", b"x"),
        ("\u{5}Summary", b"x"),
    ]);
    assert_eq!(collect(unpack_installer, &file).names(), ["Data.cab"]);
}

#[test]
fn hostile_bytes_survive() {
    let native = samples::ole10native("tool.exe", b"MZ payload");
    survives(unpack, &samples::compound(&[("\u{1}Ole10Native", &native), ("Workbook", b"abc")]));
    survives(unpack, &samples::ppt_object(b"abc"));
}
