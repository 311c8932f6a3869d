//! Quoted-printable (RFC 2045, 6.7).

use super::hex;

/// Decodes `text`; what breaks the rules stands for itself, as the RFC advises.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'=' {
            out.push(*byte);
            at += 1;
            continue;
        }
        let digits = (
            text.get(at + 1).copied().and_then(hex::digit),
            text.get(at + 2).copied().and_then(hex::digit),
        );
        if let (Some(high), Some(low)) = digits {
            out.push(high << 4 | low);
            at += 3;
            continue;
        }
        // A soft line break, perhaps with blanks that a gateway added.
        let blanks = text[at + 1..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match &text[at + 1 + blanks..] {
            [b'\r', b'\n', ..] => at += blanks + 3,
            [b'\n', ..] => at += blanks + 2,
            [] => at += blanks + 1,
            _ => {
                out.push(b'=');
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_what_is_there() {
        for (text, expect) in [
            (&b"a=3Db=\r\nc"[..], &b"a=bc"[..]),
            (b"a= \t\nb", b"ab"),
            (b"50=zz", b"50=zz"),
            (b"end=", b"end"),
        ] {
            assert_eq!(decode(text), expect);
        }
    }
}
