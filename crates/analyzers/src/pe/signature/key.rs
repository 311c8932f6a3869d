//! Digests and public keys.

use md5::Md5;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::traits::SignatureScheme;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{BIT_STRING, Element, INTEGER, OID, SEQUENCE};
use super::oid;

/// Bytes of the longest RSA modulus that is read: 8,192 bits.
const MAX_MODULUS: usize = 1_024;

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the algorithm identifier of a digest, or of a signature that names its digest.
    pub(super) fn of(algorithm: &[u8]) -> Option<Self> {
        Some(match algorithm {
            oid::MD5 => Self::Md5,
            oid::SHA1 | oid::ECDSA_WITH_SHA1 => Self::Sha1,
            oid::SHA256 => Self::Sha256,
            oid::SHA384 => Self::Sha384,
            oid::SHA512 => Self::Sha512,
            _ => match (
                algorithm.strip_prefix(oid::RSA_WITH),
                algorithm.strip_prefix(oid::ECDSA_WITH_SHA2),
            ) {
                (Some([4]), _) => Self::Md5,
                (Some([5]), _) => Self::Sha1,
                (Some([11]), _) | (_, Some([2])) => Self::Sha256,
                (Some([12]), _) | (_, Some([3])) => Self::Sha384,
                (Some([13]), _) | (_, Some([4])) => Self::Sha512,
                _ => return None,
            },
        })
    }

    /// The digest of pieces one after the other.
    pub(super) fn digest(self, pieces: &[&[u8]]) -> Vec<u8> {
        fn run<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            for piece in pieces {
                digest.update(piece);
            }
            digest.finalize().to_vec()
        }
        match self {
            Self::Md5 => run::<Md5>(pieces),
            Self::Sha1 => run::<Sha1>(pieces),
            Self::Sha256 => run::<Sha256>(pieces),
            Self::Sha384 => run::<Sha384>(pieces),
            Self::Sha512 => run::<Sha512>(pieces),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// What stands before the digest in an RSA signature (RFC 8017, 9.2, note 1).
    fn prefix(self) -> Vec<u8> {
        let identifier = match self {
            Self::Md5 => oid::MD5,
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        };
        let length = self.digest(&[]).len() as u8;
        let oid_length = identifier.len() as u8;
        let mut prefix = vec![0x30, oid_length + length + 8, 0x30, oid_length + 4, 6, oid_length];
        prefix.extend(identifier);
        prefix.extend([5, 0, 4, length]);
        prefix
    }
}

/// The padding of an RSA signature over this digest.
pub(super) fn padding(hash: Hash) -> Pkcs1v15Sign {
    Pkcs1v15Sign {
        hash_len: Some(hash.digest(&[]).len()),
        prefix: hash.prefix().into_boxed_slice(),
    }
}

/// Whether a signature over a digest is one of this key (a SubjectPublicKeyInfo, RFC 5280, 4.1.2.7);
/// `None` when the kind of key is not known here.
pub(super) fn verify(
    key: Element<'_>,
    hash: Hash,
    digest: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let mut elements = key.elements();
    let mut algorithm = elements.tagged(SEQUENCE)?.elements();
    let kind = algorithm.tagged(OID)?.content;
    // A bit string begins with the number of its unused bits.
    let bits = elements.tagged(BIT_STRING)?.content.get(1..)?;
    match kind {
        oid::RSA => {
            let mut numbers = super::der::Elements::of(bits).tagged(SEQUENCE)?.elements();
            let modulus = positive(numbers.tagged(INTEGER)?.content);
            let exponent = positive(numbers.tagged(INTEGER)?.content);
            if modulus.len() > MAX_MODULUS || exponent.len() > 4 {
                return None;
            }
            let modulus = BoxedUint::from_be_slice_vartime(modulus);
            let exponent = BoxedUint::from_be_slice_vartime(exponent);
            let key = RsaPublicKey::new(modulus, exponent).ok()?;
            Some(padding(hash).verify(&key, digest, signature).is_ok())
        }
        oid::EC => match algorithm.tagged(OID)?.content {
            oid::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bits).ok()?;
                let signature = p256::ecdsa::Signature::from_der(signature);
                Some(
                    signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
                )
            }
            oid::P384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(bits).ok()?;
                let signature = p384::ecdsa::Signature::from_der(signature);
                Some(
                    signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
                )
            }
            _ => None,
        },
        _ => None,
    }
}

/// A number without its leading zeros.
fn positive(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rsa::{BoxedUint, RsaPrivateKey};

    use super::super::der::{Elements, SEQUENCE};
    use super::{Hash, padding, verify};

    /// 2^exponent - 1: prime for 521 and 607, so that the key is no secret and needs no file.
    fn mersenne(exponent: usize) -> BoxedUint {
        let mut bytes = vec![0xff; exponent.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - exponent);
        BoxedUint::from_be_slice_vartime(&bytes)
    }

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len() as u16;
        [&[tag, 0x82, (length >> 8) as u8, length as u8], content].concat()
    }

    #[test]
    fn rsa_signatures_hold_for_what_was_signed_only() {
        use rsa::traits::PublicKeyParts;
        let exponent = BoxedUint::from(65_537u32);
        let key = RsaPrivateKey::from_p_q(mersenne(521), mersenne(607), exponent).expect("a key");
        let modulus = [&[0], &key.n().to_be_bytes()[..]].concat();
        let numbers = [tlv(2, &modulus), tlv(2, &[1, 0, 1])].concat();
        let numbers = tlv(0x30, &numbers);
        let algorithm = tlv(0x30, &[tlv(6, super::oid::RSA), vec![5, 0]].concat());
        let public = tlv(0x30, &[algorithm, tlv(3, &[&[0], &numbers[..]].concat())].concat());
        let public = Elements::of(&public).tagged(SEQUENCE).expect("a key");
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let digest = hash.digest(&[b"some ", b"content"]);
            let signature = key.sign(padding(hash), &digest).expect("a signature");
            assert_eq!(verify(public, hash, &digest, &signature), Some(true), "{}", hash.name());
            let other = hash.digest(&[b"other content"]);
            assert_eq!(verify(public, hash, &other, &signature), Some(false), "{}", hash.name());
        }
    }
}
