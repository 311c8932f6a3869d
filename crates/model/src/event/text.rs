/// Bytes of the kernel (a path, an argument, a name) as text for events: valid UTF-8 without control
/// characters stays as it is, every other byte becomes `\xNN`, and so does a backslash before an `x`:
/// different bytes never give the same text.
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            if character.is_control() || (character == '\\' && characters.peek() == Some(&'x')) {
                let mut buffer = [0; 4];
                for &byte in character.encode_utf8(&mut buffer).as_bytes() {
                    escape(byte, &mut text);
                }
            } else {
                text.push(character);
            }
        }
        for &byte in chunk.invalid() {
            escape(byte, &mut text);
        }
    }
    text
}

fn escape(byte: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str("\\x");
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}
