//! File systems and disks whose signature is two bytes.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{u16_le, u32_le};

/// Ext2/3/4 superblock at 1024: block size, state and revision in their ranges.
pub(in crate::filetype) fn ext(data: &[u8]) -> Option<&'static Type> {
    let block = u32_le(data, 1024 + 24)?;
    let state = u16_le(data, 1024 + 58)?;
    let revision = u32_le(data, 1024 + 76)?;
    let inodes = u32_le(data, 1024)?;
    (block <= 6 && state <= 7 && revision <= 1 && inodes > 0).then_some(const { named("ext") })
}

/// A boot sector: either a FAT parameter block, or four partition entries that are each empty or
/// flagged 0x00 or 0x80.
pub(in crate::filetype) fn mbr(data: &[u8]) -> Option<&'static Type> {
    let sector = data.get(..512)?;
    let jump = matches!(sector[0], 0xeb | 0xe9);
    let bytes = u16_le(sector, 11)?;
    if jump && matches!(bytes, 512 | 1024 | 2048 | 4096) && sector[13].is_power_of_two() {
        return Some(const { named("fat") });
    }
    let entries = sector[446..510].chunks_exact(16);
    let flags = entries.clone().all(|entry| entry[0] & 0x7f == 0);
    let used = entries.filter(|entry| entry[4] != 0 && u32_le(entry, 12) != Some(0)).count();
    (flags && used > 0).then_some(const { named("mbr") })
}

/// The `koly` block in the last 512 bytes of an Apple disk image.
pub(in crate::filetype) fn apple_trailer(data: &[u8]) -> bool {
    data.len()
        .checked_sub(512)
        .and_then(|at| data.get(at..))
        .is_some_and(|sector| sector.starts_with(b"koly\0\0\0\x04"))
}
