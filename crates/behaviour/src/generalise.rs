//! Names that are different each time, made alike: numbers, hexadecimal numbers, UUIDs, and in
//! directories for temporary files the letters that `mkstemp(3)` and its kin draw.

use crate::Settings;

const UUID: usize = 36;

/// A path with the parts that change each time replaced by `<n>`, `<hex>`, `<uuid>` and, in temporary
/// directories, `<random>`. A component that is `*` or `**` is escaped, because patterns use them. Says
/// also whether it had to be cut.
pub(crate) fn path(path: &str, settings: &Settings) -> (String, bool) {
    let (path, cut) = shorten(path, settings.max_text);
    let temporary = is_temporary(path, settings);
    let mut text = String::with_capacity(path.len());
    for (index, part) in path.split('/').enumerate() {
        if index > 0 {
            text.push('/');
        }
        match part {
            "*" => text.push_str("\\x2a"),
            "**" => text.push_str("\\x2a\\x2a"),
            part => component(part, temporary, settings.hex_digits, &mut text),
        }
    }
    (text, cut)
}

/// The path of an executable or script: left as it is, unless it lies in a temporary directory.
pub(crate) fn executable(text: &str, settings: &Settings) -> (String, bool) {
    let (short, cut) = shorten(text, settings.max_text);
    if is_temporary(short, settings) { path(text, settings) } else { (short.to_owned(), cut) }
}

/// A domain name: lower case, without the last dot, numbers in its labels made alike.
pub(crate) fn name(name: &str, settings: &Settings) -> (String, bool) {
    let (name, cut) = shorten(name.trim_end_matches('.'), settings.max_text.min(255));
    let mut text = String::with_capacity(name.len());
    for (index, label) in name.split('.').enumerate() {
        if index > 0 {
            text.push('.');
        }
        // A slash or star in a name would be read as part of a pattern.
        let label = label.to_ascii_lowercase().replace(['/', '*'], "?");
        component(&label, false, settings.hex_digits, &mut text);
    }
    (text, cut)
}

pub(crate) fn is_temporary(path: &str, settings: &Settings) -> bool {
    settings.temporary.iter().any(|prefix| path.starts_with(prefix.as_str()))
}

/// At most `max` bytes, cut where a character ends.
fn shorten(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    (&text[..end], true)
}

fn component(part: &str, temporary: bool, hex_digits: usize, text: &mut String) {
    let bytes = part.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() {
            // Also the middle of a character of several bytes: copied with its beginning.
            let end = (at + 1..=bytes.len()).find(|&end| part.is_char_boundary(end));
            let end = end.unwrap_or(bytes.len());
            text.push_str(&part[at..end]);
            at = end;
            continue;
        }
        if is_uuid(&bytes[at..]) {
            text.push_str("<uuid>");
            at += UUID;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let run = &part[at..at + length];
        at += length;
        // A long number without letters may be hexadecimal too: the next one of PostgreSQL's log has some.
        if run.len() >= hex_digits
            && run.bytes().all(|byte| byte.is_ascii_hexdigit())
            && run.bytes().any(|byte| byte.is_ascii_digit())
        {
            text.push_str("<hex>");
        } else if run.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str("<n>");
        } else if temporary && is_random(run) {
            text.push_str("<random>");
        } else {
            let word = run.trim_end_matches(|character: char| character.is_ascii_digit());
            text.push_str(word);
            if word.len() < run.len() {
                text.push_str("<n>");
            }
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562), and then an end.
fn is_uuid(bytes: &[u8]) -> bool {
    let Some(uuid) = bytes.get(..UUID) else {
        return false;
    };
    let shaped = uuid.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    shaped && bytes.get(UUID).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// Whether letters look drawn and not written: six or more, with a digit before a letter, or with two
/// capitals after the first letter and a small one. Words of one case are left alone; many of them in
/// one directory are folded by their number.
fn is_random(run: &str) -> bool {
    if run.len() < 6 {
        return false;
    }
    let bytes = run.as_bytes();
    let digit_before_letter =
        bytes.windows(2).any(|pair| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic());
    let capitals = bytes.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    let small = bytes.iter().any(u8::is_ascii_lowercase);
    digit_before_letter || (capitals >= 2 && small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_each_time_is_made_alike() {
        let settings = Settings::default();
        for (from, to) in [
            ("/var/log/nginx/access.log", "/var/log/nginx/access.log"),
            ("/var/log/nginx/access.log.1", "/var/log/nginx/access.log.<n>"),
            ("/var/lib/postgresql/base/16384/2619_fsm", "/var/lib/postgresql/base/<n>/<n>_fsm"),
            ("/pg_wal/00000001000000000000000A", "/pg_wal/<hex>"),
            ("/pg_wal/000000010000000000000009", "/pg_wal/<hex>"),
            ("/data/temp-3021.rdb", "/data/temp-<n>.rdb"),
            ("/x/123e4567-e89b-12d3-a456-426614174000.json", "/x/<uuid>.json"),
            ("/tmp/tmp.aBcDeF", "/tmp/tmp.<random>"),
            ("/tmp/sess_q0v8a2kd", "/tmp/sess_<random>"),
            ("/srv/tmp.aBcDeF", "/srv/tmp.aBcDeF"),
            ("/tmp/Makefile", "/tmp/Makefile"),
            ("/tmp/deadbeef", "/tmp/deadbeef"),
            ("/tmp/*/**", "/tmp/\\x2a/\\x2a\\x2a"),
            ("/tmp/\u{fc}7\u{20ac}", "/tmp/\u{fc}<n>\u{20ac}"),
            ("", ""),
        ] {
            assert_eq!(path(from, &settings).0, to, "{from}");
        }
        // Too long by a digit for a UUID: whatever it becomes, it is not one.
        let long = path("/x/123e4567-e89b-12d3-a456-4266141740001", &settings).0;
        assert!(!long.contains("<uuid>"));
        assert_eq!(executable("/usr/bin/python3.11", &settings).0, "/usr/bin/python3.11");
        assert_eq!(executable("/tmp/build-77/a.out", &settings).0, "/tmp/build-<n>/a.out");
        assert_eq!(name("Shard12.Example.COM.", &settings).0, "shard<n>.example.com");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let settings = Settings { max_text: 6, ..Settings::default() };
        assert_eq!(path("/xxxx\u{20ac}", &settings), ("/xxxx".to_owned(), true));
        assert_eq!(path("/xxxxx", &settings), ("/xxxxx".to_owned(), false));
    }

    #[test]
    fn making_alike_twice_changes_nothing_more() {
        let settings = Settings::default();
        for from in ["/tmp/tmp.aBcDeF/x1", "/a/2/00000000ff", "/tmp/*", "/srv/x86_64/1a"] {
            let once = path(from, &settings).0;
            assert_eq!(path(&once, &settings).0, once);
        }
    }
}
