use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Not the hexadecimal text that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// A character that is not a hexadecimal digit.
    #[error("not a hexadecimal number")]
    Digit,
    /// Wrong number of digits.
    #[error("a hash has 32 (MD5), 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512) hexadecimal digits")]
    Length,
}

/// `bytes` as lower-case hexadecimal.
pub fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Exactly `N` bytes from hexadecimal of either case.
pub(crate) fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(HexError::Length);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

fn digit(character: u8) -> Result<u8, HexError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        b'A'..=b'F' => Ok(character - b'A' + 10),
        _ => Err(HexError::Digit),
    }
}

/// The SHA-256 of an artifact: its name in the object store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode_hex(&self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Sha256 {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        decode_hex(text).map(Self)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Every hash that a report shows of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Lower-case hexadecimal, 32 digits.
    pub md5: String,
    /// Lower-case hexadecimal, 40 digits.
    pub sha1: String,
    /// The artifact's name.
    pub sha256: Sha256,
    /// Lower-case hexadecimal, 128 digits; empty for what was unpacked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha512: String,
}

impl Hashes {
    /// The MD5 and SHA-1 as keys for look-ups, besides the SHA-256.
    pub fn keys(&self) -> [Option<AnyHash>; 3] {
        [self.md5.parse().ok(), self.sha1.parse().ok(), Some(AnyHash::Sha256(self.sha256.0))]
    }
}

/// Which hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// RFC 1321, 16 bytes.
    Md5,
    /// FIPS 180-4, 20 bytes.
    Sha1,
    /// FIPS 180-4, 32 bytes.
    Sha256,
    /// FIPS 180-4, 64 bytes.
    Sha512,
}

/// A hash whose function is known by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnyHash {
    /// MD5.
    Md5([u8; 16]),
    /// SHA-1.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl AnyHash {
    /// Which function it is of.
    pub fn kind(&self) -> HashKind {
        match self {
            Self::Md5(_) => HashKind::Md5,
            Self::Sha1(_) => HashKind::Sha1,
            Self::Sha256(_) => HashKind::Sha256,
            Self::Sha512(_) => HashKind::Sha512,
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Md5(bytes) => bytes,
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

impl fmt::Display for AnyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode_hex(self.as_bytes()))
    }
}

impl FromStr for AnyHash {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        match text.len() {
            32 => decode_hex(text).map(Self::Md5),
            40 => decode_hex(text).map(Self::Sha1),
            64 => decode_hex(text).map(Self::Sha256),
            128 => decode_hex(text).map(Self::Sha512),
            _ => Err(HexError::Length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_its_length_in_either_case() {
        let md5: AnyHash = "44D88612fea8a8f36de82e1278abb02f".parse().unwrap();
        assert_eq!(md5.kind(), HashKind::Md5);
        assert_eq!(md5.to_string(), "44d88612fea8a8f36de82e1278abb02f");
        assert_eq!("44".parse::<AnyHash>(), Err(HexError::Length));
        assert_eq!("zz".repeat(16).parse::<AnyHash>(), Err(HexError::Digit));
        // 32 bytes, but not 32 digits: a multi-byte character must not split.
        assert_eq!("é".repeat(16).parse::<AnyHash>(), Err(HexError::Digit));
    }
}
