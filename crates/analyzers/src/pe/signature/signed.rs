use super::certificate::{Certificate, certificates};
use super::der::{
    CONTEXT_0, CONTEXT_1, Element, Elements, INTEGER, OCTET_STRING, OID, SEQUENCE, SET,
};
use super::key::{Hash, verify};
use super::oid;

/// Attributes of a signer that are read.
const MAX_ATTRIBUTES: usize = 64;

/// The signed data of a signature (RFC 5652, 5.1), as far as code signatures use it.
#[derive(Debug, Clone)]
pub(super) struct SignedData<'a> {
    /// What kind of content is signed, and the content with its tag.
    pub(super) content_type: &'a [u8],
    pub(super) content: Option<Element<'a>>,
    pub(super) certificates: Vec<Certificate<'a>>,
    pub(super) signers: Vec<Signer<'a>>,
}

impl<'a> SignedData<'a> {
    /// From a ContentInfo; `None` when it is none or of another kind.
    pub(super) fn read(info: Element<'a>) -> Option<Self> {
        let mut info = info.elements();
        if info.tagged(OID)?.content != oid::SIGNED_DATA {
            return None;
        }
        let mut fields = info.tagged(CONTEXT_0)?.first(SEQUENCE)?.elements();
        fields.tagged(INTEGER)?;
        fields.tagged(SET)?;
        let mut inner = fields.tagged(SEQUENCE)?.elements();
        let content_type = inner.tagged(OID)?.content;
        let content = inner.tagged(CONTEXT_0).and_then(|content| content.elements().next());
        let held = fields.tagged(CONTEXT_0).map(|list| certificates(list.elements()));
        // Revocation lists.
        fields.tagged(CONTEXT_1);
        let signers = fields.tagged(SET)?.elements().take(8).filter_map(Signer::read).collect();
        Some(Self { content_type, content, certificates: held.unwrap_or_default(), signers })
    }

    /// The digest that an Authenticode signature is over: the algorithm and the value
    /// (SpcIndirectDataContent).
    pub(super) fn indirect_digest(&self) -> Option<(Hash, &'a [u8])> {
        if self.content_type != oid::SPC_INDIRECT_DATA {
            return None;
        }
        let mut fields = self.content?.elements();
        fields.tagged(SEQUENCE)?;
        let mut digest = fields.tagged(SEQUENCE)?.elements();
        let hash = Hash::of(digest.tagged(SEQUENCE)?.first(OID)?.content)?;
        Some((hash, digest.tagged(OCTET_STRING)?.content))
    }
}

/// A SignerInfo (RFC 5652, 5.3).
#[derive(Debug, Clone)]
pub(super) struct Signer<'a> {
    issuer: Option<Element<'a>>,
    serial: &'a [u8],
    pub(super) hash: Option<Hash>,
    signed_attributes: Option<Element<'a>>,
    signature: &'a [u8],
    unsigned_attributes: Option<Element<'a>>,
}

/// Whether a signature holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    /// Content and signature fit.
    Holds,
    /// The signed digest is not the content's, or the key did not make the signature.
    Broken,
    /// An algorithm that is not known here, or the certificate is missing.
    Unknown,
}

impl<'a> Signer<'a> {
    fn read(info: Element<'a>) -> Option<Self> {
        let mut fields = info.elements();
        fields.tagged(INTEGER)?;
        let identifier = fields.next()?;
        let mut names = identifier.elements();
        let (issuer, serial) = if identifier.tag == SEQUENCE {
            (Some(names.tagged(SEQUENCE)?), names.tagged(INTEGER)?.content)
        } else {
            (None, identifier.content)
        };
        let hash = Hash::of(fields.tagged(SEQUENCE)?.first(OID)?.content);
        let signed_attributes = fields.tagged(CONTEXT_0);
        fields.tagged(SEQUENCE)?;
        let signature = fields.tagged(OCTET_STRING)?.content;
        let unsigned_attributes = fields.tagged(CONTEXT_1);
        Some(Self { issuer, serial, hash, signed_attributes, signature, unsigned_attributes })
    }

    /// The certificate that it names.
    pub(super) fn certificate<'c>(&self, known: &[Certificate<'c>]) -> Option<Certificate<'c>> {
        let issuer = self.issuer?;
        known
            .iter()
            .find(|known| known.issuer.content == issuer.content && known.serial == self.serial)
            .copied()
    }

    /// Whether it signs this content, whose tag and length are not part of it.
    pub(super) fn check(&self, certificate: &Certificate<'_>, content: &[u8]) -> Validity {
        let Some(hash) = self.hash else { return Validity::Unknown };
        let digest = hash.digest(&[content]);
        let digest = match self.signed_attributes {
            None => digest,
            Some(attributes) => {
                let stated = attribute(attributes, oid::MESSAGE_DIGEST);
                if stated.map(|stated| stated.content) != Some(digest.as_slice()) {
                    return Validity::Broken;
                }
                // What is signed is a SET OF, whatever tag it stands under (RFC 5652, 5.4).
                let rest = attributes.whole.get(1..).unwrap_or_default();
                hash.digest(&[&[SET], rest])
            }
        };
        match verify(certificate.key, hash, &digest, self.signature) {
            Some(true) => Validity::Holds,
            Some(false) => Validity::Broken,
            None => Validity::Unknown,
        }
    }

    /// The time at which a countersignature that holds says that this was signed, as
    /// `YYYYMMDDHHMMSS`, and the name of whoever says so.
    pub(super) fn timestamp(&self, known: &[Certificate<'_>]) -> Option<(String, String)> {
        let attributes = self.unsigned_attributes?;
        self.token(attributes).or_else(|| self.countersignature(attributes, known))
    }

    /// A time stamp token (RFC 3161).
    fn token(&self, attributes: Element<'a>) -> Option<(String, String)> {
        let token = SignedData::read(attribute(attributes, oid::TIMESTAMP_TOKEN)?)?;
        if token.content_type != oid::TST_INFO {
            return None;
        }
        let info = token.content.filter(|content| content.tag == OCTET_STRING)?.content;
        let signer = token.signers.first()?;
        let certificate = signer.certificate(&token.certificates)?;
        if signer.check(&certificate, info) != Validity::Holds {
            return None;
        }
        let mut fields = Elements::of(info).tagged(SEQUENCE)?.elements();
        fields.tagged(INTEGER)?;
        fields.tagged(OID)?;
        let mut imprint = fields.tagged(SEQUENCE)?.elements();
        let hash = Hash::of(imprint.tagged(SEQUENCE)?.first(OID)?.content)?;
        if imprint.tagged(OCTET_STRING)?.content != hash.digest(&[self.signature]) {
            return None;
        }
        fields.tagged(INTEGER)?;
        Some((fields.next()?.time()?, certificate.name()))
    }

    /// The older form: a signer whose content is the signature (RFC 5652, 11.4).
    fn countersignature(
        &self,
        attributes: Element<'a>,
        known: &[Certificate<'_>],
    ) -> Option<(String, String)> {
        let signer = Signer::read(attribute(attributes, oid::COUNTERSIGNATURE)?)?;
        let certificate = signer.certificate(known)?;
        if signer.check(&certificate, self.signature) != Validity::Holds {
            return None;
        }
        let time = attribute(signer.signed_attributes?, oid::SIGNING_TIME)?.time()?;
        Some((time, certificate.name()))
    }

    /// A further signature inside this one.
    pub(super) fn nested(&self) -> Option<SignedData<'a>> {
        SignedData::read(attribute(self.unsigned_attributes?, oid::NESTED_SIGNATURE)?)
    }
}

/// The first value of an attribute.
fn attribute<'a>(attributes: Element<'a>, kind: &[u8]) -> Option<Element<'a>> {
    attributes.elements().take(MAX_ATTRIBUTES).find_map(|attribute| {
        let mut fields = attribute.elements();
        let found = fields.tagged(OID)?.content == kind;
        found.then(|| fields.tagged(SET)?.elements().next()).flatten()
    })
}
