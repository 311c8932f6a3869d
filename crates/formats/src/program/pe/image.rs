use crate::bytes::{Cursor, u16_le, u32_le, u64_le};

/// The loader takes at most this many sections (PE format, "COFF File Header").
pub const MAX_SECTIONS: u16 = 96;
/// Directories that are defined.
const MAX_DIRECTORIES: u32 = 16;

/// Numbers of the data directories (PE format, "Optional Header Data Directories").
pub mod directory {
    /// Exported symbols.
    pub const EXPORT: usize = 0;
    /// Imported symbols.
    pub const IMPORT: usize = 1;
    /// Resources.
    pub const RESOURCE: usize = 2;
    /// Certificate table; its address is an offset in the file.
    pub const SECURITY: usize = 4;
    /// Base relocations.
    pub const RELOCATION: usize = 5;
    /// Debug directory.
    pub const DEBUG: usize = 6;
    /// Thread-local storage.
    pub const TLS: usize = 9;
    /// Delay-load imports.
    pub const DELAY_IMPORT: usize = 13;
    /// CLI header of a .NET image.
    pub const CLR: usize = 14;
}

/// Where a table is, in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// Address relative to the image base; for the certificate table an offset in the file.
    pub address: u32,
    /// Bytes.
    pub size: u32,
}

/// A row of the section table.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its eight bytes of name.
    pub raw_name: [u8; 8],
    /// Address relative to the image base.
    pub address: u32,
    /// Bytes in memory.
    pub virtual_size: u32,
    /// Offset of its bytes in the file, as stated.
    pub offset: u32,
    /// Bytes in the file, as stated.
    pub size: u32,
    /// `IMAGE_SCN_*`.
    pub characteristics: u32,
}

impl Section {
    /// The name up to its padding, undecodable bytes replaced.
    pub fn name(&self) -> String {
        let end = self.raw_name.iter().position(|&byte| byte == 0).unwrap_or(8);
        String::from_utf8_lossy(self.raw_name.get(..end).unwrap_or_default()).into_owned()
    }

    /// `IMAGE_SCN_MEM_EXECUTE`.
    pub fn is_executable(&self) -> bool {
        self.characteristics & 0x2000_0000 != 0
    }

    /// `IMAGE_SCN_MEM_WRITE`.
    pub fn is_writable(&self) -> bool {
        self.characteristics & 0x8000_0000 != 0
    }

    /// `IMAGE_SCN_CNT_CODE`.
    pub fn has_code(&self) -> bool {
        self.characteristics & 0x20 != 0
    }

    /// Bytes that it takes in memory: the virtual size, or the raw size where that is 0.
    pub fn span(&self) -> u32 {
        if self.virtual_size == 0 { self.size } else { self.virtual_size }
    }

    /// Whether an address falls into it.
    pub fn holds(&self, address: u32) -> bool {
        address.checked_sub(self.address).is_some_and(|inside| inside < self.span())
    }
}

/// The headers of a Windows executable.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    pub(super) data: &'a [u8],
    /// Offset of the signature `PE\0\0`.
    pub header: usize,
    /// `IMAGE_FILE_MACHINE_*`.
    pub machine: u16,
    /// Sections that the header states.
    pub stated_sections: u16,
    /// Seconds since 1970, or a hash in reproducible builds.
    pub timestamp: u32,
    /// Bytes of the optional header, as stated.
    pub optional_size: u16,
    /// `IMAGE_FILE_*`.
    pub characteristics: u16,
    /// `IMAGE_*_OPTIONAL_HDR_MAGIC`: 0x10b or 0x20b in files that can be loaded.
    pub magic: u16,
    /// Whether it is a PE32+ image.
    pub wide: bool,
    /// Major and minor version of the linker.
    pub linker: (u8, u8),
    /// Address of the entry point; 0 for none.
    pub entry: u32,
    /// Preferred address in memory.
    pub base: u64,
    /// Alignment in memory, in bytes.
    pub section_alignment: u32,
    /// Alignment in the file, in bytes.
    pub file_alignment: u32,
    /// Bytes in memory.
    pub size_of_image: u32,
    /// Bytes of all headers.
    pub size_of_headers: u32,
    /// Stated checksum; 0 for none.
    pub checksum: u32,
    /// `IMAGE_SUBSYSTEM_*`.
    pub subsystem: u16,
    /// `IMAGE_DLLCHARACTERISTICS_*`.
    pub dll_characteristics: u16,
    /// Data directories that the header states.
    pub stated_directories: u32,
    /// The data directories, at most sixteen.
    pub directories: Vec<Directory>,
    /// Offset of the section table.
    pub section_table: usize,
    /// The sections, at most [`MAX_SECTIONS`].
    pub sections: Vec<Section>,
}

impl<'a> Image<'a> {
    /// Reads the headers; `None` when there is no signature or no optional header.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let header = usize::try_from(u32_le(data, 0x3c)?).ok()?;
        if !data.get(header..)?.starts_with(b"PE\0\0") {
            return None;
        }
        let optional = header.checked_add(24)?;
        let magic = u16_le(data, optional)?;
        let wide = magic == 0x20b;
        let half = |place: usize| u16_le(data, optional.saturating_add(place)).unwrap_or(0);
        let word = |place: usize| u32_le(data, optional.saturating_add(place)).unwrap_or(0);
        let byte = |place: usize| data.get(optional.saturating_add(place)).copied().unwrap_or(0);
        let tables = if wide { 112 } else { 96 };
        let stated_directories = word(tables - 4);
        let directories = (0..stated_directories.min(MAX_DIRECTORIES) as usize)
            .map_while(|number| {
                let mut cursor = Cursor::at(data, optional + tables + number * 8)?;
                Some(Directory { address: cursor.u32_le()?, size: cursor.u32_le()? })
            })
            .collect();
        let optional_size = u16_le(data, header + 20)?;
        let section_table = optional + usize::from(optional_size);
        let stated_sections = u16_le(data, header + 6)?;
        Some(Self {
            data,
            header,
            machine: u16_le(data, header + 4)?,
            stated_sections,
            timestamp: u32_le(data, header + 8)?,
            optional_size,
            characteristics: u16_le(data, header + 22)?,
            magic,
            wide,
            linker: (byte(2), byte(3)),
            entry: word(16),
            base: if wide { u64_le(data, optional + 24).unwrap_or(0) } else { u64::from(word(28)) },
            section_alignment: word(32),
            file_alignment: word(36),
            size_of_image: word(56),
            size_of_headers: word(60),
            checksum: word(64),
            subsystem: half(68),
            dll_characteristics: half(70),
            stated_directories,
            directories,
            section_table,
            sections: sections(data, section_table, stated_sections.min(MAX_SECTIONS)),
        })
    }

    /// The whole file.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// A directory that is there: neither address nor size is 0.
    pub fn directory(&self, number: usize) -> Option<Directory> {
        self.directories.get(number).copied().filter(|at| at.address != 0 && at.size != 0)
    }

    /// `IMAGE_FILE_DLL`.
    pub fn is_library(&self) -> bool {
        self.characteristics & 0x2000 != 0
    }

    /// Whether it is a driver or another part of the kernel: the native subsystem.
    pub fn is_native(&self) -> bool {
        self.subsystem == 1
    }

    /// Offset of a section's bytes: the loader rounds it down to 512 bytes, unless the alignment of
    /// the image is smaller than a page.
    pub fn raw_offset(&self, section: &Section) -> usize {
        let mask = if self.section_alignment >= 0x1000 { !0x1ffu32 } else { !0 };
        (section.offset & mask) as usize
    }

    /// The bytes of a section that are in the file.
    pub fn section_bytes(&self, section: &Section) -> &'a [u8] {
        let rest = self.data.get(self.raw_offset(section)..).unwrap_or_default();
        rest.get(..rest.len().min(section.size as usize)).unwrap_or_default()
    }

    /// The section that an address falls into.
    pub fn section_at(&self, address: u32) -> Option<&Section> {
        self.sections.iter().find(|section| section.holds(address))
    }

    /// Offset in the file of an address relative to the image base.
    pub fn offset(&self, address: u32) -> Option<usize> {
        for section in &self.sections {
            let Some(inside) = address.checked_sub(section.address) else { continue };
            if inside < section.virtual_size.max(section.size) {
                return (inside < section.size)
                    .then(|| self.raw_offset(section).checked_add(inside as usize))
                    .flatten()
                    .filter(|&offset| offset < self.data.len());
            }
        }
        // The headers are mapped as they stand.
        let first = self.sections.iter().map(|section| section.address).min().unwrap_or(u32::MAX);
        (address < first && (address as usize) < self.data.len()).then_some(address as usize)
    }

    /// The bytes from an address to the end of what the file has of its section.
    pub fn at(&self, address: u32) -> Option<&'a [u8]> {
        let offset = self.offset(address)?;
        let end = self
            .sections
            .iter()
            .find(|section| {
                address.checked_sub(section.address).is_some_and(|inside| inside < section.size)
            })
            .map_or(self.data.len(), |section| {
                self.raw_offset(section).saturating_add(section.size as usize)
            });
        self.data.get(offset..end.min(self.data.len()))
    }

    /// The text at an address up to its NUL, at most `limit` bytes.
    pub fn text(&self, address: u32, limit: usize) -> Option<&'a [u8]> {
        Cursor::new(self.at(address)?).c_string(limit)
    }

    /// The certificate table: offset and bytes, as far as the file has them.
    pub fn certificates(&self) -> Option<(usize, &'a [u8])> {
        let directory = self.directory(directory::SECURITY)?;
        let offset = directory.address as usize;
        let rest = self.data.get(offset..).filter(|rest| !rest.is_empty())?;
        Some((offset, rest.get(..rest.len().min(directory.size as usize))?))
    }

    /// The end of the headers and of the last section's bytes.
    pub fn end_of_sections(&self) -> usize {
        self.sections
            .iter()
            .filter(|section| section.size > 0)
            .map(|section| self.raw_offset(section).saturating_add(section.size as usize))
            .max()
            .unwrap_or(0)
    }

    /// The pieces behind the last section, offset and bytes: before the certificate table and after it.
    pub fn overlays(&self) -> Vec<(usize, &'a [u8])> {
        let end = self.end_of_sections();
        if end == 0 || end >= self.data.len() {
            return Vec::new();
        }
        let pieces = match self.certificates() {
            Some((start, table)) if start >= end => {
                vec![(end, start), (start + table.len(), self.data.len())]
            }
            _ => vec![(end, self.data.len())],
        };
        pieces
            .into_iter()
            .filter_map(|(start, end)| Some((start, self.data.get(start..end)?)))
            .filter(|(_, piece)| !piece.is_empty())
            .collect()
    }

    /// The checksum that the file should state (`CheckSumMappedFile`): the sum of its 16-bit words
    /// with the carries added in, the field itself left out, plus the length.
    pub fn computed_checksum(&self) -> u32 {
        let field = self.header + 24 + 64;
        let mut sum = 0u64;
        let mut words = self.data.chunks_exact(4);
        // Sums of 32-bit words fold to the same 16 bits as sums of 16-bit words.
        for word in &mut words {
            sum += u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut tail = [0u8; 4];
        for (place, byte) in tail.iter_mut().zip(words.remainder()) {
            *place = *byte;
        }
        sum += u64::from(u32::from_le_bytes(tail));
        let stated = field_as_summed(self.checksum, field);
        sum = fold(sum);
        let stated = fold(stated);
        // Subtraction in ones' complement.
        let folded = if sum >= stated { sum - stated } else { sum + 0xffff - stated };
        (folded as u32).wrapping_add(self.data.len() as u32)
    }
}

/// What the checksum field adds to the sum: its bytes may stand across two 32-bit words.
fn field_as_summed(checksum: u32, field: usize) -> u64 {
    u64::from(checksum).rotate_left(8 * (field as u32 % 4))
}

fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

fn sections(data: &[u8], table: usize, count: u16) -> Vec<Section> {
    let Some(mut cursor) = Cursor::at(data, table) else { return Vec::new() };
    let mut row = || {
        let raw_name = cursor.array()?;
        let virtual_size = cursor.u32_le()?;
        let address = cursor.u32_le()?;
        let size = cursor.u32_le()?;
        let offset = cursor.u32_le()?;
        cursor.skip(12)?;
        let characteristics = cursor.u32_le()?;
        Some(Section { raw_name, address, virtual_size, offset, size, characteristics })
    };
    (0..count).map_while(|_| row()).collect()
}
