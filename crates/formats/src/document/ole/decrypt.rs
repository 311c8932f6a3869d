//! Encryption of Office documents (\[MS-OFFCRYPTO\]): packages by "standard" and "agile" encryption,
//! binary workbooks by XOR and RC4.

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::compound::Compound;
use crate::bytes::{Cursor, find, u16_le, u32_le};
use crate::document::decode::base64;
use crate::document::decode::rc4::rc4;

/// Passwords that Excel and PowerPoint try by themselves: a document encrypted with one of them opens
/// without a question.
pub const DEFAULT_PASSWORDS: [&str; 2] = ["VelvetSweatshop", "/01Hannes Ruescher/01"];
/// Rounds of hashing that are done; Office writes 100,000.
const MAX_SPIN: u32 = 1_000_000;
/// Rounds of standard encryption (2.3.4.7).
const STANDARD_SPIN: u32 = 50_000;
/// Passwords that are tried: each costs as many rounds.
const MAX_PASSWORDS: usize = 64;
/// Bytes of a segment of agile encryption (2.3.4.15).
const SEGMENT: usize = 4_096;
/// Bytes of a block of RC4 in a workbook (\[MS-XLS\] 2.2.10).
const BLOCK: usize = 1_024;

/// The key of standard encryption with 128 bits, for the builder of encrypted samples.
#[cfg(any(test, feature = "samples"))]
pub(crate) fn standard_key(password: &str, salt: &[u8]) -> Vec<u8> {
    Standard { rc4: false, key_bytes: 16, salt, verifier: &[], hash: &[] }.key(password)
}

/// A document that was opened.
pub struct Opened {
    /// What opened it.
    pub password: String,
    /// The package or stream.
    pub bytes: Vec<u8>,
}

/// Default passwords first: they cost little when they are what opens it.
fn candidates(passwords: &[String]) -> impl Iterator<Item = &str> {
    DEFAULT_PASSWORDS.into_iter().chain(passwords.iter().map(String::as_str)).take(MAX_PASSWORDS)
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Opens the package in a compound file, at most `limit` bytes of it.
pub fn document(compound: &Compound<'_>, passwords: &[String], limit: u64) -> Option<Opened> {
    let root = compound.root_number();
    let information = compound.read(compound.stream_in(root, "EncryptionInfo")?, 1 << 20).bytes;
    let package = compound.read(compound.stream_in(root, "EncryptedPackage")?, limit).bytes;
    let size = usize::try_from(crate::bytes::u64_le(&package, 0)?).ok()?;
    let body = package.get(8..)?;
    let (password, mut bytes) = match (u16_le(&information, 0)?, u16_le(&information, 2)?) {
        (2..=4, 2) => {
            let standard = Standard::read(information.get(4..)?)?;
            candidates(passwords)
                .find_map(|password| Some((password, standard.open(password, body)?)))?
        }
        (4, 4) => {
            let agile = Agile::read(information.get(8..)?)?;
            candidates(passwords)
                .find_map(|password| Some((password, agile.open(password, body)?)))?
        }
        _ => return None,
    };
    bytes.truncate(size);
    Some(Opened { password: password.to_owned(), bytes })
}

/// AES in ECB mode; a last block that is not whole is left out.
fn aes_ecb(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    fn run<C>(key: &[u8], data: &[u8]) -> Option<Vec<u8>>
    where
        C: BlockCipherDecrypt
            + KeyInit
            + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
    {
        let cipher = C::new_from_slice(key).ok()?;
        let mut out = data.get(..data.len() / 16 * 16)?.to_vec();
        for chunk in out.as_chunks_mut::<16>().0 {
            let mut block = aes::Block::from(*chunk);
            cipher.decrypt_block(&mut block);
            chunk.copy_from_slice(&block);
        }
        Some(out)
    }
    match key.len() {
        16 => run::<aes::Aes128>(key, data),
        24 => run::<aes::Aes192>(key, data),
        32 => run::<aes::Aes256>(key, data),
        _ => None,
    }
}

/// AES in CBC mode without padding.
fn aes_cbc(key: &[u8], vector: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut out = data.get(..data.len() / 16 * 16)?.to_vec();
    let vector = vector.get(..16)?;
    let length = match key.len() {
        16 => cbc::Decryptor::<aes::Aes128>::new_from_slices(key, vector)
            .ok()?
            .decrypt_padded::<NoPadding>(&mut out)
            .ok()?
            .len(),
        24 => cbc::Decryptor::<aes::Aes192>::new_from_slices(key, vector)
            .ok()?
            .decrypt_padded::<NoPadding>(&mut out)
            .ok()?
            .len(),
        32 => cbc::Decryptor::<aes::Aes256>::new_from_slices(key, vector)
            .ok()?
            .decrypt_padded::<NoPadding>(&mut out)
            .ok()?
            .len(),
        _ => return None,
    };
    out.truncate(length);
    Some(out)
}

/// Standard encryption, and RC4 by CryptoAPI: header and verifier (2.3.2, 2.3.3).
struct Standard<'a> {
    rc4: bool,
    key_bytes: usize,
    salt: &'a [u8],
    verifier: &'a [u8],
    hash: &'a [u8],
}

impl<'a> Standard<'a> {
    /// Behind the version.
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data);
        cursor.skip(4)?;
        let size = usize::try_from(cursor.u32_le()?).ok()?;
        let header = cursor.take(size)?;
        let algorithm = u32_le(header, 8)?;
        let bits = match u32_le(header, 16)? {
            // RC4 without a size has 40 bits (2.3.5.1).
            0 => 40,
            bits => bits,
        };
        let salt_bytes = usize::try_from(cursor.u32_le()?).ok()?;
        let salt = cursor.take(salt_bytes.min(64))?;
        let verifier = cursor.take(16)?;
        cursor.skip(4)?;
        let rc4 = algorithm == 0x6801;
        let hash = cursor.take(if rc4 { 20 } else { 32 })?;
        let key_bytes = usize::try_from(bits).ok()?.checked_div(8)?;
        (5..=32).contains(&key_bytes).then_some(Self { rc4, key_bytes, salt, verifier, hash })
    }

    /// The key of AES (2.3.4.7).
    fn key(&self, password: &str) -> Vec<u8> {
        let mut hash = Sha1::new().chain_update(self.salt).chain_update(utf16(password)).finalize();
        for round in 0..STANDARD_SPIN {
            hash = Sha1::new().chain_update(round.to_le_bytes()).chain_update(hash).finalize();
        }
        let last = Sha1::new().chain_update(hash).chain_update([0; 4]).finalize();
        let half = |pad: u8| {
            let mut block = [pad; 64];
            for (slot, byte) in block.iter_mut().zip(last.iter()) {
                *slot ^= byte;
            }
            Sha1::digest(block)
        };
        let mut key = [half(0x36), half(0x5c)].concat();
        key.truncate(self.key_bytes);
        key
    }

    /// The key of a block of RC4 (2.3.5.2).
    fn block_key(&self, base: &[u8], block: u32) -> Vec<u8> {
        let hash = Sha1::new().chain_update(base).chain_update(block.to_le_bytes()).finalize();
        let mut key = hash.get(..self.key_bytes.min(hash.len())).unwrap_or_default().to_vec();
        if self.key_bytes == 5 {
            key.resize(16, 0);
        }
        key
    }

    fn base(&self, password: &str) -> Vec<u8> {
        Sha1::new().chain_update(self.salt).chain_update(utf16(password)).finalize().to_vec()
    }

    fn open(&self, password: &str, body: &[u8]) -> Option<Vec<u8>> {
        if self.rc4 {
            return None;
        }
        let key = self.key(password);
        let verifier = aes_ecb(&key, self.verifier)?;
        let hash = aes_ecb(&key, self.hash)?;
        (hash.get(..20)? == &Sha1::digest(verifier)[..]).then_some(())?;
        aes_ecb(&key, body)
    }

    /// Keys of the blocks of a workbook, when the password fits.
    fn keys(&self, password: &str) -> Option<impl Fn(u32) -> Vec<u8>> {
        let base = self.base(password);
        let both = rc4(&self.block_key(&base, 0), &[self.verifier, self.hash].concat());
        let (verifier, hash) = both.split_at_checked(16)?;
        (hash == &Sha1::digest(verifier)[..]).then_some(())?;
        Some(move |block| self.block_key(&base, block))
    }
}

/// A hash by its name in XML.
fn digest(name: &str, parts: &[&[u8]]) -> Option<Vec<u8>> {
    fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut hash = D::new();
        for part in parts {
            hash.update(part);
        }
        hash.finalize().to_vec()
    }
    Some(match name {
        "SHA1" | "SHA-1" => run::<Sha1>(parts),
        "SHA256" => run::<Sha256>(parts),
        "SHA384" => run::<Sha384>(parts),
        "SHA512" => run::<Sha512>(parts),
        "MD5" => run::<Md5>(parts),
        _ => return None,
    })
}

/// Agile encryption: what its XML says (2.3.4.10).
struct Agile {
    data_salt: Vec<u8>,
    data_hash: String,
    spin: u32,
    salt: Vec<u8>,
    hash: String,
    key_bytes: usize,
    input: Vec<u8>,
    value: Vec<u8>,
    key: Vec<u8>,
}

impl Agile {
    fn read(xml: &[u8]) -> Option<Self> {
        let data = element(xml, b"<keyData")?;
        let key = element(xml, b"encryptedKey ")?;
        let binary = |element: &[u8], name: &str| {
            attribute(element, name).map(|text| base64::decode(text.as_bytes()))
        };
        let spin = attribute(key, "spinCount")?.parse().ok().filter(|spin| *spin <= MAX_SPIN)?;
        Some(Self {
            data_salt: binary(data, "saltValue")?,
            data_hash: attribute(data, "hashAlgorithm")?,
            spin,
            salt: binary(key, "saltValue")?,
            hash: attribute(key, "hashAlgorithm")?,
            key_bytes: attribute(key, "keyBits")?.parse::<usize>().ok()? / 8,
            input: binary(key, "encryptedVerifierHashInput")?,
            value: binary(key, "encryptedVerifierHashValue")?,
            key: binary(key, "encryptedKeyValue")?,
        })
    }

    fn open(&self, password: &str, body: &[u8]) -> Option<Vec<u8>> {
        // Block keys (2.3.4.13).
        const INPUT: &[u8] = b"\xfe\xa7\xd2\x76\x3b\x4b\x9e\x79";
        const VALUE: &[u8] = b"\xd7\xaa\x0f\x6d\x30\x61\x34\x4e";
        const KEY: &[u8] = b"\x14\x6e\x0b\xe7\xab\xac\xd0\xd6";
        let mut hash = digest(&self.hash, &[&self.salt, &utf16(password)])?;
        for round in 0..self.spin {
            hash = digest(&self.hash, &[&round.to_le_bytes(), &hash])?;
        }
        let open = |block_key: &[u8], data: &[u8]| {
            let mut key = digest(&self.hash, &[&hash, block_key])?;
            key.resize(self.key_bytes, 0x36);
            aes_cbc(&key, &self.salt, data)
        };
        let input = open(INPUT, &self.input)?;
        let value = open(VALUE, &self.value)?;
        // The salt's size is that of the input; padding follows.
        let input = input.get(..self.salt.len().min(input.len()))?;
        let expected = digest(&self.hash, &[input])?;
        (value.get(..expected.len())? == expected).then_some(())?;
        let mut key = open(KEY, &self.key)?;
        key.truncate(self.key_bytes);
        let mut out = Vec::with_capacity(body.len());
        for (number, segment) in (0u32..).zip(body.chunks(SEGMENT)) {
            let mut vector = digest(&self.data_hash, &[&self.data_salt, &number.to_le_bytes()])?;
            vector.resize(16, 0x36);
            out.extend(aes_cbc(&key, &vector, segment)?);
        }
        Some(out)
    }
}

/// The start tag that holds `name`.
fn element<'a>(xml: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = xml.get(find(xml, name, 0)?..)?;
    rest.get(..find(rest, b">", 0)?)
}

fn attribute(element: &[u8], name: &str) -> Option<String> {
    let start = find(element, format!(" {name}=\"").as_bytes(), 0)? + name.len() + 3;
    let rest = element.get(start..)?;
    Some(String::from_utf8_lossy(rest.get(..find(rest, b"\"", 0)?)?).into_owned())
}

/// Opens a `Workbook` stream by the body of its FILEPASS record (\[MS-XLS\] 2.4.117). The bytes are the
/// stream with its records in the clear. XOR obfuscation is recognised and its bytes left as they are.
pub fn workbook(stream: &[u8], filepass: &[u8], passwords: &[String]) -> Option<Opened> {
    let opened = |password: &str, bytes: Vec<u8>| Opened { password: password.to_owned(), bytes };
    match (u16_le(filepass, 0)?, u16_le(filepass, 2), u16_le(filepass, 4)) {
        (0, _, Some(verifier)) => candidates(passwords)
            .find(|password| xor_verifier(password) == verifier)
            .map(|password| opened(password, stream.to_vec())),
        (1, Some(1), Some(1)) => candidates(passwords).find_map(|password| {
            let keys = rc4_keys(filepass.get(6..)?, password)?;
            Some(opened(password, records(stream, keys)))
        }),
        (1, Some(2..=4), Some(2)) => {
            let standard = Standard::read(filepass.get(6..)?).filter(|standard| standard.rc4)?;
            candidates(passwords).find_map(|password| {
                let keys = standard.keys(password)?;
                Some(opened(password, records(stream, keys)))
            })
        }
        _ => None,
    }
}

/// The check value of XOR obfuscation (2.3.7.1).
fn xor_verifier(password: &str) -> u16 {
    let bytes = password.as_bytes().get(..password.len().min(15)).unwrap_or_default();
    let turn = |value: u16, byte: u8| ((value >> 14 & 1) | (value << 1 & 0x7fff)) ^ u16::from(byte);
    let value = bytes.iter().rev().fold(0, |value, byte| turn(value, *byte));
    turn(value, bytes.len() as u8) ^ 0xce4b
}

/// Keys of RC4 of 40 bits (2.3.6.2), when the password fits: salt, verifier, its hash.
fn rc4_keys(data: &[u8], password: &str) -> Option<impl Fn(u32) -> Vec<u8>> {
    let (salt, rest) = data.split_at_checked(16)?;
    let hash = Md5::digest(utf16(password));
    let sixteen = [hash.get(..5)?, salt].concat().repeat(16);
    let base = Md5::digest(sixteen).get(..5)?.to_vec();
    let key = move |block: u32| {
        Md5::new().chain_update(&base).chain_update(block.to_le_bytes()).finalize().to_vec()
    };
    let both = rc4(&key(0), rest.get(..32)?);
    let (verifier, check) = both.split_at_checked(16)?;
    (check == &Md5::digest(verifier)[..]).then_some(key)
}

/// Decrypts the bodies of records. The key stream runs over headers and clear records too, and begins
/// anew with each block.
fn records(stream: &[u8], key: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut plain = Vec::with_capacity(stream.len());
    for (block, bytes) in (0u32..).zip(stream.chunks(BLOCK)) {
        plain.extend(rc4(&key(block), bytes));
    }
    let mut out = stream.to_vec();
    let mut at = 0usize;
    while let (Some(kind), Some(length)) = (u16_le(stream, at), u16_le(stream, at + 2)) {
        let start = at + 4;
        let end = (start + usize::from(length)).min(stream.len());
        // BOF, FILEPASS, and what tells other users of a shared file (2.2.10).
        let clear = matches!(kind, 0x0809 | 0x002f | 0x0194 | 0x0195 | 0x00e1 | 0x0196 | 0x0138);
        // The place of a sheet stays in the clear.
        let from = if kind == 0x0085 { (start + 4).min(end) } else { start };
        if !clear && let (Some(slot), Some(bytes)) = (out.get_mut(from..end), plain.get(from..end))
        {
            slot.copy_from_slice(bytes);
        }
        at = end;
        if start >= stream.len() {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::{Compound, document, rc4, records, workbook, xor_verifier};
    use crate::document::samples::encrypted_package;

    #[test]
    fn a_default_password_opens_by_itself() {
        let file = encrypted_package("VelvetSweatshop", b"PK\x03\x04 not a whole package");
        let compound = Compound::open(&file, 100).expect("a compound file");
        let opened = document(&compound, &[], 1 << 20).expect("opened");
        assert_eq!(opened.bytes, b"PK\x03\x04 not a whole package");
        assert_eq!(opened.password, "VelvetSweatshop");
    }

    #[test]
    fn another_password_opens_when_it_is_given() {
        let file = encrypted_package("secret", b"PK\x03\x04");
        let compound = Compound::open(&file, 100).expect("a compound file");
        assert!(document(&compound, &[], 1 << 20).is_none());
        let given = ["wrong".to_owned(), "secret".to_owned()];
        assert_eq!(document(&compound, &given, 1 << 20).expect("opened").password, "secret");
    }

    #[test]
    fn the_check_value_of_xor_is_that_of_the_specification() {
        // The value that Excel writes for its default password.
        assert_eq!(xor_verifier("VelvetSweatshop"), 0x9a0a);
    }

    #[test]
    fn records_of_a_workbook_are_decrypted_between_their_headers() {
        let password: Vec<u8> =
            "VelvetSweatshop".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let salt = [7; 16];
        let hash = Md5::digest(&password);
        let base = Md5::digest([&hash[..5], &salt[..]].concat().repeat(16))[..5].to_vec();
        let key = move |block: u32| {
            Md5::new().chain_update(&base).chain_update(block.to_le_bytes()).finalize().to_vec()
        };
        let verifier = [9; 16];
        let check = rc4(&key(0), &[&verifier[..], &Md5::digest(verifier)[..]].concat());
        let mut filepass = vec![1, 0, 1, 0, 1, 0];
        filepass.extend(salt);
        filepass.extend(check);
        // A stream over a block's border; encryption is its own inverse.
        let mut plain = vec![0x09, 0x08, 4, 0, 0, 6, 5, 0, 0x2f, 0, 0, 0];
        plain.extend([0x06, 0, 0xd0, 0x07]);
        plain.extend([b'x'; 2_000]);
        let hidden = records(&plain, &key);
        assert_ne!(hidden, plain);
        assert_eq!(hidden[..16], plain[..16]);
        let opened = workbook(&hidden, &filepass, &[]).expect("opened");
        assert_eq!(opened.bytes, plain);
    }
}
