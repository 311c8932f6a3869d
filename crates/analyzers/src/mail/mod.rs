//! Mail: who it says it is from, where its links lead, what it carries.

mod address;
mod attachments;
mod date;
mod kinds;
mod links;
mod lookalike;

use palisade_formats::document::eml::{self, Message, decode_words};
use palisade_formats::document::msg;
use palisade_model::{ObservableKind, ProblemKind};

use crate::observables::{Host, registrable};
use crate::{Examination, StaticAnalyzer};

use address::{Mailbox, mailboxes, registered};
use kinds::*;

/// Bytes of a message that are read; attachments come as children of their own.
const MAX_READ: usize = 64 << 20;
/// Days between the date of the mail and that of the first server.
const MAX_DAYS: i64 = 4;
/// Characters that are not shown from which the text is hidden.
const MIN_HIDDEN: usize = 200;
/// Invisible characters inside words.
const MIN_INVISIBLE: usize = 4;
/// Domains that are compared with each other.
const MAX_DOMAINS: usize = 100;
/// Fields that may stand once (RFC 5322 3.6), besides From.
const SINGLE: [&str; 8] =
    ["subject", "date", "message-id", "to", "cc", "reply-to", "sender", "in-reply-to"];

/// Mail.
pub(crate) const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "mail",
    description: "Mail: forged senders, deceptive links, dangerous attachments, contradictions",
    types: &["eml", "mhtml", "emlx", "msg"],
    kinds: kinds::ALL,
    gives_children: false,
    examine,
};

fn examine(exam: &mut Examination<'_>) {
    let whole = exam.bytes();
    let bytes = whole.get(..whole.len().min(MAX_READ)).unwrap_or(whole);
    if bytes.len() < whole.len() {
        exam.problem(ProblemKind::TooLarge, "read to 64 MiB");
    }
    let message = if exam.type_id() == "msg" {
        let Some(message) = msg::read(bytes) else {
            exam.problem(ProblemKind::Corrupt, "an Outlook message that cannot be opened");
            return;
        };
        message
    } else {
        eml::read(bytes)
    };
    let mut mail = Mail::new(&message);
    mail.facts(exam);
    mail.sender(exam);
    mail.authentication(exam);
    mail.structure(exam);
    mail.texts(exam);
    mail.attachments(exam);
    mail.lookalikes(exam);
    mail.impersonation(exam);
}

/// A message under examination.
struct Mail<'m> {
    message: &'m Message,
    from: Vec<Mailbox>,
    /// Every domain that stands in the mail, for comparing.
    domains: Vec<String>,
    failed: Vec<&'static str>,
    /// Signs of a borrowed name.
    signs: Vec<String>,
}

impl<'m> Mail<'m> {
    fn new(message: &'m Message) -> Self {
        let from: Vec<Mailbox> = message.all("from").flat_map(mailboxes).collect();
        Self { message, from, domains: Vec::new(), failed: Vec::new(), signs: Vec::new() }
    }

    fn text(&self, field: &str) -> String {
        self.message.first(field).map(decode_words).unwrap_or_default()
    }

    fn know(&mut self, domain: &str) {
        let domain = domain.to_lowercase();
        if self.domains.len() < MAX_DOMAINS && !domain.is_empty() && !self.domains.contains(&domain)
        {
            self.domains.push(domain);
        }
    }

    /// Properties and observables of the header.
    fn facts(&mut self, exam: &mut Examination<'_>) {
        for (field, name) in [
            ("subject", "subject"),
            ("x-mailer", "mailer"),
            ("user-agent", "mailer"),
            ("message-id", "message-id"),
        ] {
            let value = self.text(field);
            if !value.is_empty() {
                exam.property(name, value);
            }
        }
        for field in ["from", "reply-to", "sender", "return-path", "to", "cc"] {
            for mailbox in self.message.all(field).flat_map(mailboxes) {
                exam.observe(
                    ObservableKind::EmailAddr,
                    &mailbox.address,
                    &format!("header {field}"),
                );
                if registrable(mailbox.domain()).is_some() {
                    exam.observe(
                        ObservableKind::DomainName,
                        mailbox.domain(),
                        &format!("header {field}"),
                    );
                }
                self.know(mailbox.domain());
            }
        }
        for field in ["received", "x-originating-ip"] {
            for value in self.message.all(field).take(32) {
                for (kind, value) in crate::observables::in_text(value) {
                    if matches!(kind, ObservableKind::Ipv4 | ObservableKind::Ipv6) {
                        exam.observe(kind, &value, &format!("header {field}"));
                    }
                }
            }
        }
    }

    fn sender(&mut self, exam: &mut Examination<'_>) {
        let fields = self.message.all("from").count();
        let domains: Vec<&str> = self.from.iter().map(Mailbox::registered).collect();
        let differ = domains.iter().any(|domain| Some(domain) != domains.first());
        let route = self.message.first("from").is_some_and(|value| {
            let value = String::from_utf8_lossy(value);
            value.matches('<').count() > 1 && value.matches('@').count() > 1 && !value.contains(',')
        });
        if fields > 1 || (differ && self.message.first("sender").is_none()) || route {
            let what = if fields > 1 {
                format!("{fields} From fields")
            } else if route {
                "a From field with an address inside another".to_owned()
            } else {
                format!("a From field with addresses of {}", domains.join(", "))
            };
            exam.find(&MALFORMED_SENDER, what);
        }
        let Some(from) = self.from.first().cloned() else { return };
        if let Some(shown) = address::in_text(&from.name) {
            let own = shown.registered() == from.registered();
            let via = from.name.to_lowercase().contains(" via ")
                || self.message.first("list-id").is_some()
                || from.address.contains(&shown.address.replace('@', "="));
            self.know(shown.domain());
            if !own && !via {
                let what = format!(
                    "the name shows {} and the mail comes from {}",
                    shown.address, from.address
                );
                exam.find(&DISPLAY_NAME_ADDRESS, what.clone());
                self.signs.push(what);
            }
        }
        for field in ["reply-to", "return-path", "sender"] {
            let other = self.message.all(field).flat_map(mailboxes).next();
            if let Some(other) = other
                && other.registered() != from.registered()
            {
                let what = format!("{field} is {} and From is {}", other.address, from.address);
                exam.find(&SENDER_MISMATCH, what.clone()).quoting(field, other.address.as_bytes());
                if field == "reply-to" {
                    self.signs.push(what);
                }
            }
        }
    }

    /// What servers noted (RFC 8601, RFC 7208 9.1). The topmost note is of the last server.
    fn authentication(&mut self, exam: &mut Examination<'_>) {
        let first = |field: &str| {
            let value = self.message.first(field).unwrap_or_default();
            String::from_utf8_lossy(value).to_ascii_lowercase()
        };
        let results = first("authentication-results");
        let arc = first("arc-authentication-results");
        let received = first("received-spf");
        for method in ["spf", "dkim", "dmarc"] {
            let noted = [&results, &arc].into_iter().find_map(|text| result_of(text, method));
            let noted = noted.or_else(|| {
                let word = received.split_whitespace().next().filter(|_| method == "spf")?;
                Some(word.trim_end_matches([';', ':', ',']).to_owned())
            });
            let Some(noted) = noted.filter(|word| !word.is_empty()) else { continue };
            if matches!(noted.as_str(), "fail" | "hardfail" | "permerror") {
                self.failed.push(method);
            }
            exam.property(method, noted);
        }
        if !self.failed.is_empty() {
            exam.find(&AUTHENTICATION_FAILED, format!("failed: {}", self.failed.join(", ")));
        }
        if self.message.first("dkim-signature").is_some() {
            let text = first("dkim-signature");
            let domain = text.split(';').find_map(|tag| tag.trim().strip_prefix("d="));
            exam.property("dkim-domain", domain.unwrap_or_default().trim().to_owned());
        }
    }

    fn structure(&mut self, exam: &mut Examination<'_>) {
        for what in &self.message.confusions {
            exam.find(&MIME_CONFUSION, what.clone());
        }
        let two_names = self.message.parts.iter().find_map(|part| {
            let (first, second) = (part.file_name.as_ref()?, part.second_name.as_ref()?);
            // Only what is an extension: other systems put a type of their own behind the name.
            let end = |name: &str| {
                let end = name.rsplit_once('.')?.1.to_lowercase();
                (end.len() <= 5 && end.chars().all(char::is_alphanumeric)).then_some(end)
            };
            let differ = end(first).zip(end(second)).is_some_and(|(one, other)| one != other);
            differ.then(|| format!("an attachment called {first:?} and {second:?}"))
        });
        if let Some(what) = two_names {
            exam.find(&MIME_CONFUSION, what);
        }
        for field in SINGLE {
            let count = self.message.all(field).count();
            if count > 1 {
                exam.find(&REPEATED_FIELD, format!("{field} stands {count} times"))
                    .quoting(field, b"");
            }
        }
        let written = date::seconds(&self.text("date"));
        let taken = self.message.all("received").last().and_then(|value| {
            let value = String::from_utf8_lossy(value);
            date::seconds(value.rsplit_once(';')?.1.trim())
        });
        if let (Some(written), Some(taken)) = (written, taken) {
            let days = (taken - written) / 86_400;
            if days.abs() > MAX_DAYS {
                let when = if days > 0 { "before" } else { "after" };
                let what = format!("written {} days {when} the first server took it", days.abs());
                exam.find(&DATE_CONTRADICTION, what);
            }
        }
    }

    fn texts(&mut self, exam: &mut Examination<'_>) {
        let mut invisible = invisible(&self.text("subject"));
        for part in &self.message.parts {
            let html = part.content_type == "text/html" || part.bytes.starts_with(b"<html");
            if part.content_type == "text/calendar" {
                let links = crate::observables::in_text(&part.bytes);
                if let Some((_, url)) = links.iter().find(|(kind, _)| *kind == ObservableKind::Url)
                {
                    exam.find(&CALENDAR_LINK, format!("an invitation with a link to {url}"));
                }
            }
            if !html && !part.content_type.starts_with("text/") && !part.content_type.is_empty() {
                continue;
            }
            if exam.should_stop() {
                return;
            }
            exam.observe_text(&part.bytes, if html { "link" } else { "text" });
            invisible += self::invisible(&String::from_utf8_lossy(&part.bytes));
            // A page that is attached is examined as a child.
            if html && part.file_name.is_none() {
                let markup = links::read(&part.bytes);
                if markup.passwords > 0 {
                    exam.find(&PASSWORD_FORM, "the mail asks for a password in a form of its own");
                }
                if let Some(dot) = markup.dots.first() {
                    exam.find(
                        &REMOTE_IMAGE,
                        format!("{} pictures of one dot, such as {dot}", markup.dots.len()),
                    );
                }
                if markup.hidden >= MIN_HIDDEN {
                    exam.find(&HIDDEN_TEXT, format!("{} characters are not shown", markup.hidden));
                }
                for link in &markup.links {
                    self.link(exam, link);
                }
            }
        }
        if invisible >= MIN_INVISIBLE {
            exam.find(
                &INVISIBLE_CHARACTERS,
                format!("{invisible} characters without width inside words"),
            );
        }
    }

    fn link(&mut self, exam: &mut Examination<'_>, link: &links::Link) {
        if let Some(how) = links::trick(&link.target) {
            exam.find(&LINK_TRICK, format!("a link {how}"))
                .quoting("target", link.target.as_bytes());
            self.signs.push(format!("a link {how}"));
        }
        let Some(host) = links::host(&link.target) else { return };
        let name = match &host {
            Host::Domain(name) | Host::Name(name) => name.clone(),
            Host::V4(address) => address.to_string(),
            Host::V6(address) => address.to_string(),
        };
        self.know(&name);
        let Some(claimed) = links::claimed(&link.text) else { return };
        self.know(&claimed);
        let (shown, real) = (registered(&claimed), registered(&name));
        if shown == real {
            return;
        }
        let from = self.from.first().map(Mailbox::registered).unwrap_or_default();
        let bulk = ["list-id", "list-unsubscribe", "feedback-id"]
            .iter()
            .any(|field| self.message.first(field).is_some());
        let what = format!("a link shows {claimed} and leads to {name}");
        if shown == from || real == from || bulk || self.from.is_empty() {
            exam.find(&LINK_THROUGH_TRACKER, what.clone())
                .quoting("target", link.target.as_bytes());
        } else {
            exam.find(&DECEPTIVE_LINK, what.clone()).quoting("target", link.target.as_bytes());
        }
        self.signs.push(what);
    }

    fn attachments(&mut self, exam: &mut Examination<'_>) {
        for part in &self.message.parts {
            if part.file_name.is_none() && part.inline {
                continue;
            }
            let name = part.file_name.as_deref().unwrap_or_default();
            if let Some(what) = attachments::dangerous(part) {
                exam.find(&DANGEROUS_ATTACHMENT, what).quoting("attachment", name.as_bytes());
            }
            if let Some(what) = attachments::disguised(part) {
                exam.find(&DISGUISED_ATTACHMENT, what).quoting("attachment", name.as_bytes());
            }
            if attachments::is_locked(part)
                && let Some(line) = self.password()
            {
                let what = format!("{name:?} is encrypted, and the text says {line:?}");
                exam.find(&LOCKED_ARCHIVE, what);
            }
        }
    }

    /// A line of the text that tells a password.
    fn password(&self) -> Option<String> {
        const WORDS: [&str; 12] = [
            "password",
            "passwort",
            "passcode",
            "mot de passe",
            "contraseña",
            "senha",
            "kennwort",
            "пароль",
            "pass:",
            "hasło",
            "wachtwoord",
            "parola",
        ];
        self.message
            .parts
            .iter()
            .filter(|part| part.content_type.starts_with("text/") || part.content_type.is_empty())
            .find_map(|part| {
                let text = String::from_utf8_lossy(&part.bytes);
                let lower = text.lines().take(10_000).map(str::to_lowercase);
                lower
                    .filter(|line| WORDS.iter().any(|word| line.contains(word)))
                    .find(|line| {
                        line.contains(':') || line.contains(" is ") || line.contains(" ist ")
                    })
                    .map(|line| line.trim().chars().take(80).collect())
            })
    }

    fn lookalikes(&mut self, exam: &mut Examination<'_>) {
        if let Some((fake, real)) = lookalike::pair(&self.domains) {
            let what = format!("{fake} looks like {real}");
            exam.find(&LOOKALIKE_DOMAIN, what);
        }
        for domain in &self.domains {
            if let Some(label) = lookalike::mixed(domain) {
                let what = format!("{domain} reads {label:?}, in letters of two scripts");
                exam.find(&LOOKALIKE_DOMAIN, what);
            }
        }
    }

    fn impersonation(&mut self, exam: &mut Examination<'_>) {
        let bulk = self.message.first("list-id").is_some();
        if let Some(sign) = self.signs.first().filter(|_| !self.failed.is_empty() && !bulk) {
            let what = format!("{} failed, and {sign}", self.failed.join(" and "));
            exam.find(&IMPERSONATION, what);
        }
    }
}

/// The word behind `method=`.
fn result_of(text: &str, method: &str) -> Option<String> {
    text.split([';', ' ', '\t', ',']).find_map(|word| {
        let (name, result) = word.split_once('=')?;
        (name == method).then(|| result.chars().take_while(char::is_ascii_alphabetic).collect())
    })
}

/// Characters without width between Latin letters.
fn invisible(text: &str) -> usize {
    const MAX_LOOK: usize = 1 << 20;
    let mut before = ' ';
    let mut waiting = 0;
    let mut found = 0;
    for c in text.chars().take(MAX_LOOK) {
        match c {
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' if before.is_ascii_alphabetic() => {
                waiting += 1
            }
            c => {
                if waiting > 0 && c.is_ascii_alphabetic() {
                    found += waiting;
                }
                waiting = 0;
                before = c;
            }
        }
    }
    found
}
