//! Signatures of the Standard Webhooks specification 1.0, symmetric: HMAC-SHA256 over the message's
//! id, its time in seconds since 1970, and its body, joined by full stops; in Base64, behind `v1,`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with in its text form.
const PREFIX: &str = "whsec_";

/// Bytes of a fresh secret. The specification asks for 24 to 64.
const FRESH: usize = 32;

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not in the form that the specification gives.
    #[error("a callback secret is `whsec_` and 24 to 64 bytes in Base64")]
    Form,
    /// Its file cannot be read or made.
    #[error("the callback secret's file cannot be read or made")]
    File(#[source] io::Error),
}

/// What sender and receiver share.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(not shown)")
    }
}

impl Secret {
    /// From its text form.
    ///
    /// # Errors
    /// [`SecretError::Form`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(SecretError::Form)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Form)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError::Form) }
    }

    /// A fresh one.
    pub fn fresh() -> Self {
        Self(rand::random::<[u8; FRESH]>().to_vec())
    }

    /// Its text form, as receivers' libraries take it.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// From a file, which is made with a fresh secret when it is not there; only its owner may read
    /// it.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn open_or_create(path: &Path) -> Result<Self, SecretError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = Self::fresh();
                let write = || {
                    let mut options = OpenOptions::new();
                    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
                    writeln!(file, "{}", secret.to_text())?;
                    file.sync_all()
                };
                write().map_err(SecretError::File)?;
                Ok(secret)
            }
            Err(error) => Err(SecretError::File(error)),
        }
    }

    /// The value of the header `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the specification's libraries.
    #[test]
    fn a_known_signature() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_survive_their_text_form_and_their_file() {
        let secret = Secret::fresh();
        assert_eq!(Secret::parse(&secret.to_text()).unwrap().0, secret.0);
        assert!(!format!("{secret:?}").contains(&secret.to_text()));
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"] {
            assert!(matches!(Secret::parse(bad), Err(SecretError::Form)), "{bad}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("callback-secret");
        let made = Secret::open_or_create(&path).unwrap();
        assert_eq!(Secret::open_or_create(&path).unwrap().0, made.0);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(Secret::open_or_create(&path), Err(SecretError::Form)));
    }
}
