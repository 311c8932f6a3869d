use memchr::memmem;

/// The words of the DOS stub, up to where linkers begin to differ.
const STUB: &[u8; 22] = b"This program cannot be";
/// Bytes that are differenced at a time.
const BLOCK: usize = 64 << 10;
/// Bytes before the words in which a program's first bytes are looked for.
const BEFORE: usize = 512;

/// How an executable is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disguise {
    /// Every byte XORed with this one.
    Xor(u8),
    /// Base64 digits.
    Base64,
    /// Hexadecimal digits.
    Hexadecimal,
    /// Last byte first.
    Reversed,
}

impl std::fmt::Display for Disguise {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Xor(key) => write!(out, "XORed with 0x{key:02x}"),
            Self::Base64 => out.write_str("as base64"),
            Self::Hexadecimal => out.write_str("as hexadecimal digits"),
            Self::Reversed => out.write_str("backwards"),
        }
    }
}

/// Finds a Windows executable that is stored disguised: how, and the offset of what gives it away.
pub(crate) fn hidden_executable(bytes: &[u8]) -> Option<(Disguise, usize)> {
    // "MZ", 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff: the header that every linker writes.
    if let Some(at) = memmem::find(bytes, b"TVqQAAMAAAAEAAAA//8") {
        return Some((Disguise::Base64, at));
    }
    for header in [b"4d5a90000300000004000000ffff", b"4D5A90000300000004000000FFFF"] {
        if let Some(at) = memmem::find(bytes, header) {
            return Some((Disguise::Hexadecimal, at));
        }
    }
    let reversed: Vec<u8> = STUB.iter().rev().copied().collect();
    if let Some(at) = memmem::find(bytes, &reversed) {
        return Some((Disguise::Reversed, at));
    }
    xored(bytes)
}

/// XOR with one byte leaves the XOR of neighbours as it is, so that one search finds every key.
fn xored(bytes: &[u8]) -> Option<(Disguise, usize)> {
    let wanted: Vec<u8> = STUB.windows(2).map(|pair| pair[0] ^ pair[1]).collect();
    let finder = memmem::Finder::new(&wanted);
    let mut differences = Vec::with_capacity(BLOCK + STUB.len());
    let mut start = 0;
    while start + STUB.len() <= bytes.len() {
        let end = (start + BLOCK + STUB.len()).min(bytes.len());
        let block = bytes.get(start..end)?;
        differences.clear();
        differences
            .extend(block.iter().zip(block.iter().skip(1)).map(|(first, second)| first ^ second));
        for found in finder.find_iter(&differences) {
            let at = start + found;
            let key = bytes.get(at)? ^ STUB[0];
            let before = bytes.get(at.saturating_sub(BEFORE)..at)?;
            // A key of 0 is the stub as it is; the magic number has to be there under the same key.
            if key != 0 && memmem::find(before, &[b'M' ^ key, b'Z' ^ key]).is_some() {
                return Some((Disguise::Xor(key), at));
            }
        }
        start += BLOCK;
    }
    None
}
