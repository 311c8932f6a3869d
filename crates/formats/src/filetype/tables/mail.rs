use super::super::Category;
use super::{Entry, Signature};

const fn mail(
    id: &'static str,
    description: &'static str,
    mime: &'static str,
    extensions: &'static [&'static str],
    signatures: &'static [Signature],
) -> Entry {
    Entry::new(Category::Mail, id, description, mime, extensions, signatures)
}

/// Mail and mailboxes. `eml` is found by the grammar of its header.
#[rustfmt::skip] // One row a line: a table is read down its columns.
pub(super) static TYPES: &[Entry] = &[
    mail("eml", "Mail message", "message/rfc822", &["eml", "mht", "nws"], &[]),
    mail("mhtml", "Web page archive", "multipart/related", &["mht", "mhtml", "eml", "doc"], &[]),
    mail("mbox", "Mailbox", "application/mbox", &["mbox", "mbx"], &[]),
    mail("msg", "Outlook message", "application/vnd.ms-outlook", &["msg", "oft"], &[]),
    mail("tnef", "Transport-neutral mail (winmail.dat)", "application/ms-tnef", &["tnef", "dat"], &[&[(0, b"\x78\x9f\x3e\x22")]]),
    mail("pst", "Outlook mailbox", "application/vnd.ms-outlook-pst", &["pst", "ost", "pab"], &[&[(0, b"!BDN")]]),
    mail("dbx", "Outlook Express mailbox", "application/x-dbx", &["dbx"], &[&[(0, b"\xcf\xad\x12\xfe")]]),
    mail("emlx", "Apple Mail message", "message/x-emlx", &["emlx"], &[]),
    mail("ics", "Calendar", "text/calendar", &["ics", "ifb", "vcs"], &[&[(0, b"BEGIN:VCALENDAR")]]),
    mail("vcf", "Contact card", "text/vcard", &["vcf", "vcard"], &[&[(0, b"BEGIN:VCARD")]]),
    mail("nsf", "Lotus Notes database", "application/vnd.lotus-notes", &["nsf", "ntf"], &[&[(0, b"\x1a\0\0\x04\0\0")]]),
];
