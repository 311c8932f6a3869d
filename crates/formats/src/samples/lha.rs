/// An lha archive of stored files with headers of this level, 0 to 2.
pub fn lha(level: u8, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in files {
        let mut header = b"-lh0-".to_vec();
        header.extend_from_slice(&(data.len() as u32).to_le_bytes());
        header.extend_from_slice(&(data.len() as u32).to_le_bytes());
        header.extend_from_slice(&[0, 0, 0x21, 0, 0x20, level]);
        let crc = crc16(data).to_le_bytes();
        if level == 2 {
            header.extend_from_slice(&crc);
            header.push(b'U');
            // The name's extra header, then the end.
            header.extend_from_slice(&(name.len() as u16 + 3).to_le_bytes());
            header.push(1);
            header.extend_from_slice(name.as_bytes());
            header.extend_from_slice(&[0, 0]);
            // A length whose low byte is zero would look like the end of the archive.
            let length = header.len() as u16 + 2;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&header);
        } else {
            header.push(name.len() as u8);
            header.extend_from_slice(name.as_bytes());
            header.extend_from_slice(&crc);
            if level == 1 {
                header.extend_from_slice(&[b'U', 0, 0]);
            }
            out.push(header.len() as u8);
            out.push(header.iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte)));
            out.extend_from_slice(&header);
        }
        out.extend_from_slice(data);
    }
    out.push(0);
    out
}

/// CRC-16/ARC.
fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }
            },
        )
    })
}
