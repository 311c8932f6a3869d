//! Files with holes, as GNU tar stores them (GNU tar manual, "Storing Sparse Files").

use std::io::{self, Read};

use super::super::reading::truncated;
use super::header::{BLOCK, number};
use super::pax::{Attributes, decimal};

/// Offset in the file and length of each stretch of data.
type Stretches = Vec<(u64, u64)>;

/// Stretches of data and the size of the whole file.
pub(super) struct Map {
    stretches: Stretches,
    /// In bytes.
    pub(super) size: u64,
}

/// The map in an old GNU header and its extension blocks; `cursor` is moved behind these.
pub(super) fn gnu(input: &[u8], block: &[u8; BLOCK], cursor: &mut usize) -> Option<Map> {
    let size = number(&block[483..495])?;
    let mut stretches = Vec::new();
    add(&mut stretches, &block[386..482]);
    let mut extended = block[482] != 0;
    while extended {
        let block = input.get(*cursor..)?.first_chunk::<BLOCK>()?;
        *cursor += BLOCK;
        add(&mut stretches, &block[..504]);
        extended = block[504] != 0;
    }
    Some(Map { stretches, size })
}

fn add(stretches: &mut Stretches, fields: &[u8]) {
    for pair in fields.chunks_exact(24) {
        let (offset, length) = pair.split_at(12);
        if offset[0] == 0 {
            break;
        }
        if let (Some(offset), Some(length)) = (number(offset), number(length)) {
            stretches.push((offset, length));
        }
    }
}

/// The map that pax records give (versions 0.0, 0.1, 1.0) and the data behind it.
pub(super) fn pax<'a>(attributes: &Attributes<'_>, data: &'a [u8]) -> (Option<Map>, &'a [u8]) {
    let Some(size) = attributes.sparse_size else { return (None, data) };
    if attributes.sparse_in_data {
        return match in_data(data) {
            Some((stretches, data)) => (Some(Map { stretches, size }), data),
            None => (None, data),
        };
    }
    let numbers: Vec<u64> = match attributes.sparse_map {
        Some(map) => map.split(|&byte| byte == b',').map_while(decimal).collect(),
        None => attributes.sparse_parts.clone(),
    };
    let stretches = numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    (Some(Map { stretches, size }), data)
}

/// Version 1.0: decimal lines (count, then offset and length of each), filled up to a block.
fn in_data(data: &[u8]) -> Option<(Stretches, &[u8])> {
    let mut position = 0;
    let mut line = || {
        let rest = data.get(position..)?;
        let end = rest.iter().take(24).position(|&byte| byte == b'\n')?;
        position += end + 1;
        decimal(rest.get(..end)?)
    };
    let count = line()?;
    let mut stretches = Vec::new();
    for _ in 0..count {
        stretches.push((line()?, line()?));
    }
    Some((stretches, data.get(position.checked_next_multiple_of(BLOCK)?..)?))
}

/// The file with its holes as zeros.
pub(super) struct Filled<'a> {
    map: Map,
    data: &'a [u8],
    next: usize,
    position: u64,
}

impl<'a> Filled<'a> {
    pub(super) fn new(map: Map, data: &'a [u8]) -> Self {
        Self { map, data, next: 0, position: 0 }
    }
}

impl Read for Filled<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.map.size.saturating_sub(self.position);
        let bounded =
            |wanted: u64| buffer.len().min(usize::try_from(wanted.min(left)).unwrap_or(usize::MAX));
        // Stretches behind us (they overlap, or are empty) are used up.
        while let Some(&(offset, length)) = self.map.stretches.get(self.next)
            && offset.saturating_add(length) <= self.position
        {
            self.next += 1;
        }
        let count = match self.map.stretches.get(self.next) {
            Some(&(offset, length)) if offset <= self.position => {
                let count = bounded(offset.saturating_add(length) - self.position);
                if count > 0 && self.data.is_empty() {
                    return Err(truncated("ends inside a sparse file"));
                }
                self.data.read(&mut buffer[..count])?
            }
            stretch => {
                let hole = stretch.map_or(u64::MAX, |&(offset, _)| offset - self.position);
                let count = bounded(hole);
                buffer[..count].fill(0);
                count
            }
        };
        self.position += count as u64;
        Ok(count)
    }
}
