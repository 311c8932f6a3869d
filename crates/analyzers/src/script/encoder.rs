//! The Script Encoder of Windows (`screnc`, *.vbe and *.jse): a substitution with three alphabets,
//! picked by place. The tables are those that the public decoders of 2001 (scrdec) and 2016
//! (decode-vbe) found.

/// What stands before and behind encoded source.
const OPEN: &[u8] = b"#@~^";
const CLOSE: &[u8] = b"^#~@";
/// `AAAAAA==` behind [`OPEN`]: the length; and before [`CLOSE`]: the checksum.
const FIELD: usize = 8;
/// Encoded sections that are read.
const MAX_SECTIONS: usize = 16;

/// Plain bytes of the encoded bytes 0x20 to 0x7f, in each alphabet.
const ALPHABETS: [&[u8; 96]; 3] = [
    b".GzVBj/&IA42[vrC89pEhqO\x09bD#u<~>^@wJa]\"KoN;LPg*}tT+-,0nkf5%!dMRc?{x)(sY3\x7fmUS|:_eFX1ilZH'\\=$y7`Q 6",
    b"-uR`q^I\\b})6 |z\x7fkc3+hQfv1dTC<:>~@E,*t'7DyY/o&rj9{?8wgSG4x]0#Z[lHUpi.L!$NP\x09Vs5aKX;W\"mM%(FJ2A=_OBe",
    b"20!)[83=X:5e9\\VsfNEkbYx^}Jmq<`>S@B'Hru17MR\"TjGd- \x7f.L]~loytC&v%$+(#A4\x09*D?w;UiacPgQIOFh|6pnz/_KZ,W",
];
/// Plain bytes of an encoded tab, in each alphabet.
const TABS: [u8; 3] = [0x57, 0x6e, 0x7b];
/// Which alphabet is used at each place, again from the start after 64.
const PICK: &[u8; 64] = b"0120121221210212021200122102122100212120200120210212001220012021";

/// The source of every encoded section, one after the other; `None` without one.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut sections = 0;
    while let Some(start) = memchr::memmem::find(rest, OPEN)
        && sections < MAX_SECTIONS
    {
        // The length is four bytes in base64, which end with two signs of padding.
        if rest.get(start + OPEN.len() + 6..start + OPEN.len() + FIELD) != Some(b"==") {
            rest = rest.get(start + OPEN.len()..).unwrap_or_default();
            continue;
        }
        let body = rest.get(start + OPEN.len() + FIELD..).unwrap_or_default();
        let end = memchr::memmem::find(body, CLOSE).unwrap_or(body.len());
        let encoded = body.get(..end.saturating_sub(FIELD)).unwrap_or_default();
        section(encoded, &mut out);
        out.push(b'\n');
        rest = body.get((end + CLOSE.len()).min(body.len())..).unwrap_or_default();
        sections += 1;
    }
    (sections > 0).then_some(out)
}

fn section(encoded: &[u8], out: &mut Vec<u8>) {
    let mut place = 0usize;
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        let pick = PICK.get(place % 64).map_or(0, |digit| usize::from(digit - b'0'));
        // Other bytes than ASCII take no place.
        place += usize::from(byte < 0x80);
        let plain = match byte {
            // An escape is one plain character and, being two bytes, one place.
            b'@' => match bytes.next() {
                Some(b'&') => b'\n',
                Some(b'#') => b'\r',
                Some(b'*') => b'>',
                Some(b'!') => b'<',
                Some(b'$') => b'@',
                Some(other) => other,
                None => b'@',
            },
            b'\t' => TABS.get(pick).copied().unwrap_or(byte),
            b'<' | b'>' => byte,
            0x20..0x80 => ALPHABETS
                .get(pick)
                .and_then(|alphabet| alphabet.get(usize::from(byte - 0x20)))
                .copied()
                .unwrap_or(byte),
            _ => byte,
        };
        out.push(plain);
    }
}

/// Encodes source, for samples.
#[cfg(any(test, feature = "samples"))]
pub(crate) fn encode(source: &[u8]) -> Vec<u8> {
    let mut out = [OPEN, b"AAAAAA=="].concat();
    for (place, byte) in source.iter().enumerate() {
        let pick = usize::from(PICK[place % 64] - b'0');
        match byte {
            b'\n' => out.extend(b"@&"),
            b'\r' => out.extend(b"@#"),
            b'>' => out.extend(b"@*"),
            b'<' => out.extend(b"@!"),
            b'@' => out.extend(b"@$"),
            b'\t' => out.push(
                ALPHABETS[pick]
                    .iter()
                    .position(|plain| plain == byte)
                    .map_or(b'\t', |at| at as u8 + 0x20),
            ),
            _ => out.push(if TABS[pick] == *byte {
                b'\t'
            } else {
                ALPHABETS[pick]
                    .iter()
                    .position(|plain| plain == byte)
                    .map_or(*byte, |at| at as u8 + 0x20)
            }),
        }
    }
    out.extend(b"AAAAAA==");
    out.extend(CLOSE);
    out
}
