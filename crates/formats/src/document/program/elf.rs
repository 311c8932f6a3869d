//! Where an ELF file ends (System V gABI, "ELF Header").

use crate::bytes::{u16_be, u16_le, u32_be, u32_le, u64_le};

/// Program or section headers that are read.
const MAX_HEADERS: u16 = 2_000;

/// The end of the last segment, section or table of headers.
pub(super) fn end(data: &[u8]) -> Option<usize> {
    let wide = *data.get(4)? == 2;
    let big = *data.get(5)? == 2;
    let half = |at: usize| if big { u16_be(data, at) } else { u16_le(data, at) };
    let word = |at: usize| if big { u32_be(data, at) } else { u32_le(data, at) };
    let address = |at: usize| {
        let value = match (wide, big) {
            (false, _) => u64::from(word(at)?),
            (true, false) => u64_le(data, at)?,
            (true, true) => u64::from_be_bytes(data.get(at..at.checked_add(8)?)?.try_into().ok()?),
        };
        usize::try_from(value).ok()
    };
    let (programs, sections, sizes) =
        if wide { (address(32)?, address(40)?, 54) } else { (address(28)?, address(32)?, 42) };
    let [program_size, program_count, section_size, section_count] =
        [half(sizes)?, half(sizes + 2)?, half(sizes + 4)?, half(sizes + 6)?];
    let mut end = 0usize;
    for number in 0..program_count.min(MAX_HEADERS) {
        let at = programs.checked_add(usize::from(number) * usize::from(program_size))?;
        let (offset, size) = if wide {
            (address(at.checked_add(8)?), address(at.checked_add(32)?))
        } else {
            (address(at.checked_add(4)?), address(at.checked_add(16)?))
        };
        end = end.max(offset?.saturating_add(size?));
    }
    if sections > 0 {
        for number in 0..section_count.min(MAX_HEADERS) {
            let at = sections.checked_add(usize::from(number) * usize::from(section_size))?;
            // A section of kind NOBITS takes no bytes.
            if word(at.checked_add(4)?)? == 8 {
                continue;
            }
            let (offset, size) = if wide {
                (address(at.checked_add(24)?), address(at.checked_add(32)?))
            } else {
                (address(at.checked_add(16)?), address(at.checked_add(20)?))
            };
            end = end.max(offset?.saturating_add(size?));
        }
        let table = usize::from(section_count) * usize::from(section_size);
        end = end.max(sections.saturating_add(table));
    }
    (end > 0 && end <= data.len()).then_some(end)
}
