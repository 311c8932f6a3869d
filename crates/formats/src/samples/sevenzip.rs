use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use sha2::{Digest, Sha256};

/// How a [`seven_zip`] is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SevenZip<'a> {
    /// LZMA instead of stored.
    pub lzma: bool,
    /// Encrypt the data with this password.
    pub password: Option<&'a str>,
    /// Pack (and with a password encrypt) the header too.
    pub pack_header: bool,
}

fn number(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else {
        out.push(0xff);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Packs `plain`; gives the packed bytes and the folder's description up to its sizes.
fn folder(plain: &[u8], options: SevenZip<'_>) -> (Vec<u8>, Vec<u8>) {
    let (mut packed, mut method) = (plain.to_vec(), vec![0x01, 0x00]);
    if options.lzma {
        let (props, dictionary, stream) = super::lzma_raw(plain);
        packed = stream;
        method = [&[0x23, 3, 1, 1, 5, props][..], &dictionary.to_le_bytes()].concat();
    }
    let inner = packed.len() as u64;
    let mut description = vec![0x0b, 1, 0];
    let mut sizes = vec![0x0c];
    match options.password {
        Some(password) => {
            // Coder 0 decrypts and feeds coder 1.
            let (cycles, iv) = (4, *b"0123456789abcdef");
            packed = encrypt(password, cycles, iv, &packed);
            description.extend_from_slice(&[2, 0x24, 6, 0xf1, 7, 1, 18, cycles | 0x40, 15]);
            description.extend_from_slice(&iv);
            description.extend_from_slice(&method);
            description.extend_from_slice(&[1, 0]);
            number(&mut sizes, inner);
        }
        None => {
            description.push(1);
            description.extend_from_slice(&method);
        }
    }
    number(&mut sizes, plain.len() as u64);
    (packed, [description, sizes].concat())
}

fn encrypt(password: &str, cycles: u8, iv: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hasher = Sha256::new();
    for counter in 0..1_u64 << cycles {
        hasher.update(&password);
        hasher.update(counter.to_le_bytes());
    }
    let key: [u8; 32] = hasher.finalize().into();
    let cipher = Aes256::new(&key.into());
    let mut out = plain.to_vec();
    out.resize(out.len().next_multiple_of(16), 0);
    let mut previous = iv;
    for block in out.as_chunks_mut::<16>().0 {
        for (byte, previous) in block.iter_mut().zip(previous) {
            *byte ^= previous;
        }
        cipher.encrypt_block(block.into());
        previous = *block;
    }
    out
}

/// A 7z with all files in one solid block.
pub fn seven_zip(options: SevenZip<'_>, files: &[(&str, &[u8])]) -> Vec<u8> {
    let full: Vec<_> = files.iter().filter(|(_, data)| !data.is_empty()).collect();
    let plain: Vec<u8> = full.iter().flat_map(|(_, data)| data.iter().copied()).collect();
    let (mut packed, description) = folder(&plain, options);
    // Header, main streams: pack info, folder, files' sizes and checksums.
    let mut header = vec![1, 4, 6, 0, 1, 9];
    number(&mut header, packed.len() as u64);
    header.extend_from_slice(&[0, 7]);
    header.extend_from_slice(&description);
    header.extend_from_slice(&[0, 8, 0x0d]);
    number(&mut header, full.len() as u64);
    header.push(9);
    for (_, data) in full.iter().rev().skip(1).rev() {
        number(&mut header, data.len() as u64);
    }
    header.extend_from_slice(&[0x0a, 1]);
    for (_, data) in &full {
        header.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    }
    header.extend_from_slice(&[0, 0, 5]);
    number(&mut header, files.len() as u64);
    let bits = |flags: Vec<bool>| -> Vec<u8> {
        flags
            .chunks(8)
            .map(|flags| {
                flags
                    .iter()
                    .enumerate()
                    .fold(0, |byte, (index, &flag)| byte | u8::from(flag) << (7 - index))
            })
            .collect()
    };
    let empty = bits(files.iter().map(|(_, data)| data.is_empty()).collect());
    header.extend_from_slice(&[0x0e, empty.len() as u8]);
    header.extend_from_slice(&empty);
    let empty_files = bits(vec![true; files.len() - full.len()]);
    header.extend_from_slice(&[0x0f, empty_files.len() as u8]);
    header.extend_from_slice(&empty_files);
    let names: Vec<u8> = files
        .iter()
        .flat_map(|(name, _)| name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes))
        .collect();
    header.push(0x11);
    number(&mut header, names.len() as u64 + 1);
    header.push(0);
    header.extend_from_slice(&names);
    header.extend_from_slice(&[0, 0]);
    if options.pack_header {
        let (data, description) = folder(&header, options);
        let mut outer = vec![0x17, 6];
        number(&mut outer, packed.len() as u64);
        outer.extend_from_slice(&[1, 9]);
        number(&mut outer, data.len() as u64);
        outer.extend_from_slice(&[0, 7]);
        outer.extend_from_slice(&description);
        outer.extend_from_slice(&[0x0a, 1]);
        outer.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        outer.extend_from_slice(&[0, 0]);
        packed.extend_from_slice(&data);
        header = outer;
    }
    let mut start = (packed.len() as u64).to_le_bytes().to_vec();
    start.extend_from_slice(&(header.len() as u64).to_le_bytes());
    start.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    let mut out = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    out.extend_from_slice(&crc32fast::hash(&start).to_le_bytes());
    [out, start, packed, header].concat()
}
