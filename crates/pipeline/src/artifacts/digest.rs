use md5::Md5;
use palisade_model::{Hashes, Sha256 as Name};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// All hashes of a report over one pass of the bytes.
#[derive(Default)]
pub struct Digests {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl Digests {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        // Piece by piece, so that each piece is read from memory once and from the cache after.
        for piece in bytes.chunks(32 << 10) {
            self.md5.update(piece);
            self.sha1.update(piece);
            self.sha256.update(piece);
            self.sha512.update(piece);
        }
    }

    /// The hashes.
    pub fn finish(self) -> Hashes {
        Hashes {
            md5: hex(&self.md5.finalize()),
            sha1: hex(&self.sha1.finalize()),
            sha256: Name(self.sha256.finalize().into()),
            sha512: hex(&self.sha512.finalize()),
        }
    }

    /// All hashes of bytes in memory.
    pub fn of(bytes: &[u8]) -> Hashes {
        let mut digests = Self::default();
        digests.update(bytes);
        digests.finish()
    }

    /// Only the name.
    pub fn name_of(bytes: &[u8]) -> Name {
        Name(Sha256::digest(bytes).into())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
}
