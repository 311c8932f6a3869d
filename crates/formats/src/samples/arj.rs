/// How the members of an [`arj`] are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArjMethod {
    /// Method 0.
    Stored,
    /// Method 1, with a code of equal lengths and a few matches.
    Lzh,
    /// Method 4.
    Fast,
}

/// An arj archive of these files.
pub fn arj(method: ArjMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = header("ARCHIVE.ARJ", 0, 2, &[], &[]);
    for (name, data) in files {
        let (code, packed) = match method {
            ArjMethod::Stored => (0, data.to_vec()),
            ArjMethod::Lzh => (1, lzh(data)),
            ArjMethod::Fast => (4, fast(data)),
        };
        out.extend(header(name, code, 0, &packed, data));
        out.extend(packed);
    }
    out.extend_from_slice(b"\x60\xea\0\0");
    out
}

fn header(name: &str, method: u8, kind: u8, packed: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut header = vec![30, 3, 1, 0, 0, method, kind, 0, 0, 0, 0, 0];
    header.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    header.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(plain).to_le_bytes());
    header.extend_from_slice(&[0; 6]);
    header.extend_from_slice(name.as_bytes());
    header.extend_from_slice(&[0, 0]);
    let mut out = vec![0x60, 0xea];
    out.extend_from_slice(&(header.len() as u16).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: usize, width: u32) {
        self.0.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(self) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (at, &bit)| byte | u8::from(bit) << (7 - at))
            })
            .collect()
    }
}

/// Literals, and repeats of three bytes or more of the byte before.
fn tokens(data: &[u8]) -> Vec<Result<u8, usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let run = match at.checked_sub(1) {
            Some(before) => data[at..].iter().take(200).take_while(|&&b| b == data[before]).count(),
            None => 0,
        };
        if run >= 3 {
            tokens.push(Err(run));
            at += run;
        } else {
            tokens.push(Ok(data[at]));
            at += 1;
        }
    }
    tokens
}

fn fast(data: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    for token in tokens(data) {
        match token {
            Ok(byte) => {
                bits.put(0, 1);
                bits.put(usize::from(byte), 8);
            }
            Err(length) => {
                // The number length - 2 in unary ranges, then distance 0 of nine bits.
                let number = length - 2;
                let width = (number + 1).ilog2();
                for _ in 0..width {
                    bits.put(1, 1);
                }
                if width < 7 {
                    bits.put(0, 1);
                }
                bits.put(number + 1 - (1 << width), width);
                bits.put(0, 10);
            }
        }
    }
    bits.bytes()
}

fn lzh(data: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    let tokens = tokens(data);
    for block in tokens.chunks(60_000) {
        bits.put(block.len(), 16);
        // Code lengths: only the length 9 occurs, symbol 11, without bits.
        bits.put(0, 5);
        bits.put(11, 5);
        // All 510 characters have nine bits.
        bits.put(510, 9);
        // Distances: only 0, without bits.
        bits.put(0, 5);
        bits.put(0, 5);
        for token in block {
            match *token {
                Ok(byte) => bits.put(usize::from(byte), 9),
                Err(length) => bits.put(256 + length - 3, 9),
            }
        }
    }
    bits.bytes()
}
