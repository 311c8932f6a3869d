//! The key that signs certificates of batches: Ed25519 (RFC 8032).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_model::Sha256;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use sha2::Digest;

use crate::v4::PublicKey;

/// A signing key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// Not 32 bytes in hexadecimal.
    #[error("a signing key is 32 bytes as 64 hexadecimal digits")]
    Form,
    /// Its file cannot be read or made.
    #[error("the signing key's file cannot be read or made")]
    File(#[source] io::Error),
}

/// Signs certificates.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Signer {
    /// From 32 secret bytes.
    ///
    /// # Errors
    /// [`SignerError::Form`], which these bytes do not give.
    pub fn new(seed: [u8; 32]) -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SignerError::Form)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        // RFC 7638, section 3, with the members of RFC 8037, section 2, in their order.
        let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let public = PublicKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(thumbprint)),
            x,
            alg: "EdDSA".to_owned(),
            purpose: "sig".to_owned(),
        };
        Ok(Self { pair, public })
    }

    /// From a file, which is made with a fresh key when it is not there; only its owner may read it.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn open_or_create(path: &Path) -> Result<Self, SignerError> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let seed: Sha256 = text.trim().parse().map_err(|_| SignerError::Form)?;
                Self::new(seed.0)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let seed = Sha256(rand::random());
                let write = || {
                    let mut options = OpenOptions::new();
                    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
                    writeln!(file, "{seed}")?;
                    file.sync_all()
                };
                write().map_err(SignerError::File)?;
                Self::new(seed.0)
            }
            Err(error) => Err(SignerError::File(error)),
        }
    }

    /// The key that others check signatures with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The JWS compact serialization of a payload (RFC 7515, section 7.1).
    pub(crate) fn sign<T: Serialize>(&self, payload: &T) -> serde_json::Result<String> {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"JWT"}}"#, self.public.kid);
        let payload = serde_json::to_vec(payload)?;
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and thumbprint of RFC 8037, appendix A.
    #[test]
    fn a_known_key_has_its_known_thumbprint() {
        let seed: Sha256 =
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        let signer = Signer::new(seed.0).unwrap();
        assert_eq!(signer.public().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(signer.public().kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing-key");
        let made = Signer::open_or_create(&path).unwrap();
        assert_eq!(Signer::open_or_create(&path).unwrap().public(), made.public());
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(Signer::open_or_create(&path), Err(SignerError::Form)));
    }
}
