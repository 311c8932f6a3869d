use super::unpack;
use crate::document::test_support::{collect, survives};
use crate::unpack::Problem;

const NESTED: &[u8] = b"From: a@example.org\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed;\r\n boundary=\"out er\"\r\n\r\nhi\r\n\
--out er\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
--in\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
--in\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>=41</b>\r\n--in--\r\n\
--out er\r\nContent-Type: application/x; name*0*=utf-8''%c3%a4; name*1=\"b.exe\"\r\n\
Content-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n\
--out er\r\nContent-Disposition: attachment; filename=\"=?utf-8?B?w7w=?= =?utf-8?Q?=2Edoc?=\"\r\n\r\nx\r\n\
--out er\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ny\r\n--out er--\r\n";

#[test]
fn every_part_is_a_child() {
    let found = collect(unpack, NESTED);
    assert_eq!(found.names(), ["part-1.txt", "part-2.html", "äb.exe", "ü.doc", "part-5.eml"]);
    assert_eq!(found.body("part-1.txt").trim_ascii(), b"plain");
    assert_eq!(found.body("part-2.html").trim_ascii(), b"<b>A</b>");
    assert_eq!(found.body("äb.exe"), b"hello");
    assert!(found.body("part-5.eml").starts_with(b"Subject: inner"));
    assert_eq!(found.problems, []);
}

#[test]
fn where_readers_disagree_every_reading_is_followed() {
    let twice =
        b"Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n\
--a\n\none\n--b\n\ntwo\n--b--\n";
    let found = collect(unpack, twice);
    assert_eq!(found.children.len(), 2);
    let encodings = b"Subject: x\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n";
    let found = collect(unpack, encodings);
    assert_eq!(found.children[1].1, b"hello");
    assert_eq!(found.problems, [Problem::Corrupt]);
}

#[test]
fn broken_boundaries() {
    let open = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n";
    let found = collect(unpack, open);
    assert_eq!((found.children.len(), found.problems.as_slice()), (1, &[Problem::Truncated][..]));
    let missing = b"Content-Type: multipart/mixed\n\n--zz\n\none\n--zz--\n";
    assert_eq!(collect(unpack, missing).children[0].1, b"one\n");
    let wrong = b"Content-Type: multipart/mixed; boundary=a\n\nno boundary here\n";
    assert_eq!(collect(unpack, wrong).children.len(), 1);
}

#[test]
fn nesting_is_bounded() {
    let mut mail = Vec::new();
    for depth in 0..200 {
        mail.extend(
            format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n").bytes(),
        );
    }
    assert!(collect(unpack, &mail).problems.contains(&Problem::TooManyChildren));
}

#[test]
fn hostile_bytes_survive() {
    survives(unpack, NESTED);
}
