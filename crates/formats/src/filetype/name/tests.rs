use super::{Severity, examine};
use crate::filetype::detect;

const EXE: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
const TEXT: &[u8] = b"hello, world\n";

fn check(name: &str, content: &[u8], expect: &[(&str, Severity)]) {
    let found = examine(name, &detect(content));
    let found: Vec<(&str, Severity)> = found.iter().map(|f| (f.id, f.severity)).collect();
    assert_eq!(found, expect, "{name:?}");
}

#[test]
fn ordinary_names_are_not_remarked() {
    for name in [
        "notes.txt",
        "README",
        "README.md",
        "a.log",
        "x.bin",
        ".profile",
        "v1.2.3",
        "report 2024.01.05.txt",
        "folder.exe/notes.txt",
        "données.txt",
        "שלום.txt",
        "archive.tar.txt",
    ] {
        check(name, TEXT, &[]);
    }
    check("photo.png", PNG, &[]);
    check("photo.PNG", PNG, &[]);
    check("tool", EXE, &[]);
    check("tool.so", EXE, &[]);
    check("data.dat", EXE, &[]);
    check("letter.docx", b"", &[]);
    check("x.c", b"plain words only\n", &[]);
}

#[test]
fn mismatches() {
    check("photo.jpg", PNG, &[("extension-mismatch", Severity::Info)]);
    check("photo.jpg", EXE, &[("disguised-executable", Severity::Suspicious)]);
    check("invoice.pdf", EXE, &[("disguised-executable", Severity::Suspicious)]);
    check("setup.msi", EXE, &[("extension-mismatch", Severity::Info)]);
    check("photo.png", TEXT, &[("extension-mismatch", Severity::Info)]);
}

#[test]
fn names_that_only_seem_to_have_an_extension() {
    for name in ["tclsh8.6", "libc.so.6", "libfoo.so.1.7.5", "mkfs.cramfs", "String.sig"] {
        check(name, EXE, &[]);
    }
    check("image.cramfs", EXE, &[("disguised-executable", Severity::Suspicious)]);
    check("page.1.png", EXE, &[("disguised-executable", Severity::Suspicious)]);
}

#[test]
fn scripts_that_need_no_extension() {
    let shell = b"#!/bin/sh\nrm -rf \"$HOME\"\n";
    check("script.req", shell, &[("extension-mismatch", Severity::Info)]);
    check("photo.png", shell, &[("disguised-executable", Severity::Suspicious)]);
}

#[test]
fn double_extensions() {
    check("invoice.pdf.exe", b"", &[("double-extension", Severity::Suspicious)]);
    check("invoice.PDF .vbs", b"", &[("double-extension", Severity::Suspicious)]);
    check("index.html.js", b"", &[("double-extension", Severity::Info)]);
    check("setup.v2.exe", b"", &[]);
    check("invoice.exe.pdf", b"", &[]);
}

#[test]
fn hidden_characters() {
    check("annual\u{202e}fdp.exe", b"", &[("direction-override", Severity::Suspicious)]);
    check("a\u{2067}b.txt", TEXT, &[("direction-control", Severity::Suspicious)]);
    check("שלום\u{200f}.txt", TEXT, &[("direction-control", Severity::Info)]);
    check("inv\u{200b}oice.txt", TEXT, &[("invisible-character", Severity::Suspicious)]);
    check("a\0.txt", TEXT, &[("nul-character", Severity::Suspicious)]);
    check("a\u{7}.txt", TEXT, &[("control-character", Severity::Suspicious)]);
    check("invoice\u{2024}pdf.exe", b"", &[("false-dot", Severity::Suspicious)]);
}

#[test]
fn spaces_and_dots() {
    check(
        "invoice.pdf          .exe",
        b"",
        &[("double-extension", Severity::Suspicious), ("long-spaces", Severity::Suspicious)],
    );
    check("tool.exe. .", b"", &[("trailing-dots-or-spaces", Severity::Suspicious)]);
    check("notes.txt ", TEXT, &[("trailing-dots-or-spaces", Severity::Info)]);
}
