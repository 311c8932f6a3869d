use md5::Md5;
use palisade_model::{Hashes, Sha256 as Name, encode_hex};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Which hashes are wanted. MD5 and SHA-512 have no instructions of their own on most processors:
/// together they cost several times what the name costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// SHA-256, the name. Only who neither stores an artifact nor tells of it can do without: the name
    /// is all zeros then.
    pub sha256: bool,
    /// MD5.
    pub md5: bool,
    /// SHA-1.
    pub sha1: bool,
    /// SHA-512.
    pub sha512: bool,
}

impl Wanted {
    /// What a report of the HTTP API shows.
    pub const ALL: Self = Self { sha256: true, md5: true, sha1: true, sha512: true };

    /// Whether these hashes have all that is wanted.
    pub(super) fn is_in(self, hashes: &Hashes) -> bool {
        (!self.md5 || !hashes.md5.is_empty())
            && (!self.sha1 || !hashes.sha1.is_empty())
            && (!self.sha512 || !hashes.sha512.is_empty())
    }
}

/// The hashes of an artifact over one pass of its bytes.
pub struct Digests {
    sha256: Option<Sha256>,
    others: Others,
}

impl Digests {
    /// What is wanted.
    pub fn new(wanted: Wanted) -> Self {
        Self { sha256: wanted.sha256.then(Sha256::default), others: Others::new(wanted) }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for piece in pieces(bytes) {
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(piece);
            }
            self.others.update_piece(piece);
        }
    }

    /// The hashes; empty text for those that were not wanted.
    pub fn finish(self) -> Hashes {
        let name = self.sha256.map(|sha256| sha256.finalize().into()).unwrap_or_default();
        self.others.finish(Name(name))
    }

    /// All hashes of bytes in memory.
    pub fn of(bytes: &[u8]) -> Hashes {
        Self::some_of(bytes, Wanted::ALL)
    }

    /// The wanted hashes of bytes in memory.
    pub fn some_of(bytes: &[u8], wanted: Wanted) -> Hashes {
        let mut digests = Self::new(wanted);
        digests.update(bytes);
        digests.finish()
    }

    /// Only the name.
    pub fn name_of(bytes: &[u8]) -> Name {
        Name(Sha256::digest(bytes).into())
    }
}

/// Every hash but the name: an artifact that is known by its name needs none of them.
pub(super) struct Others {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha512: Option<Sha512>,
}

impl Others {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            md5: wanted.md5.then(Md5::default),
            sha1: wanted.sha1.then(Sha1::default),
            sha512: wanted.sha512.then(Sha512::default),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        pieces(bytes).for_each(|piece| self.update_piece(piece));
    }

    fn update_piece(&mut self, piece: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(piece);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(piece);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
    }

    pub(super) fn finish(self, sha256: Name) -> Hashes {
        Hashes {
            md5: self.md5.map(|md5| encode_hex(&md5.finalize())).unwrap_or_default(),
            sha1: self.sha1.map(|sha1| encode_hex(&sha1.finalize())).unwrap_or_default(),
            sha256,
            sha512: self.sha512.map(|sha512| encode_hex(&sha512.finalize())).unwrap_or_default(),
        }
    }
}

/// Piece by piece, so that each is read from memory once and from the processor's cache after.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(32 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 1321 and FIPS 180-4 for "abc".
    #[test]
    fn hashes_of_abc() {
        let hashes = Digests::of(b"abc");
        assert_eq!(hashes.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hashes.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(hashes.sha256.to_string().starts_with("ba7816bf8f01cfea"));
        assert!(hashes.sha512.starts_with("ddaf35a193617aba"));
        assert_eq!(hashes.sha256, Digests::name_of(b"abc"));
    }

    #[test]
    fn what_is_not_wanted_is_empty() {
        let wanted = Wanted { md5: false, sha512: false, ..Wanted::ALL };
        let hashes = Digests::some_of(b"abc", wanted);
        assert_eq!((hashes.md5.as_str(), hashes.sha512.as_str()), ("", ""));
        assert_eq!(hashes.sha1.len(), 40);
    }
}
