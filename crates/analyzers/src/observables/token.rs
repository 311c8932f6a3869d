//! What stands alone in text: host names, addresses, mail addresses, hashes.

use std::net::Ipv6Addr;

use palisade_model::ObservableKind;

use super::{Found, Host, host, noise};

/// Longest token that is looked at: the longest mail address (RFC 5321 4.5.3.1).
const MAX_TOKEN: usize = 320;
/// Bytes before a token that may say what it is.
const HINT: usize = 40;

/// Top-level domains whose names are taken where they stand without a scheme. Left out are those that
/// are also extensions of files (`sh`, `py`, `zip`, `rs`), words of programs (`name`, `id`, `info`,
/// `top`, `xyz` in shaders) or codes of languages in the names of settings; they count behind `www`
/// and in URLs and mail addresses. From the root zone database of IANA, read 2026-11.
#[rustfmt::skip]
const PLAIN_TOPS: [&str; 42] = [
    "com", "net", "org", "edu", "gov", "mil", "biz", "onion", "ru", "su", "cn", "uk", "jp", "kr",
    "br", "ua", "kz", "eu", "nl", "pw", "tk", "ga", "cf", "gq", "us", "au", "nz", "za", "mx", "tw",
    "hk", "sg", "vn", "ir", "ae", "icu", "buzz", "cyou", "shop", "online", "club", "monster",
];

/// First labels of package names (`com.example.tool`) and of namespaces.
const REVERSED: [&str; 12] =
    ["com", "org", "net", "io", "edu", "gov", "java", "javax", "system", "microsoft", "de", "uk"];

/// Notes what stands outside URLs.
pub(super) fn scan(text: &[u8], found: &mut Found) {
    let taken = std::mem::take(&mut found.taken);
    let mut skip = taken.iter().peekable();
    let mut at = 0;
    while at < text.len() && !found.is_full() {
        while skip.next_if(|(_, end)| *end <= at).is_some() {}
        if let Some((start, end)) = skip.peek()
            && *start <= at
        {
            at = *end;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let Some(start) = rest.iter().position(|byte| IN_TOKEN[*byte as usize]) else { break };
        let start = at + start;
        if skip.peek().is_some_and(|(first, end)| *first <= start && start < *end) {
            at = start;
            continue;
        }
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| !IN_TOKEN[*byte as usize]).unwrap_or(rest.len());
        if (7..=MAX_TOKEN).contains(&length) {
            token(text, start, start + length, found);
        }
        at = start + length;
    }
    found.taken = taken;
}

/// Letters, digits and the marks of names, numbers and mail addresses.
const IN_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        table[byte] = character.is_ascii_alphanumeric()
            || matches!(character, b'.' | b'-' | b'_' | b'@' | b':' | b'+' | b'%');
        byte += 1;
    }
    table
};

fn token(text: &[u8], start: usize, end: usize, found: &mut Found) {
    let whole = text.get(start..end).unwrap_or_default();
    let Ok(whole) = std::str::from_utf8(whole) else { return };
    let trimmed = whole.trim_matches(['.', ':', '-', '+', '%', '_']);
    let offset = start + whole.find(trimmed).unwrap_or_default();
    let mut next = text.get(offset + trimmed.len()..).unwrap_or_default().iter().copied();
    let after = match (next.next(), next.next()) {
        // An assignment in a program.
        (Some(b' '), Some(b'=')) => Some(b'='),
        (byte, _) => byte,
    };
    let before = offset.checked_sub(1).and_then(|at| text.get(at)).copied();
    if trimmed.contains('@') {
        mail(trimmed, offset, found);
    } else if trimmed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        hash(text, trimmed, offset, found);
    } else if trimmed.matches(':').count() >= 2 {
        ipv6(trimmed, offset, found);
    } else if trimmed.contains('.') {
        let (name, port) = match trimmed.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (trimmed, None),
        };
        if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            ipv4(text, name, port, before, after, offset, found);
        } else {
            domain(name, before, after, offset, found);
        }
    }
}

fn mail(text: &str, offset: usize, found: &mut Found) {
    // `mailto:` and the like touch the address.
    let text = text.rsplit(':').find(|part| part.contains('@')).unwrap_or(text);
    let Some((local, domain)) = text.rsplit_once('@') else { return };
    let fits = (1..=64).contains(&local.len())
        && !local.contains(['@', ':'])
        && !local.starts_with('.')
        && local.bytes().any(|byte| byte.is_ascii_alphanumeric());
    let Some(Host::Domain(name)) = Host::parse(domain) else { return };
    let public = host::registrable(&name).is_some();
    if fits && public && !name.contains('_') && !noise::is_identifier(&name) && !is_file(&name) {
        found.note(offset, ObservableKind::EmailAddr, format!("{local}@{name}"));
        found.note_host(offset, &Host::Domain(name));
    }
}

/// `icon@2x.example.sh`: a file whose extension is a country.
fn is_file(name: &str) -> bool {
    let first = name.bytes().next().unwrap_or_default();
    first.is_ascii_digit()
        && !PLAIN_TOPS.iter().any(|top| name.rsplit('.').next().is_some_and(|last| last == *top))
}

fn hash(text: &[u8], token: &str, offset: usize, found: &mut Found) {
    if !matches!(token.len(), 32 | 40 | 64) {
        return;
    }
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    // Numbers and words are not hashes: letters and digits are mixed in one.
    if digits < 4 || digits == token.len() {
        return;
    }
    let before = hint(text, offset);
    // `sha256:…` directly before it is the digest of a package or an image, in a lock file.
    if before.ends_with("sha256:") || before.contains("integrity") || before.contains("commit") {
        return;
    }
    let name = match token.len() {
        32 => "md5",
        40 => "sha1",
        _ => "sha256",
    };
    let plain: String = before.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    if plain.contains(name) || (token.len() == 64 && plain.contains("hash")) {
        found.note(offset, ObservableKind::FileHash, token.to_ascii_lowercase());
    }
}

/// The line before a token, at most [`HINT`] bytes, in lower case.
fn hint(text: &[u8], offset: usize) -> String {
    let before = text.get(offset.saturating_sub(HINT)..offset).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).to_ascii_lowercase()
}

fn ipv6(text: &str, offset: usize, found: &mut Found) {
    let Ok(address) = text.parse::<Ipv6Addr>() else { return };
    // Global and unique local addresses only (RFC 4291 2.4, RFC 4193): times, colours and paths of
    // names with colons look like others.
    let [first, ..] = address.segments();
    let known = first & 0xe000 == 0x2000 || first & 0xfe00 == 0xfc00;
    if known && text.split(':').next().is_some_and(|group| group.len() == 4) {
        found.note(offset, ObservableKind::Ipv6, address.to_string());
    }
}

fn ipv4(
    text: &[u8],
    name: &str,
    port: Option<&str>,
    before: Option<u8>,
    after: Option<u8>,
    offset: usize,
    found: &mut Found,
) {
    let strict = name.split('.').count() == 4
        && name.split('.').all(|part| part == "0" || !part.starts_with('0'));
    let Some(Host::V4(address)) = strict.then(|| Host::parse(name)).flatten() else { return };
    let joined = |byte: Option<u8>| byte.is_some_and(|b| b"/\\=~<>^*_-".contains(&b));
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let before_text = hint(text, offset);
    let version =
        ["version", "ver.", "release", "assembly", "revision", " oid", "build", "section"]
            .iter()
            .any(|word| before_text.contains(word))
            || before_text.ends_with('v')
            || before_text.ends_with("==")
            || before_text.ends_with(">=");
    let octets = address.octets();
    let [first, ..] = octets;
    // Four small numbers are a version or a clause, except the well-known resolvers.
    let small = octets.iter().all(|octet| *octet < 20) && octets.iter().any(|o| *o != first);
    let prefix = before == Some(b'/') && !before_text.ends_with("//");
    let odd = joined(after) && after != Some(b'/') || prefix;
    if host::is_worth_knowing(address) && (has_port || !(version || small || odd)) {
        found.note(offset, ObservableKind::Ipv4, address.to_string());
    }
}

fn domain(name: &str, before: Option<u8>, after: Option<u8>, offset: usize, found: &mut Found) {
    let edge = |byte: Option<u8>| byte.is_none_or(|b| b <= b' ' || b"\"'`<>|,;@".contains(&b));
    let opens = edge(before) || matches!(before, Some(b'(' | b'=' | b'[' | b'/' | b'\\'));
    // A call, an index or an assignment: a name in a program.
    let closes = edge(after) || matches!(after, Some(b')' | b'/' | b']' | b'?' | b'\\'));
    let lower = name.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    });
    if !opens || !closes || !lower {
        return;
    }
    let Some(Host::Domain(name)) = Host::parse(name) else { return };
    let mut labels = name.split('.');
    let first = labels.next().unwrap_or_default();
    let last = name.rsplit('.').next().unwrap_or_default();
    let count = name.split('.').count();
    let announced = matches!(first, "www" | "www2" | "ftp" | "smtp" | "imap") && count > 2;
    let plain = PLAIN_TOPS.contains(&last) && !REVERSED.contains(&first) && first.len() > 1;
    if (announced || plain) && host::is_public(&name) {
        found.note_host(offset, &Host::Domain(name));
    }
}
