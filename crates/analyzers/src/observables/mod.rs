//! Addresses in text: URLs, domains, IP addresses, mail addresses, hashes.
//!
//! Text of any kind comes here: source code, the strings of a program, mail. What is ambiguous is left
//! out: `setup.sh` is a file although `.sh` is a country, `1.2.3.4` behind `version` is a version.
//! Every pass is linear in the text, and an answer holds at most [`MAX_FOUND`] values.

mod defanged;
mod host;
mod noise;
mod token;
mod url;
mod utf16;

use std::collections::HashSet;

use palisade_model::ObservableKind;

pub use host::{Host, registrable};

/// Observables in one answer; the scan ends there.
pub const MAX_FOUND: usize = 2_000;

/// Every address in text, in order of appearance, each once. UTF-16 is recognised by its mark or by
/// its zeros. Defanged forms (`hxxp`, `[.]`) are given as what they stand for.
pub fn in_text(text: &[u8]) -> Vec<(ObservableKind, String)> {
    let text = utf16::as_utf8(text);
    let text = defanged::undo(&text);
    let mut found = Found::default();
    url::scan(&text, &mut found);
    token::scan(&text, &mut found);
    found.in_order()
}

/// Every address in the UTF-16LE strings of binary data, in order of appearance.
pub fn in_utf16(data: &[u8]) -> Vec<(ObservableKind, String)> {
    in_text(&utf16::strings(data))
}

/// What was found so far.
#[derive(Default)]
struct Found {
    values: Vec<(usize, ObservableKind, String)>,
    seen: HashSet<(ObservableKind, String)>,
    /// The places of URLs, in order: what stands there is not looked at again.
    taken: Vec<(usize, usize)>,
}

impl Found {
    fn is_full(&self) -> bool {
        self.values.len() >= MAX_FOUND
    }

    fn note(&mut self, offset: usize, kind: ObservableKind, value: String) {
        if !self.is_full() && self.seen.insert((kind, value.clone())) {
            self.values.push((offset, kind, value));
        }
    }

    /// Notes the host of a URL or mail address as what it is.
    fn note_host(&mut self, offset: usize, host: &Host) {
        match host {
            Host::Domain(name) if host::is_public(name) && !noise::is_domain(name) => {
                self.note(offset, ObservableKind::DomainName, name.clone());
            }
            Host::V4(address) if host::is_worth_knowing(*address) => {
                self.note(offset, ObservableKind::Ipv4, address.to_string());
            }
            Host::V6(address) if !address.is_loopback() && !address.is_unspecified() => {
                self.note(offset, ObservableKind::Ipv6, address.to_string());
            }
            _ => {}
        }
    }

    fn in_order(mut self) -> Vec<(ObservableKind, String)> {
        self.values.sort_by_key(|(offset, _, _)| *offset);
        self.values.into_iter().map(|(_, kind, value)| (kind, value)).collect()
    }
}
