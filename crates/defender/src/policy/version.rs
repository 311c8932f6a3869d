use std::fmt;

use palisade_model::Sha256;
use serde::{Serialize, Serializer};
use sha2::Digest;

/// Which text a policy was read from: the SHA-256 of it. Shown by its first 12 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyVersion(pub Sha256);

impl PolicyVersion {
    /// Of a text.
    pub fn of(text: &str) -> Self {
        Self(Sha256(sha2::Sha256::digest(text.as_bytes()).into()))
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_string();
        formatter.write_str(whole.get(..12).unwrap_or(&whole))
    }
}

impl Serialize for PolicyVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
