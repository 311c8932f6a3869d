//! An exact index of hashes: for each hash function a sorted table with a directory over the first
//! two bytes. A look-up touches two cache lines of the directory and searches a bucket of a few
//! entries; ten million SHA-256 take 360 MB and no start-up work when mapped from a file.

use std::collections::HashMap;
use std::path::PathBuf;

use palisade_model::{AnyHash, HashKind};
use sha2::{Digest, Sha256};

use super::ListKind;

/// A list or an index that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A list.
    #[error("the hash list {} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The two high bits of an entry's tag say on which kind of list it is, the graver the higher. The
/// rest is the name's number.
const KIND_SHIFT: u32 = 30;
const NAME_MASK: u32 = (1 << KIND_SHIFT) - 1;

/// Hashes in the making.
#[derive(Default)]
pub struct IndexBuilder {
    md5: Vec<([u8; 16], u32)>,
    sha1: Vec<([u8; 20], u32)>,
    sha256: Vec<([u8; 32], u32)>,
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

/// What is known of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// On which kind of list.
    pub kind: ListKind,
    /// The threat's name; may be empty.
    pub name: &'a str,
}

impl IndexBuilder {
    /// Adds a hash. SHA-512 is not indexed: no list in the field uses it.
    pub fn add(&mut self, hash: AnyHash, kind: ListKind, name: &str) {
        let number = self.number(name);
        let kind = match kind {
            ListKind::Allow => 0,
            ListKind::Block => 1,
            ListKind::Threat => 2,
        };
        let tag = number | kind << KIND_SHIFT;
        match hash {
            AnyHash::Md5(bytes) => self.md5.push((bytes, tag)),
            AnyHash::Sha1(bytes) => self.sha1.push((bytes, tag)),
            AnyHash::Sha256(bytes) => self.sha256.push((bytes, tag)),
            AnyHash::Sha512(_) => {}
        }
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX) & NAME_MASK;
        let name: Box<str> = name.into();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The index. A hash on several kinds of list is what the gravest says.
    pub fn build(self) -> Index {
        let mut digest = Sha256::new();
        let md5 = Table::new(self.md5, &mut digest);
        let sha1 = Table::new(self.sha1, &mut digest);
        let sha256 = Table::new(self.sha256, &mut digest);
        for name in &self.names {
            digest.update((name.len() as u64).to_be_bytes());
            digest.update(name.as_bytes());
        }
        let version = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Index { md5, sha1, sha256, names: self.names, version }
    }
}

/// The index.
pub struct Index {
    md5: Table<16>,
    sha1: Table<20>,
    sha256: Table<32>,
    names: Vec<Box<str>>,
    version: String,
}

impl Index {
    /// What is known of a hash.
    pub fn get(&self, hash: &AnyHash) -> Option<Entry<'_>> {
        let tag = match hash {
            AnyHash::Md5(bytes) => self.md5.get(bytes),
            AnyHash::Sha1(bytes) => self.sha1.get(bytes),
            AnyHash::Sha256(bytes) => self.sha256.get(bytes),
            AnyHash::Sha512(_) => None,
        }?;
        let kind = match tag >> KIND_SHIFT {
            0 => ListKind::Allow,
            1 => ListKind::Block,
            _ => ListKind::Threat,
        };
        let name = self.names.get((tag & NAME_MASK) as usize).map_or("", |name| name);
        Some(Entry { kind, name })
    }

    /// Hashes in it.
    pub fn len(&self) -> u64 {
        (self.md5.hashes.len() + self.sha1.hashes.len() + self.sha256.hashes.len()) as u64
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds hashes of this function: a scanner need not compute others.
    pub fn has(&self, kind: HashKind) -> bool {
        match kind {
            HashKind::Md5 => !self.md5.hashes.is_empty(),
            HashKind::Sha1 => !self.sha1.hashes.is_empty(),
            HashKind::Sha256 => !self.sha256.hashes.is_empty(),
            HashKind::Sha512 => false,
        }
    }

    /// Changes with the content: 16 hexadecimal digits.
    pub fn version(&self) -> String {
        self.version.clone()
    }
}

struct Table<const N: usize> {
    /// Sorted.
    hashes: Vec<[u8; N]>,
    /// Beside each hash.
    tags: Vec<u32>,
    /// Where hashes with each first two bytes begin; one more at the end. Empty for an empty table.
    directory: Vec<u32>,
}

impl<const N: usize> Table<N> {
    fn new(mut entries: Vec<([u8; N], u32)>, digest: &mut Sha256) -> Self {
        // Of equal hashes the gravest first, which is then the one kept.
        entries.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then((b.1 >> KIND_SHIFT).cmp(&(a.1 >> KIND_SHIFT)))
        });
        entries.dedup_by(|later, first| later.0 == first.0);
        let mut directory = Vec::new();
        if !entries.is_empty() {
            directory.reserve_exact(65_537);
            let mut place = 0;
            for prefix in 0..=u16::MAX {
                directory.push(u32::try_from(place).unwrap_or(u32::MAX));
                while entries.get(place).is_some_and(|(hash, _)| first_two(hash) == prefix) {
                    place += 1;
                }
            }
            directory.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        for (hash, tag) in &entries {
            digest.update(hash);
            digest.update(tag.to_be_bytes());
        }
        let (hashes, tags) = entries.into_iter().unzip();
        Self { hashes, tags, directory }
    }

    fn get(&self, hash: &[u8; N]) -> Option<u32> {
        let bucket = usize::from(first_two(hash));
        let start = *self.directory.get(bucket)? as usize;
        let end = *self.directory.get(bucket + 1)? as usize;
        let place = self.hashes.get(start..end)?.binary_search(hash).ok()?;
        self.tags.get(start + place).copied()
    }
}

fn first_two<const N: usize>(hash: &[u8; N]) -> u16 {
    u16::from_be_bytes([hash[0], hash[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_on_both_kinds_of_list_is_blocked_and_neighbours_are_not_there() {
        let hash = |last: u8| {
            let mut bytes = [0xAB; 32];
            bytes[31] = last;
            AnyHash::Sha256(bytes)
        };
        let mut builder = IndexBuilder::default();
        builder.add(hash(1), ListKind::Block, "Bad");
        builder.add(hash(1), ListKind::Allow, "");
        builder.add(hash(3), ListKind::Allow, "Good");
        let index = builder.build();
        assert_eq!(index.get(&hash(1)), Some(Entry { kind: ListKind::Block, name: "Bad" }));
        assert_eq!(index.get(&hash(3)), Some(Entry { kind: ListKind::Allow, name: "Good" }));
        assert_eq!(
            (index.get(&hash(0)), index.get(&hash(2)), index.get(&hash(4))),
            (None, None, None)
        );
        assert_eq!(index.len(), 2);
        assert!(index.has(HashKind::Sha256) && !index.has(HashKind::Md5));
    }

    #[test]
    fn every_bucket_is_reached() {
        let mut builder = IndexBuilder::default();
        let hashes: Vec<AnyHash> =
            (0..=255_u8).map(|n| AnyHash::Md5(std::array::from_fn(|_| n))).collect();
        hashes.iter().for_each(|hash| builder.add(*hash, ListKind::Block, ""));
        let index = builder.build();
        assert!(hashes.iter().all(|hash| index.get(hash).is_some()));
    }
}
