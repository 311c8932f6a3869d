use super::Image;
use crate::bytes::{Cursor, u16_le};

/// The resource type of version information.
const RT_VERSION: u32 = 16;
/// Blocks of a version resource that are read.
const MAX_BLOCKS: usize = 512;
/// Nested blocks: root, `StringFileInfo`, string table, string.
const MAX_DEPTH: usize = 4;
/// UTF-16 units of a key or value.
const MAX_TEXT: usize = 1_024;

/// The strings of a version resource, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct VersionInfo {
    strings: Vec<(String, String)>,
}

impl VersionInfo {
    /// The value of a string, for example `OriginalFilename`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.strings.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether it has no strings.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }
}

impl Image<'_> {
    /// The version information, when there is some (`VS_VERSIONINFO`).
    pub fn version_info(&self) -> Option<VersionInfo> {
        let resource = self.resources().into_iter().find(|found| found.kind.is(RT_VERSION))?;
        Some(version_info(resource.bytes))
    }
}

/// Reads a `VS_VERSIONINFO` block.
pub(super) fn version_info(bytes: &[u8]) -> VersionInfo {
    let mut info = VersionInfo::default();
    let mut left = MAX_BLOCKS;
    // Begin and end of blocks yet to be read, and how deep they are.
    let mut open = vec![(0usize, bytes.len(), 0usize)];
    while let Some((at, end, depth)) = open.pop() {
        let Some((block, next)) = block(bytes, at, end) else { continue };
        if left == 0 {
            break;
        }
        left -= 1;
        if depth > 0 && next < end {
            open.push((next, end, depth));
        }
        if depth + 1 < MAX_DEPTH {
            open.push((block.children, block.end, depth + 1));
        } else {
            let value = text(bytes.get(block.value..block.end).unwrap_or_default());
            info.strings.push((block.key, value));
        }
    }
    info
}

struct Block {
    key: String,
    value: usize,
    children: usize,
    end: usize,
}

/// Length, length of the value, type, key, padding, value, padding, children.
fn block(bytes: &[u8], at: usize, limit: usize) -> Option<(Block, usize)> {
    let length = usize::from(u16_le(bytes, at)?);
    let value_length = usize::from(u16_le(bytes, at + 2)?);
    let is_text = u16_le(bytes, at + 4)? == 1;
    if length < 6 || at >= limit {
        return None;
    }
    let end = at.checked_add(length)?.min(limit);
    let key_at = at + 6;
    let key = text(bytes.get(key_at..end)?);
    let value = align(key_at + key.encode_utf16().count() * 2 + 2);
    let value_bytes = if is_text { value_length * 2 } else { value_length };
    let children = align(value.saturating_add(value_bytes));
    Some((Block { key, value, children, end }, align(end)))
}

fn align(at: usize) -> usize {
    at.saturating_add(3) & !3
}

fn text(bytes: &[u8]) -> String {
    let mut cursor = Cursor::new(bytes);
    let units = std::iter::from_fn(|| cursor.u16_le().filter(|&unit| unit != 0)).take(MAX_TEXT);
    char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
}
