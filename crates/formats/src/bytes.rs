//! A cursor over hostile bytes: every read is checked, none panics.

/// A position in a byte slice. Reads past the end give `None` and leave the position unchanged.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    data: &'a [u8],
    position: usize,
}

macro_rules! integers {
    ($($name_le:ident $name_be:ident $type:ty),*) => { $(
        #[doc = concat!("The next `", stringify!($type), "`, little-endian.")]
        pub fn $name_le(&mut self) -> Option<$type> {
            self.array().map(<$type>::from_le_bytes)
        }
        #[doc = concat!("The next `", stringify!($type), "`, big-endian.")]
        pub fn $name_be(&mut self) -> Option<$type> {
            self.array().map(<$type>::from_be_bytes)
        }
    )* };
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// A cursor at `position` of `data`; `None` when that is past the end.
    pub fn at(data: &'a [u8], position: usize) -> Option<Self> {
        (position <= data.len()).then_some(Self { data, position })
    }

    /// Bytes from the start of the slice.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is left to read.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    /// True at the end.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.position.checked_add(length)?;
        let taken = self.data.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    /// Skips `length` bytes.
    pub fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    integers!(u16_le u16_be u16, u32_le u32_be u32, u64_le u64_be u64);

    /// Bytes up to (not including) the next NUL, at most `limit` of them; the NUL is skipped.
    pub fn c_string(&mut self, limit: usize) -> Option<&'a [u8]> {
        let rest = self.rest();
        let end = rest.iter().take(limit.saturating_add(1)).position(|&byte| byte == 0)?;
        let text = &rest[..end];
        self.position += end + 1;
        Some(text)
    }
}

/// The little-endian `u16` at `offset`.
pub fn u16_le(data: &[u8], offset: usize) -> Option<u16> {
    Cursor::at(data, offset)?.u16_le()
}

/// The little-endian `u32` at `offset`.
pub fn u32_le(data: &[u8], offset: usize) -> Option<u32> {
    Cursor::at(data, offset)?.u32_le()
}

/// The little-endian `u64` at `offset`.
pub fn u64_le(data: &[u8], offset: usize) -> Option<u64> {
    Cursor::at(data, offset)?.u64_le()
}

/// The big-endian `u16` at `offset`.
pub fn u16_be(data: &[u8], offset: usize) -> Option<u16> {
    Cursor::at(data, offset)?.u16_be()
}

/// The big-endian `u32` at `offset`.
pub fn u32_be(data: &[u8], offset: usize) -> Option<u32> {
    Cursor::at(data, offset)?.u32_be()
}

/// The first place at or after `from` where `needle` stands.
pub fn find(data: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(data.get(from..)?, needle).map(|at| at + from)
}
