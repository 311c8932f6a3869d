use crate::bytes::Cursor;

/// Program headers and section headers that are read of each.
pub const MAX_HEADERS: u32 = 4_096;
/// Bytes of a section's name.
const MAX_NAME: usize = 256;

/// A program header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// `PT_*`.
    pub kind: u32,
    /// `PF_*`: 1 execute, 2 write, 4 read.
    pub flags: u32,
    /// Offset of its bytes.
    pub offset: u64,
    /// Address in memory.
    pub address: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub memory_size: u64,
}

impl Segment {
    /// `PT_LOAD`.
    pub const LOAD: u32 = 1;
    /// `PT_DYNAMIC`.
    pub const DYNAMIC: u32 = 2;
    /// `PT_INTERP`.
    pub const INTERP: u32 = 3;
    /// `PT_NOTE`.
    pub const NOTE: u32 = 4;
    /// `PT_GNU_STACK`.
    pub const STACK: u32 = 0x6474_e551;

    /// Whether it is loaded with the right to run.
    pub fn is_code(&self) -> bool {
        self.kind == Self::LOAD && self.flags & 1 != 0
    }

    /// Whether it may be written.
    pub fn is_writable(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether an address in memory falls into it.
    pub fn holds(&self, address: u64) -> bool {
        address.checked_sub(self.address).is_some_and(|inside| inside < self.memory_size)
    }

    /// Where its bytes end in the file.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.file_size)
    }
}

/// A section header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name, undecodable bytes replaced.
    pub name: String,
    /// `SHT_*`.
    pub kind: u32,
    /// `SHF_*`: 1 write, 2 alloc, 4 execute.
    pub flags: u64,
    /// Address in memory.
    pub address: u64,
    /// Offset of its bytes.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// The section that it refers to.
    pub link: u32,
    /// Bytes of each entry, for tables.
    pub entry_size: u64,
}

impl Section {
    /// `SHT_NOBITS`: takes no bytes in the file.
    pub const NOBITS: u32 = 8;

    /// Whether it holds instructions.
    pub fn is_code(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether an address in memory falls into it.
    pub fn holds(&self, address: u64) -> bool {
        address.checked_sub(self.address).is_some_and(|inside| inside < self.size)
    }
}

/// The headers of an ELF file.
#[derive(Debug, Clone)]
pub struct Elf<'a> {
    pub(super) data: &'a [u8],
    /// 64 bits.
    pub wide: bool,
    /// Most significant byte first.
    pub big: bool,
    /// `ELFOSABI_*`.
    pub abi: u8,
    /// `ET_*`: 1 object, 2 executable, 3 shared, 4 core.
    pub kind: u16,
    /// `EM_*`.
    pub machine: u16,
    /// `e_version`; 1 in valid files, which loaders do not check.
    pub version: u32,
    /// Address of the entry point; 0 for none.
    pub entry: u64,
    /// Offset of the program headers; 0 for none.
    pub segment_table: u64,
    /// Bytes of one program header, as stated.
    pub segment_size: u16,
    /// Program headers that the header states.
    pub stated_segments: u32,
    /// Offset of the section headers; 0 for none.
    pub section_table: u64,
    /// Bytes of one section header, as stated.
    pub section_size: u16,
    /// Section headers that the header states.
    pub stated_sections: u32,
    /// Index of the section with the names.
    pub names: u32,
    /// The program headers, as far as the file has them.
    pub segments: Vec<Segment>,
    /// The section headers, as far as the file has them.
    pub sections: Vec<Section>,
}

/// A cursor that reads integers of the file's class and byte order.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) wide: bool,
    pub(super) big: bool,
}

impl Fields<'_> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.cursor.u8()
    }

    pub(super) fn half(&mut self) -> Option<u16> {
        if self.big { self.cursor.u16_be() } else { self.cursor.u16_le() }
    }

    pub(super) fn word(&mut self) -> Option<u32> {
        if self.big { self.cursor.u32_be() } else { self.cursor.u32_le() }
    }

    /// A field that is as wide as an address.
    pub(super) fn address(&mut self) -> Option<u64> {
        match (self.wide, self.big) {
            (false, _) => self.word().map(u64::from),
            (true, false) => self.cursor.u64_le(),
            (true, true) => self.cursor.u64_be(),
        }
    }
}

impl<'a> Elf<'a> {
    /// Reads the headers; `None` when the file header is not whole or of no known class. Loaders take
    /// the byte order of the machine they run on, whatever the header says; this takes the header's
    /// word, unless only the other order gives a known file type.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        if !data.starts_with(b"\x7fELF") {
            return None;
        }
        let wide = match data.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let kind = |big: bool| {
            let bytes = [*data.get(16)?, *data.get(17)?];
            Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let stated = *data.get(5)? == 2;
        let known = |big| kind(big).is_some_and(|kind| (1..=4).contains(&kind));
        let big = if known(stated) || !known(!stated) { stated } else { !stated };
        let mut fields = Fields { cursor: Cursor::at(data, 18)?, wide, big };
        let machine = fields.half()?;
        let version = fields.word()?;
        let entry = fields.address()?;
        let segment_table = fields.address()?;
        let section_table = fields.address()?;
        let _flags = fields.word()?;
        let _header_size = fields.half()?;
        let segment_size = fields.half()?;
        let segment_count = u32::from(fields.half()?);
        // A file cut here can still be loaded: sections are not needed.
        let section_size = fields.half().unwrap_or(0);
        let section_count = u32::from(fields.half().unwrap_or(0));
        let names = u32::from(fields.half().unwrap_or(0));
        let mut elf = Self {
            data,
            wide,
            big,
            abi: *data.get(7)?,
            kind: kind(big)?,
            machine,
            version,
            entry,
            segment_table,
            segment_size,
            stated_segments: segment_count,
            section_table,
            section_size,
            stated_sections: section_count,
            names,
            segments: Vec::new(),
            sections: Vec::new(),
        };
        elf.read_sections();
        elf.segments = (0..elf.stated_segments.min(MAX_HEADERS))
            .map_while(|number| elf.segment(number))
            .collect();
        Some(elf)
    }

    /// The whole file.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The bytes of a range of the file, as far as it has them.
    pub fn range(&self, offset: u64, size: u64) -> &'a [u8] {
        let rest =
            usize::try_from(offset).ok().and_then(|at| self.data.get(at..)).unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        rest.get(..size).unwrap_or_default()
    }

    /// The bytes of a section.
    pub fn section_bytes(&self, section: &Section) -> &'a [u8] {
        if section.kind == Section::NOBITS {
            return &[];
        }
        self.range(section.offset, section.size)
    }

    /// The bytes of a segment.
    pub fn segment_bytes(&self, segment: &Segment) -> &'a [u8] {
        self.range(segment.offset, segment.file_size)
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The first segment of this kind.
    pub fn segment_of(&self, kind: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// The bytes from an address in memory to the end of what the file has of its segment.
    pub fn at(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.segments.iter().find(|segment| {
            segment.kind == Segment::LOAD
                && address
                    .checked_sub(segment.address)
                    .is_some_and(|inside| inside < segment.file_size)
        })?;
        let inside = usize::try_from(address - segment.address).ok()?;
        self.segment_bytes(segment).get(inside..)
    }

    /// Where the last segment, section or table of headers ends: what follows is appended.
    pub fn end(&self) -> u64 {
        let table = |at: u64, count: u32, size: u16| {
            if at == 0 { 0 } else { at.saturating_add(u64::from(count) * u64::from(size)) }
        };
        let segments = self.segments.iter().map(Segment::end);
        let sections = self
            .sections
            .iter()
            .filter(|section| section.kind != Section::NOBITS)
            .map(|section| section.offset.saturating_add(section.size));
        segments
            .chain(sections)
            .chain([
                table(self.segment_table, self.stated_segments, self.segment_size),
                table(self.section_table, self.stated_sections, self.section_size),
            ])
            .max()
            .unwrap_or(0)
    }

    pub(super) fn fields(&self, offset: u64) -> Option<Fields<'a>> {
        let cursor = Cursor::at(self.data, usize::try_from(offset).ok()?)?;
        Some(Fields { cursor, wide: self.wide, big: self.big })
    }

    pub(super) fn fields_of(&self, bytes: &'a [u8]) -> Fields<'a> {
        Fields { cursor: Cursor::new(bytes), wide: self.wide, big: self.big }
    }

    fn segment(&self, number: u32) -> Option<Segment> {
        let at = u64::from(number) * u64::from(self.segment_size);
        let mut fields = self.fields(self.segment_table.checked_add(at)?)?;
        let kind = fields.word()?;
        let wide_flags = if self.wide { fields.word()? } else { 0 };
        let offset = fields.address()?;
        let address = fields.address()?;
        let _physical = fields.address()?;
        let file_size = fields.address()?;
        let memory_size = fields.address()?;
        let flags = if self.wide { wide_flags } else { fields.word()? };
        Some(Segment { kind, flags, offset, address, file_size, memory_size })
    }

    fn read_sections(&mut self) {
        if self.section_table == 0 {
            return;
        }
        let Some((first, _, info)) = self.section_row(0) else { return };
        // Section 0 holds what does not fit into the header (gABI, "ELF Header", e_shnum).
        if self.stated_sections == 0 {
            self.stated_sections = u32::try_from(first.size).unwrap_or(u32::MAX);
        }
        if self.names == 0xffff {
            self.names = first.link;
        }
        if self.stated_segments == 0xffff {
            self.stated_segments = info;
        }
        let rows: Vec<(Section, u32, u32)> = (0..self.stated_sections.min(MAX_HEADERS))
            .map_while(|number| self.section_row(number))
            .collect();
        let names = rows
            .get(self.names as usize)
            .map(|(section, ..)| self.section_bytes(section))
            .unwrap_or_default();
        self.sections = rows
            .into_iter()
            .map(|(section, name, _)| {
                let name = Cursor::at(names, name as usize)
                    .and_then(|mut cursor| cursor.c_string(MAX_NAME))
                    .unwrap_or_default();
                Section { name: String::from_utf8_lossy(name).into_owned(), ..section }
            })
            .collect();
    }

    /// A row, the offset of its name and its `sh_info`.
    fn section_row(&self, number: u32) -> Option<(Section, u32, u32)> {
        let at = u64::from(number) * u64::from(self.section_size);
        let mut fields = self.fields(self.section_table.checked_add(at)?)?;
        let name = fields.word()?;
        let kind = fields.word()?;
        let flags = fields.address()?;
        let address = fields.address()?;
        let offset = fields.address()?;
        let size = fields.address()?;
        let link = fields.word()?;
        let info = fields.word()?;
        let _alignment = fields.address()?;
        let entry_size = fields.address()?;
        let name_later = String::new();
        let section =
            Section { name: name_later, kind, flags, address, offset, size, link, entry_size };
        Some((section, name, info))
    }
}

/// The name of an `EM_*` value (gABI, "ELF Header", e_machine), where it is one of the common ones.
pub fn machine_name(machine: u16) -> Option<&'static str> {
    Some(match machine {
        2 => "sparc",
        3 => "x86",
        4 => "m68k",
        8 => "mips",
        15 => "parisc",
        18 => "sparc32plus",
        20 => "ppc",
        21 => "ppc64",
        22 => "s390",
        40 => "arm",
        42 => "sh",
        43 => "sparcv9",
        50 => "ia64",
        62 => "x86_64",
        93 | 195 => "arc",
        94 => "xtensa",
        183 => "aarch64",
        189 => "microblaze",
        190 => "cuda",
        224 => "amdgpu",
        243 => "riscv",
        247 => "bpf",
        252 => "csky",
        258 => "loongarch",
        0x9026 => "alpha",
        _ => return None,
    })
}
