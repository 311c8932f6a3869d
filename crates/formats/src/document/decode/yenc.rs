//! yEnc (version 1.3 of its draft).

/// A block found in text.
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) whole: bool,
    pub(crate) length: usize,
}

/// The block at the start of `text`, which begins with `=ybegin `.
pub(crate) fn block(text: &[u8]) -> Option<Block> {
    let header_end = memchr::memchr(b'\n', &text[..text.len().min(2048)])?;
    let header = text[..header_end].trim_ascii_end();
    if !header.starts_with(b"=ybegin ") || memchr::memmem::find(header, b"size=").is_none() {
        return None;
    }
    // The name is the last parameter, so that it may hold blanks.
    let name = memchr::memmem::find(header, b" name=").map_or(&b""[..], |at| &header[at + 6..]);
    let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
    let mut at = header_end + 1;
    let mut bytes = Vec::new();
    let mut whole = false;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
        let line = &text[at..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at = (end + 1).min(text.len());
        if line.starts_with(b"=yend") {
            whole = true;
            break;
        }
        if line.starts_with(b"=ypart") {
            continue;
        }
        // News doubles a dot at the start of a line.
        let line = if line.starts_with(b"..") { &line[1..] } else { line };
        let mut escaped = false;
        for byte in line {
            if *byte == b'=' && !escaped {
                escaped = true;
                continue;
            }
            let shift = if escaped { 64 + 42 } else { 42 };
            bytes.push(byte.wrapping_sub(shift));
            escaped = false;
        }
    }
    Some(Block { name, bytes, whole, length: at })
}

#[cfg(test)]
mod tests {
    #[test]
    fn decodes() {
        let text = b"=ybegin line=128 size=3 name=a b.bin\r\n\x2a=}\x2c\r\n=yend size=3\r\n";
        let block = super::block(text).expect("a block");
        assert_eq!((block.name.as_str(), block.whole), ("a b.bin", true));
        assert_eq!(block.bytes, [0, 0x13, 2]);
    }
}
