//! What the mail analyser can find.

use palisade_model::Severity::{self, Info, Suspicious};

use crate::FindingKind;

const fn kind(
    id: &'static str,
    severity: Severity,
    attack: &'static [&'static str],
    tags: &'static [&'static str],
    about: &'static str,
) -> FindingKind {
    FindingKind { id, severity, attack, tags, about }
}

macro_rules! kinds {
    ($($name:ident = $id:literal $severity:ident $attack:expr, $tags:expr, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub(super) const $name: FindingKind = kind($id, $severity, &$attack, &$tags, $about);
        )*
        /// All of them.
        pub(super) const ALL: &[FindingKind] = &[$($name),*];
    };
}

kinds! {
    DISPLAY_NAME_ADDRESS = "display-name-address" Suspicious ["T1656", "T1566"], ["sender"],
        "The sender's name is itself a mail address, of another domain than the address that sent. Many programs show only the name. Lists and services that send for somebody say `via`.";
    SENDER_MISMATCH = "sender-mismatch" Info ["T1656"], ["sender"],
        "Replies go to, or the envelope or the Sender field names, another domain than the From field. Newsletters and ticket systems are sent so.";
    IMPERSONATION = "impersonation" Suspicious ["T1656", "T1566.002"], ["sender"],
        "The receiving server says that the sender is not authentic (SPF, DKIM or DMARC failed), and the mail shows another sign of a borrowed name: replies that go elsewhere, links that pretend, a name that is an address. Forwarded mail fails SPF, but has no such sign.";
    AUTHENTICATION_FAILED = "authentication-failed" Info ["T1656"], ["sender"],
        "A server on the way noted that SPF, DKIM or DMARC failed. Forwarding breaks SPF, and lists break DKIM. Whether the noting server can be trusted is not known here.";
    LOOKALIKE_DOMAIN = "lookalike-domain" Suspicious ["T1566", "T1583.001"], ["sender"],
        "A domain in the mail is written to look like another one in it: with letters of another script, or with `rn` for `m`, `1` for `l`. Names of one script, whatever it is, are in order.";
    MALFORMED_SENDER = "malformed-sender" Suspicious ["T1656", "T1036"], ["sender"],
        "The From field stands there several times, or holds several addresses of different domains or a route, so that programs show one sender and check another (RFC 5322 3.6 allows one field; several authors need a Sender field).";
    DECEPTIVE_LINK = "deceptive-link" Suspicious ["T1566.002", "T1036"], ["link"],
        "The text of a link is an address of one domain, and it leads to another; neither is the sender's. Newsletters count clicks through another domain, but show their own.";
    LINK_THROUGH_TRACKER = "link-through-tracker" Info [], ["link"],
        "The text of a link is an address of one domain, and it leads to another: the sender's own, or that of a service that counts clicks for the sender.";
    LINK_TRICK = "link-trick" Suspicious ["T1566.002", "T1036"], ["link"],
        "A link hides where it leads: a domain before an `@`, a host written as a number, a `data:` or `javascript:` address. Hosts by number occur in mail of devices on one's own network.";
    DANGEROUS_ATTACHMENT = "dangerous-attachment" Suspicious ["T1566.001", "T1204.002"], ["attachment"],
        "An attachment is a program, script, shortcut or disk image, by its name or its content. Developers send each other scripts in archives.";
    DISGUISED_ATTACHMENT = "disguised-attachment" Suspicious ["T1036.007", "T1036.002", "T1566.001"], ["attachment"],
        "The name of an attachment hides what it is: two extensions of which the last one runs, the mark that turns the direction of writing, a long row of blanks, or a document's name on a program.";
    LOCKED_ARCHIVE = "locked-archive" Suspicious ["T1566.001", "T1027.013"], ["attachment"],
        "An encrypted archive comes with its password in the text: only the reader can open it, no scanner on the way. People who protect a file send the password another way.";
    MIME_CONFUSION = "mime-confusion" Suspicious ["T1027", "T1036"], ["structure"],
        "A part has several content types, encodings, boundaries or names, so that programs read different attachments out of the same mail. No mail program writes that.";
    REPEATED_FIELD = "repeated-field" Info [], ["structure"],
        "A field that may stand once stands there several times (RFC 5322 3.6). Some list servers add a second Subject or Message-ID.";
    DATE_CONTRADICTION = "date-contradiction" Info [], ["structure"],
        "The mail says that it was written days before or after the first server took it. Mail that waited, and clocks that are wrong, do so.";
    HIDDEN_TEXT = "hidden-text" Info ["T1027"], ["content"],
        "Text that is not shown (size zero, the colour of the ground) fills the mail. Newsletters hide a preview line; spam hides words against filters.";
    INVISIBLE_CHARACTERS = "invisible-characters" Suspicious ["T1027"], ["content"],
        "Characters without width stand inside words of the subject or the text, so that filters do not see the words. Some scripts need joiners; Latin words do not.";
    PASSWORD_FORM = "password-form" Suspicious ["T1056.003", "T1566"], ["content"],
        "The mail itself asks for a password in a form. Nobody honest does.";
    REMOTE_IMAGE = "remote-image" Info ["T1598.003"], ["content"],
        "A picture of one dot is fetched from a server: it tells who opened the mail. Most newsletters have one.";
    CALENDAR_LINK = "calendar-link" Info ["T1566.002"], ["content"],
        "An invitation with a link in it: calendars add it without asking. Meetings over the network are sent so.";
}
