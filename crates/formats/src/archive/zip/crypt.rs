//! ZipCrypto (APPNOTE 6.1) and WinZip's AES (its "AES Encryption Information", AE-1 and AE-2).

use std::io::{self, Read};

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::super::reading::{Body, Checked, guard};
use super::entry::{Aes, Entry};
use super::method;
use crate::unpack::Limits;

/// Members up to this size are decoded once for each password whose check byte fits, when there is
/// more than one such password.
const MAX_TRIAL_BYTES: u64 = 16 << 20;

/// The passwords, the one that worked last in front.
pub(super) struct Keys<'p> {
    passwords: Vec<&'p str>,
}

/// The outcome of trying the passwords.
pub(super) enum Opened<'a> {
    NoPassword,
    WrongPassword,
    Plain {
        body: Body<'a>,
        /// Whether the authentication code holds; `None` where there is none (ZipCrypto).
        authentic: Option<bool>,
    },
}

impl<'p> Keys<'p> {
    pub(super) fn new(passwords: &'p [String]) -> Self {
        Self { passwords: passwords.iter().map(String::as_str).collect() }
    }

    pub(super) fn open<'a>(
        &mut self,
        entry: &Entry<'_>,
        data: &'a [u8],
        limits: &Limits,
    ) -> Opened<'a> {
        if self.passwords.is_empty() {
            return Opened::NoPassword;
        }
        let found = match entry.aes.filter(|_| entry.is_aes()) {
            Some(aes) => self.open_aes(aes, data),
            None => self.open_classic(entry, data, limits),
        };
        let Some((index, body, authentic)) = found else { return Opened::WrongPassword };
        if let Some(range) = self.passwords.get_mut(..=index) {
            range.rotate_right(1);
        }
        Opened::Plain { body, authentic }
    }

    fn open_aes<'a>(&self, aes: Aes, data: &'a [u8]) -> Option<(usize, Body<'a>, Option<bool>)> {
        let (salt, rest) = data.split_at_checked(aes.key / 2)?;
        let (verifier, rest) = rest.split_at_checked(2)?;
        let (cipher, code) = match rest.len().checked_sub(10) {
            Some(length) => rest.split_at_checked(length)?,
            None => (rest, &[][..]),
        };
        let mut fits = None;
        for (index, password) in self.passwords.iter().enumerate() {
            let mut derived = [0; 66];
            let derived = derived.get_mut(..aes.key * 2 + 2)?;
            pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, 1_000, derived);
            let (key, rest) = derived.split_at_checked(aes.key)?;
            let (authentication, check) = rest.split_at_checked(aes.key)?;
            if check != verifier {
                continue;
            }
            let mut mac = Hmac::<Sha1>::new_from_slice(authentication).ok()?;
            mac.update(cipher);
            let authentic = mac.finalize().into_bytes().as_slice().get(..10) == Some(code);
            let body: Body<'a> = Box::new(AesReader { cipher: ctr(key)?, data: cipher });
            if authentic {
                return Some((index, body, Some(true)));
            }
            // The verifier fits one password in 65,536 by chance: keep looking for a better one.
            fits.get_or_insert((index, body, Some(false)));
        }
        fits
    }

    fn open_classic<'a>(
        &self,
        entry: &Entry<'_>,
        data: &'a [u8],
        limits: &Limits,
    ) -> Option<(usize, Body<'a>, Option<bool>)> {
        let fits: Vec<(usize, Classic<'a>)> = self
            .passwords
            .iter()
            .enumerate()
            .filter_map(|(index, password)| Some((index, Classic::open(entry, password, data)?)))
            .collect();
        // One password in 256 fits by chance: let the checksum choose among several.
        if fits.len() > 1 && entry.sized && entry.size.max(entry.packed) <= MAX_TRIAL_BYTES {
            for (index, plain) in &fits {
                if opens(entry, plain.clone(), limits) {
                    return Some((*index, Box::new(plain.clone()), None));
                }
            }
        }
        let (index, plain) = fits.into_iter().next()?;
        Some((index, Box::new(plain), None))
    }
}

fn opens(entry: &Entry<'_>, plain: Classic<'_>, limits: &Limits) -> bool {
    let Ok(body) = guard(|| method::decoder(entry, plain, Some(entry.size), limits)) else {
        return false;
    };
    let mut body =
        Checked::new(body, Some(entry.size), Some(entry.crc32)).take(MAX_TRIAL_BYTES * 2);
    io::copy(&mut body, &mut io::sink()).is_ok()
}

/// AES in counter mode, the counter little-endian and starting at one.
fn ctr(key: &[u8]) -> Option<Box<dyn StreamCipher>> {
    let mut counter = [0; 16];
    counter[0] = 1;
    let iv = (&counter).into();
    Some(match key.len() {
        16 => Box::new(ctr::Ctr128LE::<aes::Aes128>::new(key.try_into().ok()?, iv)),
        24 => Box::new(ctr::Ctr128LE::<aes::Aes192>::new(key.try_into().ok()?, iv)),
        32 => Box::new(ctr::Ctr128LE::<aes::Aes256>::new(key.try_into().ok()?, iv)),
        _ => return None,
    })
}

struct AesReader<'a> {
    cipher: Box<dyn StreamCipher>,
    data: &'a [u8],
}

impl Read for AesReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer)?;
        if let Some(plain) = buffer.get_mut(..count) {
            self.cipher.apply_keystream(plain);
        }
        Ok(count)
    }
}

/// A ZipCrypto stream behind its 12-byte header.
#[derive(Clone)]
struct Classic<'a> {
    keys: ClassicKeys,
    data: &'a [u8],
}

impl<'a> Classic<'a> {
    /// `None` when the check byte says that the password is wrong.
    fn open(entry: &Entry<'_>, password: &str, data: &'a [u8]) -> Option<Self> {
        let (header, data) = data.split_at_checked(12)?;
        let mut keys = ClassicKeys::new(password.as_bytes());
        let mut last = 0;
        for &byte in header {
            last = keys.decrypt(byte);
        }
        let by_crc = (entry.crc32 >> 24) as u8;
        let by_time = (entry.time >> 8) as u8;
        // APPNOTE 6.1.6 wants the checksum's byte; with a data descriptor writers use the time's.
        let fits = last == by_crc || (entry.has_descriptor() && last == by_time);
        fits.then_some(Self { keys, data })
    }
}

impl Read for Classic<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer)?;
        for byte in buffer.iter_mut().take(count) {
            *byte = self.keys.decrypt(*byte);
        }
        Ok(count)
    }
}

/// The three keys of APPNOTE 6.1.5.
#[derive(Clone)]
pub(crate) struct ClassicKeys(u32, u32, u32);

impl ClassicKeys {
    pub(crate) fn new(password: &[u8]) -> Self {
        let mut keys = Self(0x1234_5678, 0x2345_6789, 0x3456_7890);
        for &byte in password {
            keys.update(byte);
        }
        keys
    }

    pub(crate) fn update(&mut self, plain: u8) {
        self.0 = crc_step(self.0, plain);
        self.1 = self.1.wrapping_add(self.0 & 0xff).wrapping_mul(0x0808_8405).wrapping_add(1);
        self.2 = crc_step(self.2, (self.1 >> 24) as u8);
    }

    pub(crate) fn stream_byte(&self) -> u8 {
        let temp = self.2 & 0xffff | 2;
        (temp.wrapping_mul(temp ^ 1) >> 8) as u8
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let plain = byte ^ self.stream_byte();
        self.update(plain);
        plain
    }
}

fn crc_step(crc: u32, byte: u8) -> u32 {
    crc >> 8 ^ CRC_TABLE[usize::from(crc as u8 ^ byte)]
}

static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};
