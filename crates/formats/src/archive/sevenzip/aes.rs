//! 7z's encryption: AES-256 in CBC mode, the key from repeated SHA-256.

use std::io::{self, Read};

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use sha2::{Digest, Sha256};

use super::super::reading::read_up_to;

/// 2^24 rounds: the most that the original program does.
const MAX_CYCLES: u8 = 24;
/// The "power" that stands for no hashing at all.
const NO_HASHING: u8 = 63;

/// The coder's properties.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Properties {
    cycles: u8,
    salt: Vec<u8>,
    iv: [u8; 16],
}

impl Properties {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let cycles = first & 0x3f;
        if cycles > MAX_CYCLES && cycles != NO_HASHING {
            return None;
        }
        let mut salt: &[u8] = &[];
        let mut iv = [0; 16];
        if first & 0xc0 != 0 {
            let (&second, rest) = rest.split_first()?;
            let salt_length = usize::from(first >> 7) + usize::from(second >> 4);
            let iv_length = usize::from(first >> 6 & 1) + usize::from(second & 15);
            let (salt_bytes, rest) = rest.split_at_checked(salt_length)?;
            salt = salt_bytes;
            iv.get_mut(..iv_length)?.copy_from_slice(rest.get(..iv_length)?);
        }
        Some(Self { cycles, salt: salt.to_vec(), iv })
    }
}

/// The passwords, and the keys derived from them so far: folders mostly share their salt.
pub(super) struct Keys<'p> {
    passwords: Vec<&'p str>,
    derived: Vec<(usize, u8, Vec<u8>, [u8; 32])>,
    proven: Option<[u8; 32]>,
}

/// Derived keys remembered.
const MAX_DERIVED: usize = 64;

impl<'p> Keys<'p> {
    pub(super) fn new(passwords: &'p [String]) -> Self {
        let passwords = passwords.iter().map(String::as_str).collect();
        Self { passwords, derived: Vec::new(), proven: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.passwords.len()
    }

    /// The key of the password at `index`.
    pub(super) fn derive(&mut self, index: usize, properties: &Properties) -> Option<[u8; 32]> {
        let known = self.derived.iter().find(|(password, cycles, salt, _)| {
            (*password, *cycles, &**salt) == (index, properties.cycles, &*properties.salt)
        });
        if let Some((.., key)) = known {
            return Some(*key);
        }
        let key = derive(self.passwords.get(index)?, properties);
        if self.derived.len() >= MAX_DERIVED {
            self.derived.clear();
        }
        self.derived.push((index, properties.cycles, properties.salt.clone(), key));
        Some(key)
    }

    /// Remembers that this key opened something.
    pub(super) fn worked(&mut self, key: Option<[u8; 32]>) {
        self.proven = key.or(self.proven);
    }

    /// Whether this key has opened something.
    pub(super) fn is_proven(&self, key: Option<[u8; 32]>) -> bool {
        key.is_some() && key == self.proven
    }
}

/// The key: SHA-256 over 2^cycles times salt, password (UTF-16) and a 64-bit counter.
pub(crate) fn derive(password: &str, properties: &Properties) -> [u8; 32] {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut message = [&*properties.salt, &*password].concat();
    if properties.cycles == NO_HASHING {
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(message) {
            *place = byte;
        }
        return key;
    }
    let mut hasher = Sha256::new();
    let counter_at = message.len();
    message.resize(counter_at + 8, 0);
    for counter in 0..1_u64 << properties.cycles {
        message[counter_at..].copy_from_slice(&counter.to_le_bytes());
        hasher.update(&message);
    }
    hasher.finalize().into()
}

/// The decrypted stream.
pub(super) struct AesReader<R> {
    source: R,
    cipher: Aes256,
    previous: [u8; 16],
    plain: [u8; 4_096],
    position: usize,
    length: usize,
}

impl<R: Read> AesReader<R> {
    pub(super) fn new(source: R, key: &[u8; 32], properties: &Properties) -> Self {
        Self {
            source,
            cipher: Aes256::new(key.into()),
            previous: properties.iv,
            plain: [0; 4_096],
            position: 0,
            length: 0,
        }
    }
}

impl<R: Read> Read for AesReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.length {
            let count = read_up_to(&mut self.source, &mut self.plain)?;
            self.position = 0;
            // A block that is cut cannot be decrypted.
            self.length = count - count % 16;
            let (blocks, _) = self.plain[..self.length].as_chunks_mut::<16>();
            for block in blocks {
                let cipher = *block;
                self.cipher.decrypt_block(block.into());
                for (byte, previous) in block.iter_mut().zip(self.previous) {
                    *byte ^= previous;
                }
                self.previous = cipher;
            }
        }
        let count = (&self.plain[self.position..self.length]).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}
