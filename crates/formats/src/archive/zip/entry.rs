use std::borrow::Cow;

use super::super::text;
use crate::bytes::{Cursor, u16_le};

/// General purpose bit 0: encrypted.
const ENCRYPTED: u16 = 1;
/// Bit 3: sizes and checksum follow the data.
const DESCRIPTOR: u16 = 1 << 3;
/// Bit 6: PKWARE's strong encryption.
const STRONG: u16 = 1 << 6;
/// Bit 11: the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// Bit 13: local header values are masked (central directory encryption).
const MASKED: u16 = 1 << 13;

/// WinZip's method number for AES; the real method is in extra field 0x9901.
const METHOD_AES: u16 = 99;

/// What a header, local or central, says of a member.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u16,
    pub(super) crc32: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    pub(super) disk: u32,
    pub(super) aes: Option<Aes>,
    /// Info-ZIP's Unicode path (extra field 0x7075), when its checksum fits the name.
    unicode_name: Option<&'a [u8]>,
    /// Whether size and checksum were really given (not left to a data descriptor).
    pub(super) sized: bool,
}

/// Extra field 0x9901 (WinZip, "AES Encryption Information").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aes {
    /// 1: AE-1, the CRC counts. 2: AE-2, only the authentication code counts.
    pub(super) version: u16,
    /// Key length in bytes: 16, 24 or 32.
    pub(super) key: usize,
    /// How the plain text is compressed.
    pub(super) method: u16,
}

/// A member and where its bytes are.
#[derive(Debug)]
pub(super) struct Located<'a> {
    pub(super) entry: Entry<'a>,
    /// Offset of the local header.
    pub(super) header: usize,
    /// Offset of the data.
    pub(super) data: usize,
    /// Bytes of data, as stated.
    pub(super) length: usize,
}

impl Located<'_> {
    /// Whether `offset` lies in the data.
    pub(super) fn covers(&self, offset: usize) -> bool {
        (self.data..self.data.saturating_add(self.length)).contains(&offset)
    }

    /// The data, cut at the end of the file, and whether it was whole.
    pub(super) fn bytes<'b>(&self, input: &'b [u8]) -> (Option<&'b [u8]>, bool) {
        let end = self.data.saturating_add(self.length);
        match input.get(self.data..end) {
            Some(data) => (Some(data), true),
            None => (input.get(self.data..), false),
        }
    }
}

impl<'a> Entry<'a> {
    /// A central file header (APPNOTE 4.3.12) behind its signature.
    pub(super) fn central(cursor: &mut Cursor<'a>) -> Option<Self> {
        cursor.skip(4)?;
        let mut entry = Self::common(cursor)?;
        let name = usize::from(cursor.u16_le()?);
        let extra = usize::from(cursor.u16_le()?);
        let comment = usize::from(cursor.u16_le()?);
        entry.disk = u32::from(cursor.u16_le()?);
        cursor.skip(6)?;
        entry.offset = u64::from(cursor.u32_le()?);
        entry.name = cursor.take(name)?;
        let extra = cursor.take(extra)?;
        // The last comment may be cut; the entry is whole.
        if cursor.skip(comment).is_none() {
            cursor.skip(cursor.rest().len())?;
        }
        entry.sized = true;
        entry.extra(extra, true);
        Some(entry)
    }

    /// A local file header (APPNOTE 4.3.7) behind its signature.
    pub(super) fn local(cursor: &mut Cursor<'a>) -> Option<Self> {
        cursor.skip(2)?;
        let mut entry = Self::common(cursor)?;
        let name = usize::from(cursor.u16_le()?);
        let extra = usize::from(cursor.u16_le()?);
        entry.name = cursor.take(name)?;
        let extra = cursor.take(extra)?;
        entry.sized = !(entry.flags & DESCRIPTOR != 0 && entry.packed == 0 && entry.crc32 == 0);
        entry.extra(extra, false);
        Some(entry)
    }

    fn common(cursor: &mut Cursor<'a>) -> Option<Self> {
        let flags = cursor.u16_le()?;
        let method = cursor.u16_le()?;
        let time = cursor.u16_le()?;
        cursor.skip(2)?;
        let crc32 = cursor.u32_le()?;
        let packed = u64::from(cursor.u32_le()?);
        let size = u64::from(cursor.u32_le()?);
        Some(Self {
            name: &[],
            flags,
            method,
            time,
            crc32,
            packed,
            size,
            offset: 0,
            disk: 0,
            aes: None,
            unicode_name: None,
            sized: false,
        })
    }

    fn extra(&mut self, extra: &'a [u8], central: bool) {
        let mut cursor = Cursor::new(extra);
        while let (Some(id), Some(length)) = (cursor.u16_le(), cursor.u16_le()) {
            let Some(field) = cursor.take(usize::from(length)) else { break };
            match id {
                0x0001 => self.zip64(field, central),
                0x7075 => self.unicode_path(field),
                0x9901 => self.aes = aes(field),
                _ => {}
            }
        }
    }

    /// Zip64 (APPNOTE 4.5.3): only the fields that are all ones in the header stand here, in order.
    fn zip64(&mut self, field: &[u8], central: bool) {
        let mut cursor = Cursor::new(field);
        let wants = [&mut self.size, &mut self.packed, &mut self.offset];
        for (index, value) in wants.into_iter().enumerate() {
            if index == 2 && !central {
                break;
            }
            if *value == u64::from(u32::MAX) {
                let Some(real) = cursor.u64_le() else { return };
                *value = real;
            }
        }
        if central && self.disk == u32::from(u16::MAX) {
            self.disk = cursor.u32_le().unwrap_or(self.disk);
        }
    }

    fn unicode_path(&mut self, field: &'a [u8]) {
        let mut cursor = Cursor::new(field);
        if cursor.u8() == Some(1)
            && cursor.u32_le() == Some(crc32fast::hash(self.name))
            && std::str::from_utf8(cursor.rest()).is_ok()
        {
            self.unicode_name = Some(cursor.rest());
        }
    }

    /// The name for people.
    pub(super) fn display_name(&self) -> String {
        let name = match self.unicode_name {
            Some(name) => String::from_utf8_lossy(name),
            None if self.flags & UTF8 != 0 => String::from_utf8_lossy(self.name),
            None => Cow::Owned(text::dos(self.name)),
        };
        name.into_owned()
    }

    /// A name that ends in a slash and no data (two bytes are an empty deflate stream): nothing to
    /// scan.
    pub(super) fn is_directory(&self) -> bool {
        self.name.ends_with(b"/") && self.packed <= 2 && self.size == 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0 || self.is_aes()
    }

    pub(super) fn is_aes(&self) -> bool {
        self.method == METHOD_AES && self.aes.is_some()
    }

    /// PKWARE's own encryption of data or directory: specified only for its licensees.
    pub(super) fn is_strongly_encrypted(&self) -> bool {
        self.flags & (STRONG | MASKED) != 0
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & DESCRIPTOR != 0
    }

    /// Bits 1 and 2, which mean something else for each method.
    pub(super) fn method_bits(&self) -> u16 {
        self.flags >> 1 & 3
    }

    /// The compression of the plain data.
    pub(super) fn real_method(&self) -> u16 {
        match self.aes {
            Some(aes) if self.method == METHOD_AES => aes.method,
            _ => self.method,
        }
    }

    /// Whether this (local) header would make a reader produce other bytes than `central`.
    pub(super) fn contradicts(&self, central: &Self) -> bool {
        self.real_method() != central.real_method()
            || self.is_encrypted() != central.is_encrypted()
            || self.aes != central.aes
            || (self.sized
                && !self.is_strongly_encrypted()
                && (self.packed != central.packed
                    || self.size != central.size
                    || self.crc32 != central.crc32))
    }
}

fn aes(field: &[u8]) -> Option<Aes> {
    let key = match field.get(4)? {
        1 => 16,
        2 => 24,
        3 => 32,
        _ => return None,
    };
    Some(Aes { version: u16_le(field, 0)?, key, method: u16_le(field, 5)? })
}
