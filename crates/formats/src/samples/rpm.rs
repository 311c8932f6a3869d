/// A package of these files, its payload packed by gzip.
pub fn rpm(files: &[(&str, &[u8])]) -> Vec<u8> {
    rpm_with_payload(&super::gzip(&super::cpio(super::CpioLayout::New, files)))
}

/// A package around this payload.
pub fn rpm_with_payload(payload: &[u8]) -> Vec<u8> {
    let mut out = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01sample".to_vec();
    out.resize(96, 0);
    let header = |entries: u32, bytes: &[u8]| -> Vec<u8> {
        let mut header = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
        header.extend_from_slice(&entries.to_be_bytes());
        header.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        header.resize(header.len() + entries as usize * 16, 0);
        header.extend_from_slice(bytes);
        header
    };
    out.extend(header(1, b"sig"));
    out.resize(out.len().next_multiple_of(8), 0);
    out.extend(header(2, b"name\0"));
    out.extend_from_slice(payload);
    out
}
