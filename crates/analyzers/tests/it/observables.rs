//! Addresses in text, and what only looks like one.

use palisade_analyzers::observables::{in_text, in_utf16, registrable};
use palisade_model::ObservableKind::{self, DomainName, EmailAddr, FileHash, Ipv4, Ipv6, Url};

fn check(text: &str, expect: &[(ObservableKind, &str)]) {
    let found = in_text(text.as_bytes());
    let found: Vec<_> = found.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn urls_end_where_the_sentence_goes_on() {
    for (text, url, host) in [
        (
            "see http://www.example.com/a?b=c#d.",
            "http://www.example.com/a?b=c#d",
            "www.example.com",
        ),
        ("(https://example.org/x_(y))", "https://example.org/x_(y)", "example.org"),
        ("<a href='HTTPS://Example.COM/Path'>", "https://example.com/Path", "example.com"),
        ("[text](http://example.net/a)", "http://example.net/a", "example.net"),
        ("wss://example.com:8443/s, then", "wss://example.com:8443/s", "example.com"),
        (r#"{"u":"https:\/\/example.com\/a"}"#, "https://example.com/a", "example.com"),
        ("ftp://user:pass@example.com/f", "ftp://user:pass@example.com/f", "example.com"),
    ] {
        check(text, &[(Url, url), (DomainName, host)]);
    }
}

#[test]
fn defanged_addresses_are_what_they_stand_for() {
    check(
        "hxxps[:]//evil[.]example[.]com/x",
        &[(Url, "https://evil.example.com/x"), (DomainName, "evil.example.com")],
    );
    check("c2 at 192[.]0[.]2[.]7", &[(Ipv4, "192.0.2.7")]);
    check(
        "write to someone[at]example[.]com",
        &[(EmailAddr, "someone@example.com"), (DomainName, "example.com")],
    );
}

#[test]
fn odd_forms_of_addresses_are_seen_through() {
    check("http://0xC0000201/a", &[(Url, "http://0xc0000201/a"), (Ipv4, "192.0.2.1")]);
    check("http://3221225985/", &[(Url, "http://3221225985/"), (Ipv4, "192.0.2.1")]);
    check(
        r"start \\192.0.2.9\share\run.exe now",
        &[(Url, "file://192.0.2.9/share/run.exe"), (Ipv4, "192.0.2.9")],
    );
    check(
        "http://[2001:db8::7]:80/x",
        &[(Url, "http://[2001:db8::7]:80/x"), (Ipv6, "2001:db8::7")],
    );
    check("x = 2001:db8:0:1::5;", &[(Ipv6, "2001:db8:0:1::5")]);
    check(
        "${jndi:ldap://example.com:1389/a}",
        &[(Url, "ldap://example.com:1389/a"), (DomainName, "example.com")],
    );
}

#[test]
fn programs_are_not_addresses() {
    for text in [
        "setup.exe foo.py run.sh lib.rs main.pl README.md libfoo.so.1 a.zip",
        "import org.apache.commons.lang; com.example.tool.Main; System.Net.WebClient",
        "version 1.2.3.4 and v10.2.3.4 and AssemblyVersion(\"4.100.30.20\")",
        "0.0.0.0 127.0.0.1 255.255.255.0 http://localhost:80/ http://127.0.0.1/x",
        "xmlns=\"http://www.w3.org/2000/svg\" http://schemas.microsoft.com/office",
        "this.com(1); self.net = 2; event.org[0]; a::b::c 12:34:56 dead::beef",
        "icon@2x.png aes128-gcm@openssh.com @decorator.name",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "http://%s:%d/ http://$host/ http://{}/x",
        "\\\\server\\share \"C:\\\\Windows\\\\x.com\"",
    ] {
        check(text, &[]);
    }
}

#[test]
fn what_stands_alone_is_found() {
    check("ping example.com now", &[(DomainName, "example.com")]);
    check("\"www.example.info\"", &[(DomainName, "www.example.info")]);
    check("connect('203.0.113.8', 4444)", &[(Ipv4, "203.0.113.8")]);
    check("198.51.100.3:8080", &[(Ipv4, "198.51.100.3")]);
    check(
        "mailto:a.b+c@mail.example.co.uk",
        &[(EmailAddr, "a.b+c@mail.example.co.uk"), (DomainName, "mail.example.co.uk")],
    );
    check(
        "MD5: 0123456789ABCDEF0123456789abcdef",
        &[(FileHash, "0123456789abcdef0123456789abcdef")],
    );
}

#[test]
fn two_bytes_a_character() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = wide("start http://example.com/a end");
    assert_eq!(in_text(&text).len(), 2);
    let mut binary = b"\x01\x02\x03".to_vec();
    binary.extend(text);
    binary.extend(b"\xff\xff\x00\x00");
    assert_eq!(in_utf16(&binary)[0], (Url, "http://example.com/a".to_owned()));
}

#[test]
fn registered_names() {
    assert_eq!(registrable("a.b.example.co.uk"), Some("example.co.uk"));
    assert_eq!(registrable("example.com"), Some("example.com"));
    assert_eq!(registrable("com"), None);
    assert_eq!(registrable("host.invalid"), None);
}

#[test]
fn hostile_text_takes_linear_time() {
    for unit in
        ["://", "a://a", "@", "a.b@c.", "\\\\a.b\\", "[.]", "http://example.com/", "1.2.3.", "::"]
    {
        let text = unit.repeat((1 << 20) / unit.len());
        let found = in_text(text.as_bytes());
        assert!(found.len() <= palisade_analyzers::observables::MAX_FOUND);
    }
}
