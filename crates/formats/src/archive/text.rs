//! Names as containers store them.

/// Code page 437, upper half, as Unicode (the Unicode Consortium's CP437.TXT).
const CP437_HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A name of the DOS world: UTF-8 when it is valid UTF-8 (writers often forget to flag it), else
/// code page 437.
pub(crate) fn dos(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let high: Vec<char> = CP437_HIGH.chars().collect();
    bytes
        .iter()
        .map(|&byte| match byte.checked_sub(128) {
            None => char::from(byte),
            Some(index) => high.get(usize::from(index)).copied().unwrap_or('\u{fffd}'),
        })
        .collect()
}

/// UTF-8 with the undecodable replaced, up to the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// UTF-16, little-endian, up to the first NUL; an odd last byte is dropped.
pub(crate) fn utf16_le(bytes: &[u8]) -> String {
    utf16(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])))
}

/// UTF-16, big-endian, up to the first NUL; an odd last byte is dropped.
pub(crate) fn utf16_be(bytes: &[u8]) -> String {
    utf16(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])))
}

fn utf16(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units.take_while(|&unit| unit != 0))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_page_437_is_complete() {
        assert_eq!(CP437_HIGH.chars().count(), 128);
        assert_eq!(dos(&[b'a', 0x81, 0xe1]), "aüß");
        assert_eq!(dos("ü".as_bytes()), "ü");
    }

    #[test]
    fn utf16_stops_at_nul_and_replaces_lone_surrogates() {
        assert_eq!(utf16_le(&[b'a', 0, 0, 0, b'b', 0]), "a");
        assert_eq!(utf16_be(&[0xd8, 0, 0, b'b']), "\u{fffd}b");
    }
}
