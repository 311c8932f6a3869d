//! Tar headers (POSIX.1-1988 ustar, and the older form without a magic).

use super::super::Type;
use super::super::tables::named;

const BLOCK: usize = 512;

/// A tar header whose checksum holds; a broken checksum with the magic is still a tar, as readers
/// differ in how strict they are.
pub(in crate::filetype) fn check(data: &[u8]) -> Option<&'static Type> {
    let block = data.get(..BLOCK)?;
    let version_ok = matches!(block[262], 0 | b' ');
    (version_ok || is_header(block)).then_some(const { named("tar") })
}

/// True when the first block is a tar header by its checksum alone (version 7 tar has no magic).
pub(in crate::filetype) fn is_header(data: &[u8]) -> bool {
    let Some(block) = data.get(..BLOCK) else { return false };
    let Some(stored) = octal(&block[148..156]) else { return false };
    if block[0] == 0 || octal(&block[100..108]).is_none() || octal(&block[124..136]).is_none() {
        return false;
    }
    let total: u64 = block
        .iter()
        .enumerate()
        .map(|(at, &byte)| if (148..156).contains(&at) { 32 } else { u64::from(byte) })
        .sum();
    total == stored
}

fn octal(field: &[u8]) -> Option<u64> {
    let mut digits = field
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| !matches!(byte, 0 | b' '))
        .peekable();
    digits.peek()?;
    digits.try_fold(0u64, |value, byte| {
        (b'0'..=b'7').contains(byte).then(|| value * 8 + u64::from(byte - b'0'))
    })
}
