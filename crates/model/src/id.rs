use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::UnixMillis;
use crate::hash::{decode_hex, encode_hex};

/// Not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct IdError;

macro_rules! text_serde {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The id of a request, and of the root of its tree: 32 hexadecimal digits, 48 bits of time before
/// 80 of chance, so that ids of one time lie together in an index (the layout of RFC 9562's
/// version 7 without its version bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// From the time of acceptance and ten random bytes.
    pub fn new(time: UnixMillis, chance: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time.0.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&chance);
        Self(bytes)
    }

    /// The raw bytes: a key for the log.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From raw bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode_hex(&self.0))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for RequestId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        decode_hex(text).map(Self).map_err(|_| IdError)
    }
}

text_serde!(RequestId);

/// The id of a batch: made as a request's is, and never one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(RequestId);

impl BatchId {
    /// From the time of its making and ten random bytes.
    pub fn new(time: UnixMillis, chance: [u8; 10]) -> Self {
        Self(RequestId::new(time, chance))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From raw bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(RequestId::from_bytes(bytes))
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for BatchId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

text_serde!(BatchId);

/// One artifact in the tree of a request: the root itself, or a child found by unpacking. Its text
/// is the `data_id` of the HTTP API: the request's 32 digits, and for a child 16 more. A child's
/// number follows from its parent's and its place there, so a repeated unpacking names it alike
/// (law 2), and whoever holds a child's `data_id` can find its request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The request that the tree belongs to.
    pub root: RequestId,
    number: u64,
}

impl NodeId {
    /// The root of a request's tree.
    pub fn root(root: RequestId) -> Self {
        Self { root, number: 0 }
    }

    /// The `index`th child that unpacking this node gave.
    pub fn child(&self, index: u32) -> Self {
        let digest = Sha256::new()
            .chain_update(self.number.to_be_bytes())
            .chain_update(index.to_be_bytes())
            .finalize();
        let mut number = [0; 8];
        number.copy_from_slice(&digest[..8]);
        // 0 is the root's.
        Self { root: self.root, number: u64::from_be_bytes(number).max(1) }
    }

    /// The `index`th child that an engine other than the unpacker found: a decoded layer. Their numbers
    /// are apart from those of [`NodeId::child`], because several engines work on a node at once.
    pub fn layer(&self, engine: &EngineName, index: u32) -> Self {
        let digest = Sha256::new()
            .chain_update(self.number.to_be_bytes())
            .chain_update(index.to_be_bytes())
            .chain_update(engine.as_str())
            .finalize();
        let mut number = [0; 8];
        number.copy_from_slice(&digest[..8]);
        Self { root: self.root, number: u64::from_be_bytes(number).max(1) }
    }

    /// Whether it is the root of its tree.
    pub fn is_root(&self) -> bool {
        self.number == 0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.root, formatter)?;
        if self.number != 0 {
            write!(formatter, "{:016x}", self.number)?;
        }
        Ok(())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.len() {
            32 => Ok(Self::root(text.parse()?)),
            48 => {
                let (root, number) = text.split_at_checked(32).ok_or(IdError)?;
                let number: [u8; 8] = decode_hex(number).map_err(|_| IdError)?;
                match u64::from_be_bytes(number) {
                    0 => Err(IdError),
                    number => Ok(Self { root: root.parse()?, number }),
                }
            }
            _ => Err(IdError),
        }
    }
}

text_serde!(NodeId);

/// The name of an engine: 1 to 32 of `a-z`, `0-9`, `-`, starting with a letter. It names a topic,
/// a metric label and a command-line argument.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineName(std::sync::Arc<str>);

impl EngineName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for EngineName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for EngineName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let letter = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let rest = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if letter && rest && text.len() <= 32 { Ok(Self(text.into())) } else { Err(IdError) }
    }
}

text_serde!(EngineName);

/// The id of an API key: 12 hexadecimal digits, shown in lists and logs. It is not the secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 6]);

impl KeyId {
    /// From six random bytes.
    pub fn new(chance: [u8; 6]) -> Self {
        Self(chance)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode_hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for KeyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        decode_hex(text).map(Self).map_err(|_| IdError)
    }
}

text_serde!(KeyId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_form() {
        let root = RequestId::new(UnixMillis(1_700_000_000_000), [7; 10]);
        let node = NodeId::root(root).child(3).child(0);
        assert_eq!(node.to_string().parse(), Ok(node));
        assert_eq!(NodeId::root(root).to_string().parse(), Ok(NodeId::root(root)));
        assert!(format!("{root}{:016x}", 0).parse::<NodeId>().is_err());
        assert!("ü".repeat(24).parse::<NodeId>().is_err());
    }

    #[test]
    fn ids_of_later_requests_sort_later() {
        let early = RequestId::new(UnixMillis(1), [255; 10]);
        let late = RequestId::new(UnixMillis(2), [0; 10]);
        assert!(early < late);
    }

    #[test]
    fn engine_names_are_fit_for_topics() {
        assert!("yara".parse::<EngineName>().is_ok());
        for bad in ["", "Yara", "ya ra", "1st", "../x", &"a".repeat(33)] {
            assert!(bad.parse::<EngineName>().is_err(), "{bad:?}");
        }
    }
}
