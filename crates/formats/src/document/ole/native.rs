//! Objects of the Packager and OLE1 containers (\[MS-OLEDS\] 2.2, 2.3.6).

use crate::bytes::Cursor;

/// Longest label or path that is believed.
const MAX_PATH: usize = 4096;

/// A file that the Packager wrapped.
pub struct Package<'a> {
    /// File name, without a path.
    pub name: String,
    /// The file.
    pub bytes: &'a [u8],
    /// False when less is there than the header claims.
    pub whole: bool,
}

/// The payload of an `\x01Ole10Native` stream: a size, then a package or bare bytes.
pub fn ole10native(stream: &[u8]) -> Option<Package<'_>> {
    let mut cursor = Cursor::new(stream);
    let size = cursor.u32_le()? as usize;
    let rest = cursor.rest();
    let body = &rest[..size.min(rest.len())];
    Some(package(rest).unwrap_or(Package {
        name: String::new(),
        bytes: body,
        whole: body.len() == size,
    }))
}

/// A package: type 2, label, path, type 3, temporary path, size, bytes.
pub fn package(data: &[u8]) -> Option<Package<'_>> {
    let mut cursor = Cursor::new(data);
    if cursor.u16_le()? != 2 {
        return None;
    }
    let label = cursor.c_string(MAX_PATH)?;
    let path = cursor.c_string(MAX_PATH)?;
    cursor.skip(2)?;
    // 3 is an embedded file; others are links, which hold no bytes.
    if cursor.u16_le()? != 3 {
        return None;
    }
    let temporary = cursor.u32_le()? as usize;
    cursor.take(temporary)?;
    let size = cursor.u32_le()? as usize;
    let rest = cursor.rest();
    let bytes = &rest[..size.min(rest.len())];
    let name = if label.is_empty() { base_name(path) } else { base_name(label) };
    Some(Package { name, bytes, whole: bytes.len() == size })
}

fn base_name(path: &[u8]) -> String {
    let base = path.rsplit(|byte| matches!(byte, b'\\' | b'/')).next().unwrap_or(path);
    String::from_utf8_lossy(base).into_owned()
}

/// An OLE1 object: version, format, class, topic, item, native data.
pub struct Ole1<'a> {
    /// Class name (ProgID).
    pub class: String,
    /// Native data.
    pub data: &'a [u8],
    /// False when less is there than the header claims.
    pub whole: bool,
}

/// Reads an embedded OLE1 object. The version is not looked at, as Word does not.
pub fn ole1(bytes: &[u8]) -> Option<Ole1<'_>> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip(4)?;
    // 1 is a link, 2 an embedded object; 5 a presentation. Only objects have native data.
    if !matches!(cursor.u32_le()?, 1 | 2) {
        return None;
    }
    let class = counted(&mut cursor)?;
    counted(&mut cursor)?;
    counted(&mut cursor)?;
    let size = cursor.u32_le()? as usize;
    let rest = cursor.rest();
    let data = &rest[..size.min(rest.len())];
    let class = class.strip_suffix(b"\0").unwrap_or(class);
    Some(Ole1 {
        class: String::from_utf8_lossy(class).into_owned(),
        data,
        whole: data.len() == size,
    })
}

fn counted<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u32_le()? as usize;
    (length <= MAX_PATH).then(|| cursor.take(length))?
}
