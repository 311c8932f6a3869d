//! Stream names of installer packages: two letters are squeezed into one unit.

const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// The real name of a stream that holds a file; `None` for tables and property streams.
pub(super) fn file_name(squeezed: &str) -> Option<String> {
    // U+4840 marks a table.
    if squeezed.starts_with('\u{4840}') || squeezed.starts_with('\u{5}') {
        return None;
    }
    let mut name = String::new();
    let letter = |value: u32| char::from(LETTERS[(value & 63) as usize]);
    for character in squeezed.chars() {
        match u32::from(character) {
            code @ 0x3800..0x4800 => {
                name.push(letter(code - 0x3800));
                name.push(letter((code - 0x3800) >> 6));
            }
            code @ 0x4800..0x4840 => name.push(letter(code - 0x4800)),
            _ => name.push(character),
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_spread_out() {
        // 'D' is 13, 'a' is 36: one unit for both; 't' alone.
        let unit = char::from_u32(0x3800 + 13 + (36 << 6)).expect("a unit");
        let single = char::from_u32(0x4800 + 55).expect("a unit");
        assert_eq!(super::file_name(&format!("{unit}{single}")).as_deref(), Some("Dat"));
        assert_eq!(super::file_name("\u{4840}Table"), None);
        assert_eq!(super::file_name("plain.cab").as_deref(), Some("plain.cab"));
    }
}
