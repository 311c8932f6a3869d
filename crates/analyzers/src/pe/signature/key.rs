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
    use super::super::der::{Elements, SEQUENCE};
    use super::{Hash, verify};

    /// The modulus (2^521 - 1) * (2^607 - 1): both are prime and no secret. The signatures of
    /// "some content" were computed by the definition (RFC 8017, 8.2) in another language.
    const MODULUS: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffffffff7ffffffffffffffffffffe00000000\
         00000000000000000000000000000000000000000000000000000000000000000000000000000000\
         000000000000000000000000000000000000000001";
    const SIGNATURES: [(Hash, &str); 4] = [
        (
            Hash::Sha1,
            "d89d9eaf887bb0431d60faf95a52363288b7cc0f246024c6a400dd62b6ea16ff019d66502c10cca7\
         86f1e8a703da60b7b78fcce6346be9780c84e51abd0e408035de1b51841c1b4b073a411c4a003300\
         69955fd795568bacfd537665032f9b7e5e286b5eb07a9878b2a047834e6bc954eb4fae59e5b0722a\
         140be9841922c1ff99921160066ead7776febf7dd4",
        ),
        (
            Hash::Sha256,
            "9ed0dd6c04b46935d2fea31f30f5b3465b07c6385085cab250714610dcdf8d73f1a5ab1f1151bd49\
         6fce1b81ee5a244a374055d295d194f9a7def20046ea12249a104fa696b9594941f7105a098d6480\
         8ac10ff6531386dcd116f0ec49e043d5f0d18a4ddd719ac8b20ca8718fc6d1f2076446205f602b3d\
         660a1879b93aab1fd34132e7c148777be5fce80a72",
        ),
        (
            Hash::Sha384,
            "96e12ed3cc0f9cd75b02c6c4178c145168131c767cec16fe947061576a593b502ac6ea93b8bc33af\
         7c4b0af9108a5a76113e9c8a9f47502a2878e974fe6265dc0a350e17af44a82c6ed876d552a13ea0\
         adcad97a7a1f6e11c81b5c5e561e69220141c71804671a87577f8fa9011aaca7561d251b4ca18fb3\
         c26980f557a51577c0b662370acc9dd1c5bd8bcd4b",
        ),
        (
            Hash::Sha512,
            "9e457e0e1bd1b52576ae55561d4f197ff4504398c0fa4fffbc692564084da5f8966c978533f473fd\
         a763a3f8a3db75fdac781f34c9a6031507739e37b623f0bbb8adb86fbf43e25ca369b3f15f8686bb\
         f3fc6ebe406cba3a03ece84e238b5dcf0e5698befa648e741c31651f09088a2c75d15178a1967cab\
         a10efe11140bca73b209818d64b5bccf7657b40f2e",
        ),
    ];

    fn unhex(text: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits");
        (0..text.len()).step_by(2).map(digits).collect()
    }

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len() as u16;
        [&[tag, 0x82, (length >> 8) as u8, length as u8], content].concat()
    }

    #[test]
    fn rsa_signatures_hold_for_what_was_signed_only() {
        let modulus = [&[0], &unhex(MODULUS)[..]].concat();
        let numbers = tlv(0x30, &[tlv(2, &modulus), tlv(2, &[1, 0, 1])].concat());
        let algorithm = tlv(0x30, &[tlv(6, super::oid::RSA), vec![5, 0]].concat());
        let public = tlv(0x30, &[algorithm, tlv(3, &[&[0], &numbers[..]].concat())].concat());
        let public = Elements::of(&public).tagged(SEQUENCE).expect("a key");
        for (hash, signature) in SIGNATURES {
            let mut signature = unhex(signature);
            let digest = hash.digest(&[b"some ", b"content"]);
            assert_eq!(verify(public, hash, &digest, &signature), Some(true), "{}", hash.name());
            let other = hash.digest(&[b"other content"]);
            assert_eq!(verify(public, hash, &other, &signature), Some(false), "{}", hash.name());
            signature[70] ^= 1;
            assert_eq!(verify(public, hash, &digest, &signature), Some(false), "{}", hash.name());
        }
    }
}
