//! Mail by the grammar of its header (RFC 5322, 2.2).

use super::super::Type;
use super::super::tables::named;
use super::vocabulary::MAIL_FIELDS;

/// A mail message, mailbox or web archive.
pub(super) fn classify(text: &[u8]) -> Option<&'static Type> {
    if text.starts_with(b"From ") {
        let rest = after_line(text);
        return header(rest).filter(|header| header.known > 0).map(|_| const { named("mbox") });
    }
    // Apple Mail puts the length of the message on a line before it.
    let first_line = &text[..text.len() - after_line(text).len()];
    let counted = first_line.trim_ascii();
    if !counted.is_empty() && counted.len() < 12 && counted.iter().all(u8::is_ascii_digit) {
        let rest = after_line(text);
        return header(rest).filter(|header| header.known > 2).map(|_| const { named("emlx") });
    }
    let header = header(text.trim_ascii_start())?;
    if !(header.known >= 2 || header.mime) {
        return None;
    }
    Some(if header.web_archive { const { named("mhtml") } } else { const { named("eml") } })
}

struct Header {
    /// Fields whose name is one of mail's.
    known: u32,
    /// A field that only MIME has, with a value that makes it a container.
    mime: bool,
    web_archive: bool,
}

/// Reads the header up to the first empty line; `None` when a line is not of a header.
fn header(text: &[u8]) -> Option<Header> {
    let mut rest = text;
    let mut found = Header { known: 0, mime: false, web_archive: false };
    let mut fields = 0u32;
    while !rest.is_empty() && fields < 500 {
        let next = after_line(rest);
        let line = rest[..rest.len() - next.len()].trim_ascii_end();
        let cut = next.is_empty();
        rest = next;
        if line.is_empty() {
            break;
        }
        if matches!(line[0], b' ' | b'\t') {
            if fields == 0 {
                return None;
            }
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            // The window may cut the last line.
            if cut && fields > 2 {
                break;
            }
            return None;
        };
        let name = line[..colon].trim_ascii_end();
        if name.is_empty() || !name.iter().all(|byte| (33..127).contains(byte)) {
            return None;
        }
        fields += 1;
        let value = line[colon + 1..].trim_ascii_start();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if MAIL_FIELDS.iter().any(|field| is(field)) {
            found.known += 1;
        }
        let begins = |prefix: &str| {
            value.get(..prefix.len()).is_some_and(|v| v.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        found.mime |= is("MIME-Version")
            || is("Content-Type") && (begins("multipart/") || begins("message/"))
            || is("Content-Transfer-Encoding");
        found.web_archive |= is("Snapshot-Content-Location")
            || is("From") && (begins("<Saved by ") || begins("\"Saved by "));
    }
    Some(found)
}

fn after_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).map_or(&[], |end| &text[end + 1..])
}
