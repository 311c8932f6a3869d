//! The standard security handler (ISO 32000-1, 7.6; ISO 32000-2 for revision 6).

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};

use super::object::Object;
use crate::document::decode::rc4::rc4;

/// Padding of passwords (Algorithm 2).
const PADDING: &[u8; 32] = b"\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\
\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Identity,
    Rc4,
    Aes128,
    Aes256,
}

/// A key that opened the document.
pub struct Cipher {
    key: Vec<u8>,
    method: Method,
}

impl Cipher {
    /// Tries the passwords in order; the caller puts the empty one first. `None` when none fits or
    /// the handler is not the standard one.
    pub fn open(dictionary: &Object, id: &[u8], passwords: &[String]) -> Option<Self> {
        if !dictionary.get(b"Filter")?.is_name(b"Standard") {
            return None;
        }
        let number = |key: &[u8]| dictionary.get(key).and_then(Object::number);
        let version = number(b"V").unwrap_or(0);
        let revision = number(b"R")?;
        let bits = number(b"Length").unwrap_or(40);
        let method = method(dictionary, version);
        if method == Method::Aes256 || revision >= 5 {
            return passwords
                .iter()
                .find_map(|password| key_256(dictionary, password.as_bytes(), revision))
                .map(|key| Self { key, method });
        }
        let length = match version {
            1 => 5,
            4 => 16,
            // Some writers give bytes.
            _ if bits < 40 => bits.clamp(5, 16) as usize,
            _ => (bits / 8).clamp(5, 16) as usize,
        };
        passwords.iter().find_map(|password| {
            let key = key_md5(dictionary, id, password.as_bytes(), revision, length)?;
            user_fits(&key, dictionary.get(b"U")?.text()?, id, revision).then_some(())?;
            Some(Self { key, method })
        })
    }

    /// Decrypts the bytes of a stream or string of this object.
    pub fn decrypt(&self, data: &[u8], number: u32, generation: u16) -> Vec<u8> {
        if self.method == Method::Identity {
            return data.to_vec();
        }
        if self.method == Method::Aes256 {
            return aes_cbc(&self.key, data);
        }
        // Algorithm 1: the key of an object.
        let mut hash = Md5::new();
        hash.update(&self.key);
        hash.update(&number.to_le_bytes()[..3]);
        hash.update(generation.to_le_bytes());
        if self.method == Method::Aes128 {
            hash.update(b"sAlT");
        }
        let digest = hash.finalize();
        let key = &digest[..(self.key.len() + 5).min(16)];
        if self.method == Method::Aes128 { aes_cbc(key, data) } else { rc4(key, data) }
    }
}

/// How streams are encrypted: by the version, or by the crypt filter that it names.
fn method(dictionary: &Object, version: i64) -> Method {
    if version < 4 {
        return Method::Rc4;
    }
    let filter = match dictionary.get(b"StmF") {
        Some(Object::Name(name)) => name.clone(),
        _ => return Method::Identity,
    };
    let named = dictionary.get(b"CF").and_then(|filters| filters.get(&filter));
    match named.and_then(|filter| filter.get(b"CFM")) {
        Some(Object::Name(name)) => match name.as_slice() {
            b"V2" => Method::Rc4,
            b"AESV2" => Method::Aes128,
            b"AESV3" => Method::Aes256,
            _ => Method::Identity,
        },
        _ => Method::Identity,
    }
}

/// Algorithm 2: the key of revisions 2 to 4.
fn key_md5(
    dictionary: &Object,
    id: &[u8],
    password: &[u8],
    revision: i64,
    length: usize,
) -> Option<Vec<u8>> {
    let owner = dictionary.get(b"O")?.text()?;
    let permissions = dictionary.get(b"P")?.number()? as u32;
    let mut hash = Md5::new();
    hash.update(padded(password));
    hash.update(owner.get(..32)?);
    hash.update(permissions.to_le_bytes());
    hash.update(id);
    let clear_metadata = dictionary.get(b"EncryptMetadata") == Some(&Object::Boolean(false));
    if revision >= 4 && clear_metadata {
        hash.update([0xff; 4]);
    }
    let mut digest = hash.finalize().to_vec();
    if revision >= 3 {
        for _ in 0..50 {
            digest = Md5::digest(&digest[..length]).to_vec();
        }
    }
    digest.truncate(length);
    Some(digest)
}

fn padded(password: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let taken = password.len().min(32);
    out[..taken].copy_from_slice(&password[..taken]);
    out[taken..].copy_from_slice(&PADDING[..32 - taken]);
    out
}

/// Algorithms 4 to 6: whether the key gives the stored user value.
fn user_fits(key: &[u8], user: &[u8], id: &[u8], revision: i64) -> bool {
    if revision < 3 {
        return user.get(..32) == Some(&rc4(key, PADDING)[..]);
    }
    let mut hash = Md5::new();
    hash.update(PADDING);
    hash.update(id);
    let mut value = hash.finalize().to_vec();
    for round in 0..20u8 {
        let round_key: Vec<u8> = key.iter().map(|byte| byte ^ round).collect();
        value = rc4(&round_key, &value);
    }
    user.get(..16) == Some(&value[..])
}

/// Algorithm 2.A: the key of revisions 5 and 6, by the user password.
fn key_256(dictionary: &Object, password: &[u8], revision: i64) -> Option<Vec<u8>> {
    let user = dictionary.get(b"U")?.text()?;
    let wrapped = dictionary.get(b"UE")?.text()?.get(..32)?;
    let password = &password[..password.len().min(127)];
    let (check, validation, key_salt) = (user.get(..32)?, user.get(32..40)?, user.get(40..48)?);
    if hash_256(password, validation, revision) != check {
        return None;
    }
    let key = hash_256(password, key_salt, revision);
    let decryptor = cbc::Decryptor::<aes::Aes256>::new_from_slices(&key, &[0; 16]).ok()?;
    let mut out = wrapped.to_vec();
    let length = decryptor.decrypt_padded::<NoPadding>(&mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}

/// Algorithm 2.B (revision 6), or one SHA-256 (revision 5).
fn hash_256(password: &[u8], salt: &[u8], revision: i64) -> Vec<u8> {
    use aes::cipher::BlockModeEncrypt;
    use sha2::{Sha256, Sha384, Sha512};

    let mut key = Sha256::new().chain_update(password).chain_update(salt).finalize().to_vec();
    if revision < 6 {
        return key;
    }
    // The rounds end by themselves soon after 64; the bound is for a hash that never would.
    for round in 0..1_000usize {
        let mut block = [password, &key].concat().repeat(64);
        let length = block.len();
        let Ok(encryptor) =
            cbc::Encryptor::<aes::Aes128>::new_from_slices(&key[..16], &key[16..32])
        else {
            break;
        };
        if encryptor.encrypt_padded::<NoPadding>(&mut block, length).is_err() {
            break;
        }
        // 256 is 1 modulo 3, so the sum of the bytes has the same rest as the number.
        let rest = block[..16].iter().map(|byte| u32::from(*byte)).sum::<u32>() % 3;
        key = match rest {
            0 => Sha256::digest(&block).to_vec(),
            1 => Sha384::digest(&block).to_vec(),
            _ => Sha512::digest(&block).to_vec(),
        };
        let last = block.last().copied().unwrap_or(0);
        if round >= 63 && usize::from(last) + 32 <= round + 1 {
            break;
        }
    }
    key.truncate(32);
    key
}

/// AES in CBC mode, the vector in front, padded at the end; broken padding is left as it is.
fn aes_cbc(key: &[u8], data: &[u8]) -> Vec<u8> {
    let Some((vector, body)) = data.split_at_checked(16) else { return Vec::new() };
    let mut out = body[..body.len() / 16 * 16].to_vec();
    let done = match key.len() {
        16 => cbc::Decryptor::<aes::Aes128>::new_from_slices(key, vector)
            .ok()
            .and_then(|d| d.decrypt_padded::<NoPadding>(&mut out).ok().map(<[u8]>::len)),
        32 => cbc::Decryptor::<aes::Aes256>::new_from_slices(key, vector)
            .ok()
            .and_then(|d| d.decrypt_padded::<NoPadding>(&mut out).ok().map(<[u8]>::len)),
        _ => None,
    };
    if done.is_none() {
        return Vec::new();
    }
    if let Some(padding @ 1..=16) = out.last().copied() {
        out.truncate(out.len() - usize::from(padding));
    }
    out
}
