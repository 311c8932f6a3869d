use crate::bytes::Cursor;

/// 7z's numbers: the leading ones of the first byte say how many more bytes follow, little-endian;
/// the rest of the first byte is the highest part.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = cursor.u8()?;
    let extra = first.leading_ones();
    let mut value = 0_u64;
    for index in 0..extra {
        value |= u64::from(cursor.u8()?) << (8 * index);
    }
    if extra < 7 {
        value |= u64::from(first & (0x7f >> extra)) << (8 * extra);
    }
    Some(value)
}

/// A number that counts things of which each takes at least one bit of the header: more of them
/// than that is a lie.
pub(super) fn count(cursor: &mut Cursor<'_>) -> Option<usize> {
    let count = usize::try_from(number(cursor)?).ok()?;
    (count <= cursor.rest().len().saturating_mul(8)).then_some(count)
}

/// Bits, most significant first.
pub(super) fn bits(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<bool>> {
    let bytes = cursor.take(count.div_ceil(8))?;
    Some((0..count).map(|index| bytes[index / 8] & 0x80 >> (index % 8) != 0).collect())
}

/// As [`bits`], where a leading byte that is not zero stands for "all".
pub(super) fn optional_bits(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<bool>> {
    if cursor.u8()? == 0 { bits(cursor, count) } else { Some(vec![true; count]) }
}

/// Checksums of those of `count` things that have one.
pub(super) fn digests(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Option<u32>>> {
    optional_bits(cursor, count)?
        .into_iter()
        .map(|defined| if defined { Some(Some(cursor.u32_le()?)) } else { Some(None) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        let read = |bytes: &[u8]| number(&mut Cursor::new(bytes));
        assert_eq!(read(&[0x7f]), Some(0x7f));
        assert_eq!(read(&[0x81, 0x02]), Some(0x102));
        assert_eq!(read(&[0xc1, 0x02, 0x03]), Some(0x1_0302));
        assert_eq!(read(&[0xff, 1, 2, 3, 4, 5, 6, 7, 8]), Some(0x0807_0605_0403_0201));
        assert_eq!(read(&[0xfe, 1, 2, 3, 4, 5, 6, 7]), Some(0x07_0605_0403_0201));
        assert_eq!(read(&[0xff, 1]), None);
    }
}
