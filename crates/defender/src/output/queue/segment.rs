//! The form of a segment: records of a head and a payload, one after the other.
//!
//! A head is 24 bytes, little-endian: the mark `PALQ`, the CRC-32 of what follows it (head and payload),
//! the payload's length, four bytes of zero, the record's running number. After damage the next record is
//! found by its mark and checked by its CRC.

/// The mark of a record.
const MARK: &[u8; 4] = b"PALQ";

/// Bytes before a payload.
pub(super) const HEAD_BYTES: usize = 24;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    pub(super) payload: &'a [u8],
    /// Where the next one begins.
    pub(super) end: usize,
}

/// A record as bytes.
pub(super) fn write(number: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEAD_BYTES + payload.len());
    record.extend_from_slice(MARK);
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(payload);
    let sum = crc32fast::hash(record.get(8..).unwrap_or_default());
    if let Some(place) = record.get_mut(4..8) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    record
}

/// The record at `start`, if it is whole and as it was written.
fn at(bytes: &[u8], start: usize) -> Option<Record<'_>> {
    let (head, rest) = bytes.get(start..)?.split_first_chunk::<HEAD_BYTES>()?;
    let (mark, checked) = head.split_first_chunk::<4>()?;
    let (sum, fields) = checked.split_first_chunk::<4>()?;
    let (length, fields) = fields.split_first_chunk::<4>()?;
    let number = fields.last_chunk::<8>()?;
    let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let mut found = crc32fast::Hasher::new();
    found.update(head.get(8..)?);
    found.update(payload);
    (mark == MARK && found.finalize() == u32::from_le_bytes(*sum)).then(|| Record {
        number: u64::from_le_bytes(*number),
        payload,
        end: start + HEAD_BYTES + payload.len(),
    })
}

/// The first whole record at `start` or, past damaged bytes, behind it.
pub(super) fn next(bytes: &[u8], start: usize) -> Option<Record<'_>> {
    let mut place = start;
    loop {
        if let Some(record) = at(bytes, place) {
            return Some(record);
        }
        let rest = bytes.get(place + 1..)?;
        place += 1 + rest.windows(MARK.len()).position(|window| window == MARK)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_costs_itself_alone() {
        let mut bytes = Vec::new();
        for number in 1..=3_u64 {
            bytes.extend(write(number, format!("line {number} PALQ").as_bytes()));
        }
        let size = bytes.len() / 3;
        for damaged in 0..size {
            let mut hurt = bytes.clone();
            hurt[size + damaged] ^= 0x40;
            let first = next(&hurt, 0).unwrap();
            assert_eq!((first.number, first.payload), (1, b"line 1 PALQ".as_slice()));
            let second = next(&hurt, first.end).unwrap();
            assert_eq!(second.number, 3, "byte {damaged}");
            assert_eq!(second.end, bytes.len());
        }
    }

    #[test]
    fn a_torn_record_is_none() {
        let bytes = write(7, b"abc");
        for length in 0..bytes.len() {
            assert_eq!(next(&bytes[..length], 0), None);
        }
    }
}
