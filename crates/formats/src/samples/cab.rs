/// How a [`cab`] is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CabMethod {
    /// Not at all.
    Stored,
    /// Deflate blocks.
    MsZip,
    /// LZX with uncompressed blocks only.
    LzxUncompressed,
}

/// A cabinet of these files in one folder.
pub fn cab(method: CabMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
    let plain: Vec<u8> = files.iter().flat_map(|(_, data)| data.iter().copied()).collect();
    let mut blocks = Vec::new();
    let chunks = plain.chunks(32_768);
    let number_of_blocks = chunks.len() as u16;
    for (index, chunk) in chunks.enumerate() {
        let data = match method {
            CabMethod::Stored => chunk.to_vec(),
            CabMethod::MsZip => [&b"CK"[..], &super::deflated(chunk)].concat(),
            CabMethod::LzxUncompressed => lzx_uncompressed(chunk, index == 0),
        };
        let mut header = (data.len() as u16).to_le_bytes().to_vec();
        header.extend_from_slice(&(chunk.len() as u16).to_le_bytes());
        let sum = checksum(&header) ^ checksum(&data);
        blocks.extend_from_slice(&sum.to_le_bytes());
        blocks.extend_from_slice(&header);
        blocks.extend_from_slice(&data);
    }
    let code: u16 = match method {
        CabMethod::Stored => 0,
        CabMethod::MsZip => 1,
        CabMethod::LzxUncompressed => 3 | 16 << 8,
    };
    let mut list = Vec::new();
    let mut offset = 0_u32;
    for (name, data) in files {
        list.extend_from_slice(&(data.len() as u32).to_le_bytes());
        list.extend_from_slice(&offset.to_le_bytes());
        list.extend_from_slice(&[0; 8]);
        list.extend_from_slice(name.as_bytes());
        list.push(0);
        offset += data.len() as u32;
    }
    let data_at = 36 + 8 + list.len() as u32;
    let mut out = b"MSCF\0\0\0\0".to_vec();
    out.extend_from_slice(&(data_at + blocks.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&44_u32.to_le_bytes());
    out.extend_from_slice(&[0, 0, 0, 0, 3, 1, 1, 0]);
    out.extend_from_slice(&(files.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&data_at.to_le_bytes());
    out.extend_from_slice(&number_of_blocks.to_le_bytes());
    out.extend_from_slice(&code.to_le_bytes());
    [out, list, blocks].concat()
}

/// [MS-PATCH] 2.4: in the first chunk one bit "no E8 translation"; then a block type of 3 bits (3)
/// and a length of 24 bits, in 16-bit little-endian words; then three offsets and the bytes.
fn lzx_uncompressed(chunk: &[u8], first: bool) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: u32, count: u32| {
        bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    };
    if first {
        push(0, 1);
    }
    push(3, 3);
    push(chunk.len() as u32, 24);
    bits.resize(bits.len().next_multiple_of(16), false);
    let mut out: Vec<u8> = bits
        .chunks(16)
        .flat_map(|word| {
            word.iter().fold(0_u16, |word, &bit| word << 1 | u16::from(bit)).to_le_bytes()
        })
        .collect();
    for _ in 0..3 {
        out.extend_from_slice(&1_u32.to_le_bytes());
    }
    out.extend_from_slice(chunk);
    if chunk.len() % 2 == 1 {
        out.push(0);
    }
    out
}

fn checksum(data: &[u8]) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(0, |sum, &word| sum ^ u32::from_le_bytes(word));
    sum ^ rest.iter().fold(0, |last, &byte| last << 8 | u32::from(byte))
}
