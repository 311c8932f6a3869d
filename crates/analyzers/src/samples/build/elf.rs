//! ELF files, built field by field. They do not run: their code is a pattern.

use super::noise::code;

/// Where the file is loaded: address and offset differ by this everywhere.
pub(crate) const BASE: u64 = 0x40_0000;

/// A 64-bit, little-endian file.
#[derive(Clone)]
pub(crate) struct ElfFile {
    pub(crate) kind: u16,
    /// Offset in the text, or an address where it is above [`BASE`].
    pub(crate) entry: Option<u64>,
    pub(crate) text: Vec<u8>,
    pub(crate) rodata: Vec<u8>,
    pub(crate) interpreter: Option<&'static str>,
    /// Name, and whether it is imported.
    pub(crate) symbols: Vec<(&'static str, bool)>,
    /// Tag and text of dynamic entries: needed libraries, search paths.
    pub(crate) dynamic_texts: Vec<(u64, &'static str)>,
    pub(crate) dynamic_values: Vec<(u64, u64)>,
    pub(crate) initialisers: Vec<u64>,
    /// Further sections: name, type, flags, bytes.
    pub(crate) sections: Vec<(&'static str, u32, u64, Vec<u8>)>,
    pub(crate) with_sections: bool,
    pub(crate) load_flags: u32,
    pub(crate) stack_flags: u32,
    /// Behind everything: flags of a further segment with these bytes.
    pub(crate) appended_segment: Option<(u32, Vec<u8>)>,
    pub(crate) overlay: Vec<u8>,
    /// Bytes between the program headers and the first section.
    pub(crate) after_headers: Vec<u8>,
}

impl Default for ElfFile {
    fn default() -> Self {
        Self {
            kind: 2,
            entry: Some(0),
            text: code(0x400),
            rodata: b"hello, world\0".to_vec(),
            interpreter: None,
            symbols: Vec::new(),
            dynamic_texts: Vec::new(),
            dynamic_values: Vec::new(),
            initialisers: Vec::new(),
            sections: Vec::new(),
            with_sections: true,
            load_flags: 5,
            stack_flags: 6,
            appended_segment: None,
            overlay: Vec::new(),
            after_headers: Vec::new(),
        }
    }
}

struct Placed {
    name: &'static str,
    kind: u32,
    flags: u64,
    offset: u64,
    size: u64,
    link: u32,
    entry_size: u64,
}

struct Layout {
    bytes: Vec<u8>,
    placed: Vec<Placed>,
}

impl Layout {
    fn put(&mut self, name: &'static str, kind: u32, flags: u64, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        let (offset, size) = (self.bytes.len() as u64, bytes.len() as u64);
        self.bytes.extend(bytes);
        self.placed.push(Placed { name, kind, flags, offset, size, link: 0, entry_size: 0 });
        offset
    }

    fn number(&self, name: &str) -> u32 {
        self.placed.iter().position(|placed| placed.name == name).map_or(0, |at| at as u32 + 1)
    }

    fn of(&self, name: &str) -> Option<&Placed> {
        self.placed.iter().find(|placed| placed.name == name)
    }
}

fn words(values: &[(u64, u64)]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat())
        .collect()
}

impl ElfFile {
    /// A program that is loaded with libraries.
    pub(crate) fn dynamic() -> Self {
        Self {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
            dynamic_texts: vec![(1, "libc.so.6")],
            ..Self::default()
        }
    }

    /// A library.
    pub(crate) fn library() -> Self {
        Self { kind: 3, entry: None, interpreter: None, ..Self::dynamic() }
    }

    pub(crate) fn importing(mut self, names: &[&'static str]) -> Self {
        self.symbols.extend(names.iter().map(|name| (*name, true)));
        self
    }

    pub(crate) fn exporting(mut self, names: &[&'static str]) -> Self {
        self.symbols.extend(names.iter().map(|name| (*name, false)));
        self
    }

    /// With these texts among its constants.
    pub(crate) fn saying(mut self, texts: &[String]) -> Self {
        for text in texts {
            self.rodata.extend(text.as_bytes());
            self.rodata.push(0);
        }
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let has_dynamic = !self.dynamic_texts.is_empty();
        let segment_count = if self.kind == 1 {
            0
        } else {
            2 + usize::from(self.interpreter.is_some())
                + usize::from(has_dynamic)
                + usize::from(self.appended_segment.is_some())
        };
        let mut layout = Layout { bytes: vec![0; 64 + segment_count * 56], placed: Vec::new() };
        layout.bytes.extend(&self.after_headers);
        let text = layout.put(".text", 1, 6, &self.text);
        layout.put(".rodata", 1, 2, &self.rodata);
        if let Some(path) = self.interpreter {
            layout.put(".interp", 1, 2, format!("{path}\0").as_bytes());
        }
        if has_dynamic || !self.symbols.is_empty() {
            self.put_dynamic(&mut layout, text, has_dynamic);
        }
        for (name, kind, flags, bytes) in &self.sections {
            layout.put(name, *kind, *flags, bytes);
        }
        let end_of_image = layout.bytes.len() as u64;
        let section_table = if self.with_sections { put_sections(&mut layout) } else { (0, 0) };
        let mut bytes = std::mem::take(&mut layout.bytes);
        let mut segments = Vec::new();
        if segment_count > 0 {
            segments.push((1, self.load_flags, 0, end_of_image));
            segments.push((0x6474_e551, self.stack_flags, 0, 0));
            for (name, kind) in [(".interp", 3), (".dynamic", 2)] {
                if let Some(placed) = layout.of(name) {
                    segments.push((kind, 6, placed.offset, placed.size));
                }
            }
            if let Some((flags, code)) = &self.appended_segment {
                segments.push((1, *flags, bytes.len() as u64, code.len() as u64));
                bytes.extend(code);
            }
        }
        bytes.extend(&self.overlay);
        let entry = match self.entry {
            None => 0,
            Some(address) if address >= BASE => address,
            Some(inside) => BASE + text + inside,
        };
        header(&mut bytes, self.kind, entry, segments.len() as u16, section_table);
        for (number, (kind, flags, offset, size)) in segments.into_iter().enumerate() {
            let at = 64 + number * 56;
            let fields = [offset, BASE + offset, BASE + offset, size, size, 0x10];
            let row: Vec<u8> = [u32::to_le_bytes(kind), flags.to_le_bytes()]
                .concat()
                .into_iter()
                .chain(fields.into_iter().flat_map(u64::to_le_bytes))
                .collect();
            bytes[at..at + 56].copy_from_slice(&row);
        }
        bytes
    }

    fn put_dynamic(&self, layout: &mut Layout, text: u64, has_dynamic: bool) {
        let mut strings = vec![0u8];
        let mut intern = |name: &str| {
            let at = strings.len() as u64;
            strings.extend(name.as_bytes());
            strings.push(0);
            at
        };
        let mut symbols = vec![0u8; 24];
        for (name, imported) in &self.symbols {
            symbols.extend((intern(name) as u32).to_le_bytes());
            // Global function, default visibility; defined ones are in section 1.
            symbols.extend([0x12, 0, u8::from(!imported), 0]);
            symbols.extend((if *imported { 0 } else { BASE + text }).to_le_bytes());
            symbols.extend(16u64.to_le_bytes());
        }
        let mut entries: Vec<(u64, u64)> =
            self.dynamic_texts.iter().map(|(tag, text)| (*tag, intern(text))).collect();
        // An object file's symbols are the linker's, not the loader's.
        let (table, kind) = if self.kind == 1 { (".symtab", 2) } else { (".dynsym", 11) };
        let at = layout.put(table, kind, 2, &symbols);
        let strings = layout.put(".dynstr", 3, 2, &strings);
        let link = layout.number(".dynstr");
        if let Some(placed) = layout.placed.iter_mut().find(|placed| placed.name == table) {
            (placed.link, placed.entry_size) = (link, 24);
        }
        if !has_dynamic {
            return;
        }
        if !self.initialisers.is_empty() {
            let array: Vec<u8> = self.initialisers.iter().flat_map(|at| at.to_le_bytes()).collect();
            let at = layout.put(".init_array", 14, 3, &array);
            entries.extend([(25, BASE + at), (27, array.len() as u64)]);
        }
        entries.extend([(5, BASE + strings), (6, BASE + at)]);
        entries.extend(&self.dynamic_values);
        entries.push((0, 0));
        layout.put(".dynamic", 6, 3, &words(&entries));
    }
}

/// Section headers behind the sections; gives their offset and how many there are.
fn put_sections(layout: &mut Layout) -> (u64, u16) {
    let mut names = vec![0u8];
    let mut intern = |name: &str| {
        let at = names.len() as u32;
        names.extend(name.as_bytes());
        names.push(0);
        at
    };
    let mut starts: Vec<u32> = layout.placed.iter().map(|placed| intern(placed.name)).collect();
    starts.push(intern(".shstrtab"));
    layout.put(".shstrtab", 3, 0, &names);
    layout.bytes.resize(layout.bytes.len().next_multiple_of(8), 0);
    let at = layout.bytes.len() as u64;
    let mut table = vec![0u8; 64];
    for (placed, name) in layout.placed.iter().zip(starts) {
        let address = if placed.flags & 2 != 0 { BASE + placed.offset } else { 0 };
        table.extend(name.to_le_bytes());
        table.extend(placed.kind.to_le_bytes());
        table.extend(
            [placed.flags, address, placed.offset, placed.size].map(u64::to_le_bytes).concat(),
        );
        table.extend(placed.link.to_le_bytes());
        table.extend([0; 4]);
        table.extend([1, placed.entry_size].map(u64::to_le_bytes).concat());
    }
    let count = (table.len() / 64) as u16;
    layout.bytes.extend(table);
    (at, count)
}

fn header(bytes: &mut [u8], kind: u16, entry: u64, segments: u16, sections: (u64, u16)) {
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &kind.to_le_bytes());
    put(18, &[62, 0, 1, 0, 0, 0]);
    put(24, &entry.to_le_bytes());
    put(32, &(if segments > 0 { 64u64 } else { 0 }).to_le_bytes());
    put(40, &sections.0.to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &segments.to_le_bytes());
    put(58, &64u16.to_le_bytes());
    put(60, &sections.1.to_le_bytes());
    put(62, &sections.1.saturating_sub(1).to_le_bytes());
}
