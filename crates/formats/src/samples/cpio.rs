/// The layouts of cpio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpioLayout {
    /// "newc", hexadecimal.
    New,
    /// "odc", octal.
    Old,
    /// Binary, little-endian words.
    LittleEndian,
    /// Binary, big-endian words.
    BigEndian,
}

/// A cpio archive of these files.
pub fn cpio(layout: CpioLayout, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(name, data) in files.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let (mode, size, length) = (0o100_644_u32, data.len() as u32, name.len() as u32 + 1);
        let padding = match layout {
            CpioLayout::New => {
                let fields = [1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
                out.extend_from_slice(b"070701");
                for field in fields {
                    out.extend_from_slice(format!("{field:08x}").as_bytes());
                }
                4
            }
            CpioLayout::Old => {
                out.extend_from_slice(format!("070707{:06o}{:06o}{mode:06o}", 0, 1).as_bytes());
                out.extend_from_slice(format!("{:024o}{:011o}", 1, 0).as_bytes());
                out.extend_from_slice(format!("{length:06o}{size:011o}").as_bytes());
                1
            }
            CpioLayout::LittleEndian | CpioLayout::BigEndian => {
                let words = [0o070707, 0, 1, mode, 0, 0, 1, 0, 0, 0, length, size >> 16, size];
                for word in words {
                    let word = word as u16;
                    out.extend(match layout {
                        CpioLayout::BigEndian => word.to_be_bytes(),
                        _ => word.to_le_bytes(),
                    });
                }
                2
            }
        };
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(padding), 0);
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(padding), 0);
    }
    out
}
