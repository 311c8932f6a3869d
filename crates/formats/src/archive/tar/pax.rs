/// The keywords of pax records that change what a member is.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) path: Option<&'a [u8]>,
    pub(super) size: Option<u64>,
    pub(super) sparse_name: Option<&'a [u8]>,
    pub(super) sparse_size: Option<u64>,
    /// Version 1.0: the map stands in front of the data.
    pub(super) sparse_in_data: bool,
    /// Version 0.1: `offset,length,…`.
    pub(super) sparse_map: Option<&'a [u8]>,
    /// Version 0.0: one record for each number.
    pub(super) sparse_parts: Vec<u64>,
}

impl<'a> Attributes<'a> {
    /// Reads records `length keyword=value\n`; stops at the first that is none.
    pub(super) fn read(&mut self, mut records: &'a [u8]) {
        while let Some((record, rest)) = record(records) {
            records = rest;
            let Some(equals) = record.iter().position(|&byte| byte == b'=') else { continue };
            let (keyword, value) = (&record[..equals], &record[equals + 1..]);
            match keyword {
                b"path" => self.path = Some(value),
                b"size" => self.size = decimal(value),
                b"GNU.sparse.name" => self.sparse_name = Some(value),
                b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse_size = decimal(value),
                b"GNU.sparse.major" => self.sparse_in_data = value == b"1",
                b"GNU.sparse.map" => self.sparse_map = Some(value),
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    self.sparse_parts.extend(decimal(value));
                }
                _ => {}
            }
        }
    }
}

/// The first record without its length and newline, and what follows it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = records.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(records.get(..blank)?)?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(blank + 1..)?;
    Some((record.strip_suffix(b"\n")?, rest))
}

/// A decimal number that fits.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_matches('\0').parse().ok()
}
