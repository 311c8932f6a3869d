//! Hosts that stand in files for everyone: names of schemas and namespaces, licences, the sites of
//! formats. They are never fetched, or mean nothing when they are, so listing them would only hide
//! what matters.

/// Hosts whose URLs are names, not places (XML namespaces, document types, schemas, profiles).
const NAMESPACES: [&str; 26] = [
    "www.w3.org",
    "w3.org",
    "schemas.microsoft.com",
    "schemas.openxmlformats.org",
    "schemas.xmlsoap.org",
    "schemas.android.com",
    "schemas.live.com",
    "purl.org",
    "purl.oclc.org",
    "ns.adobe.com",
    "xmlns.com",
    "xmlns.jcp.org",
    "java.sun.com",
    "xml.apache.org",
    "xml.org",
    "www.xml.org",
    "docbook.org",
    "relaxng.org",
    "schema.org",
    "json-schema.org",
    "ogp.me",
    "www.iec.ch",
    "www.color.org",
    "www.inkscape.org",
    "sodipodi.sourceforge.net",
    "docs.oasis-open.org",
];

/// Beginnings of URLs of licences, which stand in the head of most source files.
const LICENCES: [&str; 10] = [
    "www.apache.org/licenses",
    "apache.org/licenses",
    "opensource.org/licenses",
    "www.opensource.org/licenses",
    "www.gnu.org/licenses",
    "gnu.org/licenses",
    "creativecommons.org/licenses",
    "creativecommons.org/publicdomain",
    "mozilla.org/mpl",
    "www.boost.org/license",
];

/// Domains in protocol identifiers that look like mail addresses: `aes128-gcm@openssh.com` is the
/// name of a cipher (RFC 4251 section 6).
const IDENTIFIERS: [&str; 3] = ["openssh.com", "libssh.org", "lysator.liu.se"];

/// Whether a URL with this host and rest (`host/path`, without scheme) is only a name.
pub(super) fn is_url(host: &str, host_and_path: &str) -> bool {
    is_domain(host) || {
        let lower = host_and_path.get(..64.min(host_and_path.len())).unwrap_or(host_and_path);
        let lower = lower.to_ascii_lowercase();
        LICENCES.iter().any(|licence| lower.starts_with(licence))
    }
}

pub(super) fn is_domain(host: &str) -> bool {
    NAMESPACES.contains(&host)
}

/// Whether what stands before `@` this domain is the name of an algorithm.
pub(super) fn is_identifier(domain: &str) -> bool {
    IDENTIFIERS.contains(&domain)
}
