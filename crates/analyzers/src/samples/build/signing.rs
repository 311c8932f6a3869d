//! Code signatures, made with keys of our own.

use md5::Md5;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

use super::pe::with_certificate;

/// A certificate with its key.
pub(crate) struct Holder {
    name: &'static str,
    key: SigningKey,
    certificate: Vec<u8>,
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..=0x7f => bytes.push(length as u8),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(content);
    bytes
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    tlv(6, bytes)
}

fn time(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const PKCS9: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9];

fn pkcs9(last: u8) -> Vec<u8> {
    oid(&[PKCS9.as_slice(), &[last]].concat())
}

fn name(common: &str) -> Vec<u8> {
    sequence(&[&tlv(0x31, &sequence(&[&oid(&[0x55, 4, 3]), &tlv(12, common.as_bytes())]))])
}

fn sign(key: &SigningKey, bytes: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign_prehash(&Sha256::digest(bytes)).expect("32 bytes");
    signature.to_der().as_bytes().to_vec()
}

impl Holder {
    /// A holder of a certificate made by another one, or by itself.
    pub(crate) fn new(name: &'static str, secret: u8, issuer: Option<&Self>) -> Self {
        let key = SigningKey::from_slice(&[secret; 32]).expect("a scalar");
        let point = key.verifying_key().to_sec1_point(false);
        let algorithm = sequence(&[
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]),
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
        ]);
        let public = sequence(&[&algorithm, &tlv(3, &[&[0], point.as_bytes()].concat())]);
        let authority = sequence(&[&oid(&[0x55, 0x1d, 19]), &tlv(4, &sequence(&[&[1, 1, 0xff]]))]);
        let signed = sequence(&[
            &tlv(0xa0, &[2, 1, 2]),
            &tlv(2, &[secret]),
            &sequence(&[&oid(ECDSA_SHA256)]),
            &self::name(issuer.map_or(name, |issuer| issuer.name)),
            &sequence(&[&time("200101000000Z"), &time("300101000000Z")]),
            &self::name(name),
            &public,
            &tlv(0xa3, &sequence(&[&authority])),
        ]);
        let signature = sign(issuer.map_or(&key, |issuer| &issuer.key), &signed);
        let certificate = sequence(&[
            &signed,
            &sequence(&[&oid(ECDSA_SHA256)]),
            &tlv(3, &[&[0], &signature[..]].concat()),
        ]);
        Self { name, key, certificate }
    }

    /// The certificate, as DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.certificate.clone()
    }

    fn signer(&self, issuer: &Self, attributes: &[u8], further: &[u8]) -> Vec<u8> {
        let signature = sign(&self.key, &tlv(0x31, attributes));
        sequence(&[
            &[2, 1, 1],
            &sequence(&[&name(issuer.name), &tlv(2, &[self.key.to_bytes()[0]])]),
            &sequence(&[&oid(SHA256)]),
            &tlv(0xa0, attributes),
            &sequence(&[&oid(ECDSA_SHA256)]),
            &tlv(4, &signature),
            further,
        ])
    }

    /// A signature of PKCS #7 over a digest of a program, made by this holder, whose certificate the
    /// issuer made. With `at`, the issuer says that it was made at that time (`YYMMDDHHMMSSZ`).
    fn signature(&self, issuer: &Self, kind: &[u8], digest: &[u8], at: Option<&str>) -> Vec<u8> {
        let content = sequence(&[
            &sequence(&[&oid(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 15]), &[0x30, 0]]),
            &sequence(&[&sequence(&[&oid(kind), &[5, 0]]), &tlv(4, digest)]),
        ]);
        // The digest of the content is over its elements.
        let inner = &content[content.len() - content_length(&content)..];
        let message = sequence(&[&pkcs9(4), &tlv(0x31, &tlv(4, &Sha256::digest(inner)))]);
        let plain = self.signer(issuer, &message, &[]);
        let further = at.map_or(Vec::new(), |at| {
            let signed = sign(&self.key, &tlv(0x31, &message));
            let attributes = [
                sequence(&[&pkcs9(4), &tlv(0x31, &tlv(4, &Sha256::digest(&signed)))]),
                sequence(&[&pkcs9(5), &tlv(0x31, &time(at))]),
            ]
            .concat();
            let counter = issuer.signer(issuer, &attributes, &[]);
            tlv(0xa1, &sequence(&[&pkcs9(6), &tlv(0x31, &counter)]))
        });
        let signer =
            if further.is_empty() { plain } else { self.signer(issuer, &message, &further) };
        let indirect = oid(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4]);
        let data = sequence(&[
            &[2, 1, 1],
            &tlv(0x31, &sequence(&[&oid(SHA256)])),
            &sequence(&[&indirect, &tlv(0xa0, &content)]),
            &tlv(0xa0, &[self.certificate(), issuer.certificate()].concat()),
            &tlv(0x31, &signer),
        ]);
        let signed_data = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]);
        sequence(&[&signed_data, &tlv(0xa0, &data)])
    }

    /// Signs a program with [`super::pe::PeFile`]'s usual headers.
    pub(crate) fn sign_program(
        &self,
        issuer: &Self,
        mut file: Vec<u8>,
        at: Option<&str>,
        behind: &[u8],
    ) -> Vec<u8> {
        file.resize(file.len().next_multiple_of(8), 0);
        let optional = 0x80 + 24;
        let (checksum, entry) = (optional + 64, optional + 112 + 32);
        let image = [&file[..checksum], &file[checksum + 4..entry], &file[entry + 8..]].concat();
        let mut signature = self.signature(issuer, SHA256, &Sha256::digest(image), at);
        signature.extend(behind);
        with_certificate(file, &signature)
    }

    /// As [`Self::sign_program`], over an MD5 of the program.
    pub(crate) fn sign_program_weakly(&self, issuer: &Self, file: Vec<u8>) -> Vec<u8> {
        let optional = 0x80 + 24;
        let (checksum, entry) = (optional + 64, optional + 112 + 32);
        let image = [&file[..checksum], &file[checksum + 4..entry], &file[entry + 8..]].concat();
        let kind = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5];
        let signature = self.signature(issuer, &kind, &Md5::digest(image), None);
        with_certificate(file, &signature)
    }
}

fn content_length(whole: &[u8]) -> usize {
    if whole[1] < 0x80 { whole.len() - 2 } else { whole.len() - 4 }
}
