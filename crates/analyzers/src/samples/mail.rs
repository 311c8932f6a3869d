//! Samples of the mail analyser.

use super::Case;
use super::scripts::{base64, small_pe};

const HEAD: &str = "From: \"Alice\" <alice@example.com>\r\nTo: bob@example.org\r\nSubject: Report\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n";

fn head(from: &str, more: &str) -> String {
    HEAD.replace("\"Alice\" <alice@example.com>", from) + more
}

fn html(from: &str, more: &str, body: &str) -> Vec<u8> {
    let head = head(from, more);
    format!("{head}MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>\r\n").into_bytes()
}

fn plain(from: &str, more: &str) -> Vec<u8> {
    format!(
        "{}MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello,\r\nsee you.\r\n",
        head(from, more)
    )
    .into_bytes()
}

fn attached(text: &str, fields: &str, bytes: &[u8]) -> Vec<u8> {
    format!(
        "{HEAD}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b1\r\n{fields}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b1--\r\n",
        base64(bytes)
    )
    .into_bytes()
}

fn file(name: &str) -> String {
    format!(
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\""
    )
}

/// The beginning of a zip archive whose first entry has these flags.
fn zip(flags: u8) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0".to_vec();
    bytes.extend([flags, 0, 0, 0]);
    bytes.resize(26, 0);
    bytes.extend([5, 0, 0, 0]);
    bytes.extend(b"a.txtdata");
    bytes
}

const ALICE: &str = "\"Alice\" <alice@example.com>";

const fn case(finding: &'static str, sample: fn() -> Vec<u8>, near_miss: fn() -> Vec<u8>) -> Case {
    Case { analyzer: "mail", finding, name: "message.eml", sample, near_miss }
}

/// Every case of the mail analyser.
#[rustfmt::skip] // One sample a line.
pub(super) fn cases() -> Vec<Case> {
    vec![
        case("display-name-address",
            || plain("\"ceo@example.org\" <office4711@example.net>", ""),
            || plain("\"alice@example.com\" <alice@mail.example.com>", "")),
        case("sender-mismatch",
            || plain(ALICE, "Reply-To: alice@example.net\r\n"),
            || plain(ALICE, "Reply-To: alice@replies.example.com\r\n")),
        case("impersonation",
            || plain(ALICE, "Reply-To: alice@example.net\r\nAuthentication-Results: mx.example.org; spf=fail smtp.mailfrom=example.com; dmarc=fail\r\n"),
            || plain(ALICE, "Return-Path: <list@example.net>\r\nAuthentication-Results: mx.example.org; spf=fail smtp.mailfrom=example.net; dkim=pass\r\n")),
        case("authentication-failed",
            || plain(ALICE, "Received-SPF: fail (mx.example.org: not permitted)\r\n"),
            || plain(ALICE, "Received-SPF: softfail (mx.example.org: transitioning)\r\n")),
        case("lookalike-domain",
            || plain("\"Bob\" <bob@exarnple.org>", ""),
            || plain("\"Bob\" <bob@m\u{fc}nchen.example>", "")),
        case("malformed-sender",
            || plain(ALICE, "From: carol@example.net\r\n"),
            || plain("alice@example.com, bob@sales.example.com", "Sender: alice@example.com\r\n")),
        case("deceptive-link",
            || html("\"Bank\" <info@example.net>", "", "<a href=\"http://sign-in.example.org/a\">https://www.example.com/account</a>"),
            || html(ALICE, "", "<a href=\"http://sign-in.example.org/a\">Your account</a> <a href=\"https://www.example.com/help\">example.com/help</a>")),
        case("link-through-tracker",
            || html(ALICE, "List-Unsubscribe: <mailto:off@example.com>\r\n", "<a href=\"http://clicks.example.net/1\">www.example.com</a>"),
            || html(ALICE, "List-Unsubscribe: <mailto:off@example.com>\r\n", "<a href=\"http://clicks.example.com/1\">www.example.com</a>")),
        case("link-trick",
            || html(ALICE, "", "<a href=\"http://www.example.com@192.0.2.9/a\">Invoice</a>"),
            || html(ALICE, "", "<a href=\"http://alice@www.example.com/a\">Invoice</a> <a href=\"javascript:void(0)\">x</a>")),
        case("dangerous-attachment",
            || attached("See the file.", &file("tool.scr"), b"nothing to run"),
            || attached("See the file.", &file("report.pdf"), b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n")),
        case("disguised-attachment",
            || attached("See the file.", &file("report.pdf.js"), b"var a = 1;"),
            || attached("See the file.", &file("report.final.pdf"), &[b"%PDF-1.4\n", &small_pe()[..8]].concat())),
        case("locked-archive",
            || attached("The password is: 1234", &file("scan.zip"), &zip(1)),
            || attached("The password is: the one I told you by phone.", &file("scan.zip"), &zip(0))),
        case("mime-confusion",
            || attached("Hello.", "Content-Type: text/plain; name=\"a.txt\"\r\nContent-Type: application/zip; name=\"a.zip\"", b"data"),
            || attached("Hello.", "Content-Type: text/plain; name=\"a.txt\"\r\nContent-Disposition: attachment; filename=\"a.txt\"", b"data")),
        case("repeated-field",
            || plain(ALICE, "Subject: Another\r\n"),
            || plain(ALICE, "Received: from a.example.com\r\nReceived: from b.example.com\r\n")),
        case("date-contradiction",
            || plain(ALICE, "Received: from a.example.com by b.example.com; Fri, 27 Mar 2026 10:00:00 +0000\r\n"),
            || plain(ALICE, "Received: from a.example.com by b.example.com; Tue, 03 Mar 2026 08:00:00 -0700\r\n")),
        case("hidden-text",
            || html(ALICE, "", &format!("<div style=\"font-size: 0px\">{}</div>", "lorem ipsum ".repeat(30))),
            || html(ALICE, "", &format!("<div style=\"display:none\">Our news of March</div><div style=\"font-size: 10px\">{}</div>", "lorem ipsum ".repeat(30)))),
        case("invisible-characters",
            || html(ALICE, "", "pass\u{200b}word ac\u{200b}count ver\u{200c}ify in\u{200b}voice"),
            || html(ALICE, "", "\u{feff}\u{200b} A line that may break\u{200b} here \u{200b}\u{200b}\u{200b} and there")),
        case("password-form",
            || html(ALICE, "", "<form action=\"http://example.com/\"><input type=password name=p></form>"),
            || html(ALICE, "", "<form action=\"http://example.com/\"><input type=radio name=answer></form>")),
        case("remote-image",
            || html(ALICE, "", "<img src=\"https://example.com/o.gif?u=1\" width=\"1\" height=\"1\">"),
            || html(ALICE, "", "<img src=\"https://example.com/logo.png\" width=\"120\" height=\"40\">")),
        case("calendar-link",
            || attached("Meet.", "Content-Type: text/calendar", b"BEGIN:VCALENDAR\r\nDESCRIPTION:https://example.com/join\r\nEND:VCALENDAR\r\n"),
            || attached("Meet.", "Content-Type: text/calendar", b"BEGIN:VCALENDAR\r\nDESCRIPTION:Room 4\r\nEND:VCALENDAR\r\n")),
    ]
}
