//! Domains that are written to look like others (UTS #39, section 4, in the part that mail meets).

use super::address::registered;

/// Letters of other scripts that look like Latin ones (UTS #39 confusables, those of lower case).
const ALIKE: [(char, char); 36] = [
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ј', 'j'),
    ('ѕ', 's'),
    ('ԁ', 'd'),
    ('һ', 'h'),
    ('ӏ', 'l'),
    ('ԛ', 'q'),
    ('ԝ', 'w'),
    ('ь', 'b'),
    ('к', 'k'),
    ('м', 'm'),
    ('т', 't'),
    ('в', 'b'),
    ('п', 'n'),
    ('г', 'r'),
    ('α', 'a'),
    ('ο', 'o'),
    ('ν', 'v'),
    ('ρ', 'p'),
    ('τ', 't'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('υ', 'u'),
    ('ı', 'i'),
    ('ɡ', 'g'),
    ('ӧ', 'o'),
    ('ö', 'o'),
    ('á', 'a'),
    ('é', 'e'),
];

/// A domain as it looks: letters of other scripts as the Latin ones, pairs and digits as the letter
/// that they resemble.
fn skeleton(domain: &str) -> String {
    let plain: String = domain
        .split('.')
        .map(|label| match label.strip_prefix("xn--") {
            Some(encoded) => punycode(encoded).unwrap_or_else(|| label.to_owned()),
            None => label.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(".");
    let latin: String = plain
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'l',
            other => ALIKE.iter().find(|(from, _)| *from == other).map_or(other, |(_, to)| *to),
        })
        .collect();
    latin.replace("rn", "m").replace("vv", "w")
}

/// Two domains that look the same and are not, out of those of a mail.
pub(super) fn pair(domains: &[String]) -> Option<(&str, &str)> {
    const MAX_DOMAINS: usize = 100;
    let shapes: Vec<(&str, String)> = domains
        .iter()
        .take(MAX_DOMAINS)
        .map(|domain| (registered(domain), skeleton(registered(domain))))
        .collect();
    for (place, (first, shape)) in shapes.iter().enumerate() {
        for (second, other) in shapes.iter().skip(place + 1) {
            if first != second && shape == other && first.len() > 5 {
                // The one that is not its own shape imitates the other.
                return Some(if first == shape { (second, first) } else { (first, second) });
            }
        }
    }
    None
}

/// A label whose letters are of Latin and of a script that looks like it.
pub(super) fn mixed(domain: &str) -> Option<String> {
    domain.split('.').find_map(|label| {
        let text = match label.strip_prefix("xn--") {
            Some(encoded) => punycode(encoded)?,
            None => label.to_owned(),
        };
        let latin = text.chars().any(|c| c.is_ascii_alphabetic());
        let other =
            text.chars().any(|c| matches!(c, '\u{370}'..='\u{52f}' | '\u{13a0}'..='\u{13ff}'));
        (latin && other).then_some(text)
    })
}

/// Decodes a label (RFC 3492); `None` when it is none.
fn punycode(encoded: &str) -> Option<String> {
    const BASE: u32 = 36;
    const MAX_LABEL: usize = 63;
    if encoded.len() > MAX_LABEL {
        return None;
    }
    let (basic, digits) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128u32, 0u32, 72u32);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let old = i;
        let mut weight = 1u32;
        let mut k = BASE;
        loop {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
        }
        let count = out.len() as u32 + 1;
        let mut delta = if old == 0 { (i - old) / 700 } else { (i - old) / 2 };
        delta += delta / count;
        let mut k = 0;
        while delta > 455 {
            delta /= 35;
            k += BASE;
        }
        bias = k + 36 * delta / (delta + 38);
        n = n.checked_add(i / count)?;
        i %= count;
        out.insert(i as usize, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}
