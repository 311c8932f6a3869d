use crate::bytes::{Cursor, u32_le};
use crate::program::pe::{Directory, Image, directory};

/// Streams that are read; the runtime knows six.
const MAX_STREAMS: u16 = 64;
/// Bytes of a stream's name, its NUL included (ECMA-335 II.24.2.2).
const MAX_STREAM_NAME: usize = 32;

/// A stream of the metadata.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    /// Its name: `#~`, `#Strings`, `#US`, `#Blob`, `#GUID`.
    pub name: String,
    /// Whether its stated range lies inside the metadata.
    pub is_whole: bool,
    /// Its bytes, as far as the file has them.
    pub bytes: &'a [u8],
}

/// The CLI header and the metadata root (ECMA-335 II.25.3.3 and II.24.2.1).
#[derive(Debug, Clone)]
pub struct Managed<'a> {
    /// Runtime flags: 1 only managed code, 8 strong name signed, 16 native entry point.
    pub flags: u32,
    /// Metadata token of the entry method, or an address with flag 16.
    pub entry: u32,
    /// The version of the runtime that it asks for.
    pub runtime: String,
    /// The streams, in the order of the file.
    pub streams: Vec<Stream<'a>>,
    /// Streams that the root states.
    pub stated_streams: u16,
    /// Whether the metadata begins with its signature.
    pub has_signature: bool,
    /// Where the resources are.
    pub resources: Option<&'a [u8]>,
}

impl<'a> Managed<'a> {
    /// Reads the CLI header of an image, when it has one inside the file.
    pub fn read(image: &Image<'a>) -> Option<Self> {
        let header = image.at(image.directory(directory::CLR)?.address)?;
        let field = |place| u32_le(header, place);
        let part = |place| {
            let at = Directory { address: field(place)?, size: field(place + 4)? };
            (at.address != 0 && at.size != 0).then_some(at)
        };
        let metadata = part(8)?;
        let root = image.at(metadata.address)?;
        let resources = part(24).and_then(|at| {
            let bytes = image.at(at.address)?;
            bytes.get(..bytes.len().min(at.size as usize))
        });
        let mut managed = Self {
            flags: field(16)?,
            entry: field(20)?,
            runtime: String::new(),
            streams: Vec::new(),
            stated_streams: 0,
            has_signature: root.starts_with(b"BSJB"),
            resources,
        };
        let mut cursor = Cursor::at(root, 12)?;
        let length = usize::try_from(cursor.u32_le()?).ok()?;
        let version = cursor.take(length.min(256))?;
        let end = version.iter().position(|&byte| byte == 0).unwrap_or(version.len());
        managed.runtime = String::from_utf8_lossy(version.get(..end)?).into_owned();
        cursor.skip(2)?;
        managed.stated_streams = cursor.u16_le()?;
        for _ in 0..managed.stated_streams.min(MAX_STREAMS) {
            let Some(stream) = stream(root, &mut cursor) else { break };
            managed.streams.push(stream);
        }
        Some(managed)
    }

    /// The last stream of this name: the runtime lets a later one replace an earlier one.
    pub fn stream(&self, name: &str) -> Option<&'a [u8]> {
        self.streams.iter().rev().find(|stream| stream.name == name).map(|stream| stream.bytes)
    }

    /// The string at an offset of the `#Strings` heap.
    pub fn string(&self, offset: u32) -> &'a [u8] {
        let heap = self.stream("#Strings").unwrap_or_default();
        Cursor::at(heap, offset as usize)
            .and_then(|mut cursor| cursor.c_string(1_024))
            .unwrap_or_default()
    }

    /// The identifier at a one-based index of the `#GUID` heap.
    pub fn guid(&self, index: u32) -> Option<String> {
        let at = usize::try_from(index.checked_sub(1)?).ok()?.checked_mul(16)?;
        let mut cursor = Cursor::at(self.stream("#GUID")?, at)?;
        let (first, second, third) = (cursor.u32_le()?, cursor.u16_le()?, cursor.u16_le()?);
        let tail = cursor.array::<8>()?.map(|byte| format!("{byte:02x}")).concat();
        let (fourth, node) = tail.split_at_checked(4)?;
        Some(format!("{first:08x}-{second:04x}-{third:04x}-{fourth}-{node}"))
    }

    /// The bytes at an offset of the `#Blob` heap (II.24.2.4).
    pub fn blob(&self, offset: u32) -> &'a [u8] {
        let heap = self.stream("#Blob").unwrap_or_default();
        let read = || {
            let mut cursor = Cursor::at(heap, offset as usize)?;
            let first = u32::from(cursor.u8()?);
            let length = if first & 0x80 == 0 {
                first
            } else if first & 0x40 == 0 {
                ((first & 0x3f) << 8) | u32::from(cursor.u8()?)
            } else {
                let [a, b, c] = cursor.array()?.map(u32::from);
                ((first & 0x1f) << 24) | (a << 16) | (b << 8) | c
            };
            cursor.take(length as usize)
        };
        read().unwrap_or_default()
    }
}

fn stream<'a>(root: &'a [u8], cursor: &mut Cursor<'a>) -> Option<Stream<'a>> {
    let offset = cursor.u32_le()? as usize;
    let size = cursor.u32_le()? as usize;
    let name = cursor.c_string(MAX_STREAM_NAME)?;
    // The name is padded to four bytes.
    cursor.skip((4 - (name.len() + 1) % 4) % 4)?;
    let rest = root.get(offset..).unwrap_or_default();
    Some(Stream {
        name: String::from_utf8_lossy(name).into_owned(),
        is_whole: rest.len() >= size && offset <= root.len(),
        bytes: rest.get(..size.min(rest.len())).unwrap_or_default(),
    })
}
