/// A member of a [`tar_members`] archive.
#[derive(Debug, Clone)]
pub struct TarMember<'a> {
    /// Name, cut at 100 bytes.
    pub name: &'a [u8],
    /// Type flag: `b'0'` for a file.
    pub kind: u8,
    /// The size field; more or less than `data` is a lie.
    pub size: u64,
    /// The data.
    pub data: &'a [u8],
}

impl<'a> TarMember<'a> {
    /// A regular file.
    pub fn file(name: &'a str, data: &'a [u8]) -> Self {
        Self { name: name.as_bytes(), kind: b'0', size: data.len() as u64, data }
    }

    /// A record of another kind.
    pub fn of_kind(kind: u8, name: &'a str, data: &'a [u8]) -> Self {
        Self { kind, ..Self::file(name, data) }
    }

    /// Header, data and padding.
    pub fn record(&self) -> Vec<u8> {
        let mut header = [0_u8; 512];
        let name = &self.name[..self.name.len().min(100)];
        header[..name.len()].copy_from_slice(name);
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", self.size).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = self.kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        tar_checksum(&mut header);
        let mut record = header.to_vec();
        record.extend_from_slice(self.data);
        record.resize(record.len().next_multiple_of(512), 0);
        record
    }
}

/// Puts the right checksum into a header.
pub fn tar_checksum(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A ustar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> = files.iter().map(|&(name, data)| TarMember::file(name, data)).collect();
    tar_members(&members)
}

/// A tar of these records, with its two zero blocks.
pub fn tar_members(members: &[TarMember<'_>]) -> Vec<u8> {
    let mut out: Vec<u8> = members.iter().flat_map(TarMember::record).collect();
    out.resize(out.len() + 1_024, 0);
    out
}

/// One record of a pax header: its length counts itself.
pub fn pax_record(keyword: &str, value: &str) -> Vec<u8> {
    let rest = keyword.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    format!("{length} {keyword}={value}\n").into_bytes()
}
