use std::io::Write;

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::archive::zip_keys;

/// A member as it is written: every field may lie.
#[derive(Debug, Clone)]
pub struct ZipMember {
    /// Name bytes.
    pub name: Vec<u8>,
    /// General purpose flags.
    pub flags: u16,
    /// Compression method.
    pub method: u16,
    /// Checksum field.
    pub crc32: u32,
    /// Unpacked size field.
    pub size: u32,
    /// Data as stored.
    pub data: Vec<u8>,
    /// Extra field of both headers.
    pub extra: Vec<u8>,
    /// What the local header says where it differs: name, method, packed size, unpacked size.
    pub local: Option<(Vec<u8>, u16, u32, u32)>,
    /// Whether the central directory names it.
    pub listed: bool,
    /// Sizes and checksum stand in a descriptor behind the data.
    pub descriptor: bool,
}

impl ZipMember {
    /// A stored file.
    pub fn stored(name: &str, data: &[u8]) -> Self {
        Self::packed(name, 0, data, data.to_vec())
    }

    /// A deflated file.
    pub fn deflated(name: &str, data: &[u8]) -> Self {
        Self::packed(name, 8, data, deflated(data))
    }

    /// A file packed by some other method.
    pub fn packed(name: &str, method: u16, plain: &[u8], data: Vec<u8>) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            flags: 1 << 11,
            method,
            crc32: crc32fast::hash(plain),
            size: plain.len() as u32,
            data,
            extra: Vec::new(),
            local: None,
            listed: true,
            descriptor: false,
        }
    }

    fn header(&self, out: &mut Vec<u8>, central: bool) {
        let flags = self.flags | if self.descriptor { 8 } else { 0 };
        let mut name = self.name.clone();
        let (mut method, mut packed, mut size) = (self.method, self.data.len() as u32, self.size);
        let mut crc32 = self.crc32;
        if !central {
            if let Some(local) = &self.local {
                (name, method, packed, size) = local.clone();
            }
            if self.descriptor {
                (packed, size, crc32) = (0, 0, 0);
            }
        }
        out.extend_from_slice(&20_u16.to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&method.to_le_bytes());
        out.extend_from_slice(&[0, 0, 0x21, 0]);
        out.extend_from_slice(&crc32.to_le_bytes());
        out.extend_from_slice(&packed.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.extra.len() as u16).to_le_bytes());
        if central {
            out.extend_from_slice(&[0; 10]);
        } else {
            out.extend_from_slice(&name);
            out.extend_from_slice(&self.extra);
        }
    }
}

/// `data` as raw deflate.
pub fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A zip of deflated files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> =
        files.iter().map(|&(name, data)| ZipMember::deflated(name, data)).collect();
    zip_members(&members)
}

/// A zip of these members.
pub fn zip_members(members: &[ZipMember]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    let mut listed = 0_u16;
    for member in members {
        let offset = out.len() as u32;
        out.extend_from_slice(b"PK\x03\x04");
        member.header(&mut out, false);
        out.extend_from_slice(&member.data);
        if member.descriptor {
            out.extend_from_slice(b"PK\x07\x08");
            out.extend_from_slice(&member.crc32.to_le_bytes());
            out.extend_from_slice(&(member.data.len() as u32).to_le_bytes());
            out.extend_from_slice(&member.size.to_le_bytes());
        }
        if member.listed {
            listed += 1;
            central.extend_from_slice(b"PK\x01\x02\x14\0");
            member.header(&mut central, true);
            central.extend_from_slice(&offset.to_le_bytes());
            central.extend_from_slice(&member.name);
            central.extend_from_slice(&member.extra);
        }
    }
    let start = out.len() as u32;
    out.extend_from_slice(&central);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&listed.to_le_bytes());
    out.extend_from_slice(&listed.to_le_bytes());
    out.extend_from_slice(&(central.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A zip of deflated files, encrypted with ZipCrypto.
pub fn zip_encrypted(password: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> = files
        .iter()
        .map(|&(name, data)| zip_crypto_encrypted(password, ZipMember::deflated(name, data)))
        .collect();
    zip_members(&members)
}

/// This member, encrypted with ZipCrypto.
pub fn zip_crypto_encrypted(password: &str, mut member: ZipMember) -> ZipMember {
    let mut header = *b"not random!?";
    header[11] = (member.crc32 >> 24) as u8;
    let mut keys = zip_keys(password.as_bytes());
    member.data = header
        .iter()
        .chain(&member.data)
        .map(|&plain| {
            let coded = plain ^ keys.stream_byte();
            keys.update(plain);
            coded
        })
        .collect();
    member.flags |= 1;
    member
}

/// A zip of deflated files, encrypted with WinZip's AES (AE-2), `key` 16, 24 or 32 bytes.
pub fn zip_aes(password: &str, key: usize, files: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> = files
        .iter()
        .map(|&(name, data)| aes_encrypted(password, key, 2, ZipMember::deflated(name, data)))
        .collect();
    zip_members(&members)
}

/// This member, encrypted with WinZip's AES, AE-1 or AE-2.
pub fn aes_encrypted(password: &str, key: usize, version: u16, member: ZipMember) -> ZipMember {
    let salt: Vec<u8> = (0..key as u8 / 2).collect();
    let mut derived = vec![0; key * 2 + 2];
    pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), &salt, 1_000, &mut derived);
    let mut counter = [0; 16];
    counter[0] = 1;
    let mut cipher = member.data.clone();
    match key {
        16 => ctr::Ctr128LE::<aes::Aes128>::new_from_slices(&derived[..16], &counter)
            .expect("lengths fit")
            .apply_keystream(&mut cipher),
        24 => ctr::Ctr128LE::<aes::Aes192>::new_from_slices(&derived[..24], &counter)
            .expect("lengths fit")
            .apply_keystream(&mut cipher),
        _ => ctr::Ctr128LE::<aes::Aes256>::new_from_slices(&derived[..32], &counter)
            .expect("lengths fit")
            .apply_keystream(&mut cipher),
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&derived[key..key * 2]).expect("any length");
    mac.update(&cipher);
    let code = mac.finalize().into_bytes();
    let mut extra = vec![0x01, 0x99, 7, 0, version as u8, 0, b'A', b'E', key as u8 / 8 - 1];
    extra.extend_from_slice(&member.method.to_le_bytes());
    let data = [&salt[..], &derived[key * 2..], &cipher, &code[..10]].concat();
    let crc32 = if version == 2 { 0 } else { member.crc32 };
    ZipMember { flags: member.flags | 1, method: 99, extra, data, crc32, ..member }
}
