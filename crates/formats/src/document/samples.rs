//! Builders of small documents, for tests of other crates and seeds of the fuzz targets.

use std::fmt::Write;

/// One sample of every format here: its type id, a file name, and the bytes.
pub fn samples() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let program = pe_overlay(b"");
    let mail = eml(&[("tool.exe", &program), ("note.txt", b"hello")]);
    let native = ole10native("tool.exe", &program);
    let object = compound(&[("\u{1}Ole10Native", &native)]);
    vec![
        ("eml", "sample.eml", mail.clone()),
        ("mbox", "sample.mbox", mbox(&[mail.clone(), mail])),
        ("rtf", "sample.rtf", rtf_object("tool.exe", &program)),
        ("html", "sample.html", html_data_uri(&program)),
        ("pdf", "sample.pdf", pdf_attachment("tool.exe", &program)),
        ("msg", "sample.msg", msg("tool.exe", &program)),
        ("tnef", "winmail.dat", tnef("tool.exe", &program)),
        ("onenote", "sample.one", onenote(&[&program])),
        ("ppt", "sample.ppt", ppt_object(&object)),
        ("ole", "sample.ole", object),
        ("pe", "sample.exe", pe_overlay(b"7z\xbc\xaf\x27\x1c\0\x04 an archive")),
        ("elf", "sample.elf", elf_overlay(b"7z\xbc\xaf\x27\x1c\0\x04 an archive")),
        ("uuencode", "sample.uue", b"begin 644 a.txt\n%:&5L;&\\\n`\nend\n".to_vec()),
        (
            "yenc",
            "sample.ync",
            b"=ybegin line=128 size=3 name=a\r\n\x2a=}\x2c\r\n=yend size=3\r\n".to_vec(),
        ),
    ]
}

/// Standard base64, in lines of 76.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (number, chunk) in bytes.chunks(3).enumerate() {
        if number > 0 && number % 19 == 0 {
            out.push_str("\r\n");
        }
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            out.push(if digit <= chunk.len() {
                char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63])
            } else {
                '='
            });
        }
    }
    out
}

/// A mail with these attachments, in base64.
pub fn eml(attachments: &[(&str, &[u8])]) -> Vec<u8> {
    let mut mail = String::from(
        "From: sender@example.org\r\nTo: receiver@example.org\r\nSubject: Sample\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"sample-boundary\"\r\n\r\n\
         --sample-boundary\r\nContent-Type: text/plain\r\n\r\nSee the attachments.\r\n",
    );
    for (name, bytes) in attachments {
        let _ = write!(
            mail,
            "--sample-boundary\r\nContent-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64(bytes)
        );
    }
    mail.push_str("--sample-boundary--\r\n");
    mail.into_bytes()
}

/// A mailbox of these messages.
pub fn mbox(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        out.extend(b"From sender@example.org Mon Jan  1 00:00:00 2024\n");
        out.extend(message);
        out.extend(b"\n\n");
    }
    out
}

/// The body of a package (\[MS-OLEDS\]): what Word makes of a file dropped into a document.
pub fn package(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = 2u16.to_le_bytes().to_vec();
    for _ in 0..2 {
        out.extend(name.as_bytes());
        out.push(0);
    }
    out.extend([0, 0, 3, 0]);
    out.extend((name.len() as u32 + 1).to_le_bytes());
    out.extend(name.as_bytes());
    out.push(0);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

/// The content of an `\x01Ole10Native` stream that holds a file.
pub fn ole10native(name: &str, bytes: &[u8]) -> Vec<u8> {
    let body = package(name, bytes);
    let mut out = (body.len() as u32).to_le_bytes().to_vec();
    out.extend(body);
    out
}

/// Rich text with a package object that holds a file.
pub fn rtf_object(name: &str, bytes: &[u8]) -> Vec<u8> {
    let body = package(name, bytes);
    let mut object = vec![1, 5, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0];
    object.extend(b"Package\0\0\0\0\0\0\0\0\0");
    object.extend((body.len() as u32).to_le_bytes());
    object.extend(body);
    let mut text =
        String::from("{\\rtf1\\ansi{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata ");
    for byte in object {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("}}}");
    text.into_bytes()
}

/// A page with a file in a `data:` link.
pub fn html_data_uri(bytes: &[u8]) -> Vec<u8> {
    let encoded = base64(bytes).replace("\r\n", "");
    format!(
        "<!DOCTYPE html><html><body><a download=\"file\" \
         href=\"data:application/octet-stream;base64,{encoded}\">file</a></body></html>"
    )
    .into_bytes()
}

/// A compound file (\[MS-CFB\]) with these streams, at most a few hundred, in its root.
pub fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<Entry<'_>> =
        streams.iter().map(|(name, bytes)| Entry::Stream(name, bytes)).collect();
    compound_tree([0; 16], &entries)
}

/// A stream, or a folder of others, in a compound file to be built.
#[derive(Debug, Clone)]
pub enum Entry<'a> {
    /// A stream of this name.
    Stream(&'a str, &'a [u8]),
    /// A folder of this name and class id.
    Folder(&'a str, [u8; 16], Vec<Entry<'a>>),
}

impl Entry<'_> {
    /// Directory entries that it takes.
    fn count(&self) -> u32 {
        match self {
            Self::Stream(..) => 1,
            Self::Folder(_, _, inner) => 1 + inner.iter().map(Entry::count).sum::<u32>(),
        }
    }
}

const END: u32 = 0xffff_fffe;
const NONE: u32 = 0xffff_ffff;

/// The sectors of a compound file being built; all streams below 4,096 bytes go to small sectors.
#[derive(Default)]
struct Sectors {
    table: Vec<u32>,
    data: Vec<u8>,
    small_table: Vec<u32>,
    small: Vec<u8>,
}

impl Sectors {
    fn add(&mut self, bytes: &[u8]) -> u32 {
        chain(bytes, 512, &mut self.table, &mut self.data)
    }

    fn add_stream(&mut self, bytes: &[u8]) -> u32 {
        if bytes.len() < 4096 {
            chain(bytes, 64, &mut self.small_table, &mut self.small)
        } else {
            self.add(bytes)
        }
    }
}

fn chain(bytes: &[u8], size: usize, table: &mut Vec<u32>, data: &mut Vec<u8>) -> u32 {
    if bytes.is_empty() {
        return END;
    }
    let start = table.len() as u32;
    for number in 1..=bytes.len().div_ceil(size) as u32 {
        table.push(start + number);
    }
    if let Some(last) = table.last_mut() {
        *last = END;
    }
    data.extend(bytes);
    data.resize(data.len().next_multiple_of(size), 0);
    start
}

/// A directory entry before its links: name, kind, sibling, first child, class.
struct Node<'a> {
    name: &'a str,
    kind: u8,
    right: u32,
    child: u32,
    class: [u8; 16],
}

impl Node<'_> {
    fn entry(&self, start: u32, size: usize) -> Vec<u8> {
        let mut entry: Vec<u8> = self.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name_bytes = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(name_bytes.to_le_bytes());
        entry.extend([self.kind, 1]);
        for link in [NONE, self.right, self.child] {
            entry.extend(link.to_le_bytes());
        }
        entry.extend(self.class);
        entry.resize(116, 0);
        entry.extend(start.to_le_bytes());
        entry.extend((size as u64).to_le_bytes());
        entry
    }
}

/// Adds entries, which are siblings, the first of them with this number. Each list of siblings is
/// a tree that leans to the right; a folder's entries follow it.
fn add_entries(
    entries: &[Entry<'_>],
    mut number: u32,
    sectors: &mut Sectors,
    directory: &mut Vec<u8>,
) {
    for (at, entry) in entries.iter().enumerate() {
        let next = number + entry.count();
        let right = if at + 1 == entries.len() { NONE } else { next };
        match entry {
            Entry::Stream(name, bytes) => {
                let start = sectors.add_stream(bytes);
                let node = Node { name, kind: 2, right, child: NONE, class: [0; 16] };
                directory.extend(node.entry(start, bytes.len()));
            }
            Entry::Folder(name, class, inner) => {
                let child = if inner.is_empty() { NONE } else { number + 1 };
                let node = Node { name, kind: 1, right, child, class: *class };
                directory.extend(node.entry(0, 0));
                add_entries(inner, number + 1, sectors, directory);
            }
        }
        number = next;
    }
}

/// A compound file with these entries below a root of this class.
pub fn compound_tree(class: [u8; 16], entries: &[Entry<'_>]) -> Vec<u8> {
    let mut sectors = Sectors::default();
    let mut directory = Vec::new();
    add_entries(entries, 1, &mut sectors, &mut directory);
    let small = std::mem::take(&mut sectors.small);
    let small_start = sectors.add(&small);
    let first = if entries.is_empty() { NONE } else { 1 };
    let root = Node { name: "Root Entry", kind: 5, right: NONE, child: first, class };
    let mut all = root.entry(small_start, small.len());
    all.extend(directory);
    all.resize(all.len().next_multiple_of(512), 0);
    let directory_start = sectors.add(&all);
    let small_table: Vec<u8> =
        sectors.small_table.iter().flat_map(|next| next.to_le_bytes()).collect();
    let mut padded = small_table;
    padded.resize(padded.len().next_multiple_of(512), 0xff);
    let small_table_start = sectors.add(&padded);
    // The table covers its own sectors.
    let mut table_sectors = 0;
    while (sectors.table.len() + table_sectors).div_ceil(128) > table_sectors {
        table_sectors += 1;
    }
    let table_start = sectors.table.len() as u32;
    sectors.table.extend(std::iter::repeat_n(0xffff_fffd, table_sectors));
    sectors.table.resize(table_sectors * 128, NONE);
    let mut out = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    out.extend([0; 16]);
    for half in [0x3eu16, 3, 0xfffe, 9, 6, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    let small_count = padded.len() as u32 / 512;
    let words =
        [0, table_sectors as u32, directory_start, 0, 4096, small_table_start, small_count, END, 0];
    for word in words {
        out.extend(u32::to_le_bytes(word));
    }
    for at in 0..109 {
        let sector = if at < table_sectors { table_start + at as u32 } else { NONE };
        out.extend(sector.to_le_bytes());
    }
    out.extend(&sectors.data);
    out.extend(sectors.table.iter().flat_map(|next| next.to_le_bytes()));
    out
}

/// An Outlook message with a body and an attachment.
pub fn msg(name: &str, bytes: &[u8]) -> Vec<u8> {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let (body, name) = (wide("hello"), wide(name));
    let attachment = vec![
        Entry::Stream("__substg1.0_37010102", bytes),
        Entry::Stream("__substg1.0_3707001F", &name),
    ];
    compound_tree(
        [0; 16],
        &[
            Entry::Stream("__properties_version1.0", &[0; 32]),
            Entry::Stream("__substg1.0_1000001F", &body),
            Entry::Folder("__attach_version1.0_#00000000", [0; 16], attachment),
        ],
    )
}

/// A presentation with an embedded object, compressed.
pub fn ppt_object(storage: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory does not fail.
    let packed = std::io::Write::write_all(&mut packed, storage)
        .and_then(|()| packed.finish())
        .unwrap_or_default();
    let mut record = vec![0x0f, 0, 0xe8, 0x03, 0xff, 0xff, 0, 0];
    record.extend([0x10, 0, 0x11, 0x10]);
    record.extend((packed.len() as u32 + 4).to_le_bytes());
    record.extend((storage.len() as u32).to_le_bytes());
    record.extend(packed);
    compound(&[("PowerPoint Document", &record)])
}

/// A `winmail.dat` with a body and an attachment.
pub fn tnef(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x78\x9f\x3e\x22\x01\x00".to_vec();
    let mut attribute = |level: u8, id: u32, value: &[u8]| {
        out.push(level);
        out.extend(id.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(value);
        let sum = value.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        out.extend(sum.to_le_bytes());
    };
    attribute(1, 0x0002_800c, b"hello");
    attribute(2, 0x0006_9002, &[0; 14]);
    attribute(2, 0x0001_8010, format!("{name}\0").as_bytes());
    attribute(2, 0x0006_800f, bytes);
    out
}

/// A OneNote section with these files.
pub fn onenote(files: &[&[u8]]) -> Vec<u8> {
    let mut out = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3".to_vec();
    out.resize(1024, 0);
    for bytes in files {
        out.extend(b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac");
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend([0; 12]);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// A PDF with an attachment, compressed.
pub fn pdf_attachment(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory does not fail.
    let packed = std::io::Write::write_all(&mut encoder, bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default();
    let mut file = format!(
        "%PDF-1.7\n1 0 obj\n<</Type/Catalog/Names<</EmbeddedFiles<</Names[({name}) 2 0 R]>>>>>>\nendobj\n\
         2 0 obj\n<</Type/Filespec/F({name})/UF({name})/EF<</F 3 0 R>>>>\nendobj\n\
         3 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode/Length {}>>\nstream\n",
        packed.len()
    )
    .into_bytes();
    file.extend(packed);
    file.extend(b"\nendstream\nendobj\ntrailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n");
    file
}

/// A Windows executable of one section with these bytes behind it. It does not run.
pub fn pe_overlay(overlay: &[u8]) -> Vec<u8> {
    let mut file = vec![0u8; 0x400];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80u32.to_le_bytes());
    put(0x80, b"PE\0\0\x4c\x01\x01\0");
    put(0x80 + 20, &0xe0u16.to_le_bytes());
    put(0x80 + 24, &0x10bu16.to_le_bytes());
    put(0x80 + 24 + 92, &16u32.to_le_bytes());
    let section = 0x80 + 24 + 0xe0;
    put(section, b".text");
    for (field, value) in [(8, 0x200u32), (12, 0x1000), (16, 0x200), (20, 0x200)] {
        put(section + field, &value.to_le_bytes());
    }
    file.extend(overlay);
    file
}

/// A 64-bit ELF of one segment with these bytes behind it. It does not run.
pub fn elf_overlay(overlay: &[u8]) -> Vec<u8> {
    let mut file = vec![0u8; 0x100];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, b"\x02\0\x3e\0\x01\0\0\0");
    put(32, &64u64.to_le_bytes());
    put(52, b"\x40\0\x38\0\x01\0");
    put(64, b"\x01\0\0\0");
    put(64 + 32, &0x100u64.to_le_bytes());
    file.extend(overlay);
    file
}

/// A package in standard encryption (\[MS-OFFCRYPTO\] 2.3.4.5) with AES of 128 bits.
pub fn encrypted_package(password: &str, package: &[u8]) -> Vec<u8> {
    use aes::cipher::{BlockCipherEncrypt, KeyInit};
    use sha1::{Digest, Sha1};

    let salt = [7u8; 16];
    let key = super::ole::decrypt::standard_key(password, &salt);
    let cipher = aes::Aes128::new_from_slice(&key).expect("a key of 16 bytes");
    let encrypt = |data: &[u8]| {
        let mut out = data.to_vec();
        out.resize(out.len().next_multiple_of(16), 0);
        for chunk in out.as_chunks_mut::<16>().0 {
            let mut block = aes::Block::from(*chunk);
            cipher.encrypt_block(&mut block);
            chunk.copy_from_slice(&block);
        }
        out
    };
    let verifier = [9u8; 16];
    let mut information = vec![4, 0, 2, 0, 0x24, 0, 0, 0];
    information.extend(32u32.to_le_bytes());
    for word in [0x24u32, 0, 0x660e, 0x8004, 128, 0x18, 0, 0] {
        information.extend(word.to_le_bytes());
    }
    information.extend(16u32.to_le_bytes());
    information.extend(salt);
    information.extend(encrypt(&verifier));
    information.extend(20u32.to_le_bytes());
    information.extend(encrypt(&Sha1::digest(verifier)));
    let body = [&(package.len() as u64).to_le_bytes()[..], &encrypt(package)].concat();
    compound(&[("EncryptionInfo", &information), ("EncryptedPackage", &body)])
}
