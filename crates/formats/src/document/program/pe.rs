//! Sections, signature and resources of a Windows executable (PE format).

use crate::bytes::{u16_le, u32_le};
use crate::unpack::Stop;

/// The loader takes at most this many sections.
const MAX_SECTIONS: u16 = 96;
/// Entries of resource directories that are walked.
const MAX_ENTRIES: usize = 4_096;
/// Type, name, language.
const RESOURCE_DEPTH: usize = 3;
/// Resource types that never hold files: cursors, icons, menus, dialogs, strings, versions, ….
const RT_RCDATA: u32 = 10;
const RT_HTML: u32 = 23;

struct Section {
    address: usize,
    virtual_size: usize,
    offset: usize,
    size: usize,
}

/// The parts of an image that matter here.
pub(super) struct Image<'a> {
    data: &'a [u8],
    sections: Vec<Section>,
    /// Offset and size of the certificate table, which stands behind the sections.
    certificates: Option<(usize, usize)>,
    resources: Option<usize>,
}

impl<'a> Image<'a> {
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let header = u32_le(data, 0x3c)? as usize;
        if !data.get(header..)?.starts_with(b"PE\0\0") {
            return None;
        }
        let count = u16_le(data, header + 6)?.min(MAX_SECTIONS);
        let optional = header + 24;
        let optional_size = usize::from(u16_le(data, header + 20)?);
        let wide = u16_le(data, optional) == Some(0x20b);
        let directories = optional + if wide { 112 } else { 96 };
        let directory = |number: usize| {
            let at = directories + number * 8;
            let inside = at + 8 <= optional + optional_size;
            let (address, size) = (u32_le(data, at)? as usize, u32_le(data, at + 4)? as usize);
            (inside && address != 0 && size != 0).then_some((address, size))
        };
        let table = optional + optional_size;
        let sections: Vec<Section> = (0..usize::from(count))
            .filter_map(|number| {
                let at = table + number * 40;
                Some(Section {
                    virtual_size: u32_le(data, at + 8)? as usize,
                    address: u32_le(data, at + 12)? as usize,
                    size: u32_le(data, at + 16)? as usize,
                    offset: u32_le(data, at + 20)? as usize,
                })
            })
            .collect();
        let image = Self { data, certificates: directory(4), resources: None, sections };
        let resources = directory(2).and_then(|(address, _)| image.offset(address));
        Some(Self { resources, ..image })
    }

    /// File offset of a virtual address.
    fn offset(&self, address: usize) -> Option<usize> {
        self.sections.iter().find_map(|section| {
            let inside = address.checked_sub(section.address)?;
            (inside < section.size.max(section.virtual_size)).then(|| section.offset + inside)
        })
    }

    /// The bytes behind the last section, without the signature.
    pub(super) fn overlays(&self) -> Vec<&'a [u8]> {
        let end = self
            .sections
            .iter()
            .filter(|section| section.size > 0)
            .map(|section| section.offset.saturating_add(section.size))
            .max()
            .unwrap_or(0);
        if end == 0 || end >= self.data.len() {
            return Vec::new();
        }
        match self.certificates {
            Some((start, size)) if start >= end && start < self.data.len() => {
                let after = start.saturating_add(size).min(self.data.len());
                vec![&self.data[end..start], &self.data[after..]]
            }
            _ => vec![&self.data[end..]],
        }
    }

    /// Gives name and bytes of every resource of a type that may hold files.
    pub(super) fn resources(
        &self,
        mut give: impl FnMut(String, &'a [u8]) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some(base) = self.resources else { return Ok(()) };
        let mut open = vec![(0usize, 0usize, String::from("resource"))];
        let mut left = MAX_ENTRIES;
        while let Some((directory, depth, name)) = open.pop() {
            let at = base.saturating_add(directory);
            let (Some(named), Some(numbered)) = (
                u16_le(self.data, at.saturating_add(12)),
                u16_le(self.data, at.saturating_add(14)),
            ) else {
                continue;
            };
            for entry in 0..usize::from(named) + usize::from(numbered) {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                let slot = at.saturating_add(16 + entry * 8);
                let (Some(id), Some(target)) =
                    (u32_le(self.data, slot), u32_le(self.data, slot.saturating_add(4)))
                else {
                    break;
                };
                let is_name = id >> 31 == 1;
                // Types with a name are the program's own.
                if depth == 0 && !is_name && !matches!(id, RT_RCDATA | RT_HTML) {
                    continue;
                }
                let part = if is_name { format!("n{entry}") } else { id.to_string() };
                let name = format!("{name}-{part}");
                let target_offset = (target & 0x7fff_ffff) as usize;
                if target >> 31 == 1 {
                    if depth + 1 < RESOURCE_DEPTH {
                        open.push((target_offset, depth + 1, name));
                    }
                } else if let Some(bytes) = self.leaf(base, target_offset) {
                    give(name, bytes)?;
                }
            }
        }
        Ok(())
    }

    fn leaf(&self, base: usize, offset: usize) -> Option<&'a [u8]> {
        let at = base.checked_add(offset)?;
        let start = self.offset(u32_le(self.data, at)? as usize)?;
        let size = u32_le(self.data, at.checked_add(4)?)? as usize;
        let rest = self.data.get(start..)?;
        Some(&rest[..size.min(rest.len())])
    }
}
