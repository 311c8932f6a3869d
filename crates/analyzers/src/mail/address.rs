//! Mail addresses in fields (RFC 5322 3.4).

use palisade_formats::document::eml::decode_words;

/// Addresses of one field that are read.
const MAX_ADDRESSES: usize = 64;

/// A mailbox: the name that is shown and the address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

impl Mailbox {
    /// The domain, in lower case.
    pub(super) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The part of the domain that was registered, or the domain.
    pub(super) fn registered(&self) -> &str {
        registered(self.domain())
    }
}

/// The part of a host name that was registered, or all of it.
pub(super) fn registered(domain: &str) -> &str {
    crate::observables::registrable(domain).unwrap_or(domain)
}

/// The mailboxes of a field.
pub(super) fn mailboxes(field: &[u8]) -> Vec<Mailbox> {
    let mut found = Vec::new();
    for piece in split(field).into_iter().take(MAX_ADDRESSES) {
        let open = piece.iter().rposition(|byte| *byte == b'<');
        let (name, address) = match open {
            Some(open) => {
                let inner = piece.get(open + 1..).unwrap_or_default();
                let end = memchr::memchr(b'>', inner).unwrap_or(inner.len());
                (piece.get(..open).unwrap_or_default(), inner.get(..end).unwrap_or_default())
            }
            None => (&[][..], piece.as_slice()),
        };
        let address = String::from_utf8_lossy(address).trim().to_lowercase();
        if !address.contains('@') {
            continue;
        }
        let quoted = name.trim_ascii();
        let bare = quoted
            .strip_prefix(b"\"")
            .map_or(quoted, |rest| rest.strip_suffix(b"\"").unwrap_or(rest));
        let name = decode_words(bare).trim().to_owned();
        let address =
            address.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        found.push(Mailbox { name, address: address.to_owned() });
    }
    found
}

/// Cuts at commas and semicolons outside quotes, brackets and comments; a group's name is let go.
fn split(field: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let (mut quoted, mut angle, mut comment) = (false, false, 0u32);
    for byte in field {
        match byte {
            b'"' if comment == 0 => quoted = !quoted,
            b'(' if !quoted => comment += 1,
            b')' if !quoted => comment = comment.saturating_sub(1),
            b'<' if !quoted => angle = true,
            b'>' if !quoted => angle = false,
            b',' | b';' if !quoted && !angle && comment == 0 => {
                if pieces.len() >= MAX_ADDRESSES {
                    break;
                }
                pieces.push(Vec::new());
                continue;
            }
            b':' if !quoted && !angle && comment == 0 => {
                if let Some(last) = pieces.last_mut() {
                    last.clear();
                }
                continue;
            }
            _ => {}
        }
        if comment == 0
            && *byte != b')'
            && let Some(last) = pieces.last_mut()
        {
            last.push(*byte);
        }
    }
    pieces
}

/// The first mail address in text that people read.
pub(super) fn in_text(text: &str) -> Option<Mailbox> {
    text.split(|c: char| c.is_whitespace() || "<>()[]\"',;:".contains(c)).find_map(|word| {
        let (local, domain) = word.rsplit_once('@')?;
        let domain = domain.trim_end_matches('.').to_lowercase();
        let known = !local.is_empty() && crate::observables::registrable(&domain).is_some();
        known.then(|| Mailbox {
            name: String::new(),
            address: format!("{}@{domain}", local.to_lowercase()),
        })
    })
}
