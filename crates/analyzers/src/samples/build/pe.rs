//! Windows executables, built field by field. They do not run: their code is a pattern.

use super::noise::code;

/// Where sections begin in memory.
pub(crate) const FIRST: u32 = 0x1000;
const BASE: u64 = 0x1_4000_0000;
/// Read and execute, code.
pub(crate) const CODE: u32 = 0x6000_0020;
/// Read, write and execute, code.
pub(crate) const WRITABLE_CODE: u32 = 0xe000_0020;
/// Read, initialised data.
pub(crate) const DATA: u32 = 0x4000_0040;

/// A further section.
#[derive(Clone)]
pub(crate) struct Extra {
    pub(crate) name: &'static [u8],
    pub(crate) flags: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) virtual_size: u32,
}

/// Where a program begins.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    /// Nowhere.
    None,
    /// At this place of the first section.
    Text(u32),
    /// At the start of a further section.
    Extra(usize),
    /// At this address.
    Address(u32),
}

/// The type or name of a resource.
#[derive(Clone, Copy)]
pub(crate) enum Id {
    Number(u32),
    Name(&'static str),
}

/// The name of an exported function, and what it is forwarded to.
pub(crate) type Exported = (&'static str, Option<&'static str>);

/// A 64-bit Windows executable.
#[derive(Clone)]
pub(crate) struct PeFile {
    pub(crate) characteristics: u16,
    pub(crate) subsystem: u16,
    pub(crate) timestamp: u32,
    /// Stated, or the right one.
    pub(crate) checksum: Checksum,
    pub(crate) header_at: usize,
    /// What stands between the DOS header and the PE header.
    pub(crate) stub: Vec<u8>,
    pub(crate) entry: Entry,
    pub(crate) text_name: &'static [u8],
    pub(crate) text_flags: u32,
    pub(crate) text: Vec<u8>,
    /// Constants, in the section of the tables.
    pub(crate) constants: Vec<u8>,
    pub(crate) imports: Vec<(&'static str, Vec<&'static str>)>,
    /// The library's name, then names with what they are forwarded to.
    pub(crate) exports: Option<(&'static str, Vec<Exported>)>,
    pub(crate) resources: Vec<(Id, Vec<u8>)>,
    /// Path of the program database and time stamp.
    pub(crate) debug: Option<(&'static str, u32)>,
    /// Addresses of functions that run before the entry point.
    pub(crate) callbacks: Vec<u32>,
    /// Metadata, and the area of embedded resources.
    pub(crate) managed: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) extra: Vec<Extra>,
    pub(crate) overlay: Vec<u8>,
}

/// What the header states as the checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    Zero,
    Right,
    Wrong,
}

impl Default for PeFile {
    fn default() -> Self {
        Self {
            characteristics: 0x22,
            subsystem: 3,
            timestamp: 1_700_000_000,
            checksum: Checksum::Zero,
            header_at: 0x80,
            stub: b"\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21".to_vec(),
            entry: Entry::Text(0x10),
            text_name: b".text",
            text_flags: CODE,
            text: code(0x1000),
            constants: b"hello, world\0".to_vec(),
            imports: vec![("KERNEL32.dll", vec!["ExitProcess", "GetStdHandle", "WriteFile"])],
            exports: None,
            resources: Vec::new(),
            debug: None,
            callbacks: Vec::new(),
            managed: None,
            extra: Vec::new(),
            overlay: Vec::new(),
        }
    }
}

/// Bytes with an address.
struct Area {
    address: u32,
    bytes: Vec<u8>,
}

impl Area {
    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.address + self.bytes.len() as u32;
        self.bytes.extend(bytes);
        at
    }

    fn text(&mut self, text: &str) -> u32 {
        self.put(&[text.as_bytes(), b"\0"].concat())
    }
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn pages(length: usize) -> u32 {
    (length.max(1) as u32).next_multiple_of(0x1000)
}

/// A row of the section table with the bytes it is about.
struct Row {
    name: Vec<u8>,
    flags: u32,
    address: u32,
    virtual_size: u32,
    bytes: Vec<u8>,
}

impl PeFile {
    /// A library.
    pub(crate) fn library() -> Self {
        Self { characteristics: 0x2022, ..Self::default() }
    }

    /// A driver.
    pub(crate) fn driver(names: &[&'static str]) -> Self {
        let imports = vec![("ntoskrnl.exe", names.to_vec())];
        Self { subsystem: 1, imports, ..Self::default() }
    }

    /// With these functions imported too.
    pub(crate) fn importing(mut self, library: &'static str, names: &[&'static str]) -> Self {
        self.imports.push((library, names.to_vec()));
        self
    }

    /// With these texts among its constants.
    pub(crate) fn saying(mut self, texts: &[String]) -> Self {
        for text in texts {
            self.constants.extend(text.as_bytes());
            self.constants.push(0);
        }
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut directories = [(0u32, 0u32); 16];
        let mut area = Area { address: FIRST + pages(self.text.len()), bytes: Vec::new() };
        area.put(&self.constants);
        if !self.imports.is_empty() {
            directories[1] = put_imports(&mut area, &self.imports);
        }
        if let Some((name, symbols)) = &self.exports {
            directories[0] = put_exports(&mut area, name, symbols);
        }
        if let Some((path, stamp)) = self.debug {
            let record =
                [b"RSDS", [7; 16].as_slice(), &[1, 0, 0, 0], path.as_bytes(), b"\0"].concat();
            area.bytes.resize(area.bytes.len().next_multiple_of(8), 0);
            // The tables' section follows the text in the file as in memory.
            let offset = 0x400 + self.text.len().next_multiple_of(0x200) + area.bytes.len();
            let at = area.put(&record);
            let row = words(&[0, stamp, 0, 2, record.len() as u32, at, offset as u32]);
            directories[6] = (area.put(&row), 28);
        }
        if !self.callbacks.is_empty() {
            let mut list: Vec<u8> = self
                .callbacks
                .iter()
                .flat_map(|&at| (BASE + u64::from(at)).to_le_bytes())
                .collect();
            list.extend([0; 8]);
            let list = BASE + u64::from(area.put(&list));
            let table: Vec<u8> =
                [0, 0, 0, list, 0].iter().flat_map(|at| u64::to_le_bytes(*at)).collect();
            directories[9] = (area.put(&table), 40);
        }
        if let Some((metadata, resources)) = &self.managed {
            let at = area.put(metadata);
            let embedded = area.put(resources);
            let mut header = words(&[72, 0x0005_0002, at, metadata.len() as u32, 1, 0x0600_0001]);
            header.extend(words(&[
                if resources.is_empty() { 0 } else { embedded },
                resources.len() as u32,
            ]));
            header.resize(72, 0);
            directories[14] = (area.put(&header), 72);
        }
        let tables = area.address;
        let row = |name: &[u8], flags, address, bytes: Vec<u8>, virtual_size: u32| Row {
            name: name.to_vec(),
            flags,
            address,
            virtual_size: if virtual_size == 0 { bytes.len() as u32 } else { virtual_size },
            bytes,
        };
        let mut rows = vec![
            row(self.text_name, self.text_flags, FIRST, self.text.clone(), 0),
            row(b".rdata", DATA, tables, area.bytes, 0),
        ];
        let mut next = tables + pages(rows[1].bytes.len());
        if !self.resources.is_empty() {
            let bytes = resources(next, &self.resources);
            directories[2] = (next, bytes.len() as u32);
            rows.push(row(b".rsrc", DATA, next, bytes, 0));
            next += pages(rows[2].bytes.len());
        }
        let mut extra_at = Vec::new();
        for extra in &self.extra {
            extra_at.push(next);
            let added = row(extra.name, extra.flags, next, extra.bytes.clone(), extra.virtual_size);
            next += pages(added.virtual_size as usize);
            rows.push(added);
        }
        let entry = match self.entry {
            Entry::None => 0,
            Entry::Text(place) => FIRST + place,
            Entry::Extra(number) => extra_at[number],
            Entry::Address(address) => address,
        };
        self.assemble(rows, &directories, entry, next)
    }

    fn assemble(
        &self,
        rows: Vec<Row>,
        directories: &[(u32, u32)],
        entry: u32,
        size: u32,
    ) -> Vec<u8> {
        let mut bytes = vec![0u8; 0x400];
        let mut table = Vec::new();
        for row in &rows {
            let mut name = row.name.clone();
            name.resize(8, 0);
            let size = row.bytes.len().next_multiple_of(0x200) as u32;
            let offset = if size == 0 { 0 } else { bytes.len() as u32 };
            table.extend(name);
            table.extend(words(&[row.virtual_size, row.address, size, offset, 0, 0, 0, row.flags]));
            bytes.extend(&row.bytes);
            bytes.resize(bytes.len().next_multiple_of(0x200), 0);
        }
        bytes.extend(&self.overlay);
        let header = self.header_at;
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"MZ");
        if header > 0x40 {
            put(0x40, &self.stub);
        }
        put(header, b"PE\0\0\x64\x86");
        put(header + 6, &(rows.len() as u16).to_le_bytes());
        put(header + 8, &self.timestamp.to_le_bytes());
        put(header + 20, &[240, 0]);
        put(header + 22, &self.characteristics.to_le_bytes());
        let optional = header + 24;
        put(optional, &[0x0b, 2, 14, 0]);
        put(optional + 16, &entry.to_le_bytes());
        put(optional + 24, &BASE.to_le_bytes());
        put(optional + 32, &words(&[0x1000, 0x200]));
        put(optional + 56, &words(&[size, 0x400]));
        put(optional + 68, &self.subsystem.to_le_bytes());
        put(optional + 108, &16u32.to_le_bytes());
        for (number, (address, size)) in directories.iter().enumerate() {
            put(optional + 112 + number * 8, &words(&[*address, *size]));
        }
        put(optional + 240, &table);
        // Last, where the headers overlap: the address of the PE header.
        put(0x3c, &(header as u32).to_le_bytes());
        if self.checksum != Checksum::Zero {
            let right = checksum(&bytes);
            let stated = if self.checksum == Checksum::Right { right } else { right ^ 0x1111 };
            bytes[optional + 64..optional + 68].copy_from_slice(&stated.to_le_bytes());
        }
        bytes
    }
}

/// The checksum of a file whose field is 0, word by word.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) | u32::from(*pair.get(1).unwrap_or(&0)) << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum + bytes.len() as u32
}

fn put_imports(area: &mut Area, imports: &[(&str, Vec<&str>)]) -> (u32, u32) {
    let mut table = Vec::new();
    for (library, names) in imports {
        let mut thunks: Vec<u64> = names
            .iter()
            .map(|name| match name.strip_prefix('#') {
                // By number.
                Some(number) => 1 << 63 | number.parse::<u64>().expect("an ordinal"),
                None => u64::from(area.put(&[&[0, 0], name.as_bytes(), b"\0"].concat())),
            })
            .collect();
        thunks.push(0);
        let thunks: Vec<u8> = thunks.iter().flat_map(|thunk| thunk.to_le_bytes()).collect();
        let (lookup, bound) = (area.put(&thunks), area.put(&thunks));
        let name = area.text(library);
        table.extend(words(&[lookup, 0, 0, name, bound]));
    }
    table.extend([0; 20]);
    (area.put(&table), table.len() as u32)
}

fn put_exports(area: &mut Area, name: &str, symbols: &[(&str, Option<&str>)]) -> (u32, u32) {
    let start = area.put(&[0; 40]);
    let library = area.text(name);
    let names: Vec<u32> = symbols.iter().map(|(name, _)| area.text(name)).collect();
    let addresses: Vec<u32> =
        symbols.iter().map(|(_, to)| to.map_or(FIRST + 0x10, |to| area.text(to))).collect();
    let addresses = area.put(&words(&addresses));
    let names = area.put(&words(&names));
    let ordinals: Vec<u8> = (0..symbols.len() as u16).flat_map(u16::to_le_bytes).collect();
    let ordinals = area.put(&ordinals);
    let count = symbols.len() as u32;
    let table = words(&[0, 0, 0, library, 1, count, count, addresses, names, ordinals]);
    let at = (start - area.address) as usize;
    area.bytes[at..at + 40].copy_from_slice(&table);
    (start, area.address + area.bytes.len() as u32 - start)
}

/// A resource section: for each resource a directory of its own on every level.
fn resources(address: u32, list: &[(Id, Vec<u8>)]) -> Vec<u8> {
    let named = list.iter().filter(|(id, _)| matches!(id, Id::Name(_))).count();
    let mut bytes = vec![0u8; 16 + list.len() * 8];
    bytes[12..14].copy_from_slice(&(named as u16).to_le_bytes());
    bytes[14..16].copy_from_slice(&((list.len() - named) as u16).to_le_bytes());
    for (number, (id, content)) in list.iter().enumerate() {
        let id = match id {
            Id::Number(number) => *number,
            Id::Name(name) => {
                let at = bytes.len() as u32;
                bytes.extend((name.len() as u16).to_le_bytes());
                bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
                at | 0x8000_0000
            }
        };
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let at = bytes.len() as u32;
        let one =
            |id: u32, target: u32| [[0; 14].as_slice(), &[1, 0], &words(&[id, target])].concat();
        bytes.extend(one(1, (at + 24) | 0x8000_0000));
        bytes.extend(one(0x409, at + 48));
        bytes.extend(words(&[address + at + 64, content.len() as u32, 0, 0]));
        bytes.extend(content);
        bytes[16 + number * 8..24 + number * 8].copy_from_slice(&words(&[id, at | 0x8000_0000]));
    }
    bytes
}

/// Version information with these strings.
pub(crate) fn version(strings: &[(&str, &str)]) -> (Id, Vec<u8>) {
    fn block(key: &str, value: &[u8], is_text: bool, children: &[u8]) -> Vec<u8> {
        let length = if is_text { value.len() / 2 } else { value.len() };
        let mut bytes = vec![0, 0];
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend([u8::from(is_text), 0]);
        bytes.extend(key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(children);
        let whole = (bytes.len() as u16).to_le_bytes();
        bytes[..2].copy_from_slice(&whole);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
    let strings: Vec<u8> = strings
        .iter()
        .flat_map(|(key, value)| {
            let value: Vec<u8> =
                value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            block(key, &value, true, &[])
        })
        .collect();
    let table = block("040904b0", &[], true, &strings);
    let info = block("StringFileInfo", &[], true, &table);
    (Id::Number(16), block("VS_VERSION_INFO", &[0; 52], false, &info))
}

/// Puts a certificate table behind a file: a signature of PKCS #7.
pub(crate) fn with_certificate(mut file: Vec<u8>, signature: &[u8]) -> Vec<u8> {
    file.resize(file.len().next_multiple_of(8), 0);
    let at = file.len() as u32;
    let length = (8 + signature.len()).next_multiple_of(8) as u32;
    file.extend(length.to_le_bytes());
    file.extend([0, 2, 2, 0]);
    file.extend(signature);
    file.resize((at + length) as usize, 0);
    let entry = 0x80 + 24 + 112 + 4 * 8;
    file[entry..entry + 8].copy_from_slice(&words(&[at, length]));
    file
}
