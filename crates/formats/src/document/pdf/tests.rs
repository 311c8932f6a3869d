use super::unpack;
use crate::document::samples;
use crate::document::test_support::{collect, survives};
use crate::unpack::Problem;

#[test]
fn an_attachment_is_a_child() {
    let found = collect(unpack, &samples::pdf_attachment("tool.exe", b"MZ payload"));
    assert_eq!(found.names(), ["tool.exe"]);
    assert_eq!(found.body("tool.exe"), b"MZ payload");
    assert_eq!(found.problems, []);
}

#[test]
fn scripts_are_children() {
    let file = b"%PDF-1.7\n1 0 obj<</S/JavaScript/JS(app.alert\\(1\\))>>endobj\n\
2 0 obj<</S/Java#53cript/#4aS 3 0 R>>endobj\n3 0 obj<</Length 5>>stream\nvar a\nendstream endobj\n\
4 0 obj<</JS 5 0 R>>endobj 5 0 obj<feff00760061007200200062>endobj";
    let found = collect(unpack, file);
    assert_eq!(found.names(), ["javascript-3.js", "javascript-1-0.js", "javascript-5-1.js"]);
    assert_eq!(found.body("javascript-3.js"), b"var a");
    assert_eq!(found.body("javascript-1-0.js"), b"app.alert(1)");
    assert_eq!(found.body("javascript-5-1.js"), b"var b");
}

#[test]
fn file_specifications_in_object_streams_are_read() {
    let specification = b"7 0 <</Type/Filespec/F(a.bin)/EF<</F 3 0 R>>>>";
    let mut file = format!(
        "%PDF-1.7\n1 0 obj<</Type/ObjStm/N 1/First 4/Length {}>>stream\n",
        specification.len()
    )
    .into_bytes();
    file.extend(specification);
    file.extend(b"\nendstream endobj\n3 0 obj<</Length 99>>stream\r\nabc\r\nendstream endobj");
    let found = collect(unpack, &file);
    assert_eq!(found.body("a.bin"), b"abc");
}

#[test]
fn an_unknown_password_is_stated() {
    let file = b"%PDF-1.4\n1 0 obj<</Filter/Standard/V 1/R 2/P -4/O<00112233445566778899aabbccddeeff\
00112233445566778899aabbccddeeff>/U<00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff>>>endobj\n\
trailer<</Encrypt 1 0 R/ID[<00><00>]>>";
    assert_eq!(collect(unpack, file).problems, [Problem::ProtectedDocument]);
}

#[test]
fn broken_streams_are_stated_and_what_was_read_is_kept() {
    let mut file = samples::pdf_attachment("tool.exe", &[b'A'; 4000]);
    let at = file.windows(9).position(|w| w == b"endstream").expect("a stream") - 12;
    file[at] ^= 0xff;
    let found = collect(unpack, &file);
    assert_eq!(found.children.len(), 1);
    assert_eq!(found.problems, [Problem::Corrupt]);
}

#[test]
fn ordinary_files_have_no_children() {
    let file = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n2 0 obj<</Length 3>>stream\nabc\nendstream endobj";
    let found = collect(unpack, file);
    assert!(found.children.is_empty() && found.problems.is_empty());
}

#[test]
fn hostile_bytes_survive() {
    survives(unpack, &samples::pdf_attachment("tool.exe", b"MZ payload"));
    survives(unpack, &b"1 0 obj<</JS[<</EF<</F 1 0 R>>>>]>>".repeat(20));
    // Nothing here ends: reading must.
    collect(unpack, &b"1 0 obj ( ".repeat(20_000));
    collect(unpack, &b"1 0 obj [ ".repeat(20_000));
    collect(unpack, &b"1 0 obj << /A ".repeat(20_000));
    collect(unpack, &b"1 0 obj <<>> stream ".repeat(20_000));
}
