//! Where a document's links lead: what kind of address, and how far to trust its host.

use std::net::Ipv4Addr;

/// Kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// `http`, `https`, `ftp`: with a host.
    Web,
    /// A web address of a host where companies keep their documents.
    Office,
    /// A file share: `\\host\share`, `file://host/share`.
    Share,
    /// A share at a public address, or over WebDAV (`\\host@80\`, `DavWWWRoot`).
    PublicShare,
    /// A protocol that starts a tool of Windows with parameters.
    Dangerous,
    /// `mhtml:` with `!x-usc:`: CVE-2021-40444.
    Mhtml,
    /// A path, a mail address, a place in the document.
    Other,
}

/// Hosts of document services: a template or object there is a company's own in most cases.
const OFFICE_HOSTS: &[&str] = &[
    ".sharepoint.com",
    ".sharepoint.us",
    ".office.com",
    ".office.net",
    ".officeapps.live.com",
    ".microsoft.com",
    ".live.com",
    ".1drv.com",
    ".docs.google.com",
];

/// Protocols whose handlers take commands, or load files from elsewhere.
const DANGEROUS: &[&str] = &[
    "ms-msdt:",
    "search-ms:",
    "search:",
    "ms-officecmd:",
    "ms-appinstaller:",
    "javascript:",
    "vbscript:",
    "script:",
    "hcp:",
    "ms-cxh-full:",
    "ms-screensketch:",
    "ms-word:ofe|u|\\\\",
    "ms-excel:ofe|u|\\\\",
    "microsoft-edge:x",
];

/// The kind of an address.
pub(crate) fn classify(target: &str) -> Address {
    let lower = target.trim().to_lowercase();
    if lower.contains("mhtml:") && lower.contains("x-usc:") {
        return Address::Mhtml;
    }
    if DANGEROUS.iter().any(|scheme| lower.starts_with(scheme)) {
        return Address::Dangerous;
    }
    if let Some(host) = web_host(&lower) {
        let host = format!(".{host}");
        return if OFFICE_HOSTS.iter().any(|known| host.ends_with(known)) {
            Address::Office
        } else {
            Address::Web
        };
    }
    match share_host(&lower) {
        Some(host) if is_public(&host) => Address::PublicShare,
        Some(_) if lower.contains("davwwwroot") => Address::PublicShare,
        Some(_) => Address::Share,
        None => Address::Other,
    }
}

/// The host of a web address in lower case, without user and port.
pub(crate) fn web_host(lower: &str) -> Option<&str> {
    let rest = [
        "http://",
        "https://",
        "ftp://",
        "mhtml:http://",
        "mhtml:https://",
        "http:\\\\",
        "https:\\\\",
    ]
    .iter()
    .find_map(|scheme| lower.strip_prefix(scheme))?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

/// The host of a file share, in lower case, perhaps with `@80` or `@ssl` behind it.
fn share_host(lower: &str) -> Option<String> {
    let path = lower.strip_prefix("file:").unwrap_or(lower).replace('/', "\\");
    // `file:///C:\…` is a path of this machine; `file:///\\host` and `file://host` are not.
    let slashes = path.len() - path.trim_start_matches('\\').len();
    let local = lower.starts_with("file:") && matches!(slashes, 0 | 1 | 3);
    let bare = path.trim_start_matches('\\');
    if slashes < 2 || local || bare.get(1..2) == Some(":") {
        return None;
    }
    // `\\?\UNC\host\share`, `\\.\`.
    let bare = bare.strip_prefix("?\\unc\\").unwrap_or(bare);
    let host = bare.split('\\').next()?;
    let real = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    (real && host != "localhost").then(|| host.to_owned())
}

/// Whether a share's host is outside of a company, as far as its name tells.
fn is_public(host: &str) -> bool {
    let (name, port) = host.split_once('@').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some() {
        return true;
    }
    name.parse::<Ipv4Addr>().is_ok_and(|ip| {
        !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
    })
}

/// Whether a web address names a page, script or bare moniker item rather than a document: what
/// linked objects of exploits load.
pub(crate) fn is_page(target: &str) -> bool {
    let lower = target.trim().to_lowercase();
    let bare = lower.split(['?', '#']).next().unwrap_or_default();
    let bare = bare.strip_suffix('!').map_or(bare, |_| "x.html");
    let last = bare.rsplit('/').next().unwrap_or_default();
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(
        extension,
        "html"
            | "htm"
            | "hta"
            | "sct"
            | "wsc"
            | "xsl"
            | "php"
            | "asp"
            | "aspx"
            | "js"
            | "vbs"
            | "ps1"
    )
}

#[cfg(test)]
mod tests {
    use super::Address::{self, Dangerous, Mhtml, Office, Other, PublicShare, Share, Web};
    use super::{classify, is_page};

    #[test]
    fn addresses_are_told_apart() {
        let cases: &[(&str, Address)] = &[
            ("http://example.com/a", Web),
            ("HTTPS://user@Example.com:8080/a", Web),
            ("https://company.sharepoint.com/a", Office),
            // A host that only begins like one of Office's.
            ("https://company.sharepoint.com.example.com/a", Web),
            ("\\\\server\\share\\a", Share),
            ("file://server/share/a", Share),
            ("file:///\\\\server\\share", Share),
            ("file:///C:/a", Other),
            ("C:\\a", Other),
            ("\\\\?\\UNC\\server\\share", Share),
            ("\\\\192.0.2.1\\a", PublicShare),
            ("\\\\10.1.2.3\\a", Share),
            ("\\\\host@ssl\\DavWWWRoot\\a", PublicShare),
            ("ms-msdt:/id", Dangerous),
            ("mailto:a@example.com", Other),
            ("mhtml:http://example.com/a!x-usc:http://example.com/a", Mhtml),
            ("", Other),
        ];
        for (address, expect) in cases {
            assert_eq!(classify(address), *expect, "{address}");
        }
    }

    #[test]
    fn pages_are_told_from_documents() {
        assert!(is_page("http://example.com/a.html"));
        assert!(is_page("http://example.com/a.html!"));
        assert!(is_page("http://example.com/a!"));
        assert!(is_page("http://example.com/a.HTA?b=c"));
        assert!(!is_page("http://example.com/a.xlsx!Sheet1!R1C1"));
        assert!(!is_page("http://example.com/a.docx"));
    }
}
