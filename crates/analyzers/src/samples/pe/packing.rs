use super::{Case, case, plain};
use crate::samples::build::noise::{code, noise};
use crate::samples::build::pe::{CODE, DATA, Entry, Extra, Id, PeFile, WRITABLE_CODE};
use crate::samples::programs;

/// An empty section to unpack into, then one with the entry point.
fn upx(names: [&'static [u8]; 2], mark: &[u8]) -> Vec<u8> {
    let mut packed = mark.to_vec();
    packed.extend(noise(0x1000));
    let extra =
        vec![Extra { name: names[1], flags: WRITABLE_CODE, bytes: packed, virtual_size: 0x2000 }];
    let mut file = PeFile {
        text_name: names[0],
        text_flags: WRITABLE_CODE,
        entry: Entry::Extra(0),
        extra,
        ..PeFile::default()
    }
    .bytes();
    let rows = 0x80 + 24 + 240;
    // The first section has no bytes; the second row is made the packed one.
    file[rows + 16..rows + 24].fill(0);
    let (tables, packed) = (rows + 40, rows + 80);
    let held: Vec<u8> = file[tables..tables + 40].to_vec();
    file.copy_within(packed..packed + 40, tables);
    file[packed..packed + 40].copy_from_slice(&held);
    // UPX's header stands between the section table and the first bytes.
    file[packed + 48..packed + 48 + mark.len()].copy_from_slice(mark);
    file
}

fn with_overlay(overlay: Vec<u8>) -> Vec<u8> {
    PeFile { overlay, ..PeFile::default() }.bytes()
}

fn with_resource(bytes: Vec<u8>) -> Vec<u8> {
    PeFile { resources: vec![(Id::Name("DATA"), bytes)], ..PeFile::default() }.bytes()
}

fn manifest(text: &str) -> Vec<u8> {
    PeFile { resources: vec![(Id::Number(24), text.as_bytes().to_vec())], ..PeFile::default() }
        .bytes()
}

fn exporting(library: &'static str, symbols: &[(&'static str, Option<&'static str>)]) -> Vec<u8> {
    PeFile { exports: Some((library, symbols.to_vec())), ..PeFile::library() }.bytes()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("packed-known", || upx([b"UPX0", b"UPX1"], b"UPX!\x0d\x24\x0e\x0a"), plain),
        case(
            "tampered-upx",
            || upx([b".text", b".data"], b"UPX!\x0d\x24\x0e\x0a"),
            || upx([b"UPX0", b"UPX1"], b"UPX!\x0d\x24\x0e\x0a"),
        ),
        case(
            "packed-unknown",
            || PeFile { text: noise(0x4000), ..PeFile::default() }.bytes(),
            // A program with compressed pictures in it.
            || {
                let bytes = noise(0x4000);
                let extra = vec![Extra { name: b".data", flags: DATA, bytes, virtual_size: 0 }];
                PeFile { extra, ..PeFile::default() }.bytes()
            },
        ),
        case(
            "high-entropy-code",
            || {
                let bytes = noise(0x4000);
                let extra = vec![Extra { name: b".enc", flags: CODE, bytes, virtual_size: 0 }];
                PeFile { extra, ..PeFile::default() }.bytes()
            },
            plain,
        ),
        case(
            "executable-appended",
            || with_overlay(plain()),
            || with_overlay(b"PK\x03\x04".repeat(9)),
        ),
        case(
            "executable-in-resources",
            || with_resource(plain()),
            || with_resource(b"<html>a page of help</html>".repeat(40)),
        ),
        case(
            "encrypted-resource",
            || with_resource(noise(0x1_0000)),
            || with_resource(code(0x1_0000)),
        ),
        case(
            "asks-to-auto-elevate",
            || manifest("<assembly><autoElevate>true</autoElevate></assembly>"),
            || {
                manifest(
                    "<assembly><requestedExecutionLevel level=\"requireAdministrator\"/></assembly>",
                )
            },
        ),
        case(
            "compiled-script",
            || with_overlay(programs::pyinstaller()),
            || with_overlay(code(600)),
        ),
        case(
            "overlay-encrypted",
            || with_overlay(noise(0x1_0000)),
            || with_overlay(code(0x1_0000)),
        ),
        case(
            "reflective-loader",
            || exporting("a.dll", &[("ReflectiveLoader", None), ("Start", None)]),
            || exporting("a.dll", &[("LoadReflections", None), ("Start", None)]),
        ),
        case(
            "stand-in-library",
            || {
                exporting(
                    "version.dll",
                    &[
                        ("GetFileVersionInfoA", Some("version_orig.GetFileVersionInfoA")),
                        ("GetFileVersionInfoW", Some("version_orig.GetFileVersionInfoW")),
                        ("VerQueryValueA", Some("version_orig.VerQueryValueA")),
                    ],
                )
            },
            // The stable interface of an interpreter passes everything on to the real library.
            || {
                exporting(
                    "python3.dll",
                    &[
                        ("PyArg_Parse", Some("python311.PyArg_Parse")),
                        ("PyArg_ParseTuple", Some("python311.PyArg_ParseTuple")),
                        ("PyBool_FromLong", Some("python311.PyBool_FromLong")),
                    ],
                )
            },
        ),
    ]
}
