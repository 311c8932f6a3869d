//! URLs (RFC 3986) and UNC paths, as they stand in text.

use memchr::memmem;
use palisade_model::ObservableKind;

use super::{Found, Host, noise};

/// Bytes of a URL; a longer one is cut, as a data set has it and no reader follows it.
const MAX_URL: usize = 2_048;
/// URLs in one URL that are told.
const MAX_INNER: usize = 4;
/// Bytes of a scheme.
const MAX_SCHEME: usize = 12;

/// Schemes that reach another machine.
const SCHEMES: [&str; 25] = [
    "http",
    "https",
    "ftp",
    "ftps",
    "sftp",
    "tftp",
    "ws",
    "wss",
    "file",
    "smb",
    "nfs",
    "ldap",
    "ldaps",
    "rmi",
    "iiop",
    "ssh",
    "telnet",
    "gopher",
    "dav",
    "davs",
    "rtmp",
    "stratum+tcp",
    "stratum+ssl",
    "stratum",
    "tcp",
];

/// Notes every URL and UNC path, and its host.
pub(super) fn scan(text: &[u8], found: &mut Found) {
    let (mut past, mut inner) = (0, 0);
    for colon in memmem::find_iter(text, b"://") {
        if found.is_full() {
            return;
        }
        if colon < past {
            // A URL in a URL (a redirector): its inner one is told too, the place is taken already.
            inner += 1;
            if inner <= MAX_INNER {
                at(text, colon, found);
            }
            continue;
        }
        inner = 0;
        if let Some((start, end)) = at(text, colon, found) {
            found.taken.push((start, end));
            past = end;
        }
    }
    unc(text, found);
    found.taken.sort_unstable();
}

/// The URL around the colon; notes it and gives its place.
fn at(text: &[u8], colon: usize, found: &mut Found) -> Option<(usize, usize)> {
    let before = text.get(colon.saturating_sub(MAX_SCHEME)..colon)?;
    let letters = before.iter().rev().take_while(|b| b.is_ascii_alphabetic() || **b == b'+');
    let scheme_bytes = before.get(before.len() - letters.count()..)?;
    let written = String::from_utf8_lossy(scheme_bytes).to_ascii_lowercase();
    // Escapes and prefixes may touch it: `u=http`, `\nhttp`, `jndi:ldap`.
    let scheme = SCHEMES
        .iter()
        .filter(|scheme| written.ends_with(**scheme))
        .max_by_key(|scheme| scheme.len())?;
    let start = colon - scheme.len();
    let rest = text.get(colon + 3..)?;
    let end = end_of(rest);
    let body = std::str::from_utf8(rest.get(..end)?).ok()?;
    let authority = body.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host_text = without_port(host_and_port);
    let host = Host::parse(host_text)?;
    let place = (start, colon + 3 + end);
    let follows = match &host {
        Host::Domain(name) => !name.ends_with(".local") && !name.ends_with(".localhost"),
        // A name of one label is this machine or its neighbour; shares are worth telling.
        Host::Name(name) => *scheme == "smb" && name != "localhost",
        Host::V4(address) => super::host::is_worth_knowing(*address),
        Host::V6(address) => !address.is_loopback() && !address.is_unspecified(),
    };
    if !follows {
        return Some(place);
    }
    let after_user = body.get(authority.len() - host_and_port.len()..).unwrap_or(body);
    if let Host::Domain(name) = &host
        && noise::is_url(name, after_user)
    {
        return Some(place);
    }
    // The host is the same in any case, the rest is not.
    let user = &authority[..authority.len() - host_and_port.len()];
    let path = body.get(authority.len()..).unwrap_or_default();
    let url = format!("{scheme}://{user}{}{path}", host_and_port.to_lowercase());
    found.note(start, ObservableKind::Url, url);
    found.note_host(start, &host);
    Some(place)
}

fn without_port(text: &str) -> &str {
    if text.starts_with('[') {
        return text.find(']').and_then(|end| text.get(..=end)).unwrap_or(text);
    }
    text.split(':').next().unwrap_or(text)
}

/// Bytes of the URL at the start of `rest`: up to a blank, a quote or a bracket that closes what was
/// opened outside, without the punctuation of the sentence around it.
fn end_of(rest: &[u8]) -> usize {
    let limit = rest.len().min(MAX_URL);
    let stop = |byte: u8| byte <= b' ' || byte == 0x7f || b"\"'<>`{}|^\\".contains(&byte);
    let window = rest.get(..limit).unwrap_or_default();
    let mut end = window.iter().position(|byte| stop(*byte)).unwrap_or(limit);
    // Other scripts may be part of it, broken characters are not.
    if let Err(error) = std::str::from_utf8(window.get(..end).unwrap_or_default()) {
        end = error.valid_up_to();
    }
    let mut open = 0i32;
    for (at, byte) in window.get(..end).unwrap_or_default().iter().enumerate() {
        match byte {
            b'(' | b'[' => open += 1,
            b')' | b']' if open == 0 => {
                end = at;
                break;
            }
            b')' | b']' => open -= 1,
            _ => {}
        }
    }
    let body = window.get(..end).unwrap_or_default();
    let tail = body.iter().rev().take_while(|byte| b".,;:!?*&$%=~".contains(byte)).count();
    end - tail
}

/// `\\host\share\…`, where the host is an address or has a public suffix: others are local names or
/// escapes of a programming language. Given as a `file:` URL (RFC 8089, appendix E.3).
fn unc(text: &[u8], found: &mut Found) {
    let mut past = 0;
    for start in memmem::find_iter(text, b"\\\\") {
        if found.is_full() {
            return;
        }
        if start < past {
            continue;
        }
        let mut rest = text.get(start + 2..).unwrap_or_default();
        let escaped = rest.starts_with(b"\\\\");
        if escaped {
            rest = rest.get(2..).unwrap_or_default();
        }
        let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_@".contains(byte);
        let length = rest.iter().take(260).take_while(|byte| letters(byte)).count();
        let host_text = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
        // WebDAV: `host@SSL@8443\DavWWWRoot` ([MS-DTYP] 2.2.57, as the redirector extends it).
        let host_text = host_text.split('@').next().unwrap_or_default();
        if !host_text.contains('.') || rest.get(length) != Some(&b'\\') {
            continue;
        }
        let known = match Host::parse(host_text) {
            Some(Host::Domain(name)) if registrable_host(&name) => Some(Host::Domain(name)),
            Some(Host::V4(address)) if super::host::is_worth_knowing(address) => {
                Some(Host::V4(address))
            }
            _ => None,
        };
        let Some(host) = known else { continue };
        let path_end = rest
            .iter()
            .take(MAX_URL)
            .position(|byte| *byte < b' ' || b"\"'<>|*?,;".contains(byte))
            .unwrap_or(rest.len().min(MAX_URL));
        let path = String::from_utf8_lossy(rest.get(length..path_end).unwrap_or_default());
        let path = path.replace("\\\\", "\\").replace('\\', "/");
        // A path without quotes ends at a blank.
        let path = path.split(' ').next().unwrap_or_default();
        found.note(
            start,
            ObservableKind::Url,
            format!("file://{}{path}", host_text.to_lowercase()),
        );
        found.note_host(start, &host);
        past = start + 2 + path_end;
        found.taken.push((start, past.min(text.len())));
    }
}

fn registrable_host(name: &str) -> bool {
    super::host::registrable(name).is_some()
}
