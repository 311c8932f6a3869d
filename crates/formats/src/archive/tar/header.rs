use super::super::text;

/// Everything in a tar is a multiple of this many bytes.
pub(super) const BLOCK: usize = 512;

/// A header block (POSIX.1-2001, pax, "ustar Interchange Format"; the older ones are parts of it).
pub(super) struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    pub(super) fn new(block: &'a [u8; BLOCK]) -> Self {
        Self(block)
    }

    /// The sum of all bytes, the field itself taken as blanks; old writers summed signed bytes.
    pub(super) fn checksum_holds(&self) -> bool {
        let Some(stated) = number(&self.0[148..156]) else { return false };
        let rest = || self.0[..148].iter().chain(&self.0[156..]);
        let unsigned: u64 = rest().map(|&byte| u64::from(byte)).sum::<u64>() + 8 * 32;
        let signed: i64 = rest().map(|&byte| i64::from(byte as i8)).sum::<i64>() + 8 * 32;
        stated == unsigned || i64::try_from(stated) == Ok(signed)
    }

    pub(super) fn has_magic(&self) -> bool {
        self.0[257..].starts_with(b"ustar")
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn size(&self) -> Option<u64> {
        number(&self.0[124..136])
    }

    /// The name with ustar's prefix.
    pub(super) fn name(&self) -> String {
        let name = text::until_nul(&self.0[..100]);
        // GNU's magic is followed by a blank and its "prefix" holds other things.
        if self.0[257..].starts_with(b"ustar\0") && self.0[345] != 0 {
            return format!("{}/{name}", text::until_nul(&self.0[345..500]));
        }
        name
    }
}

/// Octal digits with blanks or NULs around, or GNU's base 256 when the top bit is set.
/// `None` for anything else, negative numbers included.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return None;
        }
        return rest.iter().try_fold(u64::from(first & 0x3f), |value, &byte| {
            value.checked_mul(256)?.checked_add(u64::from(byte))
        });
    }
    let start = field.iter().position(|&byte| byte != b' ' && byte != 0);
    let digits = start.and_then(|start| field.get(start..)).unwrap_or_default();
    let end = digits.iter().position(|&byte| byte == b' ' || byte == 0).unwrap_or(digits.len());
    digits.iter().take(end).try_fold(0_u64, |value, &byte| {
        let digit = char::from(byte).to_digit(8)?;
        value.checked_mul(8)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_of_all_writers() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   17 \0"), Some(0o17));
        assert_eq!(number(b"\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\x02"), Some(258));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"12x"), None);
    }
}
