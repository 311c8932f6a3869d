//! Metadata of .NET programs.

/// What is in the metadata.
#[derive(Default, Clone)]
pub(crate) struct Metadata {
    /// Names of types that are defined.
    pub(crate) types: Vec<&'static str>,
    /// Types and members of other assemblies.
    pub(crate) references: Vec<(&'static str, &'static str)>,
    /// Native functions.
    pub(crate) natives: Vec<&'static str>,
    /// Embedded resources.
    pub(crate) resources: Vec<(&'static str, Vec<u8>)>,
    /// Names of further streams, which are empty.
    pub(crate) further_streams: Vec<&'static str>,
}

struct Heap(Vec<u8>);

impl Heap {
    fn add(&mut self, text: &str) -> [u8; 2] {
        let at = self.0.len() as u16;
        self.0.extend(text.as_bytes());
        self.0.push(0);
        at.to_le_bytes()
    }
}

impl Metadata {
    /// The metadata, and the area of embedded resources.
    pub(crate) fn build(&self) -> (Vec<u8>, Vec<u8>) {
        let mut names = Heap(vec![0]);
        let mut tables: Vec<(u64, Vec<Vec<u8>>)> = Vec::new();
        let module = [&[0, 0], &names.add("sample.exe")[..], &[1, 0, 0, 0, 0, 0]].concat();
        tables.push((0, vec![module]));
        let scope = [0u8, 0];
        let type_refs = self
            .references
            .iter()
            .map(|(name, _)| [scope, names.add(name), names.add("System")].concat())
            .collect();
        tables.push((1, type_refs));
        let type_defs = self
            .types
            .iter()
            .map(|name| [&[0; 4], &names.add(name)[..], &[0, 0, 0, 0, 1, 0, 1, 0]].concat())
            .collect();
        tables.push((2, type_defs));
        let members = self
            .references
            .iter()
            .enumerate()
            .map(|(at, (_, member))| {
                let parent = ((at as u16 + 1) << 3 | 1).to_le_bytes();
                [parent, names.add(member), [0, 0]].concat()
            })
            .collect();
        tables.push((0xa, members));
        if !self.natives.is_empty() {
            tables.push((0x1a, vec![names.add("kernel32.dll").to_vec()]));
        }
        let natives = self
            .natives
            .iter()
            .map(|name| [[0, 0], [3, 0], names.add(name), [1, 0]].concat())
            .collect();
        tables.push((0x1c, natives));
        let mut area = Vec::new();
        let mut rows = Vec::new();
        for (name, bytes) in &self.resources {
            let at = (area.len() as u32).to_le_bytes();
            rows.push([&at[..], &[1, 0, 0, 0], &names.add(name), &[0, 0]].concat());
            area.extend((bytes.len() as u32).to_le_bytes());
            area.extend(bytes);
        }
        tables.push((0x28, rows));
        tables.retain(|(_, rows)| !rows.is_empty());
        let valid = tables.iter().fold(0u64, |bits, (number, _)| bits | 1 << number);
        let mut stream = vec![0, 0, 0, 0, 2, 0, 0, 1];
        stream.extend(valid.to_le_bytes());
        stream.extend([0; 8]);
        for (_, rows) in &tables {
            stream.extend((rows.len() as u32).to_le_bytes());
        }
        for row in tables.iter().flat_map(|(_, rows)| rows) {
            stream.extend(row);
        }
        let mut streams: Vec<(&str, Vec<u8>)> = vec![
            ("#~", stream),
            ("#Strings", names.0),
            ("#US", vec![0; 4]),
            ("#GUID", (1..=16).collect()),
            ("#Blob", vec![0; 4]),
        ];
        streams.extend(self.further_streams.iter().map(|name| (*name, Vec::new())));
        (root(streams), area)
    }
}

fn root(streams: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
    let mut head = b"BSJB\x01\0\x01\0\0\0\0\0\x0c\0\0\0v4.0.30319\0\0\0\0".to_vec();
    head.extend((streams.len() as u16).to_le_bytes());
    let padded = |name: &str| (name.len() + 1).next_multiple_of(4);
    let table: usize = streams.iter().map(|(name, _)| 8 + padded(name)).sum();
    let mut at = head.len() + table;
    let mut bodies = Vec::new();
    for (name, mut body) in streams {
        body.resize(body.len().next_multiple_of(4), 0);
        head.extend((at as u32).to_le_bytes());
        head.extend((body.len() as u32).to_le_bytes());
        let mut text = name.as_bytes().to_vec();
        text.resize(padded(name), 0);
        head.extend(text);
        at += body.len();
        bodies.extend(body);
    }
    head.extend(bodies);
    head
}
