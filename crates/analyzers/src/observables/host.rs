//! Host names and addresses, as readers of URLs take them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A host in a URL or mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name of two labels or more, in lower case.
    Domain(String),
    /// A name of one label, in lower case.
    Name(String),
    /// An IPv4 address, however it was written.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host as it stands in a URL (RFC 3986 3.2.2), with the number forms of IPv4 addresses
    /// that the WHATWG URL standard (section 3.5) allows: `0xC0000201`, `3221225985`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']')?;
            return inner.split('%').next()?.parse().ok().map(Self::V6);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() || text.len() > 253 {
            return None;
        }
        if let Some(address) = number_form(text) {
            return Some(Self::V4(address));
        }
        let mut labels = 0;
        for label in text.split('.') {
            let inner = !label.starts_with('-') && !label.ends_with('-');
            let letters = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
            if label.is_empty() || label.len() > 63 || !inner || !label.chars().all(letters) {
                return None;
            }
            labels += 1;
        }
        let name = text.to_lowercase();
        if labels == 1 {
            return Some(Self::Name(name));
        }
        let last = name.rsplit('.').next()?;
        let top =
            last.len() > 1 && (last.starts_with("xn--") || last.chars().all(|c| c.is_alphabetic()));
        top.then_some(Self::Domain(name))
    }
}

/// The IPv4 address that one to four numbers mean, decimal, octal or hexadecimal.
fn number_form(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0u32; 4];
    let mut count = 0usize;
    for part in text.split('.') {
        let slot = parts.get_mut(count)?;
        *slot = if let Some(hex) = part.strip_prefix("0x").or(part.strip_prefix("0X")) {
            u32::from_str_radix(hex, 16).ok()?
        } else if part.len() > 1 && part.starts_with('0') {
            u32::from_str_radix(part, 8).ok()?
        } else if part.bytes().all(|byte| byte.is_ascii_digit()) {
            part.parse().ok()?
        } else {
            return None;
        };
        count += 1;
    }
    let (last, first) = parts.get(..count)?.split_last()?;
    // The last number fills the bytes that are left.
    let room = 4 - first.len() as u32;
    if room < 4 && u64::from(*last) >= 1 << (8 * room) {
        return None;
    }
    let mut value = *last;
    for (place, part) in first.iter().enumerate() {
        if *part > 255 {
            return None;
        }
        value |= part << (8 * (3 - place as u32));
    }
    Some(Ipv4Addr::from(value))
}

/// The part of a host name that somebody registered: `example.co.uk` of `www.example.co.uk`, by the
/// public suffix list. `None` when the name has no suffix of that list, or is one.
pub fn registrable(name: &str) -> Option<&str> {
    let domain = psl::domain_str(name)?;
    psl::suffix(name.as_bytes())?.is_known().then_some(domain)
}

/// Whether the name could be resolved outside: it lies below a public suffix, or is an onion service
/// (RFC 7686).
pub(super) fn is_public(name: &str) -> bool {
    name.ends_with(".onion") || registrable(name).is_some()
}

/// Addresses that say something: not loopback, unspecified or broadcast.
pub(super) fn is_worth_knowing(address: Ipv4Addr) -> bool {
    let [first, _, _, last] = address.octets();
    let nothing = first == 0 || first == 127 || address.is_broadcast() || address.is_link_local();
    // Masks and multicast are settings, not hosts.
    !nothing && first < 224 && !(first == 255 || (last == 0 && first < 10))
}
