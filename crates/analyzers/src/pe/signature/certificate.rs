use super::der::{
    BIT_STRING, CONTEXT_0, CONTEXT_3, Element, Elements, INTEGER, OCTET_STRING, OID, SEQUENCE, SET,
};
use super::key::{Hash, verify};
use super::oid;

/// Certificates between a signer and its root.
const MAX_CHAIN: usize = 8;
/// Certificates that are read of one signature.
const MAX_CERTIFICATES: usize = 64;

/// An X.509 certificate (RFC 5280, 4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'a> {
    whole: &'a [u8],
    /// What is signed.
    signed: Element<'a>,
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) issuer: Element<'a>,
    pub(super) subject: Element<'a>,
    pub(super) key: Element<'a>,
    validity: Element<'a>,
    is_authority: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(whole: Element<'a>) -> Option<Self> {
        let mut outer = whole.elements();
        let signed = outer.tagged(SEQUENCE)?;
        let signature_algorithm = outer.tagged(SEQUENCE)?.first(OID)?.content;
        let signature = outer.tagged(BIT_STRING)?.content.get(1..)?;
        let mut fields = signed.elements();
        let version = fields.tagged(CONTEXT_0);
        let serial = fields.tagged(INTEGER)?.content;
        fields.tagged(SEQUENCE)?;
        let issuer = fields.tagged(SEQUENCE)?;
        let validity = fields.tagged(SEQUENCE)?;
        let subject = fields.tagged(SEQUENCE)?;
        let key = fields.tagged(SEQUENCE)?;
        let mut extensions = None;
        for field in fields {
            if field.tag == CONTEXT_3 {
                extensions = field.first(SEQUENCE);
            }
        }
        // Before version 3 there were no extensions, and every certificate could be an authority's.
        let is_authority = version.is_none()
            || extensions.is_some_and(|list| list.elements().any(is_authority_extension));
        Some(Self {
            whole: whole.whole,
            signed,
            signature_algorithm,
            signature,
            serial,
            issuer,
            subject,
            key,
            validity,
            is_authority,
        })
    }

    /// Not before and not after, as `YYYYMMDDHHMMSS`.
    pub(super) fn validity(&self) -> Option<(String, String)> {
        let mut times = self.validity.elements();
        Some((times.next()?.time()?, times.next()?.time()?))
    }

    /// Whether another certificate's key made this one's signature.
    pub(super) fn is_signed_by(&self, issuer: &Certificate<'_>) -> bool {
        if self.issuer.content != issuer.subject.content || !issuer.is_authority {
            return false;
        }
        let Some(hash) = Hash::of(self.signature_algorithm) else { return false };
        let digest = hash.digest(&[self.signed.whole]);
        verify(issuer.key, hash, &digest, self.signature) == Some(true)
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer.content == self.subject.content
    }

    /// The subject's common name, or its organisation.
    pub(super) fn name(&self) -> String {
        part(self.subject, oid::COMMON_NAME)
            .or_else(|| part(self.subject, oid::ORGANIZATION))
            .unwrap_or_else(|| "(no name)".to_owned())
    }

    /// The subject's organisation.
    pub(super) fn organization(&self) -> Option<String> {
        part(self.subject, oid::ORGANIZATION)
    }
}

fn is_authority_extension(extension: Element<'_>) -> bool {
    let mut fields = extension.elements();
    if fields.tagged(OID).is_none_or(|name| name.content != oid::BASIC_CONSTRAINTS) {
        return false;
    }
    let value = fields.find(|field| field.tag == OCTET_STRING).map(|field| field.content);
    let constraints = value.and_then(|value| Elements::of(value).tagged(SEQUENCE));
    // cA BOOLEAN DEFAULT FALSE.
    constraints
        .and_then(|constraints| constraints.first(1))
        .is_some_and(|authority| authority.content.first().is_some_and(|&byte| byte != 0))
}

/// A part of a name (RFC 5280, 4.1.2.4).
fn part(name: Element<'_>, kind: &[u8]) -> Option<String> {
    name.elements().filter(|set| set.tag == SET).flat_map(|set| set.elements()).find_map(|pair| {
        let mut fields = pair.elements();
        if fields.tagged(OID)?.content != kind {
            return None;
        }
        let value = fields.next()?;
        // BMPString is UTF-16, big-endian; the others are ASCII, Latin-1 or UTF-8.
        Some(if value.tag == 0x1e {
            let units =
                value.content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
        } else {
            String::from_utf8_lossy(value.content).into_owned()
        })
    })
}

/// The certificates of a `[0]` or of a list of DER values.
pub(super) fn certificates<'a>(
    elements: impl Iterator<Item = Element<'a>>,
) -> Vec<Certificate<'a>> {
    elements
        .filter(|element| element.tag == SEQUENCE)
        .take(MAX_CERTIFICATES)
        .filter_map(Certificate::read)
        .collect()
}

/// From a certificate up: names of the issuers whose signatures fit, and whether one of the roots
/// stands at the end.
pub(super) fn chain<'a>(
    signer: &Certificate<'a>,
    known: &[Certificate<'a>],
    roots: &[Certificate<'_>],
) -> (Vec<String>, bool) {
    let mut names = vec![signer.name()];
    let mut current = *signer;
    for _ in 0..MAX_CHAIN {
        let trusted =
            roots.iter().find(|root| root.whole == current.whole || current.is_signed_by(root));
        if let Some(root) = trusted {
            if root.whole != current.whole {
                names.push(root.name());
            }
            return (names, true);
        }
        if current.is_self_issued() {
            break;
        }
        let Some(issuer) = known.iter().find(|candidate| current.is_signed_by(candidate)) else {
            break;
        };
        current = *issuer;
        names.push(current.name());
    }
    (names, false)
}
